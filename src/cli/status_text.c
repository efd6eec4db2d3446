/* Lays out the status table within the columns that there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/pause_text.h"
#include "cli/status_chains.h"
#include "cli/status_text.h"

enum { ROW_MAX = 1024, NAME_COLUMNS_MAX = 20, AGE_COLUMNS = 7 };

struct sheet {
    const struct status_look *look;
    struct buf *out;
    bool is_ending; /* the company goes down: nobody needs a hint */
    int name_columns, state_columns, model_columns, task_columns;
};

static void put_cell(struct sheet *sheet, const char *text, int columns)
{
    cell_put(sheet->out, text, columns, sheet->look->utf8);
}

struct mark {
    const char *state, *round, *ascii, *color;
};

static const struct mark marks[] = {
    {"working", "●", "*", "\033[32m"}, {"waiting", "◧", "%", "\033[33m"},
    {"down", "▲", "!", "\033[31m"},    {"paused", "‖", "=", "\033[33m"},
    {"idle", "○", "o", "\033[2m"},     {"unknown", "?", "?", "\033[35m"},
};

static const struct mark *mark_of(const char *state)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (str_eq(marks[i].state, state))
            return &marks[i];
    return &marks[5];
}

static void put_mark(struct sheet *sheet, const char *state)
{
    const struct mark *mark = mark_of(state);
    if (sheet->look->color)
        buf_puts(sheet->out, mark->color);
    buf_puts(sheet->out, sheet->look->utf8 ? mark->round : mark->ascii);
    buf_puts(sheet->out, sheet->look->color ? "\033[0m " : " ");
}

static const char *dot(const struct sheet *sheet)
{
    return sheet->look->utf8 ? " · " : " - ";
}

static void put_text_line(struct sheet *sheet, const char *text)
{
    put_cell(sheet, text, sheet->look->columns);
    cell_end_line(sheet->out);
}

/* " · $3.12 of $20 today": what the company may spend in the period that runs. */
static void put_budget(const json_t *usd, const char *gap, char *line, size_t size)
{
    static const char *const names[][2] = {
        {"day", "today"}, {"hour", "this hour"}, {"week", "this week"}, {"month", "this month"}};
    struct arena arena = {0};
    int64_t limit = json_get_int(usd, "limit", -1);
    const char *period = json_get_text(usd, "per", json_get_text(usd, "period", ""));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(period, names[i][0]))
            period = names[i][1];
    if (limit >= 0)
        snprintf(line, size, "%s%s of %s %.40s", gap,
                 figure_money(json_get_int(usd, "spent", 0), &arena),
                 limit % 1000000 ? figure_money(limit, &arena)
                                 : arena_printf(&arena, "$%lld", (long long)(limit / 1000000)),
                 period);
    arena_fini(&arena);
}

/* "PANIC by operator since 03:12: the bill explodes … → hq resume": how to go on is never cut. */
static void put_halt(struct sheet *sheet, const char *text, const char *command)
{
    char more[192];
    snprintf(more, sizeof(more), "%s %.60s", sheet->look->utf8 ? "→" : "->", command);
    int room = sheet->look->columns - cell_width(more) - 1;
    if (sheet->look->color)
        buf_puts(sheet->out, "\033[31m");
    put_cell(sheet, text, room);
    buf_putc(sheet->out, ' ');
    put_cell(sheet, more, cell_width(more));
    buf_puts(sheet->out, sheet->look->color ? "\033[0m" : "");
    cell_end_line(sheet->out);
}

/* The company's own pause stands above all else. */
static void put_company_pause(struct sheet *sheet, const json_t *census)
{
    size_t i;
    const json_t *pause;
    struct arena arena = {0};
    json_array_foreach (json_object_get(census, "paused"), i, pause) {
        bool panic = json_get_bool(pause, "panic", false);
        const char *reason = json_get_text(pause, "reason", NULL);
        if (!str_eq(json_get_text(pause, "id", ""), "company"))
            continue;
        put_halt(sheet,
                 arena_printf(&arena, "%s by %s since %s%s%s", panic ? "PANIC" : "PAUSED",
                              json_get_text(pause, "by", "?"), pause_since(pause, &arena),
                              reason ? ": " : "", reason ? reason : ""),
                 "hq resume");
    }
    if (json_get_bool(census, "panic_written", false))
        put_halt(sheet, "PANIC is written down: the next start begins paused", "hq resume");
    arena_fini(&arena);
}

