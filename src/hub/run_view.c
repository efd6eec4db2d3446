/* Row, steps, approvals and jobs of a run as one JSON object. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/definitions.h"
#include "engine/engine.h"
#include "flow/bundle.h"
#include "flow/spec.h"
#include "hub/api.h"
#include "hub/run_view.h"

enum { OUTPUTS_SHOWN = 4 << 20 /* bytes of large outputs in one answer; then only their hashes */ };

/* A run on its way into an answer. */
struct viewing {
    struct hub *hub;
    const struct run *run;
    struct arena *arena;
    struct err *err;
    json_t *steps;
    size_t bytes; /* of large outputs so far */
};

json_t *run_view_value(struct hub *hub, const char *text, const char *blob, struct arena *arena,
                       struct err *err)
{
    char *bytes = NULL;
    size_t len;
    if (!text && blob) {
        int rc = ledger_blob_get(hub->ledger, blob, arena, &bytes, &len, err);
        if (rc > 0)
            err_set(err, "blob_missing", "the ledger has no blob %.12s…", blob);
        if (rc)
            return NULL;
        text = bytes;
    }
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static void set_failure(json_t *object, const char *class, const char *message, const char *step)
{
    static const char *const flat[] = {"failure_class", "failure_message", "failure_step"};
    for (size_t i = 0; i < 3; i++)
        json_object_del(object, flat[i]);
    if (!class && !message)
        return;
    json_t *failure = json_object();
    json_set_text(failure, "class", class);
    json_set_text(failure, "message", message);
    json_set_text(failure, "step", step);
    json_object_set_new(object, "failure", failure);
}

json_t *run_view_row(struct hub *hub, const struct run *run, bool full, struct arena *arena,
                     struct err *err)
{
    json_t *object = record_to_json(&run_record, run);
    json_object_del(object, "inputs");
    json_object_del(object, "output");
    set_failure(object, run->failure_class, run->failure_message, run->failure_step);
    if (!full)
        return object;
    json_t *inputs = run_view_value(hub, run->inputs, run->inputs_blob, arena, err);
    json_t *output = inputs ? run_view_value(hub, run->output, run->output_blob, arena, err) : NULL;
    if (!output) {
        json_decref(inputs);
        json_decref(object);
        return NULL;
    }
    json_object_set_new(object, "inputs", inputs);
    json_object_set_new(object, "output", output);
    json_object_del(object, "inputs_blob");
    json_object_del(object, "output_blob");
    return object;
}

static int set_output(struct viewing *viewing, const struct step *row, json_t *object)
{
    json_object_del(object, "output");
    if (!row->output && (!row->output_blob || viewing->bytes > OUTPUTS_SHOWN))
        return 0;
    json_t *value =
        run_view_value(viewing->hub, row->output, row->output_blob, viewing->arena, viewing->err);
    if (!value)
        return -1;
    if (row->output_blob) {
        viewing->bytes += json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
        json_object_del(object, "output_blob");
    }
    json_object_set_new(object, "output", value);
    return 0;
}

/* The row's fields over what the definition says of the step. */
static int add_row(struct viewing *viewing, const struct step *row)
{
    json_t *object = record_to_json(&step_record, row);
    json_t *known = json_object_get(viewing->steps, row->path);
    json_object_del(object, "run");
    json_object_del(object, "path");
    set_failure(object, row->failure_class, row->failure_message, NULL);
    int rc = set_output(viewing, row, object);
    if (known) {
        json_t *plain = json_object();
        static const char *const kept[] = {"title", "needs", "kind", NULL};
        for (size_t i = 0; kept[i]; i++)
            if (json_object_get(known, kept[i]))
                json_object_set(plain, kept[i], json_object_get(known, kept[i]));
        json_object_clear(known); /* rounds come in order: the last one is shown */
        json_object_update(known, plain);
        json_object_update(known, object);
        json_decref(plain);
        json_decref(object);
    } else {
        json_object_set_new(viewing->steps, row->path, object);
    }
    return rc;
}

static json_t *pending_step(const struct flow *flow, const struct flow_step *step, bool ended)
{
    json_t *needs = json_array();
    for (size_t i = 0; i < step->need_count; i++)
        json_array_append_new(needs, json_string(flow->steps[step->needs[i]].id));
    json_t *object =
        json_pack("{s:s,s:o,s:s,s:i,s:i}", "kind", flow_kind_word(step->kind), "needs", needs,
                  "state", ended ? "not_run" : "pending", "round", 0, "tries", 0);
    json_set_text(object, "title", step->title);
    return object;
}

/* The steps as the definition has them. One that cannot be read leaves the rows alone. */
static int add_pending(struct viewing *viewing, json_t *order)
{
    struct definitions *definitions = engine_definitions(viewing->hub->engine);
    const struct flow_bundle *bundle = NULL;
    bool ended = run_state_is_terminal(viewing->run->state);
    int rc = definitions_get(definitions, viewing->run->definition, &bundle, viewing->err);
    const struct flow *flow = rc == 0 ? flow_bundle_find(bundle, viewing->run->entry) : NULL;
    for (size_t i = 0; flow && i < flow->step_count; i++) {
        const char *id = flow->steps[i].id;
        json_object_set_new(viewing->steps, id, pending_step(flow, &flow->steps[i], ended));
        json_array_append_new(order, json_string(id));
    }
    if (rc == 0)
        definitions_put(definitions, bundle);
    return rc < 0 ? -1 : 0;
}

static int add_steps(struct viewing *viewing, json_t *object)
{
    void *rows;
    size_t count;
    json_t *order = json_array();
    viewing->steps = json_object();
    json_object_set_new(object, "steps", viewing->steps);
    json_object_set_new(object, "order", order);
    if (add_pending(viewing, order) < 0)
        return -1;
    size_t max = (json_array_size(order) + 1) * (LIMIT_FLOW_ROUNDS + 1);
    if (ledger_query(viewing->hub->ledger, LIST_STEPS, viewing->run->id, NULL, 0, max,
                     viewing->arena, &rows, &count, viewing->err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_row(viewing, &((const struct step *)rows)[i]) < 0)
            return -1;
    return 0;
}

static int add_approvals(struct viewing *viewing, json_t *object)
{
    static const char *const large[] = {"subject", "subject_blob", "form", "options", NULL};
    void *rows;
    size_t count, i;
    json_t *item;
    if (ledger_query(viewing->hub->ledger, LIST_APPROVALS_OF_RUN, viewing->run->id, NULL, 0,
                     LIMIT_LIST, viewing->arena, &rows, &count, viewing->err) < 0)
        return -1;
    json_t *list = api_items(&approval_record, rows, count);
    json_t *items = json_object_get(list, "items");
    json_array_foreach (items, i, item) {
        json_object_set(item, "step", json_object_get(item, "path"));
        for (size_t k = 0; large[k]; k++)
            json_object_del(item, large[k]);
    }
    json_object_set(object, "approvals", items);
    json_decref(list);
    return 0;
}

static int add_jobs(struct viewing *viewing, json_t *object)
{
    json_t *jobs = json_array(), *step;
    const char *name;
    json_object_set_new(object, "jobs", jobs);
    json_object_foreach (viewing->steps, name, step) {
        struct job row = {.id = json_get_text(step, "job", NULL)};
        if (!row.id)
            continue;
        int rc = ledger_get(viewing->hub->ledger, &job_record, &row, viewing->arena, viewing->err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            json_array_append_new(jobs, record_to_json(&job_record, &row));
    }
    return 0;
}

json_t *run_view(struct hub *hub, const struct run *run, struct arena *arena, struct err *err)
{
    struct viewing viewing = {.hub = hub, .run = run, .arena = arena, .err = err};
    json_t *object = run_view_row(hub, run, true, arena, err);
    if (!object)
        return NULL;
    if (add_steps(&viewing, object) == 0 && add_approvals(&viewing, object) == 0 &&
        add_jobs(&viewing, object) == 0)
        return object;
    json_decref(object);
    return NULL;
}

const char *run_view_note(struct hub *hub, const struct task *task, struct arena *arena)
{
    char id[RUN_ID_TEXT];
    struct err err;
    struct run run = {.id = id};
    if (!str_eq(task->kind, "flow") || task_state_is_terminal(task->state))
        return NULL;
    run_id_of_task(task->id, id);
    if (ledger_get(hub->ledger, &run_record, &run, arena, &err) != 0 || !run.waiting)
        return NULL;
    return str_starts(run.waiting, "cannot be followed")
               ? run.waiting
               : arena_printf(arena, "waits for %s", run.waiting);
}

json_t *run_view_events(struct hub *hub, const struct event *events, size_t count,
                        struct arena *arena, struct err *err)
{
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = record_to_json(&event_record, &events[i]);
        const json_t *body = json_object_get(item, "body");
        const char *blob = json_object_size(body) == 1 ? json_get_text(body, "blob", NULL) : NULL;
        json_t *whole = blob ? run_view_value(hub, NULL, blob, arena, err) : NULL;
        if (blob && !whole) {
            json_decref(item);
            json_decref(items);
            return NULL;
        }
        if (whole)
            json_object_set_new(item, "body", whole);
        json_array_append_new(items, item);
    }
    return json_pack("{s:o}", "items", items);
}
