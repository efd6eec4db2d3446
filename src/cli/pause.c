/* hq pause and hq resume: people stop the company, an agent or a task, and let it go on. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/company.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "cli/table.h"
#include "config/config.h"
#include "sys/halt_mark.h"

enum { WAIT_MS = 15000 /* the hub waits for its workers' words */ };

static const struct command_option pause_options[] = {
    {"reason", 0, "TEXT", "why, for whoever looks at status"},
    {0},
};

/* {"agent"} or {"task"} of a word; whatever is no agent is a task's or run's id. NULL: the company.
 */
static json_t *scope_of(const struct operator_line *line, const char *word)
{
    json_t *body = json_object();
    if (word)
        json_set_text(body, config_agent(line->config, word) ? "agent" : "task", word);
    json_set_text(body, "reason", invocation_value(line->invocation, "reason"));
    return body;
}

/* One exchange for each word, or one for the company; the answers are listed. */
static int for_each_word(struct operator_line *line, const char *path, json_t *answers)
{
    const struct invocation *invocation = line->invocation;
    int code = COMMAND_OK;
    for (size_t i = 0;
         code == COMMAND_OK && i < (invocation->arg_count ? invocation->arg_count : 1); i++) {
        json_t *answer = NULL;
        json_t *body = scope_of(line, invocation->arg_count ? invocation->args[i] : NULL);
        code = operator_call(line, "POST", path, body, WAIT_MS, &answer);
        json_decref(body);
        if (answer)
            json_array_append_new(answers, answer);
    }
    return code;
}

static const char *reason_of(const json_t *pause, struct arena *arena)
{
    const char *reason = json_get_text(pause, "reason", NULL);
    return reason ? arena_printf(arena, " (%s)", reason) : "";
}

/* ---- pause ---- */

static void print_silent(const struct operator_line *line, const json_t *answer)
{
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get(answer, "silent"), i, one)
        output_note(line->invocation,
                    "%s has not said yet that it starts nothing more; its lease ends within 15 s",
                    json_get_text(one, "agent", "?"));
}

static void print_paused(const struct operator_line *line, const json_t *answer)
{
    struct arena *arena = line->invocation->arena;
    const json_t *pause = json_object_get(answer, "paused");
    const char *what = pause_scope(line->config, pause, arena);
    const char *again = pause_resume_command(operator_hq(line), pause, arena);
    if (json_get_bool(answer, "already", false))
        printf("%s is paused already, by %s since %s%s: %s\n", what,
               json_get_text(pause, "by", "?"), pause_since(pause, arena), reason_of(pause, arena),
               again);
    else
        printf("%s is paused: what runs comes to its end, nothing more begins. Go on: %s\n", what,
               again);
    print_silent(line, answer);
}

static int pause_run(const struct invocation *invocation)
{
    struct operator_line line;
    size_t i;
    const json_t *answer;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    json_t *answers = json_array();
    code = for_each_word(&line, "/v1/pause", answers);
    if (invocation->json && code == COMMAND_OK)
        code = output_json(json_pack("{s:O}", "items", answers));
    else if (!invocation->json)
        json_array_foreach (answers, i, answer)
            print_paused(&line, answer);
    json_decref(answers);
    operator_close(&line);
    return code;
}

const struct command command_pause = {
    .name = "pause",
    .group = "RUN",
    .usage = "[AGENT...|TASK]",
    .summary = "let what runs end, and nothing more begin, until hq resume",
    .details =
        "Without a name the whole company; TASK is a task or run, with all below it. New work\n"
        "is taken in and waits. Deadlines go on. It stays so over hq down and hq up.\n",
    .examples = "hq pause\n"
                "hq pause developer --reason 'wrong branch'\n"
                "hq pause t-4k2m\n",
    .options = pause_options,
    .max_args = 64,
    .run = pause_run,
};

/* ---- resume ---- */

static void print_work(const json_t *answer)
{
    long long turns = json_get_int(answer, "turns", 0), queued = json_get_int(answer, "queued", 0);
    if (turns + queued == 0)
        printf("; nothing waits for it\n");
    else
        printf(": %lld turn%s of before go%s on, %lld task%s %s in the queue\n", turns,
               turns == 1 ? "" : "s", turns == 1 ? "es" : "", queued, queued == 1 ? "" : "s",
               queued == 1 ? "is" : "are");
}

