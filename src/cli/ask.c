/* hq ask: one question to one agent, in a session of its own. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/wait.h"

static const struct command_option ask_options[] = {
    {"wait", 0, NULL, "wait for the answer (the default)"},
    {"no-wait", 0, NULL, "return as soon as the question is on disk"},
    {"session", 0, "KEY", "go on in this session of the agent instead of a fresh one"},
    {"deadline", 0, "DUR", "the work must end by then (30s, 5m, 2h)"},
    {"key", 0, "KEY", "what makes a repeat of this call the same task"},
    {"model", 0, "PROVIDER/MODEL", "another model than the agent's"},
    {0},
};

/* "-" reads the question from standard input; NULL: too long or empty. */
static const char *read_text(const struct invocation *invocation, struct err *err)
{
    const char *text = invocation->args[1];
    struct buf input = {0};
    if (!str_eq(text, "-"))
        return text;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, buf_room(&input, 65536), 65536);
        if (got <= 0 || input.len > LIMIT_INSTRUCTION)
            break;
        buf_grow(&input, (size_t)got);
    }
    text = str_clean_utf8(invocation->arena, buf_text(&input), input.len);
    buf_fini(&input);
    if (strlen(text) <= LIMIT_INSTRUCTION)
        return text;
    err_set(err, "instruction_too_large", "standard input has more than %d bytes",
            LIMIT_INSTRUCTION);
    return NULL;
}

/* The request, with the key made before the first try; NULL with *err. */
static json_t *ask_body(const struct invocation *invocation, struct err *err)
{
    char key[UUID_TEXT];
    int64_t deadline;
    const char *text = read_text(invocation, err);
    if (!text || invocation_duration(invocation, "deadline", 0, &deadline, err) < 0)
        return NULL;
    rand_uuid(key);
    const char *given = invocation_value(invocation, "key");
    json_t *body = json_pack("{s:s,s:s,s:s}", "agent", invocation->args[0], "kind", "ask", "key",
                             given ? given : key);
    json_set_text(body, "instruction", text);
    json_set_text(body, "session", invocation_value(invocation, "session"));
    json_set_text(body, "model", invocation_value(invocation, "model"));
    if (invocation_has(invocation, "deadline"))
        json_object_set_new(body, "deadline_ms", json_integer(deadline));
    return body;
}

static int show_queued(const struct invocation *invocation, const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    if (invocation->json)
        return output_json(
            json_pack("{s:{s:s,s:s,s:s}}", "task", "id", json_get_text(task, "id", ""), "agent",
                      json_get_text(task, "agent", ""), "state", json_get_text(task, "state", "")));
    puts(json_get_text(task, "id", ""));
    return COMMAND_OK;
}

static int show_answer(struct operator_line *line, const char *id)
{
    json_t *answer = NULL;
    int code = wait_for_task(line, id, &answer);
    if (code == COMMAND_OK || (code == COMMAND_TIMEOUT && line->invocation->json)) {
        int ended = line->invocation->json ? output_json(task_document(answer))
                                           : task_print_result(line->invocation, answer);
        if (code == COMMAND_OK)
            code = ended == COMMAND_OK ? task_exit_code(answer) : ended;
    }
    json_decref(answer);
    return code;
}

static int ask_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    json_t *body = ask_body(invocation, &err);
    code = body ? operator_call(&line, "POST", "/v1/tasks", body, 0, &answer)
                : output_fail(invocation, COMMAND_USAGE, &err);
    if (code == COMMAND_OK && invocation_has(invocation, "no-wait")) {
        code = show_queued(invocation, answer);
    } else if (code == COMMAND_OK) {
        const json_t *task = json_object_get(answer, "task");
        code = show_answer(&line, json_get_text(task, "id", ""));
    }
    json_decref(answer);
    json_decref(body);
    operator_close(&line);
    return code;
}

const struct command command_ask = {
    .name = "ask",
    .group = "WORK",
    .usage = "AGENT TEXT|-",
    .summary = "ask an agent and wait for its answer",
    .details = "The answer goes to standard output. Ctrl-C and --timeout end the waiting, not the "
               "work: the task goes on and `hq task show` finds it.\n",
    .options = ask_options,
    .min_args = 2,
    .max_args = 2,
    .run = ask_run,
};
