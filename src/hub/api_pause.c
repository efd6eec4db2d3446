/* POST /v1/pause and /v1/resume: people stop work and let it go on. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/halt.h"

enum {
    PAUSE_WAIT_MS = 3000,                  /* workers ask once a second */
    PANIC_WAIT_MS = LIMIT_LEASE_MS + 2000, /* whoever is silent has lost its lease by then */
};

/* A person's request, read. */
struct asking {
    struct hub *hub;
    const json_t *body;
    struct pause row;
    const char *agent; /* whose processes are concerned; NULL: all */
};

/* HTTP_PASS: asking->row.id is set. */
static enum http_verdict read_scope(struct asking *asking, struct http_request *request,
                                    struct http_response *response)
{
    const char *agent = json_get_text(asking->body, "agent", NULL);
    const char *prefix = json_get_text(asking->body, "task", NULL);
    asking->row.id = "company";
    if (agent && prefix)
        return api_refuse(request, response, 400, "bad_request", "an agent or a task, not both");
    if (agent && !config_agent(asking->hub->config, agent))
        return api_unknown_agent(asking->hub, request, response, agent);
    if (agent) {
        asking->agent = agent;
        asking->row.id = arena_printf(&request->arena, "agent:%s", agent);
    }
    if (!prefix)
        return HTTP_PASS;
    struct task task;
    if (str_starts(prefix, "r-")) /* a run is its task */
        prefix = arena_printf(&request->arena, "t-%s", prefix + 2);
    enum http_verdict verdict = api_task(asking->hub, request, response, prefix, &task);
    if (verdict == HTTP_PASS)
        asking->row.id = arena_printf(&request->arena, "task:%s", task.id);
    return verdict;
}

static enum http_verdict read_asking(struct asking *asking, struct http_request *request,
                                     struct http_response *response)
{
    const struct principal *caller = api_caller(request);
    const char *reason = json_get_text(asking->body, "reason", NULL);
    asking->row.by = caller->name;
    asking->row.reason = str_is_blank(reason) ? NULL : reason;
    if (!principal_is_person(caller))
        return api_forbid(asking->hub, request, response, NULL,
                          "%s may not stop work or let it go on: people do", caller->name);
    return read_scope(asking, request, response);
}

/* ---- pause ---- */

static json_t *names_of(const struct holder *list, size_t count)
{
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(names, json_pack("{s:s,s:I}", "agent", list[i].agent, "tasks",
                                               (json_int_t)list[i].tasks));
    return names;
}

static void add_halt(json_t *answer, const struct halt *halt)
{
    size_t bad = halt->silent_count + halt->waited_out_count;
    size_t good = halt->told_count > bad ? halt->told_count - bad : 0;
    json_object_set_new(answer, "told", names_of(halt->told, halt->told_count));
    json_object_set_new(answer, "acknowledged", json_integer((json_int_t)good));
    json_object_set_new(answer, "silent", names_of(halt->silent, halt->silent_count));
    json_object_set_new(answer, "waited_out", names_of(halt->waited_out, halt->waited_out_count));
    json_object_set_new(answer, "deliveries_cut", json_integer((json_int_t)halt->deliveries));
    json_object_set_new(answer, "jobs_busy", json_boolean(halt->jobs));
    json_object_set_new(answer, "took_ms", json_integer(halt->took_ms));
}

/* The row as it is: of whoever was first. */
static json_t *row_of(struct hub *hub, const char *id, struct arena *arena)
{
    struct pause *list;
    size_t count;
    ledger_pauses(hub->ledger, arena, &list, &count);
    for (size_t i = 0; i < count; i++)
        if (str_eq(list[i].id, id))
            return record_to_json(&pause_record, &list[i]);
    return NULL;
}