/* Agents and tasks that are paused for themselves. */
static void put_pauses(struct sheet *sheet, const json_t *census)
{
    enum { SHOWN = 5 };
    size_t i, count = 0;
    const json_t *pause;
    struct arena arena = {0};
    json_array_foreach (json_object_get(census, "paused"), i, pause) {
        if (str_eq(json_get_text(pause, "id", ""), "company"))
            continue;
        if (count++ < SHOWN)
            put_halt(sheet,
                     arena_printf(&arena, "%s %s %s", sheet->look->utf8 ? "‖" : "=",
                                  pause_scope(NULL, pause, &arena), pause_sentence(pause, &arena)),
                     pause_resume_command("hq", pause, &arena));
    }
    if (count > SHOWN)
        put_text_line(sheet,
                      arena_printf(&arena, "and %zu more pauses: hq status --json", count - SHOWN));
    arena_fini(&arena);
}

static void put_head(struct sheet *sheet, const json_t *census)
{
    char up[TIME_TEXT], line[ROW_MAX];
    const char *gap = dot(sheet), *state = json_get_text(census, "state", "");
    size_t agents = json_array_size(json_object_get(census, "agents"));
    double mb = (double)json_get_int(census, "pss_kb", 0) / 1024;
    time_print_duration(json_get_int(census, "up_ms", 0), up);
    int len = snprintf(line, sizeof(line), "%.80s%s", json_get_text(census, "company", "?"), gap);
    if (!str_eq(state, "running"))
        len += snprintf(line + len, sizeof(line) - (size_t)len, "%.40s%s", state, gap);
    if (json_get_int(census, "up_ms", 0) > 0)
        len += snprintf(line + len, sizeof(line) - (size_t)len, "up %s%s", up, gap);
    len += snprintf(line + len, sizeof(line) - (size_t)len, "%zu agent%s%s%.0f MB", agents,
                    agents == 1 ? "" : "s", gap, mb);
    put_budget(json_object_get(json_object_get(census, "budget"), "usd"), gap, line + len,
               sizeof(line) - (size_t)len);
    int64_t inbox = json_get_int(census, "inbox", 0);
    char need[64] = "";
    if (inbox > 0)
        snprintf(need, sizeof(need), "%lld%s need%s you %s hq inbox", (long long)inbox,
                 json_get_bool(census, "inbox_more", false) ? "+" : "", inbox == 1 ? "s" : "",
                 sheet->look->utf8 ? "→" : "->");
    int room = sheet->look->columns - (*need ? cell_width(need) + 1 : 0);
    put_cell(sheet, line, room);
    if (*need)
        buf_printf(sheet->out, " %s", need);
    cell_end_line(sheet->out);
}

/* Kept out of work after failures, for a while; `until` gets when that ends. */
static bool is_held(const json_t *agent, int64_t *until)
{
    const json_t *breaker = json_object_get(agent, "breaker");
    return time_parse_rfc3339(json_get_text(breaker, "until", ""), until) &&
           *until > time_wall_ms();
}

static bool is_shown(const json_t *agent)
{
    int64_t until;
    return !str_eq(json_get_text(agent, "state", ""), "idle") || json_get_int(agent, "queued", 0) ||
           is_held(agent, &until);
}

static bool has_task(const json_t *agent)
{
    return json_is_object(json_object_get(agent, "task"));
}

/* "held: 5 failures, until 14:05", or nothing. */
static int held_text(const json_t *agent, char text[ROW_MAX])
{
    int64_t until;
    struct tm local;
    if (!is_held(agent, &until))
        return 0;
    time_t seconds = until / 1000;
    long long failures = json_get_int(json_object_get(agent, "breaker"), "failures", 0);
    localtime_r(&seconds, &local);
    return snprintf(text, ROW_MAX, "held: %lld failure%s, until %02d:%02d", failures,
                    failures == 1 ? "" : "s", local.tm_hour, local.tm_min);
}

