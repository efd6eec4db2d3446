/* A worker's batch: JSON operations on its own tasks → one atomic ledger batch. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/track.h"
#include "wire/handoff.h"

/* One operation being read: where it comes from and where it goes. */
struct reading {
    const json_t *json;
    struct op *op;
    struct arena *arena;
    struct err *err;
    struct hub *hub;
    const struct principal *caller;
    int64_t now; /* the ledger's */
};

typedef int (*op_reader)(struct reading *);

static int read_row(struct reading *reading, const struct record *record, const char *key,
                    void **row)
{
    const json_t *object = json_object_get(reading->json, key);
    *row = arena_alloc(reading->arena, record->size);
    if (!object)
        return err_set(reading->err, "bad_request", "the operation lacks \"%s\"", key);
    return record_from_json(record, object, *row, reading->arena, reading->err);
}

static int read_call(struct reading *reading, enum op_type type)
{
    reading->op->type = type;
    void *row;
    int rc = read_row(reading, &call_record, "call", &row);
    reading->op->call = row;
    reading->op->call->task = reading->op->task_id;
    return rc;
}

/* A prompt that comes along is kept as a blob: the call's record pins it. */
static int read_intend(struct reading *reading)
{
    char hex[65];
    const char *prompt = json_get_text(reading->json, "prompt", NULL);
    if (read_call(reading, OP_CALL_INTEND) < 0)
        return -1;
    const json_t *reserve = json_object_get(reading->json, "reserve");
    reading->op->reserve.micro_usd = json_get_int(reserve, "micro_usd", 0);
    reading->op->reserve.tokens = json_get_int(reserve, "tokens", 0);
    if (reading->op->reserve.micro_usd < -1 || reading->op->reserve.tokens < 0)
        return err_set(reading->err, "bad_request",
                       "reserve is 0 or more, and -1 micro_usd where there is no price");
    if (!prompt)
        return 0;
    if (ledger_blob_put(reading->hub->ledger, prompt, strlen(prompt), hex, reading->err) < 0)
        return -1;
    reading->op->call->request_blob = arena_strdup(reading->arena, hex);
    return 0;
}

static int read_record(struct reading *reading)
{
    return read_call(reading, OP_CALL_RECORD);
}

static int read_drop(struct reading *reading)
{
    return read_call(reading, OP_CALL_DROP);
}

static int read_delegate(struct reading *reading)
{
    struct op_source source = {reading->hub, reading->caller, reading->json, reading->arena};
    return api_delegate_op(&source, reading->op, reading->err);
}

static int read_ask(struct reading *reading)
{
    struct op_source source = {reading->hub, reading->caller, reading->json, reading->arena};
    return api_ask_op(&source, reading->op, reading->err);
}

/* Timers are asked for as a distance: only the ledger's clock counts. */
static void due_from_distance(struct reading *reading, const json_t *item, struct wait *wait)
{
    int64_t in_ms = json_get_int(item, "in_ms", -1);
    if (in_ms >= 0)
        wait->id = arena_printf(reading->arena, "%lld", (long long)(reading->now + in_ms));
}

static int read_park_of_step(struct reading *reading)
{
    reading->op->type = OP_PARK;
    reading->op->park.mode = "all";
    reading->op->park.of_step = true;
    reading->op->park.step = json_get_int(reading->json, "of_step", -1);
    if (reading->op->park.step < 0)
        return err_set(reading->err, "bad_request", "park.of_step is the number of a step");
    return 0;
}

static int read_park(struct reading *reading)
{
    if (json_object_get(reading->json, "of_step"))
        return read_park_of_step(reading);
    const json_t *list = json_object_get(reading->json, "waits");
    size_t count = json_array_size(list);
    struct wait *waits = arena_alloc(reading->arena, (count + 1) * sizeof(*waits));
    for (size_t i = 0; i < count; i++) {
        if (record_from_json(&wait_record, json_array_get(list, i), &waits[i], reading->arena,
                             reading->err) < 0)
            return -1;
        waits[i].task = reading->op->task_id;
        due_from_distance(reading, json_array_get(list, i), &waits[i]);
        if (!waits[i].kind || !waits[i].id)
            return err_set(reading->err, "bad_request", "a wait needs kind and id");
    }
    if (count == 0)
        return err_set(reading->err, "bad_request", "park needs at least one wait");
    reading->op->type = OP_PARK;
    reading->op->park.mode = json_get_text(reading->json, "mode", "all");
    reading->op->park.waits = waits;
    reading->op->park.count = count;
    return 0;
}

static int read_finish(struct reading *reading)
{
    const char *failure_class = json_get_text(reading->json, "failure_class", NULL);
    void *row;
    if (read_row(reading, &handoff_record, "handoff", &row) < 0 ||
        handoff_check_content(row, failure_class, reading->err) < 0)
        return -1;
    reading->op->type = OP_FINISH;
    reading->op->finish.handoff = row;
    reading->op->finish.failure_class = failure_class;
    reading->op->finish.failure_message = json_get_text(reading->json, "failure_message", NULL);
    return 0;
}

static int read_fail(struct reading *reading)
{
    reading->op->type = OP_FAIL_TRY;
    reading->op->fail.failure_class = json_get_text(reading->json, "failure_class", "failed");
    reading->op->fail.failure_message = json_get_text(reading->json, "failure_message", "");
    reading->op->fail.retry_at = json_get_int(reading->json, "retry_at", 0);
    return 0;
}

