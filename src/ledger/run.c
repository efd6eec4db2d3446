/* Facts: how a run hears of what it waits for, in the transaction in which that happens. */
#include "ledger/run.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/rules.h"

#include <string.h>

enum { RUNS_NAMED = 64 /* due runs that are announced by name */ };

int run_get(struct tx *tx, const char *id, struct run *run)
{
    *run = (struct run){.id = id};
    int rc = id ? tx_get(tx, &run_record, run) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_run", "There is no run %s.", id ? id : "(no id)");
    return rc;
}

/* An event whose body may be large: {"blob":…} then. */
static int run_event(struct tx *tx, const char *run, const char *type, const char *body,
                     int64_t *seq)
{
    const char *blob = NULL;
    int rc = tx_spill(tx, &body, &blob, LIMIT_INLINE);
    struct event event = {.stream = run, .type = type, .body = body};
    if (blob)
        event.body = arena_printf(tx->arena, "{\"blob\":\"%s\"}", blob);
    return rc ? rc : event_put_seq(tx, &event, seq);
}

int run_fact(struct tx *tx, const char *id, const char *type, json_t *body)
{
    struct run row = {.id = id}, *run = &row;
    int rc = 0;
    if (tx->deciding && str_eq(tx->deciding->id, id))
        run = tx->deciding;
    else
        rc = tx_get(tx, &run_record, run);
    const char *text = rc == 0 ? json_print(tx->arena, body) : NULL;
    json_decref(body);
    if (rc || run_state_is_terminal(run->state))
        return rc == LEDGER_NONE ? 0 : rc;
    rc = run_event(tx, id, type, text, &run->facts);
    run->ready_at = tx->now;
    if (rc || run == tx->deciding)
        return rc;
    tx_touch(tx, "run:", id);
    return tx_put(tx, &run_record, run);
}

static json_t *step_body(const struct task *task)
{
    json_t *body = json_pack("{s:I,s:I}", "round", (json_int_t)task->step_round, "try",
                             (json_int_t)task->step_try);
    json_set_text(body, "step", task->step);
    json_set_text(body, "task", task->id);
    return body;
}

int run_hear_end(struct tx *tx, const struct task *task, const char *status, const char *result)
{
    if (!task->run)
        return 0;
    json_t *body = step_body(task), *output;
    json_set_text(body, "state", task->state);
    json_set_text(body, "status", status);
    json_set_text(body, "failure_class", task->failure_class);
    json_set_text(body, "failure_message", task->failure_message);
    output = result ? json_loads(result, JSON_DECODE_ANY, NULL) : NULL;
    if (result && !output)
        output = json_text(result, strlen(result));
    if (output)
        json_object_set_new(body, "output", output);
    return run_fact(tx, task->run, "step.ended", body);
}

int run_hear_refusal(struct tx *tx, const struct task *task, const char *class, const char *message)
{
    json_t *body = step_body(task);
    json_set_text(body, "state", "failed");
    json_set_text(body, "failure_class", class);
    json_set_text(body, "failure_message", message);
    return run_fact(tx, task->run, "step.ended", body);
}

int run_step_moves(struct tx *tx, struct task *old, const char *to)
{
    struct step step = {.run = old->run, .path = old->step, .round = old->step_round};
    if (!old->run)
        return 0;
    int rc = tx_get(tx, &step_record, &step);
    if (rc == 0 && str_eq(step.task, old->id)) {
        step.task = to;
        rc = tx_put(tx, &step_record, &step);
    }
    old->run = NULL;
    return rc == LEDGER_NONE ? 0 : rc;
}

/* ---- a new run ---- */

/* The same key with another definition or other inputs is another request. */
static const char *run_body_hash(struct tx *tx, const struct run *run)
{
    char hex[HASH_HEX];
    const char *const texts[] = {run->definition, run->entry, run->inputs, run->retry_of};
    json_t *parts = json_array();
    for (size_t i = 0; i < 4; i++)
        json_array_append_new(parts,
                              texts[i] ? json_text(texts[i], strlen(texts[i])) : json_null());
    const char *text = json_print(tx->arena, parts);
    hash_hex(text, strlen(text), hex);
    json_decref(parts);
    return arena_strdup(tx->arena, hex);
}

int run_fill(struct tx *tx, const struct run_start *start, struct task *task, struct run *run)
{
    char id[RUN_ID_TEXT];
    if (!start || !start->task || !start->run || str_is_empty(start->task->id))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_run", "A run needs a task with an id.");
    *task = *start->task;
    *run = *start->run;
    if (str_is_empty(run->definition) || str_is_empty(run->name))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_run", "A run needs a definition and a name.");
    run_id_of_task(task->id, id);
    run->id = arena_strdup(tx->arena, id);
    run->caller = run->caller ? run->caller : task->caller;
    run->inputs = run->inputs ? run->inputs : "{}";
    run->entry = run->entry ? run->entry : run->name;
    task->agent = FLOW_AGENT;
    task->kind = "flow";
    task->name = task->name ? task->name : run->name;
    task->caller = task->caller ? task->caller : run->caller;
    task->body_hash = run_body_hash(tx, run);
    return 0;
}

static json_t *value_of(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static const char *started_body(struct tx *tx, const struct run *run, const char *seed)
{
    json_t *body = json_object();
    json_set_text(body, "definition", run->definition);
    json_set_text(body, "entry", run->entry);
    json_set_text(body, "name", run->name);
    json_set_text(body, "by", run->caller);
    json_object_set_new(body, "inputs", value_of(run->inputs));
    if (seed)
        json_object_set_new(body, "seed", value_of(seed));
    const char *text = json_print(tx->arena, body);
    json_decref(body);
    return text;
}

int run_write(struct tx *tx, const struct task *task, struct run *run, const char *seed)
{
    run->task = task->id;
    run->root = task->root;
    run->state = RUN_RUNNING;
    run->decided = run->upto = run->steps_open = 0;
    run->hash = run->waiting = run->output = run->output_blob = NULL;
    run->failure_class = run->failure_message = run->failure_step = NULL;
    run->ready_at = run->created_at = tx->now;
    run->deadline_at = task->deadline_at;
    run->finished_at = 0;
    int rc = run_event(tx, run->id, "run.started", started_body(tx, run, seed), &run->facts);
    if (rc == 0)
        rc = tx_spill(tx, &run->inputs, &run->inputs_blob, LIMIT_INLINE);
    tx_touch(tx, "run:", run->id);
    return rc ? rc : tx_put(tx, &run_record, run);
}

/* ---- time ---- */

static int run_scan_due(struct tx *tx, int64_t low, int64_t high, size_t max, struct run **runs,
                        size_t *count)
{
    struct scan scan = {
        .record = &run_record,
        .index = "run_due",
        .has_low = true,
        .low = value_int(low),
        .has_high = high > 0,
        .high = value_int(high),
        .max = max,
    };
    return tx_scan(tx, &scan, runs, count);
}

int run_sweep(struct tx *tx, int64_t looked)
{
    struct run *runs;
    size_t count;
    int rc = run_scan_due(tx, looked + 1, tx->now, RUNS_NAMED, &runs, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        tx_touch(tx, "run:", runs[i].id);
    if (count == RUNS_NAMED)
        tx_touch(tx, "*", "");
    return rc;
}

int run_sweep_next(struct tx *tx)
{
    struct run *runs;
    size_t count;
    int rc = run_scan_due(tx, tx->now + 1, 0, 1, &runs, &count);
    if (rc == 0 && count)
        tx_due(tx, runs->ready_at);
    return rc;
}
