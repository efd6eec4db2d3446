/* Follows a run by the feed; it goes on whatever happens here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/flow_feed.h"
#include "cli/flow_follow.h"
#include "cli/flow_gate.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "wire/flow.h"

struct following {
    struct flow_feed feed;
    struct flow_lines lines;
    const char *told;   /* the gate that was shown; NULL: none yet */
    const char *paused; /* the pause that was told of; NULL: none */
};

static void detach(const struct following *following)
{
    const struct operator_line *line = following->feed.line;
    output_note(line->invocation, "the run goes on; come back with: %s flow watch %s",
                operator_hq(line), flow_short_id(following->feed.id, line->invocation->arena));
}

/* The gate that nobody was told of yet. */
static const json_t *new_gate(const struct following *following, const json_t *run)
{
    const struct invocation *invocation = following->feed.line->invocation;
    const json_t *gate = flow_gate(run);
    bool is_told = str_eq(json_get_text(gate, "id", ""), following->told);
    return invocation->json || invocation->quiet || is_told ? NULL : gate;
}

/* Shows a gate once, and asks where somebody sits here. */
static int meet_gate(struct following *following, const json_t *gate)
{
    struct operator_line *line = following->feed.line;
    const char *id = json_get_text(gate, "id", "");
    json_t *item = NULL;
    int code = flow_gate_look(line, id, &item);
    if (code != COMMAND_OK)
        return code;
    following->told = arena_strdup(line->invocation->arena, id);
    fprintf(stderr, "\nwaiting for a person: %s \"%s\"\n", id, json_get_text(item, "title", ""));
    flow_gate_show(item, stderr);
    if (flow_gate_can_ask(line->invocation))
        code = flow_gate_ask(line, item, following->feed.reader.deadline);
    else
        flow_gate_teach(item, operator_hq(line), stderr);
    json_decref(item);
    /* Nobody to ask any more, or the time is up: the feed says so. */
    return code == COMMAND_PERSON || code == COMMAND_TIMEOUT ? COMMAND_OK : code;
}

static void tell_pause(struct following *following, const json_t *run)
{
    const struct operator_line *line = following->feed.line;
    struct arena *arena = line->invocation->arena;
    const json_t *pause = json_object_get(run, "paused");
    const char *id = json_get_text(pause, "id", NULL);
    if (str_eq(id, following->paused))
        return;
    if (id)
        output_note(line->invocation, "%s; go on: %s", pause_sentence(pause, arena),
                    pause_resume_command(operator_hq(line), pause, arena));
    else if (!flow_has_ended(run))
        output_note(line->invocation, "no longer paused");
    following->paused = id ? arena_strdup(arena, id) : NULL;
}

/* A gate may take its time: the feed is left for it. */
static int on_run(void *ctx, const json_t *run)
{
    struct following *following = ctx;
    const struct invocation *invocation = following->feed.line->invocation;
    if (!invocation->json) {
        if (!invocation->quiet)
            flow_lines_show(&following->lines, run);
        tell_pause(following, run);
    }
    return new_gate(following, run) ? FLOW_FEED_STOP : FLOW_FEED_GO_ON;
}

static int follow(struct following *following)
{
    struct flow_feed *feed = &following->feed;
    for (;;) {
        int code = flow_feed_run(feed);
        const json_t *gate = new_gate(following, feed->run);
        if (code != COMMAND_OK || flow_has_ended(feed->run) || !gate)
            return code;
        code = meet_gate(following, gate);
        if (code != COMMAND_OK)
            return code;
    }
}

int flow_follow(struct operator_line *line, const char *id, const struct flow *flow, json_t **run)
{
    struct following following = {
        .feed = {.line = line, .on_run = on_run},
        .lines = {.invocation = line->invocation, .out = stderr, .flow = flow},
    };
    *run = NULL;
    following.feed.ctx = &following;
    following.feed.id = id;
    int code = flow_feed_open(&following.feed, id);
    if (code == COMMAND_OK)
        code = follow(&following);
    bool is_late = code == COMMAND_TIMEOUT || code == COMMAND_PERSON;
    if (code == COMMAND_OK || is_late)
        *run = json_incref(following.feed.run);
    if (is_late || code == COMMAND_INTERRUPTED)
        detach(&following);
    flow_feed_close(&following.feed);
    flow_lines_fini(&following.lines);
    return code;
}

static void print_value(const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (value && !json_is_null(value))
        puts(text ? text : json_string_value(value));
    free(text);
}

static const char *who_rejected(const json_t *run, struct arena *arena)
{
    size_t i;
    const json_t *approval, *last = NULL;
    json_array_foreach (json_object_get(run, "approvals"), i, approval)
        if (!str_eq(json_get_text(approval, "state", ""), APPROVAL_APPROVED))
            last = approval;
    const char *by = json_get_text(last, "decided_by", NULL);
    const char *why = json_get_text(last, "feedback", NULL);
    return arena_printf(arena, "%s%s%s%s%s", by ? " by " : "", by ? by : "", why ? ": \"" : "",
                        why ? why : "", why ? "\"" : "");
}

int flow_print_end(const struct invocation *invocation, const json_t *run)
{
    int code = flow_exit_code(run);
    const json_t *failure = json_object_get(run, "failure");
    const char *state = json_get_text(run, "state", "");
    const char *id = flow_short_id(json_get_text(run, "id", ""), invocation->arena);
    const char *step = json_get_text(failure, "step", NULL);
    if (invocation->json)
        return output_json(json_pack("{s:O}", "run", run)) == COMMAND_OK ? code : COMMAND_FAILED;
    if (code == COMMAND_OK) {
        print_value(json_object_get(run, "output"));
        return code;
    }
    fflush(stdout);
    if (code == COMMAND_REJECTED)
        fprintf(stderr, "hq: run %s stopped at gate \"%s\": rejected%s\n", id, step ? step : "?",
                who_rejected(run, invocation->arena));
    else
        fprintf(stderr, "hq: run %s %s%s%s: %s (%s)\n", id,
                str_eq(state, RUN_TIMED_OUT) ? "timed out" : state, step ? " at step " : "",
                step ? step : "", json_get_text(failure, "message", "no reason"),
                json_get_text(failure, "class", state));
    fprintf(stderr, "    see: hq flow show %s · again from there: hq flow retry %s\n", id, id);
    return code;
}
