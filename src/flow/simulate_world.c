/* Carries out actions as a company would: asks the world what a step answers, holds the answer to
 * time and schema, starts sub-workflows, forgets what was cancelled. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "flow/simulate_state.h"

enum { DEPTH_MAX = 16 /* workflows in workflows: the checker refuses circles */ };

static const char *join(struct arena *arena, const char *path, const char *step)
{
    return *path ? arena_printf(arena, "%s/%s", path, step) : arena_strdup(arena, step);
}

static json_t *fact_body(const json_t *action, json_t *body)
{
    static const char *const kept[] = {"step", "round", "try"};
    body = body ? body : json_object();
    for (size_t i = 0; i < 3; i++)
        if (json_object_get(action, kept[i]))
            json_object_set(body, kept[i], json_object_get(action, kept[i]));
    return body;
}

static json_t *ended(const json_t *action, const char *state, const char *failure_class,
                     const char *message)
{
    json_t *body = fact_body(action, NULL);
    json_set_text(body, "state", state);
    json_set_text(body, "failure_class", failure_class);
    json_set_text(body, "failure_message", message);
    return body;
}

/* ---- the end of runs ---- */

static void close_children(struct sim_flow *of, const char *step)
{
    for (struct sim_flow *child = of->sim->flows; child; child = child->next) {
        if (child->parent != of || child->is_closed ||
            (step && !str_eq(json_get_text(child->asked, "step", ""), step)))
            continue;
        child->is_closed = true;
        close_children(child, NULL);
    }
}

/* The parent's step hears of it. */
static void close_run(struct sim_flow *of, json_t *body)
{
    of->is_closed = true;
    close_children(of, NULL);
    if (!of->parent) {
        json_decref(body);
        return;
    }
    const bool *cancelled = map_get(&of->parent->open, json_get_text(of->asked, "step", ""));
    sim_later(of->sim, (struct sim_pending){.due = of->sim->now,
                                            .of = of->parent,
                                            .type = "step.ended",
                                            .body = body,
                                            .cancelled = cancelled});
}

static void end_run(struct sim_flow *of, const json_t *action)
{
    const char *state = json_get_text(action, "state", "");
    bool is_done = str_eq(state, "done");
    json_t *body = ended(of->asked, is_done ? "done" : "failed", is_done ? NULL : state,
                         json_get_text(action, "failure_message", NULL));
    if (json_object_get(action, "output"))
        json_object_set(body, "output", json_object_get(action, "output"));
    close_run(of, body);
}

int sim_out_of_time(struct sim_flow *of, struct err *err)
{
    of->state = "timed_out";
    close_run(of, ended(of->asked, "timed_out", NULL, "its time was over"));
    return 0;
}

/* ---- sub-workflows ---- */

static size_t depth_of(const struct sim_flow *of)
{
    size_t depth = 0;
    for (; of; of = of->parent)
        depth++;
    return depth;
}

static int refuse_child(struct sim_flow *of, json_t *action, const char *why, struct err *err)
{
    json_t *body = ended(action, "failed", "refused", why);
    json_decref(action);
    return sim_tell(of, "step.ended", body, err);
}

int sim_start_child(struct sim_flow *of, json_t *action, struct err *err)
{
    struct sim *sim = of->sim;
    struct err why = {0};
    const char *entry = json_get_text(action, "workflow", "");
    const struct flow *flow = flow_bundle_find(sim->bundle, entry);
    if (!flow || depth_of(of) >= DEPTH_MAX)
        return refuse_child(of, action, flow ? "too deep" : "there is no such workflow", err);
    json_t *inputs = flow_inputs(flow, json_object_get(action, "inputs"), false, &why);
    if (!inputs)
        return refuse_child(of, action, why.message, err);
    struct sim_flow *child =
        sim_open(sim, flow, join(sim->arena, of->path, json_get_text(action, "step", "")));
    int64_t timeout = json_get_int(action, "timeout_ms", 0);
    if (timeout && (!child->wall_at || sim->now + timeout < child->wall_at))
        child->wall_at = sim->now + timeout;
    child->parent = of;
    child->asked = action;
    int rc = sim_start(child, inputs, err);
    json_decref(inputs);
    return rc;
}

/* ---- answers ---- */

