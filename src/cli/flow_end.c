/* hq flow cancel, retry and signal: what a person does about a run. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/flow_follow.h"
#include "cli/flow_look.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command_option cancel_options[] = {
    {"reason", 'm', "TEXT", "kept with the run"},
    {0},
};

static const struct command_option retry_options[] = {
    {"step", 0, "STEP", "begin again at this step; results of the others are kept"},
    {"downstream", 0, NULL, "and at everything that depends on it"},
    {"wait", 0, NULL, "until the new run has ended (the default)"},
    {"no-wait", 0, NULL, "return as soon as it is on disk; prints its id"},
    {0},
};

/* POSTs to the run and shows what it is now. */
static int act(const struct invocation *invocation, const char *verb, const json_t *body)
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/runs/%s/%s", invocation->args[0], verb);
    code = operator_call(&line, "POST", path, body, 0, &answer);
    const json_t *run = json_object_get(answer, "run");
    if (code == COMMAND_OK && invocation->json)
        code = output_json(json_pack("{s:O*}", "run", run));
    else if (code == COMMAND_OK)
        printf("%s %s\n", json_get_text(run, "id", invocation->args[0]),
               json_get_text(run, "state", ""));
    json_decref(answer);
    operator_close(&line);
    return code;
}

static int cancel_run(const struct invocation *invocation)
{
    json_t *body = json_object();
    json_set_text(body, "reason", invocation_value(invocation, "reason"));
    int code = act(invocation, "cancel", body);
    json_decref(body);
    return code;
}

static int signal_run(const struct invocation *invocation)
{
    struct err err = {0};
    const char *text = invocation->arg_count > 2 ? invocation->args[2] : "null";
    json_t *payload = json_parse(text, strlen(text), &err);
    if (!payload) {
        err_hint(&err, "the payload is JSON: quote a text twice, as in '\"yes\"'");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    json_t *body = json_pack("{s:o}", "payload", payload);
    json_set_text(body, "name", invocation->args[1]);
    int code = act(invocation, "signal", body);
    json_decref(body);
    return code;
}

static json_t *retry_body(const struct invocation *invocation, const char *id)
{
    char uuid[UUID_TEXT];
    json_t *body = json_pack("{s:s}", "retry_of", id);
    rand_uuid(uuid);
    json_set_text(body, "key", uuid);
    json_set_text(body, "step", invocation_value(invocation, "step"));
    if (invocation_has(invocation, "downstream"))
        json_object_set_new(body, "downstream", json_true());
    return body;
}

static int follow(struct operator_line *line, const json_t *started)
{
    json_t *run = NULL;
    const struct invocation *invocation = line->invocation;
    const char *id = json_get_text(started, "id", "");
    output_note(invocation, "run %s goes on from %s", flow_short_id(id, invocation->arena),
                invocation->args[0]);
    int code = flow_follow(line, id, NULL, &run);
    if (code == COMMAND_OK)
        code = flow_print_end(invocation, run);
    json_decref(run);
    return code;
}

static int retry(struct operator_line *line)
{
    const struct invocation *invocation = line->invocation;
    json_t *old = NULL, *answer = NULL;
    int code = flow_look(line, invocation->args[0], 0, 0, &old);
    if (code != COMMAND_OK)
        return code;
    json_t *body = retry_body(invocation, json_get_text(old, "id", ""));
    code = operator_call(line, "POST", "/v1/runs", body, 0, &answer);
    const json_t *run = json_object_get(answer, "run");
    if (code == COMMAND_OK && !invocation_has(invocation, "no-wait"))
        code = follow(line, run);
    else if (code == COMMAND_OK && invocation->json)
        code = output_json(json_pack("{s:O*}", "run", run));
    else if (code == COMMAND_OK)
        puts(json_get_text(run, "id", ""));
    json_decref(answer);
    json_decref(body);
    json_decref(old);
    return code;
}

static int retry_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = retry(&line);
    operator_close(&line);
    return code;
}

const struct command command_flow_cancel = {
    .name = "flow cancel",
    .group = "WORK",
    .usage = "RUN",
    .summary = "end a run and everything that it started",
    .examples = "hq flow cancel r-1qqk\n",
    .options = cancel_options,
    .min_args = 1,
    .max_args = 1,
    .run = cancel_run,
};

const struct command command_flow_retry = {
    .name = "flow retry",
    .group = "WORK",
    .usage = "RUN",
    .summary = "a new run that keeps what was done",
    .details =
        "Without --step every step runs again that is not done or skipped. The definition is the "
        "old run's:\nedits of the file since then do not count; for those use hq flow run.\n",
    .examples = "hq flow retry r-1qqk\n"
                "hq flow retry r-1qqk --step choice --downstream\n",
    .options = retry_options,
    .min_args = 1,
    .max_args = 1,
    .run = retry_run,
};

const struct command command_flow_signal = {
    .name = "flow signal",
    .group = "WORK",
    .usage = "RUN NAME [JSON]",
    .summary = "what a `wait: { signal: NAME }` step waits for",
    .examples = "hq flow signal r-1qqk parts-arrived '{\"count\":12}'\n",
    .min_args = 2,
    .max_args = 3,
    .run = signal_run,
};
