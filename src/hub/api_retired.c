/* Sessions that retention has taken: their agent asks which, removes what it has of them, and says
 * so. The hub itself never touches an agent's folder. */
#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "ledger/ledger.h"

/* NULL: *response refuses. */
static const char *own_agent(struct hub *hub, struct http_request *request,
                             struct http_response *response)
{
    const struct principal *caller = api_caller(request);
    if (caller->kind == PRINCIPAL_AGENT && str_eq(caller->agent, request->params[0]))
        return caller->agent;
    api_forbid(hub, request, response, NULL, "%s may not put away the sessions of %s", caller->name,
               request->params[0]);
    return NULL;
}

enum http_verdict api_retired(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const char *agent = own_agent(hub, request, response);
    if (!agent)
        return HTTP_ANSWER;
    if (ledger_query(hub->ledger, LIST_SESSIONS_RETIRED, agent, NULL, 0, LIMIT_RETIRED_PAGE,
                     &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 200, api_items(&session_record, rows, count));
}

enum http_verdict api_retired_gone(void *ctx, struct http_request *request,
                                   struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    int64_t gone = 0;
    const char *keys[LIMIT_RETIRED_PAGE];
    size_t count = 0;
    const char *agent = own_agent(hub, request, response);
    json_t *body = agent ? api_body(request, response) : NULL;
    if (!body)
        return HTTP_ANSWER;
    const json_t *list = json_object_get(body, "gone");
    for (size_t i = 0; i < json_array_size(list) && count < LIMIT_RETIRED_PAGE; i++)
        if (json_is_string(json_array_get(list, i)))
            keys[count++] = json_string_value(json_array_get(list, i));
    int rc = ledger_forget_sessions(hub->ledger, agent, keys, count, &gone, &err);
    json_decref(body);
    crash_point("hub.sessions.gone");
    if (rc < 0)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 200, json_pack("{s:I}", "gone", (json_int_t)gone));
}
