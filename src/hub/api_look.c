/* Looking at tasks: lists, and one with all that belongs to it. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/run_view.h"

enum {
    PAGE = 200,       /* rows in one look: a read holds the store */
    LOOKED_AT = 2000, /* rows that one answer may cost */
    NOTES_LOOKED_AT = 500,
};

/* ?handoffs=1: each ended task with its result. */
static int add_handoffs(struct hub *hub, const struct task *tasks, size_t count, json_t *answer,
                        struct arena *arena, struct err *err)
{
    json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < count; i++) {
        struct handoff handoff = {.task = tasks[i].id};
        int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            json_object_set_new(json_array_get(items, i), "handoff",
                                record_to_json(&handoff_record, &handoff));
    }
    return 0;
}

/* A list on its way to the caller. */
struct listing {
    const char *agent, *state;
    int64_t before; /* seq; goes down as rows are looked at */
    size_t limit;
    struct task *tasks;
    size_t count;
    bool more;
};

/* Pages through the list and keeps what the caller made or works on; looks at LOOKED_AT rows at
 * most, then `next` leads on. */
static int list_own(struct hub *hub, struct http_request *request, struct listing *listing,
                    struct err *err)
{
    struct task *kept = arena_alloc(&request->arena, (listing->limit + 1) * sizeof(*kept));
    listing->tasks = kept;
    listing->more = true;
    for (size_t looked = 0; looked < LOOKED_AT && listing->more;) {
        void *rows;
        size_t count, i = 0;
        if (ledger_query(hub->ledger, LIST_TASKS, listing->agent, listing->state, listing->before,
                         PAGE, &request->arena, &rows, &count, err) < 0)
            return -1;
        struct task *page = rows;
        for (; i < count && listing->count < listing->limit; i++) {
            listing->before = page[i].seq;
            if (principal_may_read(api_caller(request), &page[i]))
                kept[listing->count++] = page[i];
        }
        looked += count;
        listing->more = count == PAGE || i < count;
        if (listing->count == listing->limit)
            break;
    }
    return 0;
}

static int list_all(struct hub *hub, struct http_request *request, struct listing *listing,
                    struct err *err)
{
    void *rows;
    if (ledger_query(hub->ledger, LIST_TASKS, listing->agent, listing->state, listing->before,
                     listing->limit, &request->arena, &rows, &listing->count, err) < 0)
        return -1;
    listing->tasks = rows;
    listing->more = listing->count == listing->limit && listing->count > 0;
    if (listing->more)
        listing->before = listing->tasks[listing->count - 1].seq;
    return 0;
}

