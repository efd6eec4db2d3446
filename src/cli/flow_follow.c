/* Long polls of a run; it goes on whatever happens here. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/flow_follow.h"
#include "cli/flow_gate.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "wire/flow.h"

enum { POLL_MS = 30000 };

struct following {
    struct operator_line *line;
    const char *id;
    int64_t until; /* 0: none */
    struct flow_lines lines;
    const char *told; /* the gate that was shown; NULL: none yet */
};

static bool is_over(const struct following *following)
{
    return following->until > 0 && time_boot_ms() >= following->until;
}

static int64_t next_poll(const struct following *following)
{
    int64_t left = following->until - time_boot_ms();
    return following->until == 0 || left > POLL_MS ? POLL_MS : left > 0 ? left : 0;
}

static int detach(const struct following *following, int code)
{
    const struct invocation *invocation = following->line->invocation;
    output_note(invocation, "the run goes on; come back with: %s flow watch %s",
                operator_hq(following->line), flow_short_id(following->id, invocation->arena));
    return code;
}

/* Shows a gate once, and asks where somebody sits here. */
static int meet_gate(struct following *following, const json_t *run)
{
    const struct invocation *invocation = following->line->invocation;
    const json_t *gate = flow_gate(run);
    const char *id = json_get_text(gate, "id", "");
    json_t *item = NULL;
    if (!gate || invocation->json || invocation->quiet || str_eq(id, following->told))
        return COMMAND_OK;
    int code = flow_gate_look(following->line, id, &item);
    if (code != COMMAND_OK)
        return code;
    following->told = arena_strdup(invocation->arena, id);
    fprintf(stderr, "\nwaiting for a person: %s \"%s\"\n", id, json_get_text(item, "title", ""));
    flow_gate_show(item, stderr);
    if (flow_gate_can_ask(invocation))
        code = flow_gate_ask(following->line, item, following->until);
    else
        flow_gate_teach(item, operator_hq(following->line), stderr);
    json_decref(item);
    /* Nobody to ask any more, or the time is up: the loop says so. */
    return code == COMMAND_PERSON || code == COMMAND_TIMEOUT ? COMMAND_OK : code;
}

static int follow(struct following *following, json_t **run)
{
    int64_t decided = -1;
    for (;;) {
        json_decref(*run);
        int64_t wait = decided < 0 ? 0 : next_poll(following);
        int code = flow_look(following->line, following->id, decided, wait, run);
        if (code != COMMAND_OK)
            return code;
        if (!following->line->invocation->json && !following->line->invocation->quiet)
            flow_lines_show(&following->lines, *run);
        if (flow_has_ended(*run))
            return COMMAND_OK;
        decided = json_get_int(*run, "decided", 0);
        code = meet_gate(following, *run);
        if (code != COMMAND_OK)
            return code;
        if (is_over(following))
            return flow_waits_for_people(*run) ? COMMAND_PERSON : COMMAND_TIMEOUT;
    }
}

int flow_follow(struct operator_line *line, const char *id, const struct flow *flow, json_t **run)
{
    int64_t timeout = line->invocation->timeout_ms;
    struct following following = {
        .line = line,
        .id = id,
        .until = timeout >= 0 ? time_boot_ms() + timeout : 0,
        .lines = {.invocation = line->invocation, .out = stderr, .flow = flow},
    };
    *run = NULL;
    operator_catch_interrupt(line);
    int code = follow(&following, run);
    flow_lines_fini(&following.lines);
    bool goes_on = code == COMMAND_INTERRUPTED || code == COMMAND_TIMEOUT || code == COMMAND_PERSON;
    return goes_on ? detach(&following, code) : code;
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
