/* The typed client of the hub's API (docs/protocol.md): used by gateways and by the command line.
 * Calls block; each has a deadline; a call that may have reached the hub is repeated with the same
 * request id, so a lost answer does no work twice. */
#ifndef HQ_CLIENT_HUB_CLIENT_H
#define HQ_CLIENT_HUB_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct buf;
struct err;
struct fetch;
struct fetch_cancel;
struct hub_client;

/* Speaks to the hub's unix socket in `state_dir` (state/hub.sock) showing `token`. Copies both.
 * `fetch` is borrowed. Makes no connection yet. */
struct hub_client *hub_client_open(struct fetch *fetch, const char *state_dir, const char *token);

/* Speaks as the agent for whose task this process works, through the socket `fd` that its guard
 * passed in (environment HQ_TASK_FD; client/task_channel.h). Needs no token and no config; the
 * other end lets a few calls through. `fd` is borrowed. No connection is made yet. */
struct hub_client *hub_client_open_task(int fd);

void hub_client_close(struct hub_client *client);

enum hub_outcome {
    HUB_OK = 0,
    HUB_DOWN,    /* nobody answered until the deadline, or the task's channel is closed */
    HUB_REFUSED, /* 4xx: *err has code, message, hint of the hub */
    HUB_BUSY,    /* 503: try later */
    HUB_LOST,    /* the fence is not current */
    HUB_CANCELLED,
};

/* One exchange. `body` is borrowed (NULL: none). While the hub is away it is tried again with
 * back-off until `deadline_ms` from now. *answer is a new reference (NULL unless HUB_OK).
 * `http_status` may be NULL. */
enum hub_outcome hub_call(struct hub_client *client, const char *method, const char *path,
                          const json_t *body, int64_t deadline_ms, struct fetch_cancel *cancel,
                          json_t **answer, int *http_status, struct err *err);

/* Same with another token (a gateway passing a hook door's own); not through a task's channel. */
enum hub_outcome hub_call_as(struct hub_client *client, const char *token, const char *method,
                             const char *path, const json_t *body, int64_t deadline_ms,
                             json_t **answer, int *http_status, struct err *err);

/* Stores raw bytes (PUT /v1/blobs): writes their name, 64 hex digits as the hub computed them, to
 * `hex` (65 bytes). A repeat does no harm. Not through a task's channel. */
enum hub_outcome hub_put_blob(struct hub_client *client, const void *bytes, size_t len,
                              int64_t deadline_ms, struct fetch_cancel *cancel, char *hex,
                              struct err *err);

/* Any GET whose answer is raw bytes (GET /v1/blobs/…), appended to `out`. Not through a task's
 * channel. */
enum hub_outcome hub_get_bytes(struct hub_client *client, const char *path, int64_t deadline_ms,
                               struct buf *out, struct err *err);

#endif
