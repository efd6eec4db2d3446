/* The webhook door: OpenClaw's requests and answers (2026.2.12, hooks), but a 202 is on disk and the
 * result can be fetched. */
#ifndef HQ_GATEWAY_HOOKS_H
#define HQ_GATEWAY_HOOKS_H

#include "net/http_server.h"

struct auth_throttle;
struct hub_client;

struct hooks {
    const char *path;  /* "/hooks" */
    const char *agent; /* whose door this is */
    const char *token; /* secrets/<agent>.hooks.token */
    struct hub_client *hub;
    struct auth_throttle *throttle;
};

/* The checks that come before the body, in OpenClaw's order: ?token= 400, token 401 then 429, method
 * 405, empty sub-path 404. HTTP_PASS: the request may go on. Does not block. */
enum http_verdict hooks_gate(struct hooks *hooks, struct http_request *request,
                             struct http_response *response);

/* POST agent, POST wake, GET runs/{runId}. Blocks for the hub, at most 5 s (runs: as asked). */
enum http_verdict hooks_handle(struct hooks *hooks, struct http_request *request,
                               struct http_response *response);

/* 413 {"ok":false,"error":"payload too large"} */
enum http_verdict hooks_too_large(struct hooks *hooks, struct http_request *request,
                                  struct http_response *response);

#endif
