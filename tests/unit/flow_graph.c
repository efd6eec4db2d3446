/* Hand-made workflows and walks through them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/expr.h"
#include "flow_graph.h"

void graph_init(struct graph *graph, size_t room)
{
    *graph = (struct graph){.room = room};
    graph->steps = arena_alloc(&graph->arena, (room + 1) * sizeof(*graph->steps));
    graph->flow = (struct flow){
        .name = "hand-made", .steps = graph->steps, .micro_usd = -1, .tokens = -1, .wall_ms = -1};
}

void graph_fini(struct graph *graph)
{
    arena_fini(&graph->arena);
}

struct flow_step *graph_step_at(struct graph *graph, const char *id, enum flow_kind kind,
                                const size_t *needs, size_t count)
{
    assert_true(graph->flow.step_count < graph->room);
    struct flow_step *step = &graph->steps[graph->flow.step_count++];
    size_t *kept = arena_alloc(&graph->arena, (count + 1) * sizeof(*kept));
    for (size_t i = 0; i < count; i++)
        kept[i] = needs[i];
    *step = (struct flow_step){
        .id = arena_strdup(&graph->arena, id),
        .kind = kind,
        .needs = kept,
        .need_count = count,
        .retry = {.attempts = 1, .initial_ms = 1000, .max_ms = 60000, .factor = 2},
        .timeout_ms = 60000,
        .micro_usd = -1,
        .tokens = -1,
        .agent = kind == FLOW_TASK ? "worker" : NULL,
        .command = kind == FLOW_RUN ? "true" : NULL,
        .effect = kind == FLOW_EFFECT ? "message" : NULL,
        .workflow = kind == FLOW_WORKFLOW ? "other" : NULL,
        .wait_ms = -1,
        .approve = {.expires_ms = 86400000, .votes = 1, .rerun = -1, .rounds = 3},
    };
    return step;
}

static size_t find(const struct graph *graph, const char *id, size_t len)
{
    for (size_t i = 0; i < graph->flow.step_count; i++)
        if (strlen(graph->steps[i].id) == len && memcmp(graph->steps[i].id, id, len) == 0)
            return i;
    fail_msg("no step %s", id);
    return 0;
}

struct flow_step *graph_step(struct graph *graph, const char *id, enum flow_kind kind,
                             const char *needs)
{
    size_t found[16], count = 0;
    while (*needs) {
        size_t len = strcspn(needs, " ");
        found[count++] = find(graph, needs, len);
        needs += len + strspn(needs + len, " ");
    }
    return graph_step_at(graph, id, kind, found, count);
}

struct expr *graph_expr(struct graph *graph, const char *text)
{
    struct findings findings;
    findings_init(&findings, &graph->arena);
    struct expr_source source = {.arena = &graph->arena, .findings = &findings, .what = "test"};
    struct expr *expr = expr_parse(text, &source);
    assert_non_null(expr);
    return expr;
}

struct flow_value *graph_value(struct graph *graph, const char *json)
{
    struct findings findings;
    struct err err = {0};
    findings_init(&findings, &graph->arena);
    struct expr_source source = {.arena = &graph->arena, .findings = &findings, .what = "test"};
    json_t *value = json_parse(json, strlen(json), &err);
    assert_non_null(value);
    struct flow_value *compiled = flow_value_parse(value, &source, NULL, NULL);
    json_decref(value);
    assert_non_null(compiled);
    return compiled;
}

const struct flow *graph_seal(struct graph *graph)
{
    size_t count = graph->flow.step_count;
    size_t *feeds = arena_alloc(&graph->arena, (count + 1) * sizeof(size_t));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < graph->steps[i].need_count; k++)
            feeds[graph->steps[i].needs[k]]++;
    for (size_t i = 0; i < count; i++) {
        graph->steps[i].feeds = arena_alloc(&graph->arena, (feeds[i] + 1) * sizeof(size_t));
        graph->steps[i].feed_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < graph->steps[i].need_count; k++) {
            struct flow_step *need = &graph->steps[graph->steps[i].needs[k]];
            ((size_t *)need->feeds)[need->feed_count++] = i;
        }
    }
    return &graph->flow;
}

/* ---- walks ---- */

void walk_decide(struct walk *walk)
{
    bool more = true;
    while (more) {
        json_t *actions = flow_run_decide(walk->run, &more);
        assert_true(json_array_size(actions) <= FLOW_ACTIONS_MAX);
        json_array_extend(walk->actions, actions);
        json_decref(actions);
    }
}

static void tell(struct walk *walk, const char *type, json_t *body)
{
    struct err err = {0};
    struct flow_fact fact = {.seq = ++walk->seq, .at = walk->now, .type = type, .body = body};
    if (flow_run_tell(walk->run, &fact, &err) < 0)
        fail_msg("%s", err.message);
    json_decref(body);
}

static json_t *quoted(const char *text)
{
    struct err err = {0};
    char *copy = strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *value = json_parse(copy, strlen(copy), &err);
    if (!value)
        fail_msg("%s: %s", err.message, copy);
    free(copy);
    return value;
}

void walk_only_tell(struct walk *walk, const char *type, const char *json)
{
    tell(walk, type, quoted(json));
}

void walk_tell(struct walk *walk, const char *type, const char *json, ...)
{
    struct arena arena = {0};
    va_list args;
    va_start(args, json);
    walk_only_tell(walk, type, arena_vprintf(&arena, json, args));
    va_end(args);
    arena_fini(&arena);
    walk_decide(walk);
}

void walk_open(struct walk *walk, const struct flow *flow, const char *inputs)
{
    *walk = (struct walk){
        .run = flow_run_open(flow, "r-test"), .now = 1000000, .actions = json_array()};
    walk_tell(walk, "run.started", "{'name':'test','inputs':%s}", inputs ? inputs : "{}");
}

void walk_close(struct walk *walk)
{
    flow_run_close(walk->run);
    json_decref(walk->actions);
}

struct flow_step_view walk_step(const struct walk *walk, const char *step)
{
    struct flow_step_view view;
    for (size_t i = 0;; i++) {
        flow_run_step(walk->run, i, &view);
        if (str_eq(view.id, step))
            return view;
    }
}

void walk_end(struct walk *walk, const char *step, const char *rest)
{
    struct flow_step_view view = walk_step(walk, step);
    walk_tell(walk, "step.ended", "{'step':'%s','round':%d,'try':%d,%s}", step, (int)view.round,
              (int)view.tries, rest);
}

const char *walk_look(struct walk *walk)
{
    static char shown[4096];
    struct buf text = {0};
    for (; walk->seen < json_array_size(walk->actions); walk->seen++) {
        const json_t *action = json_array_get(walk->actions, walk->seen);
        const char *what = json_get_text(action, "do", "?");
        const char *step = json_get_text(action, "step", NULL);
        const char *state = json_get_text(action, "state", NULL);
        buf_printf(&text, "%s%s%s%s%s%s", text.len ? ", " : "", what, step ? " " : "",
                   step ? step : "", state ? " " : "", state ? state : "");
    }
    snprintf(shown, sizeof(shown), "%s", buf_text(&text));
    buf_fini(&text);
    return shown;
}

const json_t *walk_action(const struct walk *walk, const char *what, const char *step)
{
    for (size_t i = json_array_size(walk->actions); i-- > 0;) {
        const json_t *action = json_array_get(walk->actions, i);
        if (str_eq(json_get_text(action, "do", ""), what) &&
            (!step || str_eq(json_get_text(action, "step", ""), step)))
            return action;
    }
    fail_msg("no action %s of %s", what, step ? step : "the run");
    return NULL;
}
