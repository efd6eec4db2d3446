/* The table of surface.md: who works, who waits for what, who is down and what to do about it. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/status_screen.h"
#include "cli/task_text.h"

enum { AGENT_COLUMNS = 14, STATE_COLUMNS = 21, MODEL_COLUMNS = 13, AGE_COLUMNS = 6 };

struct page {
    const struct status_look *look;
    struct buf *out;
    struct arena arena;
};

struct mark {
    const char *state, *utf8, *ascii, *color;
};

static const struct mark marks[] = {
    {"working", "●", "*", "32"}, {"waiting", "◧", "~", "33"}, {"down", "▲", "!", "31"},
    {"paused", "‖", "=", "33"},  {"unknown", "?", "?", "31"}, {"idle", "○", "o", "2"},
};

static const struct mark *mark_of(const char *state)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_eq(marks[i].state, state))
            return &marks[i];
    return &marks[4];
}

static void paint(struct page *page, const char *color, const char *text)
{
    if (page->look->color)
        buf_printf(page->out, "\033[%sm%s\033[0m", color, text);
    else
        buf_puts(page->out, text);
}

static void paint_mark(struct page *page, const struct mark *mark)
{
    paint(page, mark->color, page->look->utf8 ? mark->utf8 : mark->ascii);
    buf_putc(page->out, ' ');
}

/* Code points, which is what columns are here: no wide letters are expected in ids and states. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void cell(struct page *page, const char *text, int width)
{
    const char *cut = task_title(text, width, &page->arena);
    buf_puts(page->out, cut);
    for (int i = width_of(cut); i < width; i++)
        buf_putc(page->out, ' ');
    buf_putc(page->out, ' ');
}

static int task_columns(const struct page *page)
{
    int room = page->look->columns - 2 - (AGENT_COLUMNS + 1) - (STATE_COLUMNS + 1) -
               (MODEL_COLUMNS + 1) - AGE_COLUMNS - 1;
    return room > 12 ? room : 12;
}

static void headline(struct page *page, const json_t *facts)
{
    const char *dot = page->look->utf8 ? "·" : "-";
    const char *state = json_get_text(facts, "state", "");
    const char *started =
        json_get_text(json_object_get(facts, "supervisor"), "started_at", NULL);
    paint(page, "1", json_get_text(facts, "company", ""));
    if (str_eq(state, "running"))
        buf_printf(page->out, " %s up %s", dot, task_age(started, &page->arena));
    else
        buf_printf(page->out, " %s %s", dot, state);
    buf_printf(page->out, " %s %zu agents", dot, json_array_size(json_object_get(facts, "agents")));
    int64_t pss = json_get_int(facts, "pss_kb", 0);
    if (pss > 0)
        buf_printf(page->out, " %s %lld.%lld MB", dot, (long long)(pss / 1024),
                   (long long)(pss % 1024 * 10 / 1024));
    int64_t inbox = json_get_int(facts, "inbox", 0);
    if (inbox > 0)
        buf_printf(page->out, " %s %lld need you: hq inbox", dot, (long long)inbox);
    buf_putc(page->out, '\n');
}

static const char *state_text(struct page *page, const json_t *agent)
{
    const char *state = json_get_text(agent, "state", "");
    const char *what = json_get_text(agent, "waiting_for", NULL);
    int64_t working = json_get_int(agent, "working", 0);
    int64_t queued = json_get_int(agent, "queued", 0);
    if (str_eq(state, "waiting") && what)
        return arena_printf(&page->arena, "waiting: %s", what);
    if (queued > 0)
        return arena_printf(&page->arena, "%s on %lld, %lld queued", state, (long long)working,
                            (long long)queued);
    return working > 1 ? arena_printf(&page->arena, "%s on %lld", state, (long long)working)
                       : state;
}

static void down_line(struct page *page, const json_t *agent, const char *id)
{
    const char *arrow = page->look->utf8 ? "→" : "->";
    buf_printf(page->out, "down: %s", json_get_text(agent, "reason", "not started"));
    int64_t restarts = json_get_int(agent, "restarts", 0);
    if (restarts > 0)
        buf_printf(page->out, ", restarted %lld times", (long long)restarts);
    buf_printf(page->out, "  %s  hq logs %s -n 20\n", arrow, id);
}

static void work_cells(struct page *page, const json_t *agent)
{
    const json_t *task = json_object_get(agent, "task");
    const char *model = json_get_text(agent, "model", "");
    const char *slash = strchr(model, '/');
    char age[TIME_TEXT] = "";
    cell(page, state_text(page, agent), STATE_COLUMNS);
    cell(page, slash ? slash + 1 : model, MODEL_COLUMNS);
    const char *title = arena_printf(
        &page->arena, "%s %s", task_short_id(json_get_text(task, "id", ""), &page->arena),
        json_get_text(task, "title", ""));
    cell(page, json_is_object(task) ? title : "", task_columns(page));
    if (json_is_object(task))
        time_print_duration(json_get_int(task, "age_ms", 0), age);
    buf_printf(page->out, "%s\n", age);
}

static void agent_line(struct page *page, const json_t *agent)
{
    const char *id = json_get_text(agent, "id", "");
    const struct mark *mark = mark_of(json_get_text(agent, "state", ""));
    paint_mark(page, mark);
    cell(page, id, AGENT_COLUMNS);
    if (str_eq(mark->state, "down"))
        down_line(page, agent, id);
    else
        work_cells(page, agent);
}

static bool is_quiet(const json_t *agent)
{
    return str_eq(json_get_text(agent, "state", ""), "idle") &&
           json_get_int(agent, "queued", 0) == 0;
}

/* Those who do nothing share a line. */
static void idle_line(struct page *page, const json_t *agents)
{
    struct buf names = {0};
    size_t i;
    const json_t *agent;
    json_array_foreach (agents, i, agent)
        if (is_quiet(agent))
            buf_printf(&names, "%s%s", names.len ? ", " : "", json_get_text(agent, "id", ""));
    if (names.len) {
        int room = page->look->columns - 8;
        paint_mark(page, mark_of("idle"));
        buf_printf(page->out, "%s  idle\n",
                   task_title(buf_text(&names), room > 24 ? room : 24, &page->arena));
    }
    buf_fini(&names);
}

