/* hq task cancel, retry, reassign and note: what a person does about a task. */
#include <stdio.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/table.h"
#include "cli/task_text.h"

/* POSTs to the task and shows what it is now. */
static int act(const struct invocation *invocation, const char *verb, const json_t *body)
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path =
        arena_printf(invocation->arena, "/v1/tasks/%s/%s", invocation->args[0], verb);
    code = operator_call(&line, "POST", path, body, 0, &answer);
    const json_t *task = json_object_get(answer, "task");
    if (code == COMMAND_OK && invocation->json)
        code = output_json(task ? task_document(answer) : json_pack("{s:b}", "ok", 1));
    else if (code == COMMAND_OK && task)
        printf("%s %s%s\n", json_get_text(task, "id", ""), json_get_text(task, "state", ""),
               json_object_get(task, "cancel") ? ": its agent is told to stop" : "");
    json_decref(answer);
    operator_close(&line);
    return code;
}

static int cancel_run(const struct invocation *invocation)
{
    return act(invocation, "cancel", NULL);
}

static int retry_run(const struct invocation *invocation)
{
    char request[33];
    rand_hex(request, 32);
    json_t *body = json_pack("{s:s}", "request", request);
    int code = act(invocation, "retry", body);
    json_decref(body);
    return code;
}

static int reassign_run(const struct invocation *invocation)
{
    char request[33];
    rand_hex(request, 32);
    json_t *body = json_pack("{s:s}", "request", request);
    json_set_text(body, "agent", invocation->args[1]);
    int code = act(invocation, "reassign", body);
    json_decref(body);
    return code;
}

static int note_run(const struct invocation *invocation)
{
    struct err err = {0};
    const char *text = question_text(invocation, invocation->args[1], &err);
    if (!text)
        return output_fail(invocation, COMMAND_USAGE, &err);
    json_t *body = json_object();
    json_set_text(body, "text", text);
    int code = act(invocation, "note", body);
    json_decref(body);
    return code;
}

const struct command command_task_cancel = {
    .name = "task cancel",
    .group = "WORK",
    .usage = "ID",
    .summary = "end a task and everything below it",
    .examples = "hq task cancel t-7f4a\n",
    .min_args = 1,
    .max_args = 1,
    .run = cancel_run,
    .in_task = true,
};

const struct command command_task_retry = {
    .name = "task retry",
    .group = "WORK",
    .usage = "ID",
    .summary = "do a failed task again, as a new task",
    .examples = "hq task retry t-7f4a\n",
    .min_args = 1,
    .max_args = 1,
    .run = retry_run,
};

const struct command command_task_reassign = {
    .name = "task reassign",
    .group = "WORK",
    .usage = "ID AGENT",
    .summary = "give a task to another agent, in its place",
    .examples = "hq task reassign t-7f4a optimizer\n",
    .min_args = 2,
    .max_args = 2,
    .run = reassign_run,
};

const struct command command_task_note = {
    .name = "task note",
    .group = "WORK",
    .usage = "ID TEXT|-",
    .summary = "write a remark beside a task",
    .examples = "hq task note t-7f4a \"The client called: no hurry\"\n",
    .min_args = 2,
    .max_args = 2,
    .run = note_run,
};
