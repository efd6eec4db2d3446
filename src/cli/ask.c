/* hq ask: one question to one agent, in a session of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "cli/question.h"
#include "cli/route.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/wait.h"
#include "config/config.h"

static const struct command_option ask_options[] = {
    {"wait", 0, NULL, "wait for the answer (the default)"},
    {"no-wait", 0, NULL, "return as soon as the question is on disk"},
    {"capability", 0, "NAME", "whoever is able and free, instead of AGENT"},
    {"context", 0, "FILE", "a text file as data beside the question; repeatable"},
    {"schema", 0, "FILE", "a JSON Schema that the result must fit"},
    {"deliver", 0, "TARGET", "where the answer goes, too (webhook:NAME)"},
    {"deadline", 0, "DUR", "the work must end by then (30s, 5m, 2h)"},
    {"budget", 0, "USD", "what the work and all below it may cost"},
    {"tools", 0, "LIST", "only these tools, here and below (read,exec)"},
    {"priority", 0, "N", "0 first, 2 last"},
    {"session", 0, "KEY", "go on in this session of the agent instead of a fresh one"},
    {"model", 0, "PROVIDER/MODEL", "another model than the agent's"},
    {"key", 0, "KEY", "what makes a repeat of this call the same task"},
    {0},
};

/* Who is asked: AGENT, or nobody yet beside a capability. The hub chooses for "auto"; for an agent,
 * whose requests name one, we do. */
static int set_target(struct operator_line *line, const char *text, json_t *body)
{
    const struct invocation *invocation = line->invocation;
    const char *agent = invocation->arg_count == 2 ? invocation->args[0] : NULL;
    int code = COMMAND_OK;
    if (str_eq(agent, "auto") && !line->config)
        code = route_choose(line, text, &agent);
    json_set_text(body, "agent", agent);
    json_set_text(body, "capability", invocation_value(invocation, "capability"));
    return code;
}

/* A person hears at once that nothing can go there; NULL config: the other end looks. */
static int check_target(const struct config *config, const char *target, struct err *err)
{
    if (!config || !target || config_destination(config, target))
        return 0;
    const char **known = mem_zalloc((config->webhook_count + 1) * sizeof(*known));
    for (size_t i = 0; i < config->webhook_count; i++)
        known[i] = config->webhooks[i].name;
    const char *name =
        str_starts(target, WEBHOOK_PREFIX) ? target + strlen(WEBHOOK_PREFIX) : target;
    const char *near = str_nearest(name, known);
    err_set(err, "unknown_target", "--deliver: %s has no destination \"%s\"", config->company,
            target);
    if (near)
        err_hint(err, "Did you mean " WEBHOOK_PREFIX "%s?", near);
    else
        err_hint(err, "`webhooks` in hq.yaml names them: %s",
                 known[0] ? known[0] : "there is none yet");
    free(known);
    return -1;
}

/* The request, with the key made before the first try; NULL with *err. */
static json_t *ask_body(struct operator_line *line, struct err *err)
{
    char key[UUID_TEXT];
    const struct invocation *invocation = line->invocation;
    const char *text = question_text(invocation, invocation->args[invocation->arg_count - 1], err);
    if (!text)
        return NULL;
    rand_uuid(key);
    const char *given = invocation_value(invocation, "key");
    json_t *body = json_pack("{s:s,s:o,s:o}", "kind", line->config ? "ask" : "delegation", "key",
                             json_text(given ? given : key, strlen(given ? given : key)),
                             "instruction", json_text(text, strlen(text)));
    const char *target = invocation_value(invocation, "deliver");
    if (question_options(invocation, body, err) == 0 &&
        check_target(line->config, target, err) == 0)
        return body;
    json_decref(body);
    return NULL;
}

