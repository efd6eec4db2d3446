/* How the hub and the company are: agents, their work, who waits for whom, money, health. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "engine/allowance.h"
#include "hub/api.h"
#include "hub/chains.h"
#include "hub/decider.h"
#include "sys/lock.h"

/* A look at the company, in somebody's name. */
struct look {
    struct hub *hub;
    struct arena *arena;
    struct decider caller;
};

/* Whom an item of the inbox is waited for, in the caller's words: {"who","title"}. *out is NULL
 * where there is no such item; new reference. 0, or -1 with *err. */
static int describe_item(struct hub *hub, const struct decider *caller, const char *id,
                         json_t **out, struct arena *arena, struct err *err)
{
    struct approval approval = {.id = id};
    int rc = ledger_get(hub->ledger, &approval_record, &approval, arena, err);
    *out = NULL;
    if (rc == 0) {
        *out = json_object();
        json_set_text(*out, "who", decider_waited_for(hub->config, caller, &approval, arena));
        json_set_text(*out, "title", approval.title);
    }
    return rc < 0 ? -1 : 0;
}

/* A task's waits; those for people say for whom and for what. NULL with *err. */
static json_t *describe_waits(struct hub *hub, const struct decider *caller,
                              const struct wait *waits, size_t count, struct arena *arena,
                              struct err *err)
{
    json_t *answer = api_items(&wait_record, waits, count), *more;
    json_t *items = json_incref(json_object_get(answer, "items"));
    json_decref(answer);
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(waits[i].kind, "approval"))
            continue;
        if (describe_item(hub, caller, waits[i].id, &more, arena, err) < 0) {
            json_decref(items);
            return NULL;
        }
        json_object_update(json_array_get(items, i), more);
        json_decref(more);
    }
    return items;
}

/* The open tasks of an agent: what it works on, what it waits for. */
static int describe_work(struct hub *hub, const struct decider *caller, const char *agent,
                         json_t *item, struct arena *arena, struct err *err)
{
    void *rows, *wait_rows;
    size_t count, waits;
    if (ledger_query(hub->ledger, LIST_TASKS_OPEN, agent, NULL, 0, 20, arena, &rows, &count, err) <
        0)
        return -1;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct task *task = &((struct task *)rows)[i];
        char note[128];
        ledger_task_note(hub->ledger, task->id, note);
        const char *start = task->instruction ? task->instruction : "";
        json_t *one = json_pack("{s:s,s:s,s:s,s:I,s:I}", "id", task->id, "state", task->state,
                                "kind", task->kind, "tries", (json_int_t)task->tries, "age_ms",
                                (json_int_t)(ledger_now(hub->ledger) - task->created_at));
        json_object_set_new(one, "title", json_text(start, str_utf8_cut(start, strlen(start), 80)));
        json_set_text(one, "note", *note ? note : NULL);
        json_set_text(one, "failure", task->failure_message);
        if (task->blocked)
            json_set_text(one, "session", task->session);
        json_t *wanted = ledger_query(hub->ledger, LIST_WAITS, task->id, NULL, 0, 8, arena,
                                      &wait_rows, &waits, err) < 0
                             ? NULL
                             : describe_waits(hub, caller, wait_rows, waits, arena, err);
        if (!wanted) {
            json_decref(one);
            json_decref(list);
            return -1;
        }
        json_object_set_new(one, "waits", wanted);
        json_array_append_new(list, one);
    }
    json_object_set_new(item, "open", list);
    return 0;
}

/* An open breaker, or one that has failures to count. */
static void add_breaker(struct hub *hub, const struct agent *row, json_t *item)
{
    struct breaker breaker;
    char until[TIME_TEXT];
    bool open = breaker_look(row, ledger_now(hub->ledger), &breaker);
    if (!open && breaker.failures == 0)
        return;
    json_t *json = json_pack("{s:b,s:I}", "open", open, "failures", (json_int_t)breaker.failures);
    json_set_text(json, "reason", *breaker.reason ? breaker.reason : NULL);
    if (open) {
        time_rfc3339(breaker.until, until);
        json_set_text(json, "until", until);
    }
    json_object_set_new(item, "breaker", json);
}

