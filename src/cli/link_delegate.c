/* delegate.sh: the seed's script that gives an agent a piece of work and does not wait. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/link.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/table.h"

static const struct command_option delegate_options[] = {
    {"channel", 0, "ID", "post the answer there (an id of the chat, or webhook:NAME)"},
    {"deliver", 0, NULL, "post the answer (the default): where the agent's answers go"},
    {"no-deliver", 0, NULL, "post it nowhere"},
    {0},
};

json_t *link_deliver(const struct invocation *invocation, struct err *err)
{
    const char *channel = invocation_value(invocation, "channel");
    if (invocation_has(invocation, "no-deliver"))
        return json_null();
    if (!channel)
        return json_pack("{s:s}", "channel", "last");
    if (strchr(channel, ':'))
        return question_deliver(channel, err);
    json_t *deliver = json_pack("{s:s}", "channel", "discord");
    json_set_text(deliver, "to", arena_printf(invocation->arena, "channel:%s", channel));
    return deliver;
}

static json_t *delegate_body(struct operator_line *line, struct err *err)
{
    const struct invocation *invocation = line->invocation;
    char key[UUID_TEXT];
    const char *text = question_text(invocation, invocation->args[1], err);
    json_t *deliver = text ? link_deliver(invocation, err) : NULL;
    if (!deliver)
        return NULL;
    rand_uuid(key);
    json_t *body = json_pack("{s:s,s:s}", "kind", line->config ? "hook" : "delegation", "key", key);
    json_set_text(body, "agent", invocation->args[0]);
    json_set_text(body, "instruction", text);
    if (json_is_null(deliver))
        json_decref(deliver);
    else
        json_object_set_new(body, "deliver", deliver);
    return body;
}

static int delegate(struct operator_line *line)
{
    struct err err = {0};
    json_t *answer = NULL, *body = delegate_body(line, &err);
    if (!body)
        return output_fail(line->invocation, COMMAND_USAGE, &err);
    int code = operator_call(line, "POST", "/v1/tasks", body, 0, &answer);
    const json_t *task = json_object_get(answer, "task");
    if (code == COMMAND_OK) /* what the hook answered to the script's curl */
        output_json_line(json_pack("{s:b,s:s}", "ok", 1, "runId", json_get_text(task, "id", "")));
    json_decref(answer);
    json_decref(body);
    return code;
}

static int delegate_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = delegate(&line);
    operator_close(&line);
    return code;
}

const struct command command_link_delegate = {
    .name = "delegate.sh",
    .group = "LINKS",
    .usage = "AGENT TEXT|-",
    .summary = "give an agent work and go on; its answer is posted",
    .details =
        "A link of this name to hq is the seed's script; so is `hq delegate.sh`. It prints "
        "{\"ok\":true,\"runId\":…}\nas soon as the work is on disk; `hq task show RUNID` finds "
        "the result.\n",
    .examples = "delegate.sh webster \"Find three sources\" --channel webhook:ops\n",
    .options = delegate_options,
    .min_args = 2,
    .max_args = 2,
    .run = delegate_run,
    .in_task = true,
    .is_link = true,
};