static int show_queued(const struct invocation *invocation, const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    if (invocation->json)
        return output_json(json_pack(
            "{s:{s:s,s:s,s:s,s:O*}}", "task", "id", json_get_text(task, "id", ""), "agent",
            json_get_text(task, "agent", ""), "state", json_get_text(task, "state", ""), "paused",
            json_object_get(answer, "paused")));
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

/* It is on disk, and nobody knows when people let it begin: it is not waited for unless that was
 * asked for. COMMAND_PERSON ends the command. */
static int look_for_pause(struct operator_line *line, const json_t *answer)
{
    const struct invocation *invocation = line->invocation;
    const json_t *pause = json_object_get(answer, "paused");
    if (!pause)
        return COMMAND_OK;
    output_note(invocation, "%s is %s: %s is taken in and begins after %s",
                pause_scope(line->config, pause, invocation->arena),
                pause_sentence(pause, invocation->arena),
                json_get_text(json_object_get(answer, "task"), "id", "it"),
                pause_resume_command(operator_hq(line), pause, invocation->arena));
    bool stays = invocation_has(invocation, "wait") || invocation_has(invocation, "no-wait");
    return stays || !line->config ? COMMAND_OK : COMMAND_PERSON;
}

static int check_words(const struct invocation *invocation)
{
    struct err err = {0};
    bool by_capability = invocation_has(invocation, "capability");
    if (invocation->arg_count == (by_capability ? 1 : 2))
        return COMMAND_OK;
    if (by_capability)
        err_set(&err, "usage", "--capability stands instead of AGENT \"%s\"", invocation->args[0]);
    else
        err_set(&err, "usage", "hq ask needs AGENT TEXT|-");
    err_hint(&err, "Usage: hq ask AGENT TEXT|-, or hq ask --capability NAME TEXT|-");
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int ask(struct operator_line *line)
{
    const struct invocation *invocation = line->invocation;
    struct err err = {0};
    json_t *answer = NULL, *body = ask_body(line, &err);
    if (!body)
        return output_fail(invocation, COMMAND_USAGE, &err);
    int code = set_target(line, json_get_text(body, "instruction", ""), body);
    if (code == COMMAND_OK)
        code = operator_call(line, "POST", "/v1/tasks", body, 0, &answer);
    const char *given = json_get_text(body, "agent", NULL);
    if (code == COMMAND_OK && (!given || str_eq(given, "auto")))
        output_note(invocation, "asking %s",
                    json_get_text(json_object_get(answer, "task"), "agent", ""));
    int held = code == COMMAND_OK ? look_for_pause(line, answer) : COMMAND_OK;
    if (held != COMMAND_OK) {
        code = show_queued(invocation, answer);
        code = code == COMMAND_OK ? held : code;
    } else if (code == COMMAND_OK && invocation_has(invocation, "no-wait")) {
        code = show_queued(invocation, answer);
    } else if (code == COMMAND_OK) {
        const json_t *task = json_object_get(answer, "task");
        code = show_answer(line, json_get_text(task, "id", ""));
    }
    json_decref(answer);
    json_decref(body);
    return code;
}

static int ask_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = check_words(invocation);
    if (code == COMMAND_OK)
        code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = ask(&line);
    operator_close(&line);
    return code;
}

const struct command command_ask = {
    .name = "ask",
    .group = "WORK",
    .usage = "AGENT TEXT|-",
    .summary = "ask an agent and wait for its answer",
    .details =
        "The answer goes to standard output. Ctrl-C and --timeout end the waiting, not the work: "
        "the task goes\non and `hq task show` finds it. AGENT \"auto\" is whoever `hq route` "
        "would choose for the text.\nWhat --context brings reaches the agent as data, never as "
        "instruction.\n",
    .examples = "hq ask auditor \"Check the margin of the bracket\"\n"
                "hq ask webster - --context notes.md <question.txt\n"
                "hq ask auto \"Density of 7075-T6?\" --no-wait -q\n",
    .options = ask_options,
    .min_args = 1,
    .max_args = 2,
    .run = ask_run,
    .in_task = true,
};
