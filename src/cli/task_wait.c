/* hq task wait: until all of the tasks have ended, or any of them. */
#include <pthread.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/wait.h"
#include "client/hub_client.h"
#include "net/fetch.h"
#include "wire/task.h"

enum { TASKS_MAX = 64, POLL_MS = 30000, PATIENCE_MS = 10000 };

static const struct command_option wait_options[] = {
    {"any", 0, NULL, "until one of them has ended"},
    {0},
};

/* ---- any: a thread for each, the first to see an end cuts the others short ---- */

struct race {
    struct operator_line *line;
    struct fetch_cancel *over; /* thrown by who ends first, and by Ctrl-C */
    int64_t until;             /* 0: none */
};

struct runner {
    struct race *race;
    const char *id;
    pthread_t thread;
    bool started, ended;
    json_t *answer;
    int status;
    enum hub_outcome outcome;
    struct err err;
};

/* One look that may park; true: look again. */
static bool look(struct runner *runner)
{
    struct arena arena = {0};
    const struct race *race = runner->race;
    int64_t left = race->until ? race->until - time_boot_ms() : POLL_MS;
    int64_t poll = left < 0 ? 0 : left < POLL_MS ? left : POLL_MS;
    json_decref(runner->answer);
    runner->answer = NULL;
    const char *path =
        arena_printf(&arena, "/v1/tasks/%s?wait_ms=%lld", runner->id, (long long)poll);
    runner->outcome = hub_call(race->line->hub, "GET", path, NULL, PATIENCE_MS + poll, race->over,
                               &runner->answer, &runner->status, &runner->err);
    arena_fini(&arena);
    const json_t *task = json_object_get(runner->answer, "task");
    runner->ended = task && task_state_is_terminal(json_get_text(task, "state", ""));
    return runner->outcome == HUB_OK && !runner->ended &&
           (race->until == 0 || time_boot_ms() < race->until);
}

static void *run(void *arg)
{
    struct runner *runner = arg;
    while (look(runner))
        ;
    if (runner->ended || runner->outcome != HUB_OK)
        fetch_cancel(runner->race->over);
    return NULL;
}

/* Who ended, else who failed to look; NULL: nobody, the time is up or Ctrl-C came. */
static struct runner *winner_of(struct runner *runners, size_t count)
{
    struct runner *failed = NULL;
    for (size_t i = 0; i < count; i++) {
        if (runners[i].ended)
            return &runners[i];
        if (runners[i].outcome != HUB_OK && runners[i].outcome != HUB_CANCELLED)
            failed = &runners[i];
    }
    return failed;
}

static int race_tasks(struct operator_line *line, int64_t until, json_t **answer)
{
    const struct invocation *invocation = line->invocation;
    size_t count = invocation->arg_count;
    struct race race = {.line = line, .over = line->cancel, .until = until};
    struct runner *runners = arena_alloc(invocation->arena, count * sizeof(*runners));
    operator_catch_interrupt(line);
    for (size_t i = 0; i < count; i++) {
        runners[i].race = &race;
        runners[i].id = invocation->args[i];
        runners[i].outcome = HUB_CANCELLED;
        runners[i].started = thread_start(&runners[i].thread, "wait", run, &runners[i]) == 0;
    }
    for (size_t i = 0; i < count; i++)
        if (runners[i].started)
            pthread_join(runners[i].thread, NULL);
    const struct runner *winner = winner_of(runners, count);
    int code = until && time_boot_ms() >= until ? COMMAND_TIMEOUT : COMMAND_INTERRUPTED;
    if (winner && winner->ended) {
        *answer = json_incref(winner->answer);
        code = COMMAND_OK;
    } else if (winner) {
        code = output_fail(invocation, operator_exit_code(winner->outcome, winner->status),
                           &winner->err);
    }
    for (size_t i = 0; i < count; i++)
        json_decref(runners[i].answer);
    return code;
}

/* ---- what it prints ---- */

static void show(const struct invocation *invocation, const json_t *answer, json_t *items)
{
    const json_t *task = json_object_get(answer, "task");
    const json_t *result = json_object_get(json_object_get(answer, "handoff"), "result");
    const char *state = json_get_text(task, "state", "");
    const char *class = json_get_text(task, "failure_class", NULL);
    json_array_append_new(items, task_object(answer));
    if (invocation->json)
        return;
    printf("%-11s %-9s %-14s %s%s%s\n",
           task_short_id(json_get_text(task, "id", ""), invocation->arena), state,
           json_get_text(task, "agent", ""), class ? class : "", class ? ": " : "",
           task_title(class                    ? json_get_text(task, "failure_message", "")
                      : json_is_string(result) ? json_string_value(result)
                                               : "",
                      output_columns() - 38, invocation->arena));
    fflush(stdout);
}

/* One after another: all have to end, so the order of looking does not matter. */
static int wait_all(struct operator_line *line, int64_t until, json_t *items)
{
    const struct invocation *invocation = line->invocation;
    int worst = COMMAND_OK;
    for (size_t i = 0; i < invocation->arg_count; i++) {
        json_t *answer = NULL;
        int code = wait_for_task_until(line, invocation->args[i], until, &answer);
        if (code == COMMAND_OK) {
            show(invocation, answer, items);
            int ended = task_exit_code(answer);
            worst = ended != COMMAND_OK ? ended : worst;
        }
        json_decref(answer);
        if (code != COMMAND_OK)
            return code;
    }
    return worst;
}

static int wait_any(struct operator_line *line, int64_t until, json_t *items)
{
    json_t *answer = NULL;
    int code = race_tasks(line, until, &answer);
    if (code == COMMAND_OK) {
        show(line->invocation, answer, items);
        code = task_exit_code(answer);
    } else if (code == COMMAND_TIMEOUT || code == COMMAND_INTERRUPTED) {
        output_note(line->invocation, "the work goes on; come back with the same command");
    }
    json_decref(answer);
    return code;
}

static int wait_run(const struct invocation *invocation)
{
    struct operator_line line;
    int64_t timeout = invocation->timeout_ms;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    json_t *items = json_array();
    int64_t until = timeout >= 0 ? time_boot_ms() + timeout : 0;
    code = invocation_has(invocation, "any") ? wait_any(&line, until, items)
                                             : wait_all(&line, until, items);
    if (invocation->json && (json_array_size(items) || code == COMMAND_TIMEOUT))
        output_json(json_pack("{s:O}", "items", items));
    json_decref(items);
    operator_close(&line);
    return code;
}

const struct command command_task_wait = {
    .name = "task wait",
    .group = "WORK",
    .usage = "ID…",
    .summary = "wait until all of them have ended",
    .details =
        "Exit code: 0 all done, 1 one failed, 124 --timeout came first (the work goes on).\n",
    .examples = "hq task wait t-7f4a t-80bd --timeout 10m\n",
    .options = wait_options,
    .min_args = 1,
    .max_args = TASKS_MAX,
    .run = wait_run,
    .reads = true,
    .in_task = true,
};
