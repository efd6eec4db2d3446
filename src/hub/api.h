/* What the handlers of the API share: the hub's parts, and how outcomes become answers. */
#ifndef HQ_HUB_API_H
#define HQ_HUB_API_H

#include <stdatomic.h>

#include "base/err.h"
#include "config/config.h"
#include "hub/principal.h"
#include "ledger/ledger.h"
#include "net/http_server.h"

struct auth_throttle;
struct chronicle;
struct counters;
struct courier;
struct engine;
struct jobs;
struct retention;
struct sample;
struct spending;
struct tail;
struct traces;
struct track;

struct hub {
    const struct config *config;
    struct ledger *ledger;
    struct http_server *server;
    struct principals *principals;
    struct auth_throttle *throttle;
    struct track *track;
    _Atomic int64_t refusal_minute, refusals; /* how many were remembered in this minute */
    int64_t started_at;
    struct waker *waker;
    struct courier *courier;
    struct chronicle *chronicle;
    struct tail *tail;
    struct counters *counters;
    struct traces *traces; /* NULL: hq.yaml names no receiver */
    struct sample *sample;
    struct spending *spending;
    struct engine *engine;
    struct retention *retention;
    _Atomic int64_t sizes_at, blob_bytes, archive_bytes; /* boot time of the last look; what it saw */
    struct jobs *jobs; /* NULL: the company has no job bridge */
};

extern const struct http_route hub_routes[];

/* The caller, as the gate found it. */
const struct principal *api_caller(const struct http_request *request);