static json_t *agent_item(struct hub *hub, const struct decider *caller,
                          const struct config_agent *config, struct arena *arena, struct err *err)
{
    struct agent row = {.id = config->id};
    struct ledger_counts counts = {0};
    int rc = ledger_get(hub->ledger, &agent_record, &row, arena, err);
    if (rc < 0 || ledger_count(hub->ledger, config->id, &counts, err) < 0)
        return NULL;
    json_t *item =
        json_pack("{s:s,s:s?,s:s?,s:i,s:I,s:I,s:b,s:I,s:I,s:I}", "id", config->id, "name",
                  config->name, "model", config->model, "port", config->port, "pid",
                  (json_int_t)row.pid, "incarnation", (json_int_t)row.incarnation, "paused",
                  row.paused || ledger_is_paused(hub->ledger), "queued", (json_int_t)counts.queued,
                  "working", (json_int_t)counts.working, "waiting", (json_int_t)counts.waiting);
    add_breaker(hub, &row, item);
    json_object_set_new(item, "seen_ms",
                        json_integer(ledger_agent_seen_ms(hub->ledger, config->id)));
    if (describe_work(hub, caller, config->id, item, arena, err) == 0)
        return item;
    json_decref(item);
    return NULL;
}

static json_t *agent_items(struct hub *hub, const struct decider *caller, struct arena *arena,
                           struct err *err)
{
    json_t *items = json_array();
    for (size_t i = 0; i < hub->config->agent_count; i++) {
        json_t *item = agent_item(hub, caller, &hub->config->agents[i], arena, err);
        if (!item) {
            json_decref(items);
            return NULL;
        }
        json_array_append_new(items, item);
    }
    return items;
}

/* Deliveries that a person should know of: held ones, and what went wrong in the last days. */
static int add_held(const struct look *look, json_t *answer, struct err *err)
{
    struct hub *hub = look->hub;
    struct arena *arena = look->arena;
    enum { SHOWN = 20 };
    static const int64_t days = 7 * INT64_C(86400000);
    static const char *const states[] = {EFFECT_HELD, EFFECT_UNKNOWN, EFFECT_DEAD};
    json_t *held = json_array();
    json_object_set_new(answer, "held_effects", held);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        void *rows;
        size_t count;
        int64_t since = i > 0 ? ledger_now(hub->ledger) - days : 0;
        if (ledger_query(hub->ledger, LIST_EFFECTS_BY_STATE, states[i], NULL, since, SHOWN, arena,
                         &rows, &count, err) < 0)
            return -1;
        json_t *items = api_items(&effect_record, rows, count);
        json_array_extend(held, json_object_get(items, "items"));
        json_decref(items);
    }
    return 0;
}

/* The company's money in the period that is now; left out where it has no budget. */
static int add_budget(const struct look *look, json_t *answer, struct err *err)
{
    struct hub *hub = look->hub;
    struct arena *arena = look->arena;
    const struct config *config = hub->config;
    if (config->budget_micro_usd < 0)
        return 0;
    const char *owner = allowance_period(config, ledger_now(hub->ledger), arena);
    struct budget row = {.id = arena_printf(arena, "%s/usd", owner)};
    if (ledger_get(hub->ledger, &budget_record, &row, arena, err) < 0)
        return -1;
    json_object_set_new(answer, "budget",
                        json_pack("{s:{s:I,s:I,s:I,s:s}}", "usd", "limit",
                                  (json_int_t)config->budget_micro_usd, "spent",
                                  (json_int_t)row.spent, "reserved", (json_int_t)row.reserved,
                                  "period", strchr(owner, ':') + 1));
    return 0;
}

static int add_chains(const struct look *look, json_t *answer, struct err *err)
{
    static const char approval[] = "approval ";
    size_t i;
    json_t *chain, *item;
    json_t *chains = chains_of(look->hub->ledger, look->arena, err);
    if (!chains)
        return -1;
    json_object_set_new(answer, "chains", chains);
    json_array_foreach (chains, i, chain) {
        const char *ends = json_get_text(chain, "ends", "");
        if (!str_starts(ends, approval))
            continue;
        if (describe_item(look->hub, &look->caller, ends + strlen(approval), &item, look->arena,
                          err) < 0)
            return -1;
        json_object_update(chain, item);
        json_decref(item);
    }
    return 0;
}

