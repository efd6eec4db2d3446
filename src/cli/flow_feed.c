/* The feed says when, a look says what: a decision is looked at once, and what leads to one only if
 * none follows at once. */
#include "cli/flow_feed.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/event_line.h"
#include "cli/feed.h"
#include "cli/flow_look.h"
#include "cli/output.h"

enum {
    TICK_MS = 250, /* how long a fact waits for its decision before it is looked at itself */
    TOLD_EVERY_MS = 1000,
    ALONE_EVERY_MS = 5000, /* looks where the feed is not to be had: too many follow it */
    LOOK_MS = 1000,
};

/* Tells of the first look in any case, then of those that say something else. */
static int tell(struct flow_feed *feed, json_t *run, bool is_first)
{
    bool is_new = is_first || !json_equal(run, feed->run);
    json_decref(feed->run);
    feed->run = run;
    int rc = is_new && feed->on_run ? feed->on_run(feed->ctx, run) : FLOW_FEED_GO_ON;
    return flow_has_ended(run) ? FLOW_FEED_STOP : rc;
}

/* A hub that has just gone is no failure here: the look is due until it succeeds. */
static int look(struct flow_feed *feed)
{
    struct arena arena = {0};
    struct err err = {0};
    json_t *answer = NULL;
    int status = 0, rc = FLOW_FEED_GO_ON;
    struct operator_line *line = feed->line;
    enum hub_outcome outcome =
        hub_call(line->hub, "GET", arena_printf(&arena, "/v1/runs/%s", feed->id), NULL, LOOK_MS,
                 line->cancel, &answer, &status, &err);
    feed->is_stale = outcome != HUB_OK;
    feed->looked_at = time_boot_ms();
    if (outcome == HUB_OK) {
        rc = tell(feed, json_incref(json_object_get(answer, "run")), false);
    } else if (outcome == HUB_REFUSED || outcome == HUB_LOST) {
        feed->code = output_fail(line->invocation, operator_exit_code(outcome, status), &err);
        rc = FLOW_FEED_STOP;
    }
    json_decref(answer);
    arena_fini(&arena);
    return rc;
}

static void tell_gap(struct flow_feed *feed, const json_t *gap)
{
    struct buf text = {0};
    if (feed->on_gap) {
        feed->on_gap(feed->ctx, gap);
        return;
    }
    event_line_put_gap(gap, &text);
    output_note(feed->line->invocation, "%.*s", (int)(text.len > 0 ? text.len - 1 : 0),
                buf_text(&text));
    buf_fini(&text);
}

static int on_event(void *ctx, const struct feed_event *event)
{
    struct flow_feed *feed = ctx;
    const json_t *body = json_object_get(event->data, "body");
    int64_t decision = json_get_int(body, "n", INT64_MAX);
    if (str_eq(event->type, "gap"))
        tell_gap(feed, event->data);
    else if (str_eq(event->type, "run.decided") &&
             decision <= json_get_int(feed->run, "decided", 0))
        return FLOW_FEED_GO_ON;
    else if (!str_starts(event->type, "run.")) {
        feed->is_stale = true;
        return FLOW_FEED_GO_ON;
    }
    return look(feed);
}

static int on_away(void *ctx, bool is_away)
{
    struct flow_feed *feed = ctx;
    feed->is_away = is_away;
    feed->is_stale = true;
    if (feed->on_away)
        feed->on_away(feed->ctx, is_away);
    else if (is_away)
        output_note(feed->line->invocation, "the hub is away; trying again");
    return FLOW_FEED_GO_ON;
}

static int on_tick(void *ctx)
{
    struct flow_feed *feed = ctx;
    int64_t now = time_boot_ms();
    bool is_due = feed->is_away ? now - feed->looked_at >= ALONE_EVERY_MS : feed->is_stale;
    if (is_due && look(feed) != FLOW_FEED_GO_ON)
        return FLOW_FEED_STOP;
    if (feed->on_tick && now - feed->ticked_at >= TOLD_EVERY_MS) {
        feed->ticked_at = now;
        feed->on_tick(feed->ctx);
    }
    return FLOW_FEED_GO_ON;
}

static int pass(void *ctx, const struct feed_event *event)
{
    (void)ctx;
    (void)event;
    return 0;
}

int flow_feed_open(struct flow_feed *feed, const char *given)
{
    operator_catch_interrupt(feed->line);
    int code = feed_init(feed->line, &feed->reader);
    if (code == COMMAND_OK)
        code = flow_look(feed->line, given, 0, 0, &feed->run);
    if (code != COMMAND_OK)
        return code;
    struct arena *arena = feed->line->invocation->arena;
    feed->id = arena_strdup(arena, json_get_text(feed->run, "id", given));
    /* Pauses are of the company's stream, whatever they hold back. */
    feed->reader.filter = arena_printf(arena, "stream=%s&stream=system", feed->id);
    return COMMAND_OK;
}

/* Where the feed stands; what happened before that, it does not tell. */
static int take_cursor(struct flow_feed *feed)
{
    struct feed_reader *reader = &feed->reader;
    reader->ctx = feed;
    reader->on_event = pass;
    reader->on_away = on_away;
    reader->until_now = true;
    int code = feed_run(feed->line, reader);
    reader->until_now = false;
    reader->on_event = on_event;
    reader->on_tick = on_tick;
    reader->tick_ms = TICK_MS;
    return code;
}

static int follow(struct flow_feed *feed)
{
    int rc = FLOW_FEED_GO_ON, code = COMMAND_OK;
    if (feed->looked_at == 0) {
        feed->ticked_at = feed->looked_at = time_boot_ms();
        rc = tell(feed, json_incref(feed->run), true);
    }
    if (rc == FLOW_FEED_GO_ON && !feed->reader.cursor[0]) {
        code = take_cursor(feed);
        rc = code == COMMAND_OK ? look(feed) : FLOW_FEED_STOP;
    }
    return rc == FLOW_FEED_GO_ON ? feed_run(feed->line, &feed->reader) : code;
}

int flow_feed_run(struct flow_feed *feed)
{
    feed->code = COMMAND_OK;
    int code = follow(feed);
    if (code == COMMAND_TIMEOUT && feed->is_stale)
        look(feed);
    if (code == COMMAND_TIMEOUT && flow_has_ended(feed->run))
        code = COMMAND_OK;
    if (code == COMMAND_TIMEOUT && flow_waits_for_people(feed->run))
        return COMMAND_PERSON;
    return code == COMMAND_OK ? feed->code : code;
}

void flow_feed_close(struct flow_feed *feed)
{
    json_decref(feed->run);
    feed->run = NULL;
}