enum http_verdict api_tasks_list(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    const struct principal *caller = api_caller(request);
    const char *name = http_query(request, "agent");
    const struct config_agent *agent = config_agent(hub->config, name ? name : "");
    if (caller->kind == PRINCIPAL_OUTSIDE)
        return api_forbid(hub, request, response, NULL, "a hook door may not list tasks");
    if (name && !agent)
        return api_unknown_agent(hub, request, response, name);
    struct listing listing = {.agent = agent ? agent->id : NULL,
                              .state = http_query(request, "state"),
                              .before = api_query_int(request, "before", 0, INT64_MAX),
                              .limit = (size_t)api_query_int(request, "limit", 50, LIMIT_LIST)};
    bool all = principal_is_person(caller) || str_eq(caller->agent, listing.agent);
    if ((all ? list_all : list_own)(hub, request, &listing, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *answer = api_items(&task_record, listing.tasks, listing.count);
    if (http_query(request, "handoffs") &&
        add_handoffs(hub, listing.tasks, listing.count, answer, &request->arena, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    if (listing.more)
        json_object_set_new(answer, "next", json_integer(listing.before));
    return http_json(request, response, 200, answer);
}

/* Adds a list of rows under a key; an empty list is left out. */
static int add_list(struct hub *hub, enum ledger_list list, const struct record *record,
                    const char *key, const char *id, json_t *answer, struct arena *arena,
                    struct err *err)
{
    void *rows;
    size_t count;
    size_t max = list == LIST_CALLS ? LIMIT_CALLS : LIMIT_LIST;
    if (ledger_query(hub->ledger, list, id, NULL, 0, max, arena, &rows, &count, err) < 0)
        return -1;
    if (list == LIST_CALLS)
        for (size_t i = 0; i < count; i++)
            if (api_inline_call(hub, &((struct call *)rows)[i], arena, err) < 0)
                return -1;
    json_t *items = api_items(record, rows, count);
    if (count > 0)
        json_object_set(answer, key, json_object_get(items, "items"));
    json_decref(items);
    return 0;
}

/* What people have noted on it. */
static int add_notes(struct hub *hub, const char *id, json_t *answer, struct arena *arena,
                     struct err *err)
{
    struct event *events;
    size_t count;
    if (ledger_read(hub->ledger, id, 1, NOTES_LOOKED_AT, arena, &events, &count, err) < 0)
        return -1;
    json_t *notes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *body =
            str_eq(events[i].type, "task.note") ? json_loads(events[i].body, 0, NULL) : NULL;
        char at[TIME_TEXT];
        time_rfc3339(events[i].at, at);
        if (body)
            json_array_append_new(notes, json_pack("{s:s,s:s,s:s}", "at", at, "by", events[i].actor,
                                                   "text", json_get_text(body, "text", "")));
        json_decref(body);
    }
    if (json_array_size(notes) > 0)
        json_object_set(answer, "notes", notes);
    json_decref(notes);
    return 0;
}

static json_t *describe(struct hub *hub, struct task *task, bool full, struct arena *arena,
                        struct err *err)
{
    char note[128];
    struct handoff handoff = {.task = task->id};
    json_t *answer = json_object();
    if (api_inline_task(hub, task, arena, err) < 0)
        goto fail;
    json_object_set_new(answer, "task", record_to_json(&task_record, task));
    int rc = api_handoff(hub, &handoff, arena, err);
    if (rc < 0)
        goto fail;
    if (rc == 0)
        json_object_set_new(answer, "handoff", record_to_json(&handoff_record, &handoff));
    ledger_task_note(hub->ledger, task->id, note);
    json_set_text(answer, "note", *note ? note : run_view_note(hub, task, arena));
    if (add_list(hub, LIST_WAITS, &wait_record, "waits", task->id, answer, arena, err) < 0 ||
        add_list(hub, LIST_EFFECTS, &effect_record, "effects", task->id, answer, arena, err) < 0)
        goto fail;
    if (add_notes(hub, task->id, answer, arena, err) < 0 ||
        api_add_pause(hub, task, answer, err) < 0)
        goto fail;
    if (full && add_list(hub, LIST_CALLS, &call_record, "calls", task->id, answer, arena, err) < 0)
        goto fail;
    api_set_now(hub, answer);
    return answer;
fail:
    json_decref(answer);
    return NULL;
}

enum http_verdict api_task_get(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task task = {0};
    uint64_t seen = http_wakes(request->server);
    int64_t wait_ms = api_query_int(request, "wait_ms", 0, LIMIT_WAIT_MS);
    enum http_verdict verdict = api_task(hub, request, response, request->params[0], &task);
    if (verdict != HTTP_PASS)
        return verdict;
    if (wait_ms > 0 && !task_state_is_terminal(task.state) && !request->deadline_passed) {
        const char *key = arena_printf(&request->arena, "task:%s", task.id);
        return http_park(request, key, seen, request->started_ms + wait_ms);
    }
    json_t *answer =
        describe(hub, &task, http_query(request, "full") != NULL, &request->arena, &err);
    return answer ? http_json(request, response, 200, answer)
                  : api_unavailable(request, response, &err);
}
