/* What the handlers of runs share. */
#ifndef HQ_HUB_API_RUN_H
#define HQ_HUB_API_RUN_H

#include "net/http_server.h"
#include "wire/flow.h"

struct hub;

/* Loads the run whose id is, or alone starts with, `prefix`. HTTP_PASS: found; else *response holds
 * the answer. */
enum http_verdict api_run(struct hub *hub, struct http_request *request,
                          struct http_response *response, const char *prefix, struct run *run);

/* The same for the route's {id}, where the caller is a person. */
enum http_verdict api_run_of_person(struct hub *hub, struct http_request *request,
                                    struct http_response *response, struct run *run);

#endif
