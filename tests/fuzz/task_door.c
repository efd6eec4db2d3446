/* What a command that an agent runs sends through its channel: only the open routes reach the hub, as
 * this task, with nothing of the command's own text in the path but plain names. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "property.h"
#include "tool/task_door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The hub, which answers everything. */
enum hub_outcome hub_call(struct hub_client *client, const char *method, const char *path,
                          const json_t *body, int64_t deadline_ms, struct fetch_cancel *cancel,
                          json_t **answer, int *http_status, struct err *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./?&=";
    PROPERTY(str_eq(method, "GET") || str_eq(method, "POST"), "a door knows two methods");
    PROPERTY(strspn(path, plain) == strlen(path) && !strstr(path, "..") && !strstr(path, "//"),
             "a path is plain");
    PROPERTY(str_starts(path, "/v1/tasks") || str_eq(path, "/v1/route") || str_starts(path, "/v1/agents"),
             "only the open routes");
    PROPERTY(deadline_ms > 0 && deadline_ms <= 60000, "a call ends");
    if (str_eq(path, "/v1/tasks") && body) {
        PROPERTY(str_eq(json_get_text(body, "parent", ""), "t-own"), "a delegation is below its task");
        PROPERTY(json_get_int(body, "fence", 0) == 7, "with its fence");
        PROPERTY(str_eq(json_get_text(body, "kind", ""), "delegation"), "and nothing else");
    }
    if (str_eq(path, "/v1/route"))
        PROPERTY(str_eq(json_get_text(body, "caller", ""), "manager"), "the caller is the agent");
    *http_status = 200;
    *answer = json_object();
    return HUB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct door_caller caller = {.agent = "manager", .task = "t-own", .fence = 7};
    json_t *answer = door_answer(&caller, (const char *)data, size);
    int64_t status = json_get_int(answer, "status", 0);
    PROPERTY(status == 200 || status == 400 || status == 403, "a request is answered or refused");
    PROPERTY(json_is_object(json_object_get(answer, "body")), "with a body");
    json_decref(answer);
    return 0;
}