static int add_agents(const struct look *look, json_t *answer, struct err *err)
{
    json_t *agents = agent_items(look->hub, &look->caller, look->arena, err);
    if (!agents)
        return -1;
    json_object_set_new(answer, "agents", agents);
    return 0;
}

/* How many items the caller may decide; looked at are the oldest pending ones, so a company with
 * very many says "inbox_more". */
static int add_inbox(const struct look *look, json_t *answer, struct err *err)
{
    enum { LOOKED_AT = 500 };
    void *rows;
    size_t count;
    int64_t yours = 0;
    if (ledger_query(look->hub->ledger, LIST_APPROVALS, APPROVAL_PENDING, NULL, 0, LOOKED_AT,
                     look->arena, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        yours += decider_may(look->hub->config, &look->caller, &((const struct approval *)rows)[i]);
    json_object_set_new(answer, "inbox", json_integer(yours));
    json_object_set_new(answer, "inbox_pending", json_integer((json_int_t)count));
    if (count == LOOKED_AT)
        json_object_set_new(answer, "inbox_more", json_true());
    return 0;
}

/* Runs of workflows that are open, and how many of them wait for people, time, signals or jobs. */
static int add_runs(const struct look *look, json_t *answer, struct err *err)
{
    struct ledger *ledger = look->hub->ledger;
    int64_t running = 0, waiting = 0;
    if (ledger_count_runs(ledger, RUN_RUNNING, &running, err) < 0 ||
        ledger_count_runs(ledger, RUN_WAITING, &waiting, err) < 0)
        return -1;
    json_object_set_new(answer, "runs",
                        json_pack("{s:I,s:I}", "open", (json_int_t)(running + waiting), "waiting",
                                  (json_int_t)waiting));
    return 0;
}

static int add_paused(const struct look *look, json_t *answer, struct err *err)
{
    struct pause *list;
    size_t count;
    ledger_pauses(look->hub->ledger, look->arena, &list, &count);
    json_t *items = api_items(&pause_record, list, count);
    json_object_set(answer, "paused", json_object_get(items, "items"));
    json_decref(items);
    return 0;
}

enum http_verdict api_status(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    static int (*const parts[])(const struct look *, json_t *, struct err *) = {
        add_agents, add_held, add_budget, add_chains, add_inbox, add_runs, add_paused};
    struct hub *hub = ctx;
    struct err err;
    char started[TIME_TEXT];
    if (!principal_is_person(api_caller(request)))
        return api_refuse(request, response, 403, "not_allowed", "status is for people");
    struct look look = {hub, &request->arena,
                        decider_of(hub->config, api_caller(request), &request->arena)};
    time_rfc3339(hub->started_at, started);
    json_t *answer = json_pack("{s:i,s:s,s:{s:i,s:I,s:s?,s:i,s:s}}", "schema_version", 1, "company",
                               hub->config->company, "hub", "pid", (int)getpid(), "pss_kb",
                               (json_int_t)process_pss_kb(), "address", hub->config->hub_address,
                               "port", hub->config->hub_port, "started_at", started);
    api_add_store(hub, answer);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i](&look, answer, &err) < 0) {
            json_decref(answer);
            return api_unavailable(request, response, &err);
        }
    return http_json(request, response, 200, answer);
}

/* What another agent works on is not an agent's business: its tasks' titles stay with it. */
static void leave_own_work(const struct principal *caller, json_t *items)
{
    size_t i;
    json_t *item;
    json_array_foreach (items, i, item)
        if (!principal_is_person(caller) && !str_eq(json_get_text(item, "id", ""), caller->agent))
            json_object_del(item, "open");
}

enum http_verdict api_agents(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct err err;
    struct hub *hub = ctx;
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not list agents");
    struct decider caller = decider_of(hub->config, api_caller(request), &request->arena);
    json_t *items = agent_items(hub, &caller, &request->arena, &err);
    if (!items)
        return api_unavailable(request, response, &err);
    leave_own_work(api_caller(request), items);
    return http_json(request, response, 200, json_pack("{s:o}", "items", items));
}

enum http_verdict api_health(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    return http_text(response, 200, "ok\n");
}
