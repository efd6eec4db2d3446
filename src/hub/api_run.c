/* Runs: started, listed, cancelled, signalled. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/engine.h"
#include "flow/bundle.h"
#include "hub/api.h"
#include "hub/api_run.h"
#include "hub/run_view.h"

enum { RUN_KEY_BYTES = 200 };

static enum http_verdict no_run(struct http_request *request, struct http_response *response,
                                const char *prefix)
{
    struct err err = {0};
    err_set(&err, "unknown_run", "there is no run %.60s", prefix);
    err_hint(&err, "hq flow runs shows the newest");
    return http_error(request, response, 404, &err);
}

enum http_verdict api_run(struct hub *hub, struct http_request *request,
                          struct http_response *response, const char *prefix, struct run *run)
{
    struct err err;
    void *rows = NULL;
    size_t count = 0;
    if (ledger_query(hub->ledger, LIST_RUNS_BY_PREFIX, prefix, NULL, 0, 2, &request->arena, &rows,
                     &count, &err) < 0)
        return api_unavailable(request, response, &err);
    const struct run *found = rows;
    if (count == 2 && !str_eq(found[0].id, prefix))
        return api_refuse(request, response, 409, "ambiguous", "%s is the beginning of several ids",
                          prefix);
    if (count == 0)
        return api_archived(hub, request, response, prefix) == HTTP_PASS
                   ? no_run(request, response, prefix)
                   : HTTP_ANSWER;
    *run = found[0];
    return HTTP_PASS;
}

enum http_verdict api_run_of_person(struct hub *hub, struct http_request *request,
                                    struct http_response *response, struct run *run)
{
    if (!principal_is_person(api_caller(request)))
        return api_forbid(hub, request, response, NULL, "runs of workflows are people's");
    return api_run(hub, request, response, request->params[0], run);
}

/* {"run":{…}}: the row as it is now. */
static enum http_verdict answer_run(struct hub *hub, struct http_request *request,
                                    struct http_response *response, int status, const char *id)
{
    struct err err;
    struct run run = {.id = id};
    if (ledger_get(hub->ledger, &run_record, &run, &request->arena, &err) != 0)
        return api_unavailable(request, response, &err);
    json_t *row = run_view_row(hub, &run, true, &request->arena, &err);
    return row ? http_json(request, response, status, json_pack("{s:o}", "run", row))
               : api_unavailable(request, response, &err);
}

/* ---- starting ---- */

/* A start that is being read. */
struct launch {
    struct hub *hub;
    struct http_request *request;
    struct http_response *response;
    const json_t *body;
    struct engine_start start;
    struct run old;
};

/* 422 with the errors of the workflow, each with its place. */
static enum http_verdict refuse_start(struct launch *launch, const struct err *err)
{
    static const char *const unfit[] = {"bad_workflow", "bad_input",   "no_definition",
                                        "no_step",      "no_workflow", NULL};
    int status = str_in(err->code, unfit)          ? 422
                 : str_eq(err->code, "no_run")     ? 404
                 : str_eq(err->code, "still_open") ? 409
                                                   : 503;
    if (status == 503)
        return api_unavailable(launch->request, launch->response, err);
    if (json_array_size(launch->start.findings) == 0)
        return http_error(launch->request, launch->response, status, err);
    json_t *error = json_pack("{s:s,s:s,s:O}", "code", err->code, "message", err->message,
                              "findings", launch->start.findings);
    json_set_text(error, "hint", *err->hint ? err->hint : NULL);
    return http_json(launch->request, launch->response, status,
                     json_pack("{s:b,s:o}", "ok", false, "error", error));
}

/* The file's bytes, at most those that a bundle may have. 0, or -1 with *err. */
static int read_file(const struct flow_file *file, struct buf *bytes, struct err *err)
{
    int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "bad_workflow", "%s cannot be read", file->name);
    int rc = file_read(fd, LIMIT_FLOW_FOLDER, bytes);
    if (rc < 0)
        err_errno(err, "bad_workflow", "%s cannot be read", file->name);
    close(fd);
    return rc;
}

static int put_blob(struct hub *hub, const struct flow_file *file, struct err *err)
{
    struct buf bytes = {0};
    char hex[65];
    int rc = read_file(file, &bytes, err);
    if (rc == 0)
        rc = ledger_blob_put(hub->ledger, buf_text(&bytes), bytes.len, hex, err);
    if (rc == 0 && !str_eq(hex, file->sha256))
        rc =
            err_set(err, "bad_workflow", "%s was changed while it was read: try again", file->name);
    buf_fini(&bytes);
    return rc;
}

/* One of the company's own, by name: its files are read here and now. */
static int read_workflow(struct launch *launch, const char *name, struct err *err)
{
    struct hub *hub = launch->hub;
    struct arena *arena = &launch->request->arena;
    const struct flow_file *files;
    if (strchr(name, '/') || *name == '.')
        return err_set(err, "no_workflow", "\"%.100s\" is no name of a workflow", name);
    const char *path = flow_find(hub->config->workflows, name, arena, err);
    if (!path)
        return -1;
    struct flow_bundle *bundle = flow_bundle_read(path, hub->config);
    size_t count = flow_bundle_blobs(bundle, &files);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = put_blob(hub, &files[i], err);
    launch->start.bundle = arena_strdup(arena, flow_bundle_text(bundle));
    flow_bundle_close(bundle);
    return rc;
}