static void state_text(const json_t *agent, char text[ROW_MAX])
{
    const char *state = json_get_text(agent, "state", "unknown");
    const char *on = json_get_text(agent, "waiting_for", NULL);
    const char *reason = json_get_text(agent, "reason", NULL);
    long long working = json_get_int(agent, "working", 0),
              queued = json_get_int(agent, "queued", 0);
    if (on && str_eq(state, "waiting"))
        snprintf(text, ROW_MAX, "waiting: %.200s", on);
    else if (held_text(agent, text))
        return;
    else if (reason)
        snprintf(text, ROW_MAX, "%s: %.400s", state, reason);
    else if (queued && working)
        snprintf(text, ROW_MAX, "%s on %lld, %lld queued", state, working, queued);
    else if (queued)
        snprintf(text, ROW_MAX, "%s, %lld queued", state, queued);
    else if (working > 1)
        snprintf(text, ROW_MAX, "%s on %lld", state, working);
    else
        snprintf(text, ROW_MAX, "%s", state);
}

/* "down, held, restarted 4×: exit 1: …": what to do about it stands before why it is so, because
 * the end of the line may not fit. */
static void down_text(const struct sheet *sheet, const json_t *agent, char text[ROW_MAX])
{
    const char *supervised = json_get_text(agent, "supervised", "");
    const char *reason = json_get_text(agent, "reason", NULL);
    long long restarts = json_get_int(agent, "restarts", 0);
    bool by_hand = str_eq(supervised, "stopped") && !sheet->is_ending;
    if (str_eq(json_get_text(agent, "state", ""), "idle") && held_text(agent, text))
        return;
    int len =
        snprintf(text, ROW_MAX, "%.40s%s%s", json_get_text(agent, "state", "unknown"),
                 str_eq(supervised, "held") ? ", held" : "", by_hand ? ", stopped by hand" : "");
    if (restarts && !by_hand)
        len += snprintf(text + len, ROW_MAX - (size_t)len, ", restarted %lld%s", restarts,
                        sheet->look->utf8 ? "×" : "x");
    if (reason)
        snprintf(text + len, ROW_MAX - (size_t)len, ": %.400s", reason);
}

/* A row without task: the words may use the whole line, with a way to learn more at its end. */
static void put_down_row(struct sheet *sheet, const json_t *agent)
{
    char text[ROW_MAX], more[128] = "";
    const char *arrow = sheet->look->utf8 ? "→" : "->";
    const char *id = json_get_text(agent, "id", "?");
    bool is_down = str_eq(json_get_text(agent, "state", ""), "down");
    bool by_hand = str_eq(json_get_text(agent, "supervised", ""), "stopped");
    down_text(sheet, agent, text);
    if (is_down && !sheet->is_ending)
        snprintf(more, sizeof(more), "%s hq %s %.40s", arrow, by_hand ? "start" : "logs", id);
    int room = sheet->look->columns - 3 - sheet->name_columns;
    int tail = *more ? cell_width(more) + 2 : 0;
    bool fits = room - tail >= 20;
    put_cell(sheet, text, fits ? room - tail : room);
    if (fits && *more) {
        buf_puts(sheet->out, "  ");
        put_cell(sheet, more, cell_width(more));
    }
}

static void put_work(struct sheet *sheet, const json_t *agent)
{
    char text[ROW_MAX], task[ROW_MAX], age[TIME_TEXT];
    state_text(agent, text);
    put_cell(sheet, text, sheet->state_columns);
    buf_putc(sheet->out, ' ');
    const char *model = json_get_text(agent, "model", "");
    const char *name = strchr(model, '/');
    if (sheet->model_columns) {
        put_cell(sheet, name ? name + 1 : model, sheet->model_columns);
        buf_putc(sheet->out, ' ');
    }
    const json_t *what = json_object_get(agent, "task");
    snprintf(task, sizeof(task), "%.8s %.400s", json_get_text(what, "id", ""),
             json_get_text(what, "title", ""));
    put_cell(sheet, task, sheet->task_columns);
    time_print_duration(json_get_int(what, "age_ms", 0), age);
    buf_putc(sheet->out, ' ');
    put_cell(sheet, age, AGE_COLUMNS);
}

static void put_row(struct sheet *sheet, const json_t *agent)
{
    int64_t until;
    const char *state = json_get_text(agent, "state", "unknown");
    put_mark(sheet, str_eq(state, "idle") && is_held(agent, &until) ? "paused" : state);
    put_cell(sheet, json_get_text(agent, "id", "?"), sheet->name_columns);
    buf_putc(sheet->out, ' ');
    if (has_task(agent))
        put_work(sheet, agent);
    else
        put_down_row(sheet, agent);
    cell_end_line(sheet->out);
}

