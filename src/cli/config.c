/* hq config: checks hq.yaml, explains its settings, says which file is meant. */
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
#include "cli/table.h"
#include "config/explain.h"
#include "config/keys.h"
#include "config/load.h"

enum { DOC_INDENT = 31 };

/* A read file with all that is known about it. */
struct reading {
    const char *path, *shown; /* shown: relative where it lies below the working directory */
    struct findings findings;
    struct yaml_document *document;
    struct config *config;
};

static const char *shown_path(const char *path, struct arena *arena)
{
    char *cwd = getcwd(NULL, 0);
    size_t len = cwd ? strlen(cwd) : 0;
    bool below = len > 1 && strncmp(path, cwd, len) == 0 && path[len] == '/';
    free(cwd);
    return below ? arena_strdup(arena, path + len + 1) : path;
}

/* Returns 0, or -1 with *err where no file is found; findings are the caller's to show. */
static int reading_open(struct reading *reading, const struct invocation *invocation,
                        const char *file, struct err *err)
{
    *reading = (struct reading){.path = file};
    if (!file)
        reading->path = config_find(invocation->dir, invocation->arena, err);
    if (!reading->path)
        return -1;
    reading->shown = shown_path(reading->path, invocation->arena);
    findings_init(&reading->findings, invocation->arena);
    reading->config = config_load_document(reading->path, invocation->state, &reading->findings,
                                           &reading->document);
    return 0;
}

static void reading_close(struct reading *reading)
{
    config_free(reading->config);
    yaml_close(reading->document);
}

static void print_findings(const struct reading *reading, FILE *out)
{
    struct buf text = {0};
    config_print_findings(reading->shown, reading->findings.items, reading->findings.count, &text);
    fputs(buf_text(&text), out);
    buf_fini(&text);
}

