/* hq events: what happened in the company, and what happens, in the order of the ledger's commits.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/event_line.h"
#include "cli/feed.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command_option events_options[] = {
    {"follow", 'f', NULL, "go on with what happens, until Ctrl-C"},
    {"lines", 'n', "N", "the last N of what is there, then what -f brings (0: all)"},
    {"since", 0, "CURSOR|start", "behind this cursor (of --json), or from the oldest"},
    {"type", 0, "PREFIX", "only types that begin so: task. or task.finished; repeatable"},
    {"task", 0, "ID", "only of this task or run"},
    {"request", 0, "ID", "only of the request that this task is of"},
    {0},
};

enum { LAST_MOST = 100000 /* kept in memory; some 50 MB */ };

struct events {
    const struct invocation *invocation; /* first: feed_tell_away() */
    struct event_look look;
    bool follows;
    json_t **last; /* with -n, until all was read: the newest, as a ring */
    size_t last_most, last_count;
};

/* ---- what is printed ---- */

/* Behind a cursor that does not fit nothing follows what is there now. */
static void put_gap(const struct events *events, const json_t *gap, struct buf *out)
{
    event_line_put_gap(gap, out);
    if (!events->follows && !str_eq(json_get_text(gap, "why", ""), "retired"))
        buf_puts(out, "-- what is there: hq events --since start\n");
}

static void print_text(struct events *events, const json_t *event)
{
    struct buf out = {0};
    if (str_eq(json_get_text(event, "type", ""), "gap"))
        put_gap(events, event, &out);
    else
        event_line_put(&events->look, event, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
}

/* Takes the reference. */
static int print_event(struct events *events, json_t *event)
{
    if (events->invocation->json) {
        output_json_line(event);
    } else {
        print_text(events, event);
        json_decref(event);
    }
    if (events->follows)
        fflush(stdout);
    return ferror(stdout) ? -1 : 0;
}

static int on_event(void *ctx, const struct feed_event *event)
{
    struct events *events = ctx;
    json_t *line = json_copy((json_t *)event->data);
    json_set_text(line, "type", event->type);
    if (!events->last)
        return print_event(events, line);
    json_t **place = &events->last[events->last_count++ % events->last_most];
    json_decref(*place);
    *place = line;
    return 0;
}

/* What was kept, oldest first; from now on events are printed as they come. */
static int print_last(struct events *events)
{
    int rc = 0;
    size_t most = events->last_most, count = events->last_count;
    json_t **last = events->last;
    events->last = NULL;
    for (size_t i = count > most ? count - most : 0; i < count; i++)
        if (rc == 0)
            rc = print_event(events, last[i % most]);
        else
            json_decref(last[i % most]);
    free(last);
    return rc;
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

static int read_lines(const struct invocation *invocation, struct events *events)
{
    struct err err = {0};
    int64_t lines;
    if (invocation_number(invocation, "lines", 0, &lines, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    if (lines > LAST_MOST) {
        err_set(&err, "usage", "-n: %lld is more than %d", (long long)lines, LAST_MOST);
        err_hint(&err, "all that is there: -n 0");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    events->last_most = (size_t)lines;
    if (lines > 0)
        events->last = mem_zalloc((size_t)lines * sizeof(*events->last));
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

/* What is there, as far as it is asked for, then what comes. */
static int read_feed(struct operator_line *line, struct events *events, struct feed_reader *reader)
{
    int code = feed_run(line, reader);
    if (events->last && code == COMMAND_OK && print_last(events) < 0)
        code = COMMAND_FAILED;
    if (code != COMMAND_OK || !reader->until_now || !events->follows)
        return code;
    reader->until_now = false;
    reader->patience_ms = -1;
    return feed_run(line, reader);
}

static int show(struct operator_line *line, struct events *events, struct buf *filter)
{
    const struct invocation *invocation = line->invocation;
    struct feed_reader reader = {
        .on_event = on_event,
        .on_away = feed_tell_away,
        .ctx = events,
        .until_now = !events->follows || invocation_has(invocation, "lines"),
    };
    int code = read_since(invocation, &reader);
    if (code == COMMAND_OK)
        code = read_lines(invocation, events);
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
    reader.last = (int64_t)events->last_most;
    operator_catch_interrupt(line);
    code = read_feed(line, events, &reader);
    fflush(stdout);
    if ((code == COMMAND_INTERRUPTED || code == COMMAND_TIMEOUT) && reader.cursor[0] &&
        !events->last)
        output_note(invocation, "go on with: %s events -f --since %s", operator_hq(line),
                    reader.cursor);
    return code == COMMAND_OK && ferror(stdout) ? COMMAND_FAILED : code;
}

static void drop_last(struct events *events)
{
    for (size_t i = 0; events->last && i < events->last_most; i++)
        json_decref(events->last[i]);
    free(events->last);
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
    drop_last(&events);
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
        "Without -f: everything that is there, with -n the last of it. -f alone begins now,\n"
        "-f -n 20 with the last 20 events. Each line of --json has a cursor: who goes on behind\n"
        "it misses nothing and sees nothing twice, whatever happened to the hub. Where events\n"
        "may be missing, a line says so.\n",
    .examples = "hq events -f -n 20\n"
                "hq events --type task.finished --type approval.\n"
                "hq events --task t-7f4a --json\n",
    .options = events_options,
    .run = events_run,
    .reads = true,
};
