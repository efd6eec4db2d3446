/* The queue of actions, cut into decisions, and the chain of their hashes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow/interpret_state.h"

enum {
    DECISION_BYTES = 1 << 20,          /* then the rest is another decision: results can be large */
    QUEUED_MAX = FLOW_ACTIONS_MAX - 2, /* `state` and `wake` come behind */
};

void run_queue(struct flow_run *run, size_t step, bool start, json_t *action)
{
    if (run->queue_head == run->queue_count)
        run->queue_head = run->queue_count = 0;
    if (run->queue_count == run->queue_room) {
        run->queue_room = run->queue_room ? run->queue_room * 2 : 16;
        run->queue = mem_realloc(run->queue, run->queue_room * sizeof(*run->queue));
    }
    run->queue[run->queue_count++] =
        (struct queued_action){.action = action, .step = start ? step : SIZE_MAX};
    if (start)
        run->nodes[step].queued = run->queue_count;
}

bool run_take_back(struct flow_run *run, size_t step)
{
    size_t at = run->nodes[step].queued;
    run->nodes[step].queued = 0;
    if (!at)
        return false;
    json_decref(run->queue[at - 1].action);
    run->queue[at - 1].action = NULL;
    return true;
}

static void take_queued(struct flow_run *run, json_t *actions)
{
    size_t bytes = 0;
    while (run->queue_head < run->queue_count && json_array_size(actions) < QUEUED_MAX &&
           bytes < DECISION_BYTES) {
        struct queued_action *next = &run->queue[run->queue_head++];
        if (!next->action)
            continue;
        if (next->step != SIZE_MAX) {
            run->nodes[next->step].queued = 0;
            run_start_timeout(run, next->step);
        }
        bytes += json_dumpb(next->action, NULL, 0, JSON_COMPACT);
        json_array_append_new(actions, next->action);
    }
    while (run->queue_head < run->queue_count && !run->queue[run->queue_head].action)
        run->queue_head++;
}

/* "approval gate and 3 more": the first by place in the file. */
static void put_waiting(const struct flow_run *run, struct buf *out)
{
    const struct heap_item *first = heap_top(&run->waiting);
    if (!first || !str_eq(flow_run_state(run), "waiting"))
        return;
    const struct flow_step *spec = run_step_spec(run, first->step);
    const char *what = spec->kind == FLOW_APPROVE ? "approval"
                       : spec->kind == FLOW_JOB   ? "job"
                       : spec->signal             ? "signal"
                                                  : "time";
    if (spec->signal && spec->kind == FLOW_WAIT)
        buf_printf(out, "%s %s (%s)", what, spec->signal, spec->id);
    else
        buf_printf(out, "%s (%s)", what, spec->id);
    if (run->waiting.count > 1)
        buf_printf(out, " and %zu more", run->waiting.count - 1);
}

static void add_state(struct flow_run *run, json_t *actions)
{
    struct buf waiting = {0};
    if (run->is_over)
        return;
    put_waiting(run, &waiting);
    if (!str_eq(buf_text(&waiting), run->told_waiting)) {
        json_t *action = json_pack("{s:s, s:s}", "do", "state", "state", flow_run_state(run));
        if (waiting.len)
            json_set_text(action, "waiting", buf_text(&waiting));
        json_array_append_new(actions, action);
        free(run->told_waiting);
        run->told_waiting = mem_strdup(buf_text(&waiting));
    }
    buf_fini(&waiting);
}

static void add_wake(struct flow_run *run, json_t *actions)
{
    int64_t wake = flow_run_wake_at(run);
    bool is_news = wake != run->told_wake;
    run->told_wake = wake;
    if (wake && (is_news || json_array_size(actions)))
        json_array_append_new(actions,
                              json_pack("{s:s, s:I}", "do", "wake", "wake_at", (json_int_t)wake));
}

/* The action without its times: what the hash and the comparison look at. */
static void put_lasting(const json_t *action, struct buf *out)
{
    json_t *lasting = json_object();
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)action, name, value)
        if (!str_ends(name, "_ms") && !str_ends(name, "_at"))
            json_object_set(lasting, name, value);
    json_put(out, lasting, JSON_SORT_KEYS);
    json_decref(lasting);
}

static void chain(struct flow_run *run, const json_t *actions)
{
    struct buf text = {0};
    size_t i;
    const json_t *action;
    if (!json_array_size(actions))
        return;
    buf_puts(&text, run->hash);
    buf_putc(&text, '[');
    json_array_foreach (actions, i, action) {
        if (i)
            buf_putc(&text, ',');
        put_lasting(action, &text);
    }
    buf_putc(&text, ']');
    hash_hex(text.bytes, text.len, run->hash);
    buf_fini(&text);
}

json_t *flow_run_decide(struct flow_run *run, bool *more)
{
    json_t *actions = json_array();
    if (run->queue_head < run->queue_count && run->heard_at > run->now)
        run->now = run->heard_at;
    run->heard_at = 0;
    take_queued(run, actions);
    *more = run->queue_head < run->queue_count;
    if (!*more)
        add_state(run, actions);
    add_wake(run, actions);
    chain(run, actions);
    return actions;
}

/* 0 where the two are the same but for their times. */
static int compare(size_t at, const json_t *recorded, const json_t *now, struct err *err)
{
    struct buf was = {0}, is = {0};
    if (recorded)
        put_lasting(recorded, &was);
    if (now)
        put_lasting(now, &is);
    int rc = recorded && now && str_eq(buf_text(&was), buf_text(&is)) ? 0 : -1;
    size_t same = 0;
    while (was.bytes && is.bytes && was.bytes[same] && was.bytes[same] == is.bytes[same])
        same++;
    size_t from = same > 60 ? same - 60 : 0;
    if (rc < 0 && recorded && now)
        err_set(err, "diverged", "action %zu was %.160s… and is now %.160s…", at + 1,
                buf_text(&was) + from, buf_text(&is) + from);
    else if (rc < 0)
        err_set(err, "diverged", "action %zu %s: %.240s", at + 1,
                recorded ? "was decided and is not now" : "is decided now and was not then",
                recorded ? buf_text(&was) : buf_text(&is));
    buf_fini(&was);
    buf_fini(&is);
    return rc;
}

int flow_run_follow(struct flow_run *run, const json_t *actions, bool *more, struct err *err)
{
    json_t *now = flow_run_decide(run, more);
    size_t was_count = json_array_size(actions), now_count = json_array_size(now);
    int rc = 0;
    for (size_t i = 0; rc == 0 && (i < was_count || i < now_count); i++)
        rc = compare(i, json_array_get(actions, i), json_array_get(now, i), err);
    if (rc < 0)
        err_hint(err, "the definition is not the one that ran, or this version of hq decides "
                      "otherwise");
    json_decref(now);
    return rc;
}