/* A result that its agent would have been told to mend, until it had failed as malformed. */
static void hold_to_schema(const json_t *action, json_t *body)
{
    struct buf why = {0};
    const json_t *schema = json_object_get(action, "schema");
    json_t *null = json_null();
    const json_t *output = json_object_get(body, "output");
    if (schema && str_eq(json_get_text(body, "state", ""), "done") &&
        json_schema_fits(schema, output ? output : null, &why) != 0) {
        json_set_text(body, "state", "failed");
        json_set_text(body, "failure_class", "malformed");
        json_set_text(body, "failure_message", buf_text(&why));
        json_object_del(body, "output");
    }
    buf_fini(&why);
}

/* What comes instead where the answer takes too long; NULL: it waits, or the interpreter has the
 * timer. */
static json_t *too_late(const json_t *action, const char **type, int64_t *limit)
{
    const char *what = json_get_text(action, "do", "");
    bool is_gate = str_eq(what, "approve");
    if (!is_gate && !str_eq(what, "task") && !str_eq(what, "run") && !str_eq(what, "workflow"))
        return NULL;
    *limit = json_get_int(action, is_gate ? "expires_ms" : "timeout_ms", 0);
    if (*limit <= 0)
        return NULL;
    *type = is_gate ? "approval.decided" : "step.ended";
    if (!is_gate)
        return ended(action, "timed_out", NULL, "it took longer than its timeout");
    json_t *body = fact_body(action, NULL);
    json_set_text(body, "decision", "expired");
    return body;
}

static struct sim_pending pending_of(struct sim_flow *of, const json_t *action,
                                     struct sim_answer *answer)
{
    struct sim_pending pending = {.of = of, .type = answer->type, .due = answer->after_ms};
    int64_t limit = 0;
    const char *late_type;
    json_t *late = too_late(action, &late_type, &limit);
    if (answer->type)
        pending.body = fact_body(action, answer->body);
    if (late && (!answer->type || answer->after_ms > limit)) {
        json_decref(pending.body);
        pending = (struct sim_pending){.of = of, .type = late_type, .body = late, .due = limit};
    } else {
        json_decref(late);
    }
    pending.due += of->sim->now + json_get_int(action, "delay_ms", 0);
    return pending;
}

static bool *start_flag(struct sim_flow *of, const char *step)
{
    bool *cancelled = arena_alloc(of->sim->arena, sizeof(*cancelled));
    map_put(&of->open, step, cancelled);
    return cancelled;
}

static int start(struct sim_flow *of, const json_t *action, struct err *err)
{
    const struct sim_world *world = of->sim->world;
    const char *step = json_get_text(action, "step", "");
    struct sim_answer answer = {0};
    bool is_workflow = str_eq(json_get_text(action, "do", ""), "workflow");
    json_t *asked = json_copy((json_t *)action);
    json_set_text(asked, "path", join(of->sim->arena, of->path, step));
    int rc =
        json_object_get(action, "until_at") ? 0 : world->answer(world->ctx, asked, &answer, err);
    json_decref(asked);
    if (rc < 0)
        return -1;
    if (is_workflow && !answer.type) {
        int64_t due = of->sim->now + json_get_int(action, "delay_ms", 0);
        sim_later(of->sim, (struct sim_pending){.due = due,
                                                .of = of,
                                                .body = json_incref((json_t *)action),
                                                .cancelled = start_flag(of, step)});
        return 0;
    }
    struct sim_pending pending = pending_of(of, action, &answer);
    pending.cancelled = start_flag(of, step);
    if (str_eq(pending.type, "step.ended"))
        hold_to_schema(action, pending.body);
    if (str_eq(pending.type, "signal.received"))
        json_object_set(pending.body, "name", json_object_get(action, "signal"));
    if (pending.body)
        sim_later(of->sim, pending);
    return 0;
}

static void forget(struct sim_flow *of, const char *step)
{
    bool *cancelled = map_get(&of->open, step);
    if (cancelled)
        *cancelled = true;
    close_children(of, step);
}

int sim_carry_out(struct sim_flow *of, const json_t *action, struct err *err)
{
    static const char *const starts[] = {"task",   "run", "workflow", "approve",
                                         "effect", "job", "wait",     NULL};
    const char *what = json_get_text(action, "do", "");
    if (str_in(what, starts))
        return start(of, action, err);
    if (str_eq(what, "cancel") || str_eq(what, "reset"))
        forget(of, json_get_text(action, "step", ""));
    if (str_eq(what, "end_run"))
        end_run(of, action);
    return 0;
}
