/* hq flow check: everything that is wrong in workflows, at once; or the JSON Schema for editors. */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/flow_file.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/spec.h"

static const struct command_option check_options[] = {
    {"schema", 0, NULL, "print the JSON Schema of workflows, for editors"},
    {0},
};

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static int print_schema(void)
{
    json_t *schema = flow_editor_schema();
    json_dumpf(schema, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(schema);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* All of a company, where no name is given. */
static size_t names_of(const struct invocation *invocation, const struct config *config,
                       const char *const **names)
{
    *names = invocation->args;
    if (invocation->arg_count || !config)
        return invocation->arg_count;
    return flow_list(config->workflows, invocation->arena, names);
}

/* ---- JSON ---- */

static json_t *item_json(const char *name, const struct flow_bundle *bundle, const struct err *err)
{
    json_t *item = json_object();
    bool is_right = bundle && flow_bundle_errors(bundle) == 0;
    json_set_text(item, "name", name);
    json_object_set_new(item, "ok", json_boolean(is_right));
    if (bundle)
        json_object_set_new(item, "reports", flow_reports_json(bundle));
    else
        json_object_set_new(item, "error",
                            json_pack("{s:s,s:s,s:s}", "code", err->code, "message", err->message,
                                      "hint", err->hint));
    if (is_right) {
        const struct flow *flow = flow_bundle_entry(bundle);
        json_object_set_new(item, "steps", json_integer((json_int_t)flow->step_count));
        json_set_text(item, "hash", flow_bundle_hash(bundle));
    }
    return item;
}

/* ---- text ---- */

static void put_good(const struct invocation *invocation, const struct flow_bundle *bundle,
                     struct buf *out)
{
    const struct flow *flow = flow_bundle_entry(bundle);
    const struct flow_report *reports;
    size_t files = flow_bundle_reports(bundle, &reports), warnings = 0;
    for (size_t i = 0; i < files; i++)
        warnings += reports[i].count;
    if (invocation->quiet)
        return;
    buf_printf(out, "%s: good: %zu step%s, %zu input%s",
               flow_shown_path(reports[0].path, invocation->arena), flow->step_count,
               plural(flow->step_count), flow->input_count, plural(flow->input_count));
    if (files > 1)
        buf_printf(out, ", %zu file%s beside it", files - 1, plural(files - 1));
    if (warnings)
        buf_printf(out, ", %zu warning%s", warnings, plural(warnings));
    buf_putc(out, '\n');
}

static void show_text(const struct invocation *invocation, const char *name,
                      const struct flow_bundle *bundle, const struct err *err)
{
    struct buf out = {0};
    size_t errors = bundle ? flow_bundle_errors(bundle) : 1;
    if (!bundle) {
        output_fail(invocation, COMMAND_USAGE, err);
        return;
    }
    flow_print_reports(bundle, invocation->arena, &out);
    if (errors == 0)
        put_good(invocation, bundle, &out);
    fputs(buf_text(&out), stdout);
    fflush(stdout);
    if (errors)
        output_note(invocation, "%s: %zu error%s", name, errors, plural(errors));
    buf_fini(&out);
}

static bool check_one(const struct invocation *invocation, const struct config *config,
                      const char *name, json_t *items)
{
    struct err err = {0};
    struct flow_bundle *bundle = flow_open(invocation, config, name, &err);
    bool is_right = bundle && flow_bundle_errors(bundle) == 0;
    if (invocation->json)
        json_array_append_new(items, item_json(name, bundle, &err));
    else
        show_text(invocation, name, bundle, &err);
    if (bundle)
        flow_bundle_close(bundle);
    return is_right;
}

static int check_run(const struct invocation *invocation)
{
    struct config *config;
    const char *const *names;
    bool all_right = true;
    if (invocation_has(invocation, "schema"))
        return print_schema();
    int code = flow_company(invocation, invocation->args[0], &config);
    if (code != COMMAND_OK)
        return code;
    json_t *items = json_array();
    size_t count = names_of(invocation, config, &names);
    for (size_t i = 0; i < count; i++)
        all_right = check_one(invocation, config, names[i], items) && all_right;
    if (count == 0)
        output_note(invocation, "no workflow to check: name a file");
    if (invocation->json)
        code = output_json(json_pack("{s:b,s:b,s:O}", "ok", all_right, "company_looked_at",
                                     config != NULL, "items", items));
    json_decref(items);
    config_free(config);
    return !all_right || (count == 0 && !invocation->json) ? COMMAND_USAGE : code;
}

const struct command command_flow_check = {
    .name = "flow check",
    .group = "WORK",
    .usage = "[FILE|NAME…]",
    .summary = "check workflows: every finding at once",
    .details =
        "Prints each finding as file:line:column with the line and a caret: structure, "
        "references,\n"
        "cycles, types, and, where a company is around the file (hq.yaml), that its agents,\n"
        "capabilities, webhooks, people and roles exist. Without a name: all of the company.\n"
        "Exit 2 where there is an error.\n",
    .examples = "hq flow check\n"
                "hq flow check workflows/design-review.yaml\n",
    .options = check_options,
    .max_args = 1000,
    .run = check_run,
    .reads = true,
};