static void agent_table(struct page *page, const json_t *agents)
{
    size_t i, busy = 0;
    const json_t *agent;
    json_array_foreach (agents, i, agent)
        busy += !is_quiet(agent);
    if (busy > 0) {
        buf_puts(page->out, "  ");
        cell(page, "AGENT", AGENT_COLUMNS);
        cell(page, "STATE", STATE_COLUMNS);
        cell(page, "MODEL", MODEL_COLUMNS);
        cell(page, "TASK", task_columns(page));
        buf_puts(page->out, "FOR\n");
    }
    json_array_foreach (agents, i, agent)
        if (!is_quiet(agent))
            agent_line(page, agent);
    idle_line(page, agents);
}

static void warnings(struct page *page, const json_t *facts)
{
    const json_t *hub = json_object_get(facts, "hub");
    const json_t *supervisor = json_object_get(facts, "supervisor");
    if (json_is_null(json_object_get(hub, "pid")))
        buf_printf(page->out,
                   "! the hub is down%s%s: nothing is lost, agents re-attach when it is back\n",
                   json_object_get(hub, "reason") ? ": " : "", json_get_text(hub, "reason", ""));
    else if (!json_get_bool(hub, "answers", true))
        buf_puts(page->out, "! the hub lives but does not answer: hq logs hub\n");
    if (json_is_null(json_object_get(supervisor, "pid")))
        buf_puts(page->out, "! no supervisor: nobody restarts what dies; hq up -d takes over\n");
    if (json_get_bool(facts, "config_changed", false))
        buf_puts(page->out, "! hq.yaml has changed since they started: hq reload\n");
}

static void held_lines(struct page *page, const json_t *held)
{
    size_t i;
    const json_t *effect;
    if (json_array_size(held) == 0)
        return;
    buf_printf(page->out, "held deliveries: %zu\n", json_array_size(held));
    json_array_foreach (held, i, effect) {
        if (i == 3) {
            buf_puts(page->out, page->look->utf8 ? "  …\n" : "  ...\n");
            break;
        }
        buf_printf(page->out, "  %s to %s: %s\n",
                   task_short_id(json_get_text(effect, "task", ""), &page->arena),
                   json_get_text(effect, "destination", ""), json_get_text(effect, "reason", ""));
    }
}

void status_screen(const json_t *facts, const struct status_look *look, struct buf *out)
{
    struct page page = {.look = look, .out = out};
    headline(&page, facts);
    warnings(&page, facts);
    agent_table(&page, json_object_get(facts, "agents"));
    held_lines(&page, json_object_get(facts, "held_effects"));
    arena_fini(&page.arena);
}