/* The rows share what the names leave: half for the state, the rest for model and task. */
static void measure(struct sheet *sheet, const json_t *agents)
{
    size_t i;
    const json_t *agent;
    int names = 5, states = 10;
    json_array_foreach (agents, i, agent) {
        char text[ROW_MAX];
        int columns = cell_width(json_get_text(agent, "id", ""));
        names = columns > names ? columns : names;
        if (!is_shown(agent) || !has_task(agent))
            continue;
        state_text(agent, text);
        states = cell_width(text) > states ? cell_width(text) : states;
    }
    sheet->name_columns = names < NAME_COLUMNS_MAX ? names : NAME_COLUMNS_MAX;
    int room = sheet->look->columns - 2 - sheet->name_columns - AGE_COLUMNS - 4;
    int most = room / 2 + 1;
    sheet->state_columns = states < most ? states : most;
    room -= sheet->state_columns;
    sheet->model_columns = room > 40 ? 15 : room > 24 ? 12 : 0;
    sheet->task_columns = room - sheet->model_columns;
}

static void put_rows(struct sheet *sheet, const json_t *agents)
{
    size_t i, shown = 0, working = 0;
    const json_t *agent;
    json_array_foreach (agents, i, agent) {
        shown += is_shown(agent);
        working += has_task(agent);
    }
    if (!shown)
        return;
    buf_puts(sheet->out, "  ");
    put_cell(sheet, "AGENT", sheet->name_columns);
    buf_putc(sheet->out, ' ');
    put_cell(sheet, "STATE", sheet->state_columns);
    if (working) {
        buf_putc(sheet->out, ' ');
        if (sheet->model_columns) {
            put_cell(sheet, "MODEL", sheet->model_columns);
            buf_putc(sheet->out, ' ');
        }
        put_cell(sheet, "TASK", sheet->task_columns);
        buf_puts(sheet->out, " FOR");
    }
    cell_end_line(sheet->out);
    json_array_foreach (agents, i, agent)
        if (is_shown(agent))
            put_row(sheet, agent);
}

/* "○ secretary, tech-lead   idle", folded where the line is full. */
static void put_idle(struct sheet *sheet, const json_t *agents)
{
    size_t i, count = 0;
    const json_t *agent;
    int column = 2, last = sheet->look->columns - 8;
    json_array_foreach (agents, i, agent) {
        const char *id = json_get_text(agent, "id", "?");
        if (is_shown(agent))
            continue;
        if (count && column + 2 + cell_width(id) > last) {
            buf_puts(sheet->out, ",\n  ");
            column = 2;
        } else if (count) {
            buf_puts(sheet->out, ", ");
            column += 2;
        } else {
            put_mark(sheet, "idle");
        }
        int columns = cell_width(id) < last - 2 ? cell_width(id) : last - 2;
        put_cell(sheet, id, columns);
        column += columns;
        count++;
    }
    if (count)
        buf_puts(sheet->out, "  idle\n");
}

static void put_hub_trouble(struct sheet *sheet, const json_t *hub)
{
    char line[ROW_MAX];
    const char *reason = json_get_text(hub, "reason", NULL);
    if (!json_is_integer(json_object_get(hub, "pid")))
        snprintf(line, sizeof(line), "the hub is down%s%.300s; what was accepted is safe on disk",
                 reason ? ": " : "", reason ? reason : "");
    else if (!json_get_bool(hub, "answers", true))
        snprintf(line, sizeof(line), "the hub lives but does not answer%s%.300s; see hq logs hub",
                 reason ? ": " : "", reason ? reason : "");
    else
        return;
    put_text_line(sheet, line);
}

static void put_held(struct sheet *sheet, const json_t *held)
{
    enum { SHOWN = 3 };
    char line[ROW_MAX];
    size_t i;
    const json_t *effect;
    json_array_foreach (held, i, effect) {
        if (i == SHOWN) {
            snprintf(line, sizeof(line), "and %zu more such deliveries",
                     json_array_size(held) - SHOWN);
            put_text_line(sheet, line);
            return;
        }
        snprintf(line, sizeof(line), "%.10s delivery of %.8s to %.80s: %.200s",
                 json_get_text(effect, "state", "held"), json_get_text(effect, "task", ""),
                 json_get_text(effect, "destination", "?"), json_get_text(effect, "reason", ""));
        put_text_line(sheet, line);
    }
}

