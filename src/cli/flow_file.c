/* Reads workflows for commands that need no hub. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/flow_file.h"
#include "cli/output.h"
#include "config/config.h"
#include "flow/bundle.h"

const char *flow_shown_path(const char *path, struct arena *arena)
{
    char *cwd = getcwd(NULL, 0);
    size_t len = cwd ? strlen(cwd) : 0;
    bool below = len > 1 && strncmp(path, cwd, len) == 0 && path[len] == '/';
    free(cwd);
    return below ? arena_strdup(arena, path + len + 1) : path;
}

/* ---- the company ---- */

/* hq.yaml in the folder of `file` or above it; NULL: none. */
static char *config_above(const char *file, struct arena *arena)
{
    char *real = realpath(file, NULL);
    char *at = real ? arena_strdup(arena, real) : NULL;
    free(real);
    for (char *slash; at && (slash = strrchr(at, '/'));) {
        *slash = '\0';
        char *path = arena_printf(arena, "%s/hq.yaml", at);
        if (access(path, F_OK) == 0)
            return path;
    }
    return NULL;
}

static bool is_named(const struct invocation *invocation)
{
    return invocation->dir || !str_is_empty(getenv("HQ_DIR"));
}

int flow_company(const struct invocation *invocation, const char *file, struct config **config)
{
    static const char unseen[] = "agents, capabilities, webhooks and people were not looked at";
    struct err err = {0};
    struct finding *findings;
    size_t count;
    char *path = NULL;
    *config = NULL;
    if (file && strchr(file, '/') && !is_named(invocation))
        path = config_above(file, invocation->arena);
    if (!path)
        path = config_find(invocation->dir, invocation->arena, &err);
    if (!path && is_named(invocation))
        return output_fail(invocation, COMMAND_USAGE, &err);
    if (path)
        *config = config_load(path, invocation->state, invocation->arena, &findings, &count);
    if (!path)
        output_note(invocation, "no company here (hq.yaml): %s", unseen);
    else if (!*config)
        output_note(invocation, "%s has errors (hq config validate): %s",
                    flow_shown_path(path, invocation->arena), unseen);
    return COMMAND_OK;
}

/* ---- the workflow ---- */

struct flow_bundle *flow_open(const struct invocation *invocation, const struct config *config,
                              const char *name, struct err *err)
{
    const char *path =
        flow_find(config ? config->workflows : "workflows", name, invocation->arena, err);
    return path ? flow_bundle_read(path, config) : NULL;
}

json_t *flow_reports_json(const struct flow_bundle *bundle)
{
    const struct flow_report *reports;
    size_t count = flow_bundle_reports(bundle, &reports);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *report = json_object(), *findings = json_array();
        for (size_t n = 0; n < reports[i].count; n++)
            json_array_append_new(findings, output_finding(&reports[i].items[n]));
        json_set_text(report, "path", reports[i].path);
        json_object_set_new(report, "findings", findings);
        json_array_append_new(list, report);
    }
    return list;
}

void flow_print_reports(const struct flow_bundle *bundle, struct arena *arena, struct buf *out)
{
    const struct flow_report *reports;
    size_t count = flow_bundle_reports(bundle, &reports);
    for (size_t i = 0; i < count; i++)
        config_print_findings(flow_shown_path(reports[i].path, arena), reports[i].items,
                              reports[i].count, out);
}

static int fail_wrong(const struct invocation *invocation, const struct flow_bundle *bundle,
                      const char *name)
{
    struct buf out = {0};
    size_t errors = flow_bundle_errors(bundle);
    if (invocation->json) {
        json_t *error =
            json_pack("{s:s,s:o}", "code", "bad_workflow", "reports", flow_reports_json(bundle));
        json_set_text(error, "message",
                      arena_printf(invocation->arena, "%s has %zu error%s", name, errors,
                                   errors == 1 ? "" : "s"));
        output_json(json_pack("{s:b,s:o}", "ok", 0, "error", error));
        return COMMAND_USAGE;
    }
    flow_print_reports(bundle, invocation->arena, &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
    return COMMAND_USAGE;
}

int flow_open_right(const struct invocation *invocation, const char *name, struct config **config,
                    struct flow_bundle **bundle)
{
    struct err err = {0};
    *bundle = NULL;
    int code = flow_company(invocation, name, config);
    if (code != COMMAND_OK)
        return code;
    *bundle = flow_open(invocation, *config, name, &err);
    if (*bundle && flow_bundle_errors(*bundle) == 0)
        return COMMAND_OK;
    code = *bundle ? fail_wrong(invocation, *bundle, name)
                   : output_fail(invocation, COMMAND_USAGE, &err);
    if (*bundle)
        flow_bundle_close(*bundle);
    config_free(*config);
    *bundle = NULL;
    *config = NULL;
    return code;
}

/* A word as it may reach a terminal: no control characters, those of two bytes (C1) neither. */
static void put_word(struct buf *out, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)word[i],
                      next = i + 1 < len ? (unsigned char)word[i + 1] : 0;
        if (c < ' ' || c == 0x7f)
            continue;
        if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            i++;
        else
            buf_putc(out, word[i]);
    }
}

void flow_put_folded(struct buf *out, const char *text, int columns, int indent)
{
    int at = indent;
    while (*text) {
        size_t len = strcspn(text, " ");
        const char *word = text;
        struct buf one = {0};
        put_word(&one, word, len);
        int width = cell_width(buf_text(&one));
        if (at + width + 1 > columns && at > indent) {
            buf_printf(out, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            buf_putc(out, ' ');
            at++;
        }
        buf_puts(out, buf_text(&one));
        at += width;
        buf_fini(&one);
        text += len + strspn(text + len, " ");
    }
    buf_putc(out, '\n');
}
