/* What gateways call: register, claim, extend. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "base/version.h"
#include "hub/api.h"

/* NULL: *response holds the refusal. Only an agent itself, or the runner, may work as that. */
static json_t *worker_body(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char **agent)
{
    json_t *body = api_body(request, response);
    if (!body)
        return NULL;
    const struct principal *caller = api_caller(request);
    *agent = json_get_text(body, "agent", "");
    if (principal_is_worker(caller) && str_eq(caller->agent, *agent))
        return body;
    api_forbid(hub, request, response, NULL, "%s may not work as agent %s", caller->name, *agent);
    json_decref(body);
    return NULL;
}

static struct held *read_held(const json_t *list, struct arena *arena, size_t *count)
{
    *count = json_array_size(list);
    struct held *held = arena_alloc(arena, (*count + 1) * sizeof(*held));
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(list, i);
        held[i].task = arena_strdup(arena, json_get_text(item, "task", ""));
        held[i].fence = json_get_int(item, "fence", 0);
        held[i].note = arena_strdup(arena, json_get_text(item, "note", NULL));
    }
    return held;
}

static json_t *lost_of(struct hub *hub, const struct agent *agent, const struct held *held,
                       size_t count, struct arena *arena)
{
    enum extend_result *results = arena_alloc(arena, (count + 1) * sizeof(*results));
    const char **reasons = arena_alloc(arena, (count + 1) * sizeof(*reasons));
    json_t *lost = json_array();
    ledger_extend(hub->ledger, agent->id, agent->nonce, held, count, results, reasons);
    for (size_t i = 0; i < count; i++)
        if (results[i] == EXTEND_LOST)
            json_array_append_new(lost, json_string(held[i].task));
    return lost;
}

