/* Blobs: stored by workers, read by people; an agent reads those that a task it may see handed
 * over, the runner those of the bundles of runs that it works for. */
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/run_definition.h"

enum http_verdict api_blob_put(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    char hex[65];
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_forbid(hub, request, response, NULL, "a hook door may not store blobs");
    if (ledger_blob_put(hub->ledger, request->body, request->body_len, hex, &err) < 0)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 201, json_pack("{s:s}", "sha256", hex));
}

static bool hands_over(const struct handoff *handoff, const char *hex)
{
    size_t i;
    const json_t *artefact;
    bool found = false;
    json_t *artefacts = handoff->artefacts ? json_loads(handoff->artefacts, 0, NULL) : NULL;
    json_array_foreach (artefacts, i, artefact)
        found = found || str_eq(json_get_text(artefact, "sha256", ""), hex);
    json_decref(artefacts);
    return found;
}

static bool bundle_names(const char *text, const char *hex)
{
    const char *name;
    json_t *blob;
    bool found = false;
    json_t *bundle = text ? json_loads(text, 0, NULL) : NULL;
    json_object_foreach (json_object_get(bundle, "blobs"), name, blob)
        found = found || str_eq(json_get_text(blob, "sha256", ""), hex);
    json_decref(bundle);
    return found;
}

static enum http_verdict check_runner(struct hub *hub, struct http_request *request,
                                      struct http_response *response, const struct task *task)
{
    struct err err;
    const char *text = NULL;
    struct run run = {.id = task->run ? task->run : ""};
    bool held = str_eq(task->state, TASK_WORKING);
    if (held && run_definition(hub->ledger, &run, &text, &request->arena, &err) < 0)
        return api_unavailable(request, response, &err);
    if (bundle_names(text, request->params[0]))
        return HTTP_PASS;
    return api_forbid(hub, request, response, task->id,
                      held ? "the bundle of task %s names no such file"
                           : "task %s is not being worked on",
                      task->id);
}

/* A blob's name alone opens nothing for a worker: prompts and other agents' words are blobs, too.
 */
static enum http_verdict check_worker(struct hub *hub, struct http_request *request,
                                      struct http_response *response)
{
    struct err err;
    struct task task = {0};
    const char *id = http_query(request, "task");
    if (!id)
        return api_forbid(hub, request, response, NULL,
                          "%s reads a blob as an artefact of a task: add ?task=ID",
                          api_caller(request)->name);
    enum http_verdict verdict = api_task(hub, request, response, id, &task);
    if (verdict != HTTP_PASS)
        return verdict;
    if (api_caller(request)->kind == PRINCIPAL_RUNNER)
        return check_runner(hub, request, response, &task);
    struct handoff handoff = {.task = task.id};
    int rc = ledger_get(hub->ledger, &handoff_record, &handoff, &request->arena, &err);
    if (rc < 0)
        return api_unavailable(request, response, &err);
    if (rc == 0 && hands_over(&handoff, request->params[0]))
        return HTTP_PASS;
    return api_forbid(hub, request, response, task.id, "task %s hands over no such artefact",
                      task.id);
}

enum http_verdict api_blob_get(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    char *bytes;
    size_t len;
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_forbid(hub, request, response, NULL, "a hook door may not read blobs");
    if (!principal_is_person(api_caller(request))) {
        enum http_verdict verdict = check_worker(hub, request, response);
        if (verdict != HTTP_PASS)
            return verdict;
    }
    int rc = ledger_blob_get(hub->ledger, request->params[0], &request->arena, &bytes, &len, &err);
    if (rc < 0)
        return api_unavailable(request, response, &err);
    if (rc > 0)
        return api_refuse(request, response, 404, "not_found", "there is no such blob");
    *response = (struct http_response){
        .status = 200, .content_type = "application/octet-stream", .body = bytes, .body_len = len};
    return HTTP_ANSWER;
}

int api_handoff(struct hub *hub, struct handoff *handoff, struct arena *arena, struct err *err)
{
    char *bytes;
    size_t len;
    int rc = ledger_get(hub->ledger, &handoff_record, handoff, arena, err);
    if (rc != 0 || !handoff->result || !str_starts(handoff->result, "{\"$blob\":"))
        return rc;
    json_t *reference = json_loads(handoff->result, 0, NULL);
    const char *hex = json_get_text(reference, "$blob", NULL);
    rc = hex ? ledger_blob_get(hub->ledger, hex, arena, &bytes, &len, err) : 0;
    if (hex && rc == 0)
        handoff->result = bytes;
    json_decref(reference);
    return rc < 0 ? -1 : 0;
}
