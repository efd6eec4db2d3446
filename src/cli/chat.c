/* hq chat: a conversation in the agent's main session, line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/wait.h"

static const struct command_option chat_options[] = {
    {"session", 0, "KEY", "another session than main"},
    {0},
};

/* Says one line and prints the answer. */
static int say(struct operator_line *line, const char *text)
{
    const struct invocation *invocation = line->invocation;
    char key[UUID_TEXT];
    json_t *answer = NULL;
    rand_uuid(key);
    json_t *body =
        json_pack("{s:s,s:s,s:s}", "agent", invocation->args[0], "kind", "chat", "key", key);
    json_set_text(body, "instruction", text);
    json_set_text(body, "session", invocation_value(invocation, "session"));
    int code = operator_call(line, "POST", "/v1/tasks", body, 0, &answer);
    json_decref(body);
    if (code != COMMAND_OK)
        return code;
    const char *id =
        arena_strdup(invocation->arena, json_get_text(json_object_get(answer, "task"), "id", ""));
    json_decref(answer);
    answer = NULL;
    code = wait_for_task(line, id, &answer);
    if (code == COMMAND_OK && invocation->json)
        output_json_line(task_document(answer));
    else if (code == COMMAND_OK)
        task_print_result(invocation, answer);
    if (code == COMMAND_OK)
        json_decref(answer);
    fflush(stdout);
    return code;
}

static int chat_run(const struct invocation *invocation)
{
    struct operator_line line;
    char *text = NULL;
    size_t cap = 0;
    bool terminal = isatty(STDIN_FILENO) && !invocation->json;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    if (terminal)
        output_note(invocation, "talking to %s; Ctrl-D ends", invocation->args[0]);
    while (code == COMMAND_OK) {
        if (terminal)
            fputs("you> ", stderr);
        if (getline(&text, &cap, stdin) < 0) {
            if (terminal)
                fputc('\n', stderr);
            break;
        }
        const char *said =
            str_trim(invocation->arena, str_clean_utf8(invocation->arena, text, strlen(text)));
        if (*said)
            code = say(&line, said);
    }
    free(text);
    operator_close(&line);
    return code;
}

const struct command command_chat = {
    .name = "chat",
    .group = "WORK",
    .usage = "AGENT",
    .summary = "talk with an agent in its main session",
    .examples = "hq chat manager\n",
    .options = chat_options,
    .min_args = 1,
    .max_args = 1,
    .run = chat_run,
};