static enum http_verdict read_source(struct launch *launch)
{
    struct err err = {0};
    const json_t *bundle = json_object_get(launch->body, "bundle");
    const char *workflow = json_get_text(launch->body, "workflow", NULL);
    const char *old = json_get_text(launch->body, "retry_of", NULL);
    if (!bundle + !workflow + !old != 2)
        return api_refuse(launch->request, launch->response, 400, "bad_request",
                          "say what is to be run: a workflow's name, a bundle, or the run that is "
                          "to be tried again");
    if (json_is_object(bundle))
        launch->start.bundle = json_print(&launch->request->arena, bundle);
    if (workflow && read_workflow(launch, workflow, &err) < 0)
        return refuse_start(launch, &err);
    if (!old)
        return HTTP_PASS;
    enum http_verdict verdict =
        api_run(launch->hub, launch->request, launch->response, old, &launch->old);
    launch->start.retry_of = launch->old.id;
    return verdict;
}

static enum http_verdict read_fields(struct launch *launch)
{
    struct engine_start *start = &launch->start;
    const json_t *inputs = json_object_get(launch->body, "inputs");
    start->key = json_get_text(launch->body, "key", NULL);
    start->entry = json_get_text(launch->body, "entry", NULL);
    start->inputs = json_is_null(inputs) ? NULL : inputs;
    start->inputs_are_text = json_get_bool(launch->body, "inputs_are_text", false);
    start->caller = api_caller(launch->request)->name;
    start->retry_step = json_get_text(launch->body, "step", NULL);
    start->downstream = json_get_bool(launch->body, "downstream", false);
    if (str_is_empty(start->key) || strlen(start->key) > RUN_KEY_BYTES)
        return api_refuse(launch->request, launch->response, 400, "bad_request",
                          "\"key\" is missing or longer than %d bytes: it makes a repeat the same "
                          "run",
                          RUN_KEY_BYTES);
    if (start->inputs && !json_is_object(start->inputs))
        return api_refuse(launch->request, launch->response, 400, "bad_request",
                          "inputs are an object");
    return HTTP_PASS;
}

static enum http_verdict start(struct launch *launch)
{
    struct err err = {0};
    struct outcome outcome;
    char run[RUN_ID_TEXT];
    enum http_verdict verdict = read_fields(launch);
    if (verdict == HTTP_PASS)
        verdict = read_source(launch);
    if (verdict != HTTP_PASS)
        return verdict;
    if (engine_start(launch->hub->engine, &launch->start, &launch->request->arena, run, &outcome,
                     &err) < 0)
        return refuse_start(launch, &err);
    bool there = outcome.status == LEDGER_DUP;
    if (outcome.status != LEDGER_OK && !there)
        return api_outcome(launch->request, launch->response, &outcome);
    return answer_run(launch->hub, launch->request, launch->response, there ? 200 : 201, run);
}

enum http_verdict api_runs_post(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct launch launch = {.hub = ctx, .request = request, .response = response};
    if (!principal_is_person(api_caller(request)))
        return api_forbid(ctx, request, response, NULL, "only people start workflows");
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    launch.body = body;
    launch.start.findings = json_array();
    enum http_verdict verdict = start(&launch);
    json_decref(launch.start.findings);
    json_decref(body);
    return verdict;
}

/* ---- what is done to an open run ---- */

enum http_verdict api_run_cancel(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct run run = {0};
    struct outcome outcome = {0};
    enum http_verdict verdict = api_run_of_person(hub, request, response, &run);
    if (verdict != HTTP_PASS)
        return verdict;
    struct event note;
    bool said = api_reason(request, run.task, &note);
    struct op ops[] = {
        {.type = OP_CANCEL, .task_id = run.task, .cancel = {.reason = "cancelled"}},
        {.type = OP_EVENT, .event = &note},
    };
    struct batch batch = {.actor = api_caller(request)->name, .ops = ops, .count = said ? 2 : 1};
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status == LEDGER_CONFLICT)
        return api_refuse(request, response, 409, "already_ended",
                          "run %s has already ended (%s); nothing was changed", run.id, run.state);
    if (outcome.status != LEDGER_OK)
        return api_outcome(request, response, &outcome);
    return answer_run(hub, request, response, 200, run.id);
}

enum http_verdict api_run_signal(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct run run = {0};
    struct outcome outcome = {0};
    enum http_verdict verdict = api_run_of_person(hub, request, response, &run);
    json_t *body = verdict == HTTP_PASS ? api_body(request, response) : NULL;
    if (!body)
        return HTTP_ANSWER;
    const json_t *payload = json_object_get(body, "payload");
    struct signal_op signal = {.run = run.id,
                               .name = json_get_text(body, "name", NULL),
                               .payload = payload ? json_print(&request->arena, payload) : NULL};
    struct op op = {.type = OP_SIGNAL, .signal = &signal};
    verdict = str_is_blank(signal.name)
                  ? api_refuse(request, response, 400, "bad_request", "which signal? \"name\"")
                  : api_apply(hub, request, response, &op, &outcome);
    if (verdict == HTTP_PASS)
        verdict = outcome.status == LEDGER_OK ? answer_run(hub, request, response, 200, run.id)
                                              : api_outcome(request, response, &outcome);
    json_decref(body);
    return verdict;
}
