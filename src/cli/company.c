/* Finds and loads hq.yaml for a command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "config/config.h"

static void print_findings(const char *path, const struct finding *findings, size_t count)
{
    struct buf out = {0};
    config_print_findings(path, findings, count, &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
}

static void fail_config(const struct invocation *invocation, const char *path,
                        const struct finding *findings, size_t count)
{
    const struct finding *first = findings;
    size_t errors = 0;
    for (size_t i = count; i-- > 0;) {
        if (findings[i].is_error) {
            first = &findings[i];
            errors++;
        }
    }
    struct err err = {0};
    err_set(&err, "bad_config", "%s:%d:%d: %s", path, first->line, first->column, first->message);
    if (errors > 1)
        err_hint(&err, "%zu errors in all; see: hq config validate", errors);
    else if (first->hint)
        err_hint(&err, "%s", first->hint);
    if (invocation->json)
        output_fail(invocation, COMMAND_USAGE, &err);
    else
        print_findings(path, findings, count);
}

struct config *company_open(const struct invocation *invocation)
{
    struct err err = {0};
    struct finding *findings = NULL;
    size_t count = 0;
    char *path = config_find(invocation->dir, invocation->arena, &err);
    if (!path) {
        output_fail(invocation, COMMAND_USAGE, &err);
        return NULL;
    }
    struct config *config =
        config_load(path, invocation->state, invocation->arena, &findings, &count);
    if (!config)
        fail_config(invocation, path, findings, count);
    else if (count && invocation->verbose)
        print_findings(path, findings, count);
    return config;
}

static struct config *bare_config(const char *path, const char *state)
{
    struct config *config = mem_zalloc(sizeof(*config));
    struct arena *arena = &config->arena;
    char *dir = arena_strdup(arena, path);
    char *slash = strrchr(dir, '/');
    if (slash && slash != dir)
        *slash = '\0';
    config->path = arena_strdup(arena, path);
    config->dir = dir;
    config->company = arena_strdup(arena, strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir);
    config->hash = "";
    char *given = state ? realpath(state, NULL) : NULL;
    config->state = given ? arena_strdup(arena, given) : arena_printf(arena, "%s/state", dir);
    config->secrets = arena_printf(arena, "%s/secrets", dir);
    free(given);
    return config;
}

struct config *company_open_any(const struct invocation *invocation, bool *is_bad)
{
    struct err err = {0};
    struct finding *findings = NULL;
    size_t count = 0;
    *is_bad = false;
    char *path = config_find(invocation->dir, invocation->arena, &err);
    if (!path) {
        output_fail(invocation, COMMAND_USAGE, &err);
        return NULL;
    }
    struct config *config =
        config_load(path, invocation->state, invocation->arena, &findings, &count);
    *is_bad = !config;
    return config ? config : bare_config(path, invocation->state);
}

void company_no_agent(const struct config *config, const char *name, struct arena *arena,
                      struct err *err)
{
    const char **known = arena_alloc(arena, (config->agent_count + 1) * sizeof(*known));
    for (size_t i = 0; i < config->agent_count; i++)
        known[i] = config->agents[i].id;
    const char *near = str_nearest(name, known);
    err_set(err, "unknown_agent", "%s has no agent \"%s\"", config->company, name);
    if (near)
        err_hint(err, "Did you mean %s?", near);
    else
        err_hint(err, "hq agent list shows who is there.");
}
