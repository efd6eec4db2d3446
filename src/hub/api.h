/* What the handlers of the API share: the hub's parts, and how outcomes become answers. */
#ifndef HQ_HUB_API_H
#define HQ_HUB_API_H

#include "base/err.h"
#include "config/config.h"
#include "hub/principal.h"
#include "ledger/ledger.h"
#include "net/http_server.h"

struct auth_throttle;

struct hub {
    const struct config *config;
    struct ledger *ledger;
    struct http_server *server;
    struct principals *principals;
    struct auth_throttle *throttle;
    int64_t started_at;
    struct waker *waker;
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

/* Parses the body as an object. NULL: *response holds the 400. */
json_t *api_body(struct http_request *request, struct http_response *response);

/* A query parameter as a number within [0, max], or the fallback. */
int64_t api_query_int(const struct http_request *request, const char *name, int64_t fallback,
                      int64_t max);

/* Rows as {"items":[…]}. */
json_t *api_items(const struct record *record, const void *rows, size_t count);

/* Fills task->instruction and calls' bodies from their blobs. 0, or -1 with *err. */
int api_inline_task(struct hub *hub, struct task *task, struct arena *arena, struct err *err);
int api_inline_call(struct hub *hub, struct call *call, struct arena *arena, struct err *err);

/* Loads the task whose id is, or alone starts with, `prefix`, if the caller may read it.
 * HTTP_PASS: found; else *response holds the answer. */
enum http_verdict api_task(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char *prefix, struct task *task);

/* Handlers, by file. */
enum http_verdict api_register(void *, struct http_request *, struct http_response *);
enum http_verdict api_claim(void *, struct http_request *, struct http_response *);
enum http_verdict api_extend(void *, struct http_request *, struct http_response *);
enum http_verdict api_batch(void *, struct http_request *, struct http_response *);
enum http_verdict api_tasks_post(void *, struct http_request *, struct http_response *);
enum http_verdict api_tasks_list(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_cancel(void *, struct http_request *, struct http_response *);
enum http_verdict api_task_retry(void *, struct http_request *, struct http_response *);
enum http_verdict api_sessions(void *, struct http_request *, struct http_response *);
enum http_verdict api_history(void *, struct http_request *, struct http_response *);
enum http_verdict api_events(void *, struct http_request *, struct http_response *);
enum http_verdict api_blob_put(void *, struct http_request *, struct http_response *);
enum http_verdict api_blob_get(void *, struct http_request *, struct http_response *);
enum http_verdict api_status(void *, struct http_request *, struct http_response *);
enum http_verdict api_agents(void *, struct http_request *, struct http_response *);
enum http_verdict api_check(void *, struct http_request *, struct http_response *);
enum http_verdict api_health(void *, struct http_request *, struct http_response *);
enum http_verdict api_metrics(void *, struct http_request *, struct http_response *);

#endif
