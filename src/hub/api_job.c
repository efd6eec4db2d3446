/* Jobs of the bridge: people look at them, and may say how one stands. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

enum { PAGE = 100 };

static enum http_verdict check_person(struct hub *hub, struct http_request *request,
                                      struct http_response *response)
{
    if (principal_is_person(api_caller(request)))
        return HTTP_PASS;
    return api_forbid(hub, request, response, NULL, "jobs are for people: %s has no say in them",
                      api_caller(request)->name);
}

/* Their ids are long: any part of one that only one of the newest has is enough. */
static enum http_verdict find_job(struct hub *hub, struct http_request *request,
                                  struct http_response *response, struct job *job)
{
    struct err err = {0};
    void *rows;
    size_t count, matches = 0;
    const char *word = request->params[0];
    *job = (struct job){.id = word};
    int rc = ledger_get(hub->ledger, &job_record, job, &request->arena, &err);
    if (rc == 0)
        return HTTP_PASS;
    if (rc < 0 || ledger_query(hub->ledger, LIST_JOBS, NULL, NULL, 0, LIMIT_LIST, &request->arena,
                               &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    for (size_t i = 0; i < count; i++)
        if (*word && strstr(((struct job *)rows)[i].id, word) && ++matches == 1)
            *job = ((struct job *)rows)[i];
    if (matches == 1)
        return HTTP_PASS;
    if (matches > 1)
        return api_refuse(request, response, 409, "ambiguous",
                          "%zu jobs have \"%s\" in their id: give more of it", matches, word);
    err_set(&err, "unknown_job", "there is no job \"%s\"", word);
    err_hint(&err, "hq job list shows them");
    return http_error(request, response, 404, &err);
}

/* The row; with its result from the blob where it is large. NULL with *err. */
static json_t *job_json(struct hub *hub, struct job *job, struct arena *arena, struct err *err)
{
    char *bytes;
    size_t len;
    if (!job->result && job->result_blob) {
        if (ledger_blob_get(hub->ledger, job->result_blob, arena, &bytes, &len, err) < 0)
            return NULL;
        job->result = bytes;
        job->result_blob = NULL;
    }
    json_t *json = record_to_json(&job_record, job);
    json_set_text(json, "step", job->path);
    json_object_del(json, "path");
    return json;
}

static enum http_verdict answer_job(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const char *id)
{
    struct err err = {0};
    struct job job = {.id = id};
    json_t *json = NULL;
    if (ledger_get(hub->ledger, &job_record, &job, &request->arena, &err) == 0)
        json = job_json(hub, &job, &request->arena, &err);
    if (!json)
        return api_unavailable(request, response, &err);
    json_t *answer = json_pack("{s:o}", "job", json);
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_job_list(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    enum http_verdict verdict = check_person(hub, request, response);
    if (verdict != HTTP_PASS)
        return verdict;
    size_t limit = (size_t)api_query_int(request, "limit", PAGE, LIMIT_LIST);
    if (ledger_query(hub->ledger, LIST_JOBS, http_query(request, "state"), NULL, 0, limit,
                     &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *answer = json_pack("{s:[]}", "items");
    for (size_t i = 0; i < count; i++) {
        struct job *job = &((struct job *)rows)[i];
        job->result = job->result_blob = NULL; /* of one job; a list has many */
        json_array_append_new(json_object_get(answer, "items"),
                              job_json(hub, job, &request->arena, &err));
    }
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_job_get(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct job job;
    enum http_verdict verdict = check_person(ctx, request, response);
    if (verdict == HTTP_PASS)
        verdict = find_job(ctx, request, response, &job);
    return verdict == HTTP_PASS ? answer_job(ctx, request, response, job.id) : verdict;
}

/* A person's word in place of a folder: the output has the same form. */
static enum http_verdict tell(struct hub *hub, struct http_request *request,
                              struct http_response *response, const struct job *job,
                              const json_t *body)
{
    static const char *const states[] = {JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, NULL};
    struct outcome outcome = {0};
    const char *status = json_get_text(body, "status", "");
    if (!str_in(status, states))
        return api_refuse(request, response, 422, "bad_status",
                          "status is running, completed or failed, not \"%.40s\"", status);
    json_t *output = NULL;
    if (!str_eq(status, JOB_RUNNING))
        output =
            json_pack("{s:s,s:O?,s:[],s:s}", "status", status, "result",
                      json_object_get(body, "result"), "files", "by", api_caller(request)->name);
    struct job to = {.id = job->id,
                     .state = status,
                     .note = json_get_text(body, "note", ""),
                     .result = output ? json_print(&request->arena, output) : NULL};
    struct op op = {.type = OP_JOB_STATE, .job = &to};
    json_decref(output);
    crash_point("job.told.before");
    enum http_verdict verdict = api_apply(hub, request, response, &op, &outcome);
    crash_point("job.told.after");
    if (verdict != HTTP_PASS)
        return verdict;
    return outcome.status == LEDGER_OK ? answer_job(hub, request, response, job->id)
                                       : api_outcome(request, response, &outcome);
}

enum http_verdict api_job_post(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct job job;
    enum http_verdict verdict = check_person(ctx, request, response);
    if (verdict == HTTP_PASS)
        verdict = find_job(ctx, request, response, &job);
    json_t *body = verdict == HTTP_PASS ? api_body(request, response) : NULL;
    if (!body)
        return verdict == HTTP_PASS ? HTTP_ANSWER : verdict;
    verdict = tell(ctx, request, response, &job, body);
    json_decref(body);
    return verdict;
}