static enum http_verdict do_register(struct hub *hub, struct http_request *request,
                                     struct http_response *response, const json_t *body)
{
    struct outcome outcome = {0};
    struct arena *arena = &request->arena;
    const json_t *card = json_object_get(body, "card");
    struct agent agent = {
        .id = json_get_text(body, "agent", ""),
        .nonce = json_get_text(body, "nonce", ""),
        .version = json_get_text(body, "version", ""),
        .pid = json_get_int(body, "pid", 0),
        .port = json_get_int(body, "port", 0),
        .card = card ? json_print(arena, card) : NULL,
    };
    if (str_is_empty(agent.nonce))
        return api_refuse(request, response, 400, "bad_request", "register needs a nonce");
    size_t count;
    struct held *held = read_held(json_object_get(body, "held"), arena, &count);
    struct op op = {.type = OP_REGISTER,
                    .reg = {.agent = &agent, .held = held, .held_count = count}};
    enum http_verdict verdict = api_apply(hub, request, response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    if (outcome.status != LEDGER_OK)
        return api_outcome(request, response, &outcome);
    char now[TIME_TEXT];
    time_rfc3339(ledger_now(hub->ledger), now);
    return http_json(request, response, 200,
                     json_pack("{s:I,s:s,s:o}", "incarnation", (json_int_t)outcome.incarnation,
                               "now", now, "lost", lost_of(hub, &agent, held, count, arena)));
}

enum http_verdict api_register(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    const char *agent;
    json_t *body = worker_body(ctx, request, response, &agent);
    if (!body)
        return HTTP_ANSWER;
    const char *version = json_get_text(body, "version", "");
    enum http_verdict verdict;
    if (!version_serves(hq_version, version))
        verdict = api_refuse(request, response, 426, "wrong_version",
                             "this hub is hq %s and serves its own minor release and the one "
                             "before, not %s: hq restart, after the hub, with one program",
                             hq_version, version);
    else
        verdict = do_register(ctx, request, response, body);
    json_decref(body);
    return verdict;
}

/* The ended tasks that the session's transcript may lack. */
static int add_unprojected(struct hub *hub, const struct session *session, json_t *item,
                           struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    if (session->projected >= session->finished)
        return 0;
    if (ledger_query(hub->ledger, LIST_TASKS_OF_SESSION, session->agent, session->key,
                     session->projected, LIMIT_LIST, arena, &rows, &count, err) < 0)
        return -1;
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(ids, json_string(((struct task *)rows)[i].id));
    json_object_set_new(item, "unprojected", ids);
    return 0;
}

/* The system prompt that the turn's first model call was pinned to. */
static int add_prompt(struct hub *hub, const struct call *first, json_t *item, struct arena *arena,
                      struct err *err)
{
    char *bytes;
    size_t len;
    if (!first->request_blob)
        return 0;
    int rc = ledger_blob_get(hub->ledger, first->request_blob, arena, &bytes, &len, err);
    if (rc == 0)
        json_object_set_new(item, "prompt", json_text(bytes, len));
    return rc < 0 ? -1 : 0;
}

static int add_calls(struct hub *hub, const struct task *task, json_t *item, struct arena *arena,
                     struct err *err)
{
    void *rows = NULL;
    size_t count = 0;
    if (task->fence > 1 && ledger_query(hub->ledger, LIST_CALLS, task->id, NULL, 0, LIMIT_CALLS,
                                        arena, &rows, &count, err) < 0)
        return -1;
    struct call *calls = rows;
    for (size_t i = 0; i < count; i++)
        if (api_inline_call(hub, &calls[i], arena, err) < 0)
            return -1;
    json_t *items = api_items(&call_record, rows, count);
    json_object_set(item, "calls", json_object_get(items, "items"));
    json_decref(items);
    return count > 0 ? add_prompt(hub, &calls[0], item, arena, err) : 0;
}

/* Everything a worker needs to go on with the task: one claim, one round trip. */
static json_t *claimed_item(struct hub *hub, struct task *task, const struct session *session,
                            struct arena *arena, struct err *err)
{
    json_t *item = json_object();
    if (api_inline_task(hub, task, arena, err) < 0)
        goto fail;
    json_object_set_new(item, "task", record_to_json(&task_record, task));
    json_object_set_new(item, "session", record_to_json(&session_record, session));
    if (add_unprojected(hub, session, item, arena, err) < 0 ||
        add_calls(hub, task, item, arena, err) < 0 || api_add_budget(hub, task, item, err) < 0)
        goto fail;
    return item;
fail:
    json_decref(item);
    return NULL;
}

/* What a claim gives. */
struct given {
    struct task *tasks;
    const struct session *sessions;
    size_t count;
    int64_t halt; /* the newest pause that was looked at */
};

static enum http_verdict answer_claim(struct hub *hub, struct http_request *request,
                                      struct http_response *response, const struct given *given)
{
    struct err err;
    json_t *items = json_array();
    for (size_t i = 0; i < given->count; i++) {
        json_t *item =
            claimed_item(hub, &given->tasks[i], &given->sessions[i], &request->arena, &err);
        if (!item) {
            json_decref(items);
            return api_unavailable(request, response, &err);
        }
        json_array_append_new(items, item);
    }
    crash_point("hub.claim.answer");
    json_t *answer = json_pack("{s:o,s:I}", "tasks", items, "halt", (json_int_t)given->halt);
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

/* Nothing is given to a connection whose other end has left, nor to a process that stands still: it
 * would only let the lease run out. */
static bool worker_is_alive(struct hub *hub, struct http_request *request, const char *agent)
{
    return http_peer_is_there(request) && ledger_agent_seen_ms(hub->ledger, agent) < LIMIT_LEASE_MS;
}

static enum http_verdict do_claim(struct hub *hub, struct http_request *request,
                                  struct http_response *response, const json_t *body)
{
    struct err err;
    struct outcome outcome = {0};
    struct task *tasks;
    struct session *sessions = NULL;
    size_t count;
    int64_t halt = 0, heard = json_get_int(body, "halt", 0);
    uint64_t seen = http_wakes(request->server);
    int64_t wait_ms = json_get_int(body, "wait_ms", 0);
    struct claim claim = {
        .request_id = json_get_text(body, "request", NULL),
        .agent = json_get_text(body, "agent", ""),
        .nonce = json_get_text(body, "nonce", ""),
        .max = (size_t)json_get_int(body, "max", 1),
        .sessions = &sessions,
        .halt = &halt,
    };
    if (request->parked_before && !worker_is_alive(hub, request, claim.agent))
        return api_refuse(request, response, 503, "silent",
                          "nothing was heard of the worker for %d s: claim again",
                          LIMIT_LEASE_MS / 1000);
    if (ledger_claim(hub->ledger, &claim, &request->arena, &tasks, &count, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status != LEDGER_OK)
        return api_outcome(request, response, &outcome);
    if (count == 0 && wait_ms > 0 && !request->deadline_passed && halt <= heard) {
        const char *key = arena_printf(&request->arena, "queue:%s", claim.agent);
        wait_ms = wait_ms < LIMIT_WAIT_MS ? wait_ms : LIMIT_WAIT_MS;
        return http_park(request, key, seen, request->started_ms + wait_ms);
    }
    const struct given given = {tasks, sessions, count, halt};
    return answer_claim(hub, request, response, &given);
}

enum http_verdict api_claim(void *ctx, struct http_request *request, struct http_response *response)
{
    const char *agent;
    json_t *body = worker_body(ctx, request, response, &agent);
    if (!body)
        return HTTP_ANSWER;
    enum http_verdict verdict = do_claim(ctx, request, response, body);
    json_decref(body);
    return verdict;
}

/* Moves a session's mark behind an ended task, if nothing before it is missing. Returns whether *op
 * is to be applied. */
static bool projected_op(struct hub *hub, const char *agent, const char *id, struct arena *arena,
                         struct op *op)
{
    struct err err;
    struct task task = {.id = id};
    if (ledger_get(hub->ledger, &task_record, &task, arena, &err) != 0 ||
        !str_eq(task.agent, agent) || task.finish_no == 0)
        return false;
    struct session *session = arena_alloc(arena, sizeof(*session));
    *session = (struct session){.agent = task.agent, .key = task.session};
    if (ledger_get(hub->ledger, &session_record, session, arena, &err) != 0 ||
        session->projected != task.finish_no - 1)
        return false;
    session->projected = task.finish_no;
    *op = (struct op){.type = OP_PROJECTED, .session = session};
    return true;
}

/* Projection marks ride along: losing one only means looking at the transcript again. */
static void apply_projected(struct hub *hub, struct http_request *request, const char *agent,
                            const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && i < LIMIT_LIST; i++) {
        struct op op;
        struct outcome outcome;
        struct err err;
        const char *id = json_string_value(json_array_get(list, i));
        if (!id || !projected_op(hub, agent, id, &request->arena, &op))
            continue;
        struct batch batch = {.actor = api_caller(request)->name, .ops = &op, .count = 1};
        ledger_apply(hub->ledger, &batch, &outcome, &err);
    }
}

static enum http_verdict do_extend(struct hub *hub, struct http_request *request,
                                   struct http_response *response, const json_t *body)
{
    static const char *const names[] = {"ok", "lost", "cancel", "pause", "halt"};
    struct arena *arena = &request->arena;
    size_t count;
    const char *agent = json_get_text(body, "agent", "");
    const char *nonce = json_get_text(body, "nonce", "");
    struct held *held = read_held(json_object_get(body, "held"), arena, &count);
    int64_t halt = ledger_halt(hub->ledger); /* before the look: never newer than what it saw */
    ledger_acknowledge(hub->ledger, agent, nonce, json_get_int(body, "halted", 0));
    enum extend_result *results = arena_alloc(arena, (count + 1) * sizeof(*results));
    const char **reasons = arena_alloc(arena, (count + 1) * sizeof(*reasons));
    if (ledger_extend(hub->ledger, agent, nonce, held, count, results, reasons) < 0)
        return api_refuse(request, response, 409, "lost", "another process serves %s now", agent);
    apply_projected(hub, request, agent, json_object_get(body, "projected"));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_pack("{s:s,s:s}", "task", held[i].task, "result", names[results[i]]);
        if (results[i] == EXTEND_CANCEL)
            json_set_text(item, "reason", reasons[i]);
        json_array_append_new(list, item);
    }
    crash_point("hub.halt.told");
    return http_json(request, response, 200,
                     json_pack("{s:o,s:I}", "results", list, "halt", (json_int_t)halt));
}

enum http_verdict api_extend(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    const char *agent;
    json_t *body = worker_body(ctx, request, response, &agent);
    if (!body)
        return HTTP_ANSWER;
    enum http_verdict verdict = do_extend(ctx, request, response, body);
    json_decref(body);
    return verdict;
}
