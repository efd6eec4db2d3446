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

static int fail_config(const struct invocation *invocation, const char *path,
                       const struct finding *findings, size_t count, int code)
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
    err_set(&err, code == COMMAND_CREDENTIAL ? "no_credential" : "bad_config", "%s:%d:%d: %s", path,
            first->line, first->column, first->message);
    if (errors > 1)
        err_hint(&err, "%zu errors in all; see: hq config validate", errors);
    else if (first->hint)
        err_hint(&err, "%s", first->hint);
    if (invocation->json)
        return output_fail(invocation, code, &err);
    print_findings(path, findings, count);
    return code;
}

/* What was found and read of hq.yaml; `path` NULL: there is none, and that was said. */
struct found {
    char *path;
    struct config *config;
    struct finding *findings;
    size_t count;
};

static struct found find_and_load(const struct invocation *invocation)
{
    struct err err = {0};
    struct found found = {.path = config_find(invocation->dir, invocation->arena, &err)};
    if (found.path)
        found.config = config_load(found.path, invocation->state, invocation->arena,
                                   &found.findings, &found.count);
    else
        output_fail(invocation, COMMAND_USAGE, &err);
    return found;
}

struct config *company_open(const struct invocation *invocation)
{
    struct found found = find_and_load(invocation);
    if (found.path && !found.config)
        fail_config(invocation, found.path, found.findings, found.count, COMMAND_USAGE);
    else if (found.count && invocation->verbose)
        print_findings(found.path, found.findings, found.count);
    return found.config;
}

int company_check_secrets(const struct invocation *invocation, const struct config *config)
{
    struct finding *findings;
    size_t count, errors = 0;
    config_check_secrets(config, invocation->arena, &findings, &count);
    for (size_t i = 0; i < count; i++)
        errors += findings[i].is_error;
    if (errors)
        return fail_config(invocation, config->path, findings, count, COMMAND_CREDENTIAL);
    if (count && !invocation->quiet)
        print_findings(config->path, findings, count);
    return COMMAND_OK;
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
    struct found found = find_and_load(invocation);
    *is_bad = found.path && !found.config;
    return *is_bad ? bare_config(found.path, invocation->state) : found.config;
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