static int validate_json(const struct reading *reading)
{
    json_t *document = json_object(), *items = json_array();
    for (size_t i = 0; i < reading->findings.count; i++)
        json_array_append_new(items, output_finding(&reading->findings.items[i]));
    json_object_set_new(document, "ok", json_boolean(reading->config != NULL));
    json_set_text(document, "path", reading->path);
    json_object_set_new(document, "findings", items);
    int printed = output_json(document);
    return printed != COMMAND_OK ? printed : reading->config ? COMMAND_OK : COMMAND_USAGE;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static int validate_text(const struct invocation *invocation, const struct reading *reading)
{
    size_t errors = reading->findings.errors, warnings = 0;
    for (size_t i = 0; i < reading->findings.count; i++)
        warnings += !reading->findings.items[i].is_error;
    print_findings(reading, stdout);
    if (errors)
        output_note(invocation, "%s: %zu error%s, %zu warning%s", reading->shown, errors,
                    plural(errors), warnings, plural(warnings));
    else if (!invocation->quiet)
        printf("%s: good: %zu agent%s, %zu provider%s of models, %zu warning%s\n", reading->shown,
               reading->config->agent_count, plural(reading->config->agent_count),
               reading->config->model_count, plural(reading->config->model_count), warnings,
               plural(warnings));
    return errors ? COMMAND_USAGE : COMMAND_OK;
}

static int validate_run(const struct invocation *invocation)
{
    struct reading reading;
    struct err err = {0};
    if (reading_open(&reading, invocation, invocation->args[0], &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    int code = invocation->json ? validate_json(&reading) : validate_text(invocation, &reading);
    reading_close(&reading);
    return code;
}

static int path_run(const struct invocation *invocation)
{
    struct err err = {0};
    char *path = config_find(invocation->dir, invocation->arena, &err);
    if (!path)
        return output_fail(invocation, COMMAND_USAGE, &err);
    if (invocation->json)
        return output_json(json_pack("{s:s}", "path", path));
    puts(path);
    return COMMAND_OK;
}

static int schema_run(const struct invocation *invocation)
{
    json_t *schema = config_schema_json();
    json_dumpf(schema, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(schema);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

struct listing {
    struct arena *arena;
    json_t *items;
};

static void list_key(void *ctx, const char *path, const struct config_key *key)
{
    struct listing *listing = ctx;
    json_t *item = json_object();
    json_set_text(item, "key", path);
    json_set_text(item, "wants", config_key_wants(key, listing->arena));
    json_set_text(item, "default", key->fallback);
    json_set_text(item, "doc", key->doc);
    json_object_set_new(item, "supported", json_boolean(!config_key_is_later(path)));
    json_array_append_new(listing->items, item);
}

static void put_key(struct buf *out, const json_t *item, struct arena *arena)
{
    const char *key = json_get_text(item, "key", "");
    const char *later = json_get_bool(item, "supported", true) ? "" : " (not supported yet)";
    buf_printf(out, "%-*s ", DOC_INDENT - 1, key);
    if (cell_width(key) >= DOC_INDENT)
        buf_printf(out, "\n%*s", DOC_INDENT, "");
    const char *doc = arena_printf(arena, "%s%s", json_get_text(item, "doc", ""), later);
    flow_put_folded(out, doc, output_columns(), DOC_INDENT);
}

static int explain_all(const struct invocation *invocation)
{
    struct listing listing = {invocation->arena, json_array()};
    size_t index;
    json_t *item;
    config_key_walk(list_key, &listing);
    if (invocation->json)
        return output_json(json_pack("{s:o}", "items", listing.items));
    struct buf out = {0};
    json_array_foreach (listing.items, index, item)
        put_key(&out, item, invocation->arena);
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
    json_decref(listing.items);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int explain_json(const struct reading *reading, const struct explanation *found)
{
    json_t *document = json_object();
    json_set_text(document, "key", found->key);
    json_object_set(document, "value", found->value ? found->value : json_null());
    json_set_text(document, "from", found->from);
    json_set_text(document, "detail", found->detail);
    if (found->at.line) {
        json_set_text(document, "path", reading->path);
        json_object_set_new(document, "line", json_integer(found->at.line));
        json_object_set_new(document, "column", json_integer(found->at.column));
    }
    json_set_text(document, "wants", found->wants);
    json_set_text(document, "doc", found->doc);
    json_object_set_new(document, "supported", json_boolean(!found->later));
    return output_json(document);
}

static int explain_text(const struct reading *reading, const struct explanation *found,
                        struct arena *arena)
{
    const char *text = json_string_value(found->value);
    printf("%s = %s\n", found->key,
           text           ? text
           : found->value ? json_print(arena, found->value)
                          : "(nothing)");
    if (found->at.line)
        printf("  from   %s:%d:%d%s%s%s\n", reading->shown, found->at.line, found->at.column,
               found->detail ? " (" : "", found->detail ? found->detail : "",
               found->detail ? ")" : "");
    else
        printf("  from   %s%s%s\n", found->from, found->detail ? " " : "",
               found->detail ? found->detail : "");
    struct buf doc = {0};
    flow_put_folded(&doc, found->doc, output_columns(), 2);
    printf("  wants  %s\n  %s", found->wants, buf_text(&doc));
    buf_fini(&doc);
    if (found->later)
        puts("  Not supported yet: this version does nothing with it.");
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* A file with errors has no settings in force: its findings are the answer. */
static int refuse_bad_file(const struct invocation *invocation, const struct reading *reading)
{
    struct err err = {0};
    if (invocation->json) {
        err_set(&err, "bad_config", "%s has errors", reading->path);
        err_hint(&err, "hq config validate");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    print_findings(reading, stderr);
    return COMMAND_USAGE;
}

static int explain_run(const struct invocation *invocation)
{
    struct reading reading;
    struct explanation found;
    struct err err = {0};
    int code;
    if (!invocation->arg_count)
        return explain_all(invocation);
    if (reading_open(&reading, invocation, NULL, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    if (!reading.config) {
        code = refuse_bad_file(invocation, &reading);
    } else if (config_explain(reading.config, reading.document, invocation->state,
                              invocation->args[0], invocation->arena, &found, &err) < 0) {
        code = output_fail(invocation, COMMAND_USAGE, &err);
    } else {
        code = invocation->json ? explain_json(&reading, &found)
                                : explain_text(&reading, &found, invocation->arena);
        json_decref(found.value);
    }
    reading_close(&reading);
    return code;
}

const struct command command_config_validate = {
    .name = "config validate",
    .group = "SETUP",
    .usage = "[FILE]",
    .summary = "check hq.yaml: every finding at once",
    .details = "Prints each finding as file:line:column with the line and a caret. Warnings are "
               "keys that\n"
               "hq does not know or does not act on yet. Exit 2 where there is an error.",
    .examples = "hq config validate\n",
    .max_args = 1,
    .run = validate_run,
    .reads = true,
};

const struct command command_config_explain = {
    .name = "config explain",
    .group = "SETUP",
    .usage = "[KEY]",
    .summary = "what a setting is and where it comes from",
    .details =
        "KEY is dotted: agents.manager.port, hub.listen, models.demo.file; also dir and state.\n"
        "Without KEY: every key that hq.yaml may have.",
    .examples = "hq config explain agents.auditor.port\n"
                "hq config explain\n",
    .max_args = 1,
    .run = explain_run,
    .reads = true,
};

const struct command command_config_path = {
    .name = "config path",
    .group = "SETUP",
    .usage = "",
    .summary = "which hq.yaml is meant",
    .examples = "hq config path\n",
    .run = path_run,
    .reads = true,
};

const struct command command_config_schema = {
    .name = "config schema",
    .group = "SETUP",
    .usage = "",
    .summary = "a JSON Schema of hq.yaml, for editors",
    .examples = "hq config schema >hq.schema.json\n",
    .run = schema_run,
    .reads = true,
};
