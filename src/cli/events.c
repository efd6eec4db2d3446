/* hq events: what happened in the company, and what happens, in the order of the ledger's commits.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/event_line.h"
#include "cli/feed.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command_option events_options[] = {
    {"follow", 'f', NULL, "go on with what happens, until Ctrl-C"},
    {"since", 0, "CURSOR|start", "behind this cursor (of --json), or from the oldest"},
    {"type", 0, "PREFIX", "only types that begin so: task. or task.finished; repeatable"},
    {"task", 0, "ID", "only of this task or run"},
    {"request", 0, "ID", "only of the request that this task is of"},
    {0},
};

struct events {
    const struct invocation *invocation; /* first: feed_tell_away() */
    struct event_look look;
    bool follows;
};

/* ---- what is printed ---- */

static void print_text(struct events *events, const struct feed_event *event)
{
    struct buf out = {0};
    if (str_eq(event->type, "gap"))
        event_line_put_gap(event->data, &out);
    else
        event_line_put(&events->look, event->data, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
}

static int on_event(void *ctx, const struct feed_event *event)
{
    struct events *events = ctx;
    if (!events->invocation->json) {
        print_text(events, event);
    } else {
        json_t *line = json_copy((json_t *)event->data);
        json_set_text(line, "type", event->type);
        output_json_line(line);
    }
    if (events->follows)
        fflush(stdout);
    return ferror(stdout) ? -1 : 0;
}

/* ---- what is asked for ---- */

static bool is_type(const char *text)
{
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            return false;
    return *text != '\0';
}

static bool is_cursor(const char *text)
{
    size_t len = strlen(text);
    for (const char *c = text; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c))
            return false;
    return len >= 16 && len < FEED_CURSOR_SIZE;
}

static int read_since(const struct invocation *invocation, struct feed_reader *reader)
{
    struct err err = {0};
    const char *since = invocation_value(invocation, "since");
    reader->from_start = since ? str_eq(since, "start") : reader->until_now;
    if (!since || reader->from_start)
        return COMMAND_OK;
    if (!is_cursor(since)) {
        err_set(&err, "usage", "--since: \"%.60s\" is neither start nor a cursor", since);
        err_hint(&err, "cursors come with hq events --json, 24 characters each");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    snprintf(reader->cursor, sizeof(reader->cursor), "%s", since);
    return COMMAND_OK;
}

static int filter_types(const struct invocation *invocation, struct buf *filter)
{
    struct err err = {0};
    const char *type;
    for (size_t at = 0; (type = invocation_next(invocation, "type", &at));) {
        if (!is_type(type)) {
            err_set(&err, "usage", "--type: \"%.60s\" does not begin any type of event", type);
            err_hint(&err, "such as --type task. or --type task.finished");
            return output_fail(invocation, COMMAND_USAGE, &err);
        }
        buf_printf(filter, "%stypes=%s", filter->len ? "&" : "", type);
    }
    return COMMAND_OK;
}

/* Any prefix of an id that names one; a run's begins with r-. */
static int filter_work(struct operator_line *line, const char *option, struct buf *filter)
{
    struct err err = {0};
    json_t *answer = NULL;
    const char *given = invocation_value(line->invocation, option);
    if (!given)
        return COMMAND_OK;
    if (!is_type(given)) {
        err_set(&err, "usage", "--%s: \"%.60s\" is no id", option, given);
        return output_fail(line->invocation, COMMAND_USAGE, &err);
    }
    bool is_run = str_starts(given, "r-");
    const char *path =
        arena_printf(line->invocation->arena, "/v1/%s/%s", is_run ? "runs" : "tasks", given);
    int code = operator_call(line, "GET", path, NULL, 0, &answer);
    const json_t *work = json_object_get(answer, is_run ? "run" : "task");
    const char *id = json_get_text(work, "id", "");
    if (code == COMMAND_OK && str_eq(option, "request"))
        buf_printf(filter, "%sroot=%s", filter->len ? "&" : "", json_get_text(work, "root", id));
    else if (code == COMMAND_OK)
        buf_printf(filter, "%sstream=%s", filter->len ? "&" : "", id);
    json_decref(answer);
    return code;
}

static int show(struct operator_line *line, struct events *events, struct buf *filter)
{
    const struct invocation *invocation = line->invocation;
    struct feed_reader reader = {.on_event = on_event,
                                 .on_away = feed_tell_away,
                                 .ctx = events,
                                 .until_now = !events->follows};
    int code = read_since(invocation, &reader);
    if (code == COMMAND_OK)
        code = filter_types(invocation, filter);
    if (code == COMMAND_OK)
        code = filter_work(line, "task", filter);
    if (code == COMMAND_OK)
        code = filter_work(line, "request", filter);
    if (code == COMMAND_OK)
        code = feed_init(line, &reader);
    if (code != COMMAND_OK)
        return code;
    reader.filter = filter->len ? buf_text(filter) : NULL;
    operator_catch_interrupt(line);
    code = feed_run(line, &reader);
    fflush(stdout);
    if ((code == COMMAND_INTERRUPTED || code == COMMAND_TIMEOUT) && reader.cursor[0])
        output_note(invocation, "go on with: %s events -f --since %s", operator_hq(line),
                    reader.cursor);
    return code == COMMAND_OK && ferror(stdout) ? COMMAND_FAILED : code;
}

static int events_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct buf filter = {0};
    struct events events = {
        .invocation = invocation,
        .look = {.columns = output_columns(), .utf8 = output_is_utf8()},
        .follows = invocation_has(invocation, "follow"),
    };
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = show(&line, &events, &filter);
    buf_fini(&filter);
    operator_close(&line);
    return code;
}

const struct command command_events = {
    .name = "events",
    .group = "RUN",
    .usage = "",
    .summary = "what happened, event by event; -f goes on with it",
    .details =
        "Without -f: everything that is there. -f alone begins now. Each line of --json has a\n"
        "cursor: who goes on behind it misses nothing and sees nothing twice, whatever happened\n"
        "to the hub. Where events may be missing, a line says so.\n",
    .examples = "hq events -f\n"
                "hq events --type task.finished --type approval.\n"
                "hq events --task t-7f4a --json\n",
    .options = events_options,
    .run = events_run,
    .reads = true,
};