/* Returns the exit code: 1 where what was named still stands still. */
static int print_resumed(const struct operator_line *line, const json_t *answer, const char *word)
{
    struct arena *arena = line->invocation->arena;
    const char *id = json_get_text(answer, "resumed", NULL);
    const json_t *held = json_object_get(answer, "held_by");
    const char *what = word ? word : line->config->company;
    if (id) {
        printf("%s goes on", what);
        print_work(answer);
    } else if (!held) {
        printf("%s is not paused\n", what);
    }
    if (held)
        printf("%s %s held back by the pause of %s: %s\n", what, id ? "is still" : "is",
               pause_scope(line->config, held, arena),
               pause_resume_command(operator_hq(line), held, arena));
    return held ? COMMAND_FAILED : COMMAND_OK;
}

/* What is paused for itself stays so; said once, behind the rest. */
static void print_left(const struct operator_line *line, const json_t *answer)
{
    struct arena *arena = line->invocation->arena;
    size_t i;
    const json_t *pause;
    json_array_foreach (json_object_get(answer, "paused"), i, pause)
        output_note(line->invocation, "still paused: %s, by %s%s: %s",
                    pause_scope(line->config, pause, arena), json_get_text(pause, "by", "?"),
                    reason_of(pause, arena), pause_resume_command(operator_hq(line), pause, arena));
}

/* A panic that no hub has seen yet is taken back here. */
static int resume_without_hub(const struct invocation *invocation, const struct config *config)
{
    halt_mark_take(config->state);
    if (invocation->json)
        return output_json(json_pack("{s:[{s:s}]}", "items", "resumed", "company"));
    printf("the panic that was written down for the next start of %s is taken back\n",
           config->company);
    return COMMAND_OK;
}

/* COMMAND_OK where there is a hub to ask; *done: it was settled here. */
static int look_for_mark(const struct invocation *invocation, bool *done)
{
    bool is_bad;
    struct config *config = company_open_any(invocation, &is_bad);
    if (!config)
        return COMMAND_USAGE;
    int code = COMMAND_OK;
    *done = halt_mark_get(config->state, invocation->arena) && !pause_hub_is_there(config);
    if (*done)
        code = resume_without_hub(invocation, config);
    else
        halt_mark_take(config->state);
    config_free(config);
    return code;
}

static int print_all(const struct operator_line *line, const json_t *answers)
{
    const struct invocation *invocation = line->invocation;
    size_t i;
    const json_t *answer;
    int code = COMMAND_OK;
    json_array_foreach (answers, i, answer) {
        int one = print_resumed(line, answer, invocation->arg_count ? invocation->args[i] : NULL);
        code = code == COMMAND_OK ? one : code;
    }
    if (json_array_size(answers) > 0 && code == COMMAND_OK)
        print_left(line, json_array_get(answers, json_array_size(answers) - 1));
    return code;
}

static int resume_run(const struct invocation *invocation)
{
    struct operator_line line;
    bool done = false;
    int code = invocation->arg_count ? COMMAND_OK : look_for_mark(invocation, &done);
    if (code != COMMAND_OK || done)
        return code;
    code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    json_t *answers = json_array();
    code = for_each_word(&line, "/v1/resume", answers);
    if (invocation->json && code == COMMAND_OK)
        code = output_json(json_pack("{s:O}", "items", answers));
    else if (!invocation->json && code == COMMAND_OK)
        code = print_all(&line, answers);
    json_decref(answers);
    operator_close(&line);
    return code;
}

const struct command command_resume = {
    .name = "resume",
    .group = "RUN",
    .usage = "[AGENT...|TASK]",
    .summary = "let go on what hq pause or hq panic has stopped",
    .details =
        "Without a name the company's own pause or panic is lifted; agents and tasks that are\n"
        "paused for themselves stay so, and are named. Turns go on behind their last record.\n"
        "Exit 0 also where nothing was paused; 1 where a wider pause holds what was named.\n",
    .examples = "hq resume\n"
                "hq resume developer\n",
    .options = pause_options,
    .max_args = 64,
    .run = resume_run,
};
