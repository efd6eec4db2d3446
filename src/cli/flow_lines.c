/* Compares two looks at a run and prints the difference. */
#include "cli/flow_lines.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "flow/spec.h"

enum { NAME_COLUMNS = 18, WORKER_COLUMNS = 14, HEAD_COLUMNS = 9 };

const char *flow_worker(const struct flow *flow, const char *step, struct arena *arena)
{
    int64_t at = flow ? flow_step_index(flow, step) : -1;
    if (at < 0)
        return "";
    const struct flow_step *one = &flow->steps[at];
    switch (one->kind) {
    case FLOW_TASK:
        return one->agent ? one->agent : arena_printf(arena, "capability %s", one->capability);
    case FLOW_APPROVE:
        return "people";
    case FLOW_RUN:
        return "runner";
    case FLOW_WORKFLOW:
        return one->workflow;
    default:
        return flow_kind_word(one->kind);
    }
}

/* What makes a line worth printing again. */
static json_t *gist_of(const json_t *step)
{
    static const char *const keys[] = {"state", "reason", "round", "tries"};
    json_t *gist = json_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_object_get(step, keys[i]))
            json_object_set(gist, keys[i], json_object_get(step, keys[i]));
    return gist;
}

static const char *stamp(const json_t *run, const json_t *step, struct arena *arena)
{
    char text[TIME_TEXT];
    int64_t began, at = time_wall_ms();
    const char *start = json_get_text(run, "created_at", NULL);
    const char *when = json_get_text(step, "finished_at", NULL);
    if (!start || !time_parse_rfc3339(start, &began))
        return "";
    if (!when)
        when = json_get_text(step, "started_at", NULL);
    if (when)
        time_parse_rfc3339(when, &at);
    time_print_duration(at > began ? at - began : 0, text);
    return arena_strdup(arena, text);
}

static void print_step(struct flow_lines *lines, const json_t *run, const char *name,
                       const json_t *step)
{
    struct arena arena = {0};
    struct buf out = {0};
    bool utf8 = output_is_utf8();
    const char *state = json_get_text(step, "state", "pending");
    int color = output_has_color(lines->invocation, fileno(lines->out)) ? flow_color(state) : 0;
    buf_printf(&out, "%7s  ", stamp(run, step, &arena));
    if (color)
        buf_printf(&out, "\033[%dm%s\033[0m ", color, flow_sign(state, utf8));
    else
        buf_printf(&out, "%s ", flow_sign(state, utf8));
    cell_put(&out, name, NAME_COLUMNS, utf8);
    buf_putc(&out, ' ');
    cell_put(&out, flow_worker(lines->flow, name, &arena), WORKER_COLUMNS, utf8);
    buf_putc(&out, ' ');
    int room = output_columns() - HEAD_COLUMNS - NAME_COLUMNS - WORKER_COLUMNS - 5;
    cell_put(&out, flow_step_words(step, &arena), room, utf8);
    cell_end_line(&out);
    fputs(buf_text(&out), lines->out);
    buf_fini(&out);
    arena_fini(&arena);
}

/* A step that began and ended between two looks: its beginning stands in the lines, too. */
static void print_beginning(struct flow_lines *lines, const json_t *run, const char *name,
                            const json_t *step)
{
    static const char *const works[] = {"agent", "run", "workflow", NULL};
    bool was_seen = json_object_get(lines->seen, name) || !lines->is_on;
    if (was_seen || !str_in(json_get_text(step, "kind", ""), works) ||
        !json_get_text(step, "started_at", NULL) || !json_get_text(step, "finished_at", NULL))
        return;
    json_t *begun = json_copy((json_t *)step);
    json_object_del(begun, "finished_at");
    json_object_del(begun, "reason");
    json_object_del(begun, "failure");
    json_object_del(begun, "tries");
    json_set_text(begun, "state", "running");
    print_step(lines, run, name, begun);
    json_decref(begun);
}

static void show_step(struct flow_lines *lines, const json_t *run, const char *name)
{
    const json_t *step = json_object_get(json_object_get(run, "steps"), name);
    if (!step || str_eq(json_get_text(step, "state", "pending"), "pending"))
        return;
    json_t *gist = gist_of(step);
    print_beginning(lines, run, name, step);
    if (!json_equal(gist, json_object_get(lines->seen, name)))
        print_step(lines, run, name, step);
    json_object_set_new(lines->seen, name, gist);
}

void flow_lines_show(struct flow_lines *lines, const json_t *run)
{
    const char *name;
    json_t *step;
    if (!lines->seen)
        lines->seen = json_object();
    for (size_t i = 0; lines->flow && i < lines->flow->step_count; i++)
        show_step(lines, run, lines->flow->steps[i].id);
    json_object_foreach (json_object_get(run, "steps"), name, step)
        if (!lines->flow || flow_step_index(lines->flow, name) < 0)
            show_step(lines, run, name);
    lines->is_on = true;
    fflush(lines->out);
}

void flow_lines_fini(struct flow_lines *lines)
{
    json_decref(lines->seen);
    lines->seen = NULL;
}