static int read_release(struct reading *reading)
{
    reading->op->type = OP_RELEASE;
    return 0;
}

static int read_effect(struct reading *reading)
{
    void *row;
    if (read_row(reading, &effect_record, "effect", &row) < 0)
        return -1;
    reading->op->type = OP_EFFECT;
    reading->op->effect = row;
    reading->op->effect->task = reading->op->task_id;
    return 0;
}

static int read_event(struct reading *reading)
{
    const json_t *body = json_object_get(reading->json, "body");
    struct event *event = arena_alloc(reading->arena, sizeof(*event));
    event->stream = reading->op->task_id;
    event->type = json_get_text(reading->json, "type", NULL);
    event->body = body ? json_print(reading->arena, body) : NULL;
    if (!event->type || !str_starts(event->type, "turn."))
        return err_set(reading->err, "bad_request", "a worker's events are named turn.*");
    reading->op->type = OP_EVENT;
    reading->op->event = event;
    return 0;
}

static const struct {
    const char *name;
    op_reader read;
    bool of_agents; /* no business of the runner */
} readers[] = {
    {"call_intend", read_intend, false},
    {"call_record", read_record, false},
    {"call_drop", read_drop, true},
    {"delegate", read_delegate, true},
    {"ask", read_ask, false},
    {"park", read_park, false},
    {"finish", read_finish, false},
    {"fail", read_fail, false},
    {"release", read_release, false},
    {"effect", read_effect, true},
    {"event", read_event, false},
};

static int read_op(struct reading *reading)
{
    const char *name = json_get_text(reading->json, "op", "");
    reading->op->task_id = json_get_text(reading->json, "task", NULL);
    reading->op->fence = json_get_int(reading->json, "fence", 0);
    if (!reading->op->task_id)
        return err_set(reading->err, "bad_request", "every operation names its task");
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (str_eq(readers[i].name, name) &&
            !(readers[i].of_agents && reading->caller->kind == PRINCIPAL_RUNNER))
            return readers[i].read(reading);
    return err_set(reading->err, "bad_request", "there is no operation \"%s\" for %s", name,
                   reading->caller->name);
}

/* Reads all operations. HTTP_PASS: *batch is whole. */
static enum http_verdict read_batch(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const json_t *list,
                                    struct batch *batch)
{
    struct err err;
    batch->count = json_array_size(list);
    if (batch->count == 0 || batch->count > LIMIT_BATCH_OPS)
        return api_refuse(request, response, 400, "bad_request", "a batch has 1 to %d operations",
                          LIMIT_BATCH_OPS);
    batch->ops = arena_alloc(&request->arena, batch->count * sizeof(*batch->ops));
    for (size_t i = 0; i < batch->count; i++) {
        struct reading reading = {
            json_array_get(list, i), &batch->ops[i],         &request->arena, &err, hub,
            api_caller(request),     ledger_now(hub->ledger)};
        if (read_op(&reading) < 0)
            return str_eq(err.code, "bad_request") ? http_error(request, response, 400, &err)
                                                   : api_unavailable(request, response, &err);
    }
    return HTTP_PASS;
}

/* What became of the task, so that the worker knows whether its turn goes on. */
static enum http_verdict answer_state(struct hub *hub, struct http_request *request,
                                      struct http_response *response, const struct batch *batch,
                                      const struct outcome *outcome)
{
    struct err err;
    json_t *answer = json_pack("{s:b}", "ok", 1);
    json_set_text(answer, "state", *outcome->state ? outcome->state : NULL);
    if (task_state_is_terminal(outcome->state)) {
        struct task task = {.id = batch->ops[batch->count - 1].task_id};
        if (ledger_get(hub->ledger, &task_record, &task, &request->arena, &err) == 0) {
            json_set_text(answer, "failure_class", task.failure_class);
            json_set_text(answer, "failure_message", task.failure_message);
        }
    }
    return http_json(request, response, 200, answer);
}

/* Routing looks at how an agent's tasks ended. */
static void count_ends(struct hub *hub, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->ops[i].type == OP_FINISH)
            track_add(hub->track, batch->owner,
                      batch->ops[i].finish.failure_class == NULL &&
                          !str_eq(batch->ops[i].finish.handoff->status, "failed"));
}

static enum http_verdict apply(struct hub *hub, struct http_request *request,
                               struct http_response *response, const struct batch *batch)
{
    struct err err;
    struct outcome outcome = {0};
    if (ledger_apply(hub->ledger, batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status != LEDGER_OK) {
        api_remember_refusal(hub, request, batch->ops[outcome.index].task_id, &outcome);
        return api_outcome(request, response, &outcome);
    }
    count_ends(hub, batch);
    return answer_state(hub, request, response, batch, &outcome);
}

enum http_verdict api_batch(void *ctx, struct http_request *request, struct http_response *response)
{
    struct hub *hub = ctx;
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    const struct principal *caller = api_caller(request);
    struct batch batch = {.request_id = json_get_text(body, "request", NULL),
                          .actor = caller->name,
                          .owner = caller->agent};
    enum http_verdict verdict =
        principal_is_worker(caller)
            ? read_batch(hub, request, response, json_object_get(body, "ops"), &batch)
            : api_forbid(hub, request, response, NULL, "%s works for no agent", caller->name);
    if (verdict == HTTP_PASS) {
        crash_point("hub.batch.received");
        verdict = apply(hub, request, response, &batch);
        crash_point("hub.batch.answer");
    }
    json_decref(body);
    return verdict;
}
