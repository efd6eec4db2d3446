/* hq job done: a person says how a job ended, to the hub, or on the other side into the inbox. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/job_side.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command_option done_options[] = {
    {"status", 0, "STATUS", "completed or failed"},
    {"result", 0, "JSON|@FILE", "the job's result"},
    {"message", 'm', "TEXT", "what is to be said about it"},
    {"dir", 0, "DIR", "on the other side: put it into this bridge's inbox, without a hub"},
    {"as", 0, "PERSON", "in this person's name"},
    {0},
};

static int read_file(const char *path, struct buf *text, struct err *err)
{
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && got > 0 && text->len <= LIMIT_RESULT) {
        got = read(fd, buf_room(text, 65536), 65536);
        if (got > 0)
            buf_grow(text, (size_t)got);
    }
    int rc = fd < 0 || got < 0 ? err_errno(err, "usage", "cannot read %s", path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* 0 with *result (NULL: none was given), or -1 with *err. */
static int given_result(const struct invocation *invocation, json_t **result, struct err *err)
{
    const char *given = invocation_value(invocation, "result");
    struct buf text = {0};
    *result = NULL;
    if (!given)
        return 0;
    int rc = 0;
    if (*given == '@')
        rc = read_file(given + 1, &text, err);
    else
        buf_puts(&text, given);
    if (rc == 0) {
        *result = json_parse(buf_text(&text), text.len, err);
        rc = *result ? 0 : -1;
    }
    buf_fini(&text);
    return rc;
}

static int tell_hub(const struct invocation *invocation, const char *status, const json_t *result)
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/jobs/%s", invocation->args[0]);
    json_t *body = json_pack("{s:s,s:O*}", "status", status, "result", result);
    json_set_text(body, "note", invocation_value(invocation, "message"));
    code = operator_call(&line, "POST", path, body, 0, &answer);
    const json_t *job = json_object_get(answer, "job");
    if (code == COMMAND_OK && invocation->json)
        code = output_json(json_pack("{s:O}", "job", job));
    else if (code == COMMAND_OK)
        output_note(invocation, "%s is %s", json_get_text(job, "id", ""),
                    json_get_text(job, "state", ""));
    json_decref(body);
    json_decref(answer);
    operator_close(&line);
    return code;
}

static int tell_folder(const struct invocation *invocation, const char *status,
                       const json_t *result)
{
    struct err err = {0};
    struct job_side side;
    struct job_word word = {status, result, invocation_value(invocation, "message")};
    const char *id = invocation->args[0];
    if (job_side_open(invocation_value(invocation, "dir"), invocation->arena, &side, &err) < 0 ||
        job_say_done(&side, id, &word, &err) < 0)
        return output_fail(invocation, COMMAND_FAILED, &err);
    output_note(invocation, "%s: %s lies in %s", id, status, side.inbox);
    return COMMAND_OK;
}

static int done_run(const struct invocation *invocation)
{
    struct err err = {0};
    json_t *result;
    const char *status = invocation_value(invocation, "status");
    if (!str_eq(status, "completed") && !str_eq(status, "failed")) {
        err_set(&err, "usage", "--status: completed or failed%s%s%s", status ? ", not \"" : "",
                status ? status : "", status ? "\"" : "");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    if (given_result(invocation, &result, &err) < 0) {
        err_hint(&err, "--result: JSON, or @FILE with it");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    int code = invocation_has(invocation, "dir") ? tell_folder(invocation, status, result)
                                                 : tell_hub(invocation, status, result);
    json_decref(result);
    return code;
}

const struct command command_job_done = {
    .name = "job done",
    .group = "WORK",
    .usage = "JOB",
    .summary = "say how a job ended",
    .examples = "hq job done 7f4a --status completed\n",
    .options = done_options,
    .min_args = 1,
    .max_args = 1,
    .run = done_run,
};