/* Answers with {"ok":false,"error":…}. */
enum http_verdict api_refuse(struct http_request *request, struct http_response *response,
                             int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* 503 with Retry-After: the store failed; nothing was changed. */
enum http_verdict api_unavailable(struct http_request *request, struct http_response *response,
                                  const struct err *err);

/* Turns any outcome but OK into its answer. */
enum http_verdict api_outcome(struct http_request *request, struct http_response *response,
                              const struct outcome *outcome);

/* Commits one operation in the caller's name; blocks until it is on disk. HTTP_PASS: *outcome says
 * what came of it; else *response holds the 503. */
enum http_verdict api_apply(struct hub *hub, struct http_request *request,
                            struct http_response *response, struct op *op, struct outcome *outcome);

/* 403 not_allowed, 409 lost; and an event `access.refused` in the stream "system" says who reached
 * for what. `task` may be NULL. */
enum http_verdict api_forbid(struct hub *hub, struct http_request *request,
                             struct http_response *response, const char *task, const char *format,
                             ...) __attribute__((format(printf, 5, 6)));
enum http_verdict api_lost(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char *task, const char *format,
                           ...) __attribute__((format(printf, 5, 6)));

/* The same event where the ledger refused a worker: another's task, a stale fence. */
void api_remember_refusal(struct hub *hub, struct http_request *request, const char *task,
                          const struct outcome *outcome);

/* … and where somebody named a task that is not theirs, and was told that there is none. */
void api_remember_unseen(struct hub *hub, struct http_request *request, const char *task);

/* Parses the body as an object. NULL: *response holds the 400. */
json_t *api_body(struct http_request *request, struct http_response *response);

/* A query parameter as a number within [0, max], or the fallback. */
int64_t api_query_int(const struct http_request *request, const char *name, int64_t fallback,
                      int64_t max);

/* Adds "store": how much disk the ledger, its blobs and the archive take, and what is free. */
void api_add_store(struct hub *hub, json_t *answer);

/* Adds "now": the ledger's clock. */
void api_set_now(struct hub *hub, json_t *answer);

/* Adds "budget": what is left for the task; left out where nothing bounds it. 0, or -1 with *err.
 */
int api_add_budget(struct hub *hub, const struct task *task, json_t *answer, struct err *err);

/* Adds "paused": the pause that holds the task back, {id,by,reason,panic,at}; left out where none
 * does. 0, or -1 with *err. */
int api_add_pause(struct hub *hub, const struct task *task, json_t *answer, struct err *err);

/* Rows as {"items":[…]}. */
json_t *api_items(const struct record *record, const void *rows, size_t count);

/* Fills task->instruction and calls' bodies from their blobs. 0, or -1 with *err. */
int api_inline_task(struct hub *hub, struct task *task, struct arena *arena, struct err *err);
int api_inline_call(struct hub *hub, struct call *call, struct arena *arena, struct err *err);

/* Fills the handoff of handoff->task, its result from its blob where it is a large one. 0, a
 * positive number where there is none, or -1 with *err. */
int api_handoff(struct hub *hub, struct handoff *handoff, struct arena *arena, struct err *err);

/* May the caller see this task? People all, a door what it made, an agent what it made, what it
 * works on, and everything below that. */
bool api_may_read(struct http_request *request, const struct task *task);

/* A person (who is told where to look) and the runner learn what retention has taken out of the
 * ledger: then *response says 410. HTTP_PASS: nothing of that name is in the archive. */
enum http_verdict api_archived(struct hub *hub, struct http_request *request,
                               struct http_response *response, const char *prefix);

/* Loads the task whose id is, or alone starts with, `prefix`, if the caller may read it.
 * HTTP_PASS: found; else *response holds the answer. */
enum http_verdict api_task(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char *prefix, struct task *task);

/* 404 with the nearest name. */
enum http_verdict api_unknown_agent(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const char *name);

/* The task's row as the answer. */
enum http_verdict api_answer_task(struct hub *hub, struct http_request *request,
                                  struct http_response *response, int status, const char *id);

/* Fills the note that the body's `reason` becomes in the task's stream; false: it gives none. */
bool api_reason(struct http_request *request, const char *task, struct event *note);

/* Submits a new request: the company's limits and budget are put around it. */
struct submission {
    struct task *task;
    struct amount asked; /* its own budget; -1: none */
    const char *routing; /* JSON of how its agent was chosen, NULL: it was named */
};
enum http_verdict api_submit(struct hub *hub, struct http_request *request,
                             struct http_response *response, const struct submission *submission);

/* A session per ask, hook and delegation unless one is named; chat and wake share the main one. */
const char *api_session_of(const struct task *task, struct arena *arena);

/* Where an operation of a batch comes from. */
struct op_source {
    struct hub *hub;
    const struct principal *caller; /* an agent */
    const json_t *json;
    struct arena *arena;
};

/* Reads op `delegate`: op->task_id and fence are there. A refusal of the hub's own is part of the
 * op. 0, or -1 with *err: "bad_request", or the store's. */
int api_delegate_op(const struct op_source *source, struct op *op, struct err *err);

/* Reads op `ask`, likewise. */
int api_ask_op(const struct op_source *source, struct op *op, struct err *err);

/* POST /v1/tasks with an agent's token. */
enum http_verdict api_delegate_post(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const json_t *body);

/* Handlers, by file. */
enum http_verdict api_register(void *, struct http_request *, struct http_response *);
enum http_verdict api_claim(void *, struct http_request *, struct http_response *);
enum http_verdict api_extend(void *, struct http_request *, struct http_response *);
enum http_verdict api_batch(void *, struct http_request *, struct http_response *);
enum http_verdict api_tasks_post(void *, struct http_request *, struct http_response *);
enum http_verdict api_tasks_list(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_tree(void *, struct http_request *, struct http_response *);
enum http_verdict api_usage(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_reassign(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_note(void *, struct http_request *, struct http_response *);
enum http_verdict api_route(void *, struct http_request *, struct http_response *);
enum http_verdict api_runs_post(void *, struct http_request *, struct http_response *);
enum http_verdict api_runs_list(void *, struct http_request *, struct http_response *);
enum http_verdict api_run_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_run_definition(void *, struct http_request *, struct http_response *);
enum http_verdict api_run_events(void *, struct http_request *, struct http_response *);
enum http_verdict api_run_cancel(void *, struct http_request *, struct http_response *);
enum http_verdict api_run_signal(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_cancel(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_retry(void *, struct http_request *, struct http_response *);
enum http_verdict api_sessions(void *, struct http_request *, struct http_response *);
enum http_verdict api_retired(void *, struct http_request *, struct http_response *);
enum http_verdict api_retired_gone(void *, struct http_request *, struct http_response *);
enum http_verdict api_history(void *, struct http_request *, struct http_response *);
enum http_verdict api_events(void *, struct http_request *, struct http_response *);
enum http_verdict api_feed(void *, struct http_request *, struct http_response *);
enum http_verdict api_blob_put(void *, struct http_request *, struct http_response *);
enum http_verdict api_blob_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_inbox_list(void *, struct http_request *, struct http_response *);
enum http_verdict api_inbox_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_inbox_post(void *, struct http_request *, struct http_response *);
enum http_verdict api_job_list(void *, struct http_request *, struct http_response *);
enum http_verdict api_job_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_job_post(void *, struct http_request *, struct http_response *);
enum http_verdict api_pause(void *, struct http_request *, struct http_response *);
enum http_verdict api_resume(void *, struct http_request *, struct http_response *);
enum http_verdict api_status(void *, struct http_request *, struct http_response *);
enum http_verdict api_agents(void *, struct http_request *, struct http_response *);
enum http_verdict api_check(void *, struct http_request *, struct http_response *);
enum http_verdict api_backup(void *, struct http_request *, struct http_response *);
enum http_verdict api_health(void *, struct http_request *, struct http_response *);
enum http_verdict api_metrics(void *, struct http_request *, struct http_response *);

#endif