static enum http_verdict do_pause(struct asking *asking, struct http_request *request,
                                  struct http_response *response)
{
    struct hub *hub = asking->hub;
    struct outcome outcome = {0};
    struct halt halt;
    struct op op = {.type = OP_PAUSE, .pause = &asking->row};
    bool panic = asking->row.panic;
    int64_t most = json_get_int(asking->body, "wait_ms", panic ? PANIC_WAIT_MS : PAUSE_WAIT_MS);
    enum http_verdict verdict = api_apply(hub, request, response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    if (outcome.status != LEDGER_OK && outcome.status != LEDGER_DUP)
        return api_outcome(request, response, &outcome);
    crash_point("hub.pause.committed");
    most = most < 0 ? 0 : most < PANIC_WAIT_MS ? most : PANIC_WAIT_MS;
    halt_run(hub, asking->agent, panic, most, &request->arena, &halt);
    json_t *answer = json_pack("{s:b}", "already", outcome.status == LEDGER_DUP);
    json_t *row = row_of(hub, asking->row.id, &request->arena);
    if (row)
        json_object_set_new(answer, "paused", row);
    add_halt(answer, &halt);
    api_set_now(hub, answer);
    crash_point("hub.pause.answer");
    return http_json(request, response, 200, answer);
}

enum http_verdict api_pause(void *ctx, struct http_request *request, struct http_response *response)
{
    struct asking asking = {.hub = ctx};
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    asking.body = body;
    asking.row.panic = json_get_bool(body, "panic", false);
    enum http_verdict verdict = read_asking(&asking, request, response);
    if (verdict == HTTP_PASS)
        verdict = do_pause(&asking, request, response);
    json_decref(body);
    return verdict;
}

/* ---- resume ---- */

/* What holds the scope still, from above: the company an agent, both (and more) a task. */
static int held_by(struct asking *asking, struct http_request *request, struct pause *held,
                   struct err *err)
{
    struct task task = {.agent = asking->agent, .id = ""};
    const char *id = str_starts(asking->row.id, "task:") ? asking->row.id + 5 : NULL;
    *held = (struct pause){0};
    if (id) {
        task = (struct task){.id = id};
        int rc = ledger_get(asking->hub->ledger, &task_record, &task, &request->arena, err);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return ledger_pause_of(asking->hub->ledger, &task, &request->arena, held, err);
}

/* What waits for a worker, and how many turns stood still because of the pause. */
static int add_work(struct asking *asking, size_t turns, json_t *answer, struct err *err)
{
    const struct config *config = asking->hub->config;
    int64_t queued = 0;
    for (size_t i = 0; i < config->agent_count; i++) {
        struct ledger_counts counts = {0};
        if (asking->agent && !str_eq(asking->agent, config->agents[i].id))
            continue;
        if (ledger_count(asking->hub->ledger, config->agents[i].id, &counts, err) < 0)
            return -1;
        queued += counts.queued;
    }
    json_object_set_new(answer, "turns", json_integer((json_int_t)turns));
    json_object_set_new(answer, "queued", json_integer(queued));
    return 0;
}

static enum http_verdict answer_resume(struct asking *asking, struct http_request *request,
                                       struct http_response *response, json_t *answer)
{
    struct err err;
    struct pause held, *list;
    size_t count;
    if (held_by(asking, request, &held, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    if (held.id)
        json_object_set_new(answer, "held_by", record_to_json(&pause_record, &held));
    ledger_pauses(asking->hub->ledger, &request->arena, &list, &count);
    json_t *items = api_items(&pause_record, list, count);
    json_object_set(answer, "paused", json_object_get(items, "items"));
    json_decref(items);
    return http_json(request, response, 200, answer);
}

static enum http_verdict do_resume(struct asking *asking, struct http_request *request,
                                   struct http_response *response)
{
    struct hub *hub = asking->hub;
    struct err err;
    struct outcome outcome = {0};
    struct op op = {.type = OP_RESUME, .pause = &asking->row};
    void *rows = NULL;
    size_t turns = 0;
    if (ledger_query(hub->ledger, LIST_WAITERS, "pause", asking->row.id, 0, LIMIT_LIST,
                     &request->arena, &rows, &turns, &err) < 0)
        return api_unavailable(request, response, &err);
    enum http_verdict verdict = api_apply(hub, request, response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    bool was = outcome.status == LEDGER_OK;
    if (!was && !str_eq(outcome.code, "not_paused"))
        return api_outcome(request, response, &outcome);
    crash_point("hub.resume.answer");
    json_t *answer = json_object();
    json_object_set_new(answer, "resumed", was ? json_string(asking->row.id) : json_null());
    if (was && add_work(asking, turns, answer, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    return answer_resume(asking, request, response, answer);
}

enum http_verdict api_resume(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct asking asking = {.hub = ctx};
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    asking.body = body;
    enum http_verdict verdict = read_asking(&asking, request, response);
    if (verdict == HTTP_PASS)
        verdict = do_resume(&asking, request, response);
    json_decref(body);
    return verdict;
}

int api_add_pause(struct hub *hub, const struct task *task, json_t *answer, struct err *err)
{
    struct arena arena = {0};
    struct pause held = {0};
    int rc = task_state_is_terminal(task->state)
                 ? 0
                 : ledger_pause_of(hub->ledger, task, &arena, &held, err);
    if (rc == 0 && held.id)
        json_object_set_new(answer, "paused", record_to_json(&pause_record, &held));
    arena_fini(&arena);
    return rc;
}
