/* hq flow list: the company's workflows, what they want, and whether their files are right. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/company.h"
#include "cli/flow_file.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/spec.h"

enum { NAME_LEAST = 8, NAME_MOST = 32, STEPS_COLUMNS = 5 };

struct entry {
    const char *path, *name;
    struct flow_bundle *bundle;
    const struct flow *flow; /* NULL: its file is wrong */
};

/* What it is called on the command line, whatever its file says. */
static const char *name_of(const char *path, struct arena *arena)
{
    static const char own[] = "/workflow.yaml";
    size_t len = strlen(path) - (str_ends(path, own) ? strlen(own) : strlen(".yaml"));
    char *cut = arena_memdup(arena, path, len);
    return strrchr(cut, '/') ? strrchr(cut, '/') + 1 : cut;
}

static size_t read_all(const struct invocation *invocation, const struct config *config,
                       struct entry **entries)
{
    const char *const *paths;
    size_t count = flow_list(config->workflows, invocation->arena, &paths);
    *entries = arena_alloc(invocation->arena, (count + 1) * sizeof(**entries));
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &(*entries)[i];
        entry->path = paths[i];
        entry->name = name_of(paths[i], invocation->arena);
        entry->bundle = flow_bundle_read(paths[i], config);
        if (flow_bundle_errors(entry->bundle) == 0)
            entry->flow = flow_bundle_entry(entry->bundle);
    }
    return count;
}

/* ---- JSON ---- */

static json_t *input_json(const struct flow_input *input)
{
    json_t *object = json_object();
    json_set_text(object, "name", input->name);
    json_set_text(object, "type", input->type);
    json_set_text(object, "description", input->doc);
    json_object_set_new(object, "required", json_boolean(input->required));
    if (input->fallback)
        json_object_set(object, "default", input->fallback);
    if (input->choices)
        json_object_set(object, "enum", input->choices);
    return object;
}

static json_t *entry_json(const struct entry *entry)
{
    json_t *item = json_object(), *inputs = json_array();
    const struct flow *flow = entry->flow;
    json_set_text(item, "name", entry->name);
    json_set_text(item, "path", entry->path);
    json_object_set_new(item, "ok", json_boolean(flow != NULL));
    json_object_set_new(item, "errors",
                        json_integer((json_int_t)flow_bundle_errors(entry->bundle)));
    for (size_t i = 0; flow && i < flow->input_count; i++)
        json_array_append_new(inputs, input_json(&flow->inputs[i]));
    if (flow) {
        json_object_set_new(item, "steps", json_integer((json_int_t)flow->step_count));
        json_set_text(item, "description", flow->doc);
        json_set_text(item, "hash", flow_bundle_hash(entry->bundle));
        json_object_set_new(item, "inputs", inputs);
    } else {
        json_decref(inputs);
    }
    return item;
}

/* ---- text ---- */

/* "client project request [deadline]": those in brackets may be left out. */
static const char *inputs_of(const struct flow *flow, struct arena *arena)
{
    struct buf text = {0};
    for (size_t i = 0; i < flow->input_count; i++)
        buf_printf(&text, flow->inputs[i].required ? "%s%s" : "%s[%s]", i ? " " : "",
                   flow->inputs[i].name);
    const char *copy = arena_memdup(arena, buf_text(&text), text.len);
    buf_fini(&text);
    return copy;
}

static void put_entry(const struct invocation *invocation, const struct entry *entry,
                      int name_columns, struct buf *out)
{
    bool utf8 = output_is_utf8();
    int columns = output_columns(), indent = name_columns + STEPS_COLUMNS + 4;
    struct arena *arena = invocation->arena;
    size_t errors = flow_bundle_errors(entry->bundle);
    const char *doc = "", *steps = "-";
    if (!entry->flow)
        doc = arena_printf(arena, "wrong: %zu error%s; see: hq flow check %s", errors,
                           errors == 1 ? "" : "s", entry->name);
    else {
        doc = entry->flow->doc ? entry->flow->doc : "";
        steps = arena_printf(arena, "%zu", entry->flow->step_count);
    }
    cell_put(out, entry->name, name_columns, utf8);
    buf_printf(out, "  %*s  ", STEPS_COLUMNS, steps);
    flow_put_folded(out, doc, columns, indent);
    if (!entry->flow || !entry->flow->input_count)
        return;
    buf_printf(out, "%*s", indent, "");
    flow_put_folded(out, arena_printf(arena, "inputs: %s", inputs_of(entry->flow, arena)), columns,
                    indent);
}

static void put_table(const struct invocation *invocation, const struct entry *entries,
                      size_t count, struct buf *out)
{
    int widest = NAME_LEAST;
    for (size_t i = 0; i < count; i++) {
        int width = cell_width(entries[i].name);
        widest = width > widest ? width : widest;
    }
    widest = widest < NAME_MOST ? widest : NAME_MOST;
    cell_put(out, "name", widest, true);
    buf_printf(out, "  %*s  what it does\n", STEPS_COLUMNS, "steps");
    for (size_t i = 0; i < count; i++)
        put_entry(invocation, &entries[i], widest, out);
}

static int list_run(const struct invocation *invocation)
{
    struct config *config = company_open(invocation);
    struct entry *entries;
    struct buf out = {0};
    int code = COMMAND_OK;
    if (!config)
        return COMMAND_USAGE;
    size_t count = read_all(invocation, config, &entries);
    if (invocation->json) {
        json_t *items = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(items, entry_json(&entries[i]));
        code = output_json(json_pack("{s:s,s:o}", "folder", config->workflows, "items", items));
    } else if (count == 0) {
        output_note(invocation, "no workflows in %s", config->workflows);
    } else {
        put_table(invocation, entries, count, &out);
        fputs(buf_text(&out), stdout);
    }
    for (size_t i = 0; i < count; i++)
        flow_bundle_close(entries[i].bundle);
    buf_fini(&out);
    config_free(config);
    return code;
}

const struct command command_flow_list = {
    .name = "flow list",
    .group = "WORK",
    .usage = "",
    .summary = "the company's workflows, and what is wrong",
    .details = "Inputs in [brackets] may be left out.\n",
    .examples = "hq flow list\n",
    .run = list_run,
    .reads = true,
};
