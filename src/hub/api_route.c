/* Who would get a piece of work, and why: sends nothing. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/routing.h"
#include "hub/routing_snapshot.h"

enum { CANDIDATES_SHOWN = 50 /* best first; the rest is counted */ };

/* An agent asks for itself; a person may ask how it is for an agent. HTTP_PASS: *caller is an id or
 * NULL. */
static enum http_verdict on_behalf(struct hub *hub, struct http_request *request,
                                   struct http_response *response, const json_t *body,
                                   const char **caller)
{
    const struct principal *principal = api_caller(request);
    const char *name = json_get_text(body, "caller", NULL);
    *caller = principal->agent;
    if (principal->kind == PRINCIPAL_OUTSIDE || principal->kind == PRINCIPAL_RUNNER)
        return api_forbid(hub, request, response, NULL, "%s may not route", principal->name);
    if (!name || principal->kind == PRINCIPAL_AGENT)
        return HTTP_PASS;
    const struct config_agent *agent =
        config_agent(hub->config, str_starts(name, "agent:") ? name + 6 : name);
    if (!agent)
        return api_unknown_agent(hub, request, response, name);
    *caller = agent->id;
    return HTTP_PASS;
}

enum http_verdict api_route(void *ctx, struct http_request *request, struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct route_decision decision;
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    struct route_query query = {.config = hub->config,
                                .capability = json_get_text(body, "capability", NULL),
                                .text = json_get_text(body, "text", NULL),
                                .micro_usd_left = -1};
    enum http_verdict verdict = on_behalf(hub, request, response, body, &query.caller);
    if (verdict == HTTP_PASS && str_is_blank(query.capability) && str_is_blank(query.text))
        verdict = api_refuse(request, response, 400, "bad_request",
                             "say what is to be routed: a text or a capability");
    if (verdict != HTTP_PASS)
        goto out;
    if (routing_decide(hub, &query, &request->arena, &decision, &err) < 0) {
        verdict = api_unavailable(request, response, &err);
        goto out;
    }
    json_t *answer = route_to_json(&decision, CANDIDATES_SHOWN);
    if (decision.able == 0)
        json_set_text(answer, "reason", route_refusal(&query, &decision, &request->arena));
    verdict = http_json(request, response, 200, answer);
out:
    json_decref(body);
    return verdict;
}