/* Without it commands of workflows wait. */
static void put_runner_trouble(struct sheet *sheet, const json_t *runner)
{
    char line[ROW_MAX];
    const char *reason = json_get_text(runner, "reason", NULL);
    bool by_hand = str_eq(json_get_text(runner, "supervised", ""), "stopped");
    if (!str_eq(json_get_text(runner, "state", ""), "down") || sheet->is_ending)
        return;
    snprintf(line, sizeof(line), "runner: down%s%s%.300s: commands of workflows wait; hq %s runner",
             by_hand ? ", stopped by hand" : "", reason ? ", " : "", reason ? reason : "",
             by_hand ? "start" : "logs");
    put_text_line(sheet, line);
}

/* Whom systemd gave up on: one line brings them back. */
static void put_manager(struct sheet *sheet, const json_t *census)
{
    size_t i;
    const json_t *agent, *supervisor = json_object_get(census, "supervisor");
    char line[ROW_MAX], names[ROW_MAX / 2] = "";
    json_array_foreach (json_object_get(census, "agents"), i, agent) {
        size_t len = strlen(names);
        if (str_eq(json_get_text(agent, "supervised", ""), "held"))
            snprintf(names + len, sizeof(names) - len, " %s", json_get_text(agent, "id", ""));
    }
    snprintf(line, sizeof(line), "kept by systemd (%s): %s", json_get_text(supervisor, "scope", ""),
             json_get_text(supervisor, "unit", ""));
    put_text_line(sheet, line);
    snprintf(line, sizeof(line), "held by systemd; once mended: hq start%s", names);
    if (*names)
        put_text_line(sheet, line);
}

/* Said when it matters: from a gigabyte on, and where the disk fills up. */
static void put_store(struct sheet *sheet, const json_t *store)
{
    enum { SAID_FROM_MB = 1000, FREE_PERCENT = 10 };
    char line[ROW_MAX];
    struct arena arena = {0};
    int64_t of_ledger = json_get_int(store, "ledger_bytes", 0) + json_get_int(store, "wal_bytes", 0),
            blobs = json_get_int(store, "blob_bytes", 0),
            archive = json_get_int(store, "archive_bytes", 0),
            left = json_get_int(store, "free_bytes", -1),
            disk = json_get_int(store, "disk_bytes", 0);
    bool is_low = left >= 0 && disk > 0 && left < disk / 100 * FREE_PERCENT;
    if (store && (is_low || of_ledger + blobs + archive >= INT64_C(1000000) * SAID_FROM_MB)) {
        snprintf(line, sizeof(line), "disk: ledger %s, blobs %s, archive %s; %s free%s",
                 figure_bytes(of_ledger, &arena), figure_bytes(blobs, &arena),
                 figure_bytes(archive, &arena), figure_bytes(left, &arena),
                 is_low ? ": it fills up" : "");
        put_text_line(sheet, line);
    }
    arena_fini(&arena);
}

static void put_troubles(struct sheet *sheet, const json_t *census)
{
    const json_t *supervisor = json_object_get(census, "supervisor");
    put_hub_trouble(sheet, json_object_get(census, "hub"));
    put_runner_trouble(sheet, json_object_get(census, "runner"));
    if (str_eq(json_get_text(supervisor, "kind", ""), "systemd"))
        put_manager(sheet, census);
    else if (!json_is_integer(json_object_get(supervisor, "pid")))
        put_text_line(sheet, "no supervisor: who dies stays down; hq up -d takes over");
    if (json_get_bool(census, "config_changed", false))
        put_text_line(sheet, "config changed: hq.yaml has changed since they started; hq reload");
    put_store(sheet, json_object_get(census, "store"));
    put_held(sheet, json_object_get(census, "held_effects"));
}

void status_print(const json_t *census, const struct status_look *look, struct buf *out)
{
    struct sheet sheet = {.look = look, .out = out};
    sheet.is_ending = str_eq(json_get_text(census, "state", ""), "stopping");
    const json_t *agents = json_object_get(census, "agents");
    measure(&sheet, agents);
    put_company_pause(&sheet, census);
    put_head(&sheet, census);
    put_rows(&sheet, agents);
    put_idle(&sheet, agents);
    put_pauses(&sheet, census);
    chains_print(census, look, out);
    put_troubles(&sheet, census);
}
