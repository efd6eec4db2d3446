/* Long polls of the hub; the work goes on whatever happens here. */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/output.h"
#include "cli/task_text.h"
#include "cli/wait.h"
#include "wire/task.h"

enum { POLL_MS = 30000, POLL_TERMINAL_MS = 1000 };

static bool shows_progress(const struct operator_line *line)
{
    return isatty(STDERR_FILENO) && !line->invocation->quiet && !line->invocation->json;
}

static void show_progress(struct operator_line *line, const json_t *answer, int64_t began)
{
    const json_t *task = json_object_get(answer, "task");
    char text[TIME_TEXT];
    if (!shows_progress(line))
        return;
    time_print_duration(time_boot_ms() - began, text);
    fprintf(stderr, "\r\033[K%s: %s %s  %s", json_get_text(task, "agent", ""),
            json_get_text(task, "state", ""), text, json_get_text(answer, "note", ""));
    fflush(stderr);
}

static void clear_progress(struct operator_line *line)
{
    if (shows_progress(line))
        fputs("\r\033[K", stderr);
}

static int detach(struct operator_line *line, const char *id, int code)
{
    clear_progress(line);
    output_note(line->invocation, "the work goes on; come back with: %s task show %s",
                operator_hq(line), task_short_id(id, line->invocation->arena));
    return code;
}

/* How long the next look may park at the hub. */
static int64_t next_poll(struct operator_line *line, int64_t until)
{
    int64_t poll = shows_progress(line) ? POLL_TERMINAL_MS : POLL_MS;
    int64_t left = until - time_boot_ms();
    return until > 0 && left < poll ? (left > 0 ? left : 0) : poll;
}

int wait_for_task_until(struct operator_line *line, const char *id, int64_t until, json_t **answer)
{
    int64_t began = time_boot_ms();
    operator_catch_interrupt(line);
    for (;;) {
        int64_t poll = next_poll(line, until);
        const char *path =
            arena_printf(line->invocation->arena, "/v1/tasks/%s?wait_ms=%lld", id, (long long)poll);
        int code = operator_call(line, "GET", path, NULL, poll, answer);
        if (code == COMMAND_INTERRUPTED)
            return detach(line, id, code);
        if (code != COMMAND_OK)
            return code;
        const json_t *task = json_object_get(*answer, "task");
        if (task_state_is_terminal(json_get_text(task, "state", "")))
            break;
        show_progress(line, *answer, began);
        if (until > 0 && time_boot_ms() >= until)
            return detach(line, id, COMMAND_TIMEOUT);
        json_decref(*answer);
    }
    clear_progress(line);
    return COMMAND_OK;
}

int wait_for_task(struct operator_line *line, const char *id, json_t **answer)
{
    int64_t timeout = line->invocation->timeout_ms;
    return wait_for_task_until(line, id, timeout >= 0 ? time_boot_ms() + timeout : 0, answer);
}
