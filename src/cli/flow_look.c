/* Asks for a run, reads what the answer says. */
#include "cli/flow_look.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/output.h"
#include "cli/task_text.h"
#include "wire/flow.h"

/* Called again and again for as long as a run waits: the path is not kept. */
int flow_look(struct operator_line *line, const char *id, int64_t decided, int64_t wait_ms,
              json_t **run)
{
    struct arena arena = {0};
    json_t *answer = NULL;
    const char *path = wait_ms > 0 ? arena_printf(&arena, "/v1/runs/%s?wait_ms=%lld&decided=%lld",
                                                  id, (long long)wait_ms, (long long)decided)
                                   : arena_printf(&arena, "/v1/runs/%s", id);
    *run = NULL;
    int code = operator_call(line, "GET", path, NULL, wait_ms, &answer);
    if (code == COMMAND_OK)
        *run = json_incref(json_object_get(answer, "run"));
    json_decref(answer);
    arena_fini(&arena);
    return code;
}

bool flow_has_ended(const json_t *run)
{
    return run_state_is_terminal(json_get_text(run, "state", ""));
}

int flow_exit_code(const json_t *run)
{
    const char *state = json_get_text(run, "state", "");
    return str_eq(state, RUN_DONE)       ? COMMAND_OK
           : str_eq(state, RUN_REJECTED) ? COMMAND_REJECTED
                                         : COMMAND_FAILED;
}

const json_t *flow_gate(const json_t *run)
{
    size_t i;
    const json_t *approval;
    json_array_foreach (json_object_get(run, "approvals"), i, approval)
        if (str_eq(json_get_text(approval, "state", APPROVAL_PENDING), APPROVAL_PENDING))
            return approval;
    return NULL;
}

bool flow_waits_for_people(const json_t *run)
{
    size_t i, pending = 0, open = 0;
    const char *name;
    const json_t *approval;
    json_t *step;
    json_array_foreach (json_object_get(run, "approvals"), i, approval)
        pending += str_eq(json_get_text(approval, "state", APPROVAL_PENDING), APPROVAL_PENDING);
    json_object_foreach (json_object_get(run, "steps"), name, step) {
        const char *state = json_get_text(step, "state", "");
        open += str_eq(state, "running") || str_eq(state, "waiting");
    }
    return str_eq(json_get_text(run, "state", ""), RUN_WAITING) && pending > 0 && open <= pending;
}

/* ---- steps ---- */

static const struct {
    const char *state, *sign, *ascii, *words;
    int color;
} looks[] = {
    {"pending", "·", ".", "", 0},
    {"running", "●", "*", "works", 34},
    {"waiting", "◧", "~", "waits", 33},
    {"done", "✓", "+", "done", 32},
    {"skipped", "–", "-", "skipped", 0},
    {"not_run", "–", "-", "not run", 0},
    {"failed", "▲", "!", "failed", 31},
    {"rejected", "▲", "!", "rejected", 31},
    {"cancelled", "✕", "x", "cancelled", 0},
};

static size_t look_of(const char *state)
{
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        if (str_eq(looks[i].state, state))
            return i;
    return 0;
}

const char *flow_sign(const char *state, bool utf8)
{
    size_t at = look_of(state);
    return utf8 ? looks[at].sign : looks[at].ascii;
}

int flow_color(const char *state)
{
    return looks[look_of(state)].color;
}

const char *flow_step_words(const json_t *step, struct arena *arena)
{
    const char *state = json_get_text(step, "state", "pending");
    const char *words = looks[look_of(state)].words;
    const json_t *failure = json_object_get(step, "failure");
    const char *reason = json_get_text(step, "reason", NULL);
    const char *class = json_get_text(failure, "class", NULL);
    int64_t tries = json_get_int(step, "tries", 0), round = json_get_int(step, "round", 0);
    bool says_more = class && !str_eq(class, state);
    if (class)
        words = arena_printf(arena, "%s: %s%s%s%s", words, json_get_text(failure, "message", ""),
                             says_more ? " (" : "", says_more ? class : "", says_more ? ")" : "");
    else if (reason)
        words = arena_printf(arena, "%s%s%s", words,
                             str_eq(state, "waiting") ? " for "
                             : *words                 ? ": "
                                                      : "",
                             reason);
    if (tries > 1)
        words = arena_printf(arena, "%s, try %d", words, (int)tries);
    return round > 0 ? arena_printf(arena, "%s, round %d", words, (int)round + 1) : words;
}

int64_t flow_step_ms(const json_t *step)
{
    int64_t began, ended;
    const char *start = json_get_text(step, "started_at", NULL);
    const char *end = json_get_text(step, "finished_at", NULL);
    if (!start || !time_parse_rfc3339(start, &began))
        return -1;
    if (!end || !time_parse_rfc3339(end, &ended))
        ended = time_wall_ms();
    return ended > began ? ended - began : 0;
}

const char *flow_short_id(const char *id, struct arena *arena)
{
    return task_short_id(id, arena);
}
