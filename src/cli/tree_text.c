/* Lays out a tree: branches and agent, state, age, then in a few words what there is to say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/pause_text.h"
#include "cli/task_text.h"
#include "cli/tree_text.h"
#include "wire/task.h"

enum { BRANCH_COLUMNS = 3, STATE_COLUMNS = 9, AGE_COLUMNS = 6, WORDS_LEAST = 20, DEPTH_DRAWN = 8 };

struct tree {
    const struct tree_look *look;
    struct arena *arena;
    struct buf *out;
    const json_t *items;
    const json_t *circle; /* ids */
    bool *shown;          /* beside items */
    int name_columns;
};

static const json_t *task_of(const json_t *item)
{
    return json_object_get(item, "task");
}

static const char *id_of(const json_t *item)
{
    return json_get_text(task_of(item), "id", "");
}

static const json_t *item_called(const json_t *items, const char *id)
{
    size_t i;
    const json_t *item;
    json_array_foreach (items, i, item)
        if (str_eq(id_of(item), id))
            return item;
    return NULL;
}

static bool is_parent(const json_t *item, const char *parent)
{
    return str_eq(json_get_text(task_of(item), "parent", NULL), parent);
}

/* ---- circles ---- */

/* Follows the waits from `id`; true where they lead back to `goal`. `seen` stands beside items. */
static bool leads_back(const json_t *items, const char *id, const char *goal, bool *seen)
{
    size_t i, at = 0;
    const json_t *item, *wait;
    json_array_foreach (items, i, item)
        if (str_eq(id_of(item), id))
            at = i;
    if (json_array_size(items) == 0 || seen[at])
        return false;
    seen[at] = true;
    json_array_foreach (json_object_get(json_array_get(items, at), "waits"), i, wait) {
        const char *next = json_get_text(wait, "id", "");
        if (json_get_bool(wait, "satisfied", false) || !item_called(items, next))
            continue;
        if (str_eq(next, goal) || leads_back(items, next, goal, seen))
            return true;
    }
    return false;
}

json_t *tree_circle(const json_t *answer)
{
    const json_t *items = json_object_get(answer, "items"), *item;
    json_t *circle = json_array();
    size_t i, count = json_array_size(items);
    bool *seen = calloc(count ? count : 1, sizeof(*seen));
    json_array_foreach (items, i, item) {
        memset(seen, 0, count * sizeof(*seen));
        if (json_object_get(item, "waits") && leads_back(items, id_of(item), id_of(item), seen))
            json_array_append_new(circle, json_string(id_of(item)));
    }
    free(seen);
    return circle;
}

static bool is_in_circle(const struct tree *tree, const json_t *item)
{
    size_t i;
    const json_t *id;
    json_array_foreach (tree->circle, i, id)
        if (str_eq(json_string_value(id), id_of(item)))
            return true;
    return false;
}

/* ---- the words of one line ---- */

/* "webster (t-81aaaa)", "rate limit", "you". */
static const char *wait_words(const struct tree *tree, const json_t *wait)
{
    const char *kind = json_get_text(wait, "kind", ""), *id = json_get_text(wait, "id", "");
    const json_t *other = item_called(tree->items, id);
    if (str_eq(kind, "task") || str_eq(kind, "session"))
        return arena_printf(tree->arena, "%s (%s)", json_get_text(task_of(other), "agent", kind),
                            task_short_id(id, tree->arena));
    if (str_eq(kind, "rate"))
        return "a rate limit";
    if (str_eq(kind, "pause"))
        return "hq resume";
    return str_eq(kind, "approval") ? "you" : kind;
}

static const char *waiting_words(const struct tree *tree, const json_t *item)
{
    size_t i;
    const json_t *wait;
    bool utf8 = tree->look->utf8;
    const char *text = NULL;
    json_array_foreach (json_object_get(item, "waits"), i, wait) {
        if (json_get_bool(wait, "satisfied", false) ||
            str_eq(json_get_text(wait, "kind", ""), "patience"))
            continue;
        text = arena_printf(tree->arena, "%s%s%s", text ? text : "", text ? ", " : "",
                            wait_words(tree, wait));
    }
    const char *mark = is_in_circle(tree, item) ? (utf8 ? "↻ circle: " : "@ circle: ") : "";
    return arena_printf(tree->arena, "%sfor %s", mark, text ? text : "its turn");
}

static const char *result_words(const struct tree *tree, const json_t *item)
{
    const json_t *handoff = json_object_get(item, "handoff");
    const json_t *result = json_object_get(handoff, "result");
    const char *status = json_get_text(handoff, "status", "complete");
    char *text = json_is_string(result) || !result ? NULL : json_dumps(result, JSON_ENCODE_ANY);
    const char *words = arena_strdup(tree->arena, json_is_string(result) ? json_string_value(result)
                                                  : text                 ? text
                                                                         : "");
    free(text);
    return str_eq(status, "complete") ? words : arena_printf(tree->arena, "%s: %s", status, words);
}

static const char *words_of(const struct tree *tree, const json_t *item)
{
    const json_t *task = task_of(item);
    const char *state = json_get_text(task, "state", "");
    const char *class = json_get_text(task, "failure_class", NULL);
    const char *note = json_get_text(item, "note", NULL);
    if (class)
        return arena_printf(tree->arena, "%s: %s", class,
                            json_get_text(task, "failure_message", ""));
    if (str_eq(state, TASK_DONE))
        return result_words(tree, item);
    if (str_eq(state, TASK_WAITING))
        return waiting_words(tree, item);
    const json_t *pause = json_object_get(item, "paused");
    if (pause)
        return arena_printf(tree->arena, "held back by the pause of %s",
                            pause_scope(NULL, pause, tree->arena));
    return note ? note : json_get_text(task, "instruction", "");
}

static const char *age_of(const struct tree *tree, const json_t *task)
{
    int64_t from, to = tree->look->now_ms;
    char text[TIME_TEXT];
    if (!time_parse_rfc3339(json_get_text(task, "created_at", ""), &from))
        return "";
    time_parse_rfc3339(json_get_text(task, "finished_at", ""), &to);
    time_print_duration(to > from ? to - from : 0, text);
    return arena_strdup(tree->arena, text);
}

static const char *name_of(const struct tree *tree, const json_t *task)
{
    const char *agent = json_get_text(task, "agent", NULL);
    const char *able = json_get_text(task, "capability", "?");
    return arena_printf(tree->arena, "%s %s",
                        agent ? agent : arena_printf(tree->arena, "(%s)", able),
                        task_short_id(json_get_text(task, "id", ""), tree->arena));
}

/* ---- lines ---- */

static void put_line(struct tree *tree, const json_t *item, const char *branches)
{
    const json_t *task = task_of(item);
    bool utf8 = tree->look->utf8;
    const char *state = json_get_text(task, "state", "?");
    const char *left = arena_printf(tree->arena, "%s%s", branches, name_of(tree, task));
    int words = tree->look->columns - tree->name_columns - STATE_COLUMNS - AGE_COLUMNS - 4;
    cell_put(tree->out, left, tree->name_columns, utf8);
    buf_puts(tree->out, "  ");
    cell_put(tree->out, str_eq(state, TASK_TIMED_OUT) ? "timed out" : state, STATE_COLUMNS, utf8);
    buf_printf(tree->out, " %*s ", AGE_COLUMNS, age_of(tree, task));
    cell_put(tree->out, words_of(tree, item), words, utf8);
    cell_end_line(tree->out);
}

static const json_t *next_child(const struct tree *tree, const char *parent, size_t *at)
{
    while (*at < json_array_size(tree->items)) {
        const json_t *item = json_array_get(tree->items, (*at)++);
        if (is_parent(item, parent))
            return item;
    }
    return NULL;
}

/* The branches before a child's name, and what its own children begin with. */
struct branch {
    const char *own, *below;
};

static struct branch branch_of(const struct tree *tree, const char *begin, bool last, int depth)
{
    bool utf8 = tree->look->utf8;
    const char *fork = last ? (utf8 ? "└─ " : "`- ") : (utf8 ? "├─ " : "|- ");
    const char *bar = last ? "   " : utf8 ? "│  " : "|  ";
    struct branch branch = {.own = arena_printf(tree->arena, "%s%s", begin, fork), .below = begin};
    if (depth < DEPTH_DRAWN)
        branch.below = arena_printf(tree->arena, "%s%s", begin, bar);
    return branch;
}

static void put_children(struct tree *tree, const char *parent, const char *begin, int depth)
{
    size_t at = 0;
    const json_t *child = next_child(tree, parent, &at), *after;
    for (; child; child = after) {
        size_t index = at - 1;
        after = next_child(tree, parent, &at);
        if (tree->shown[index])
            continue;
        tree->shown[index] = true;
        struct branch branch = branch_of(tree, begin, !after, depth);
        put_line(tree, child, branch.own);
        put_children(tree, id_of(child), branch.below, depth + 1);
    }
}

static int depth_of(const struct tree *tree, const json_t *item)
{
    int depth = 0;
    while ((item = item_called(tree->items, json_get_text(task_of(item), "parent", NULL))) &&
           depth < DEPTH_DRAWN)
        depth++;
    return depth;
}

/* The names get what they need, as long as WORDS_LEAST columns are left for words. */
static int name_columns(const struct tree *tree)
{
    size_t i;
    const json_t *item;
    int most = tree->look->columns - STATE_COLUMNS - AGE_COLUMNS - 4 - WORDS_LEAST, need = 0;
    json_array_foreach (tree->items, i, item) {
        int columns =
            BRANCH_COLUMNS * depth_of(tree, item) + cell_width(name_of(tree, task_of(item)));
        need = columns > need ? columns : need;
    }
    return need < most ? need : most;
}

/* Whoever has no parent here; at last (`rest`) those whom no top leads to. */
static void put_tops(struct tree *tree, bool rest)
{
    size_t i;
    const json_t *item;
    json_array_foreach (tree->items, i, item) {
        const char *parent = json_get_text(task_of(item), "parent", NULL);
        if (tree->shown[i] || (!rest && parent && item_called(tree->items, parent)))
            continue;
        tree->shown[i] = true;
        put_line(tree, item, "");
        put_children(tree, id_of(item), "", 1);
    }
}

/* ---- what it used ---- */

static void put_text(struct tree *tree, const char *text)
{
    cell_put(tree->out, text, tree->look->columns, tree->look->utf8);
    cell_end_line(tree->out);
}

static void put_usage(struct tree *tree, const json_t *root)
{
    struct arena *arena = tree->arena;
    const char *dot = tree->look->utf8 ? " · " : " - ";
    int64_t calls = json_get_int(root, "model_calls", 0);
    int64_t tasks = json_get_int(root, "tasks_total", (int64_t)json_array_size(tree->items));
    int64_t live = json_get_int(root, "tasks_live", 0);
    const char *cost = figure_cost(calls, json_get_int(root, "cost_micro_usd", 0),
                                   json_get_int(root, "unpriced", 0), arena);
    const char *open = live ? arena_printf(arena, ", %lld open", (long long)live) : "";
    put_text(tree,
             arena_printf(arena, "%lld task%s%s%s%lld model call%s%s%s tokens in, %s out%s%s",
                          (long long)tasks, tasks == 1 ? "" : "s", open, dot, (long long)calls,
                          calls == 1 ? "" : "s", dot,
                          figure_count(json_get_int(root, "tokens_in", 0), arena),
                          figure_count(json_get_int(root, "tokens_out", 0), arena), dot, cost));
}

static const char *join(struct arena *arena, const char *text, const char *more)
{
    return text ? arena_printf(arena, "%s, %s", text, more) : more;
}

/* "left: $4.48, 12.3k tokens, 1h58m": of what has a limit, while it still counts. */
static void put_left(struct tree *tree, const json_t *answer)
{
    struct arena *arena = tree->arena;
    const json_t *budget = json_object_get(answer, "budget"),
                 *root = json_object_get(answer, "root");
    const char *text = NULL;
    char time[TIME_TEXT];
    int64_t usd = json_get_int(budget, "micro_usd", -1),
            tokens = json_get_int(budget, "tokens", -1);
    int64_t deadline;
    if (json_get_int(root, "tasks_live", 0) == 0)
        return;
    if (usd >= 0)
        text = join(arena, text, figure_money(usd, arena));
    if (tokens >= 0)
        text = join(arena, text, arena_printf(arena, "%s tokens", figure_count(tokens, arena)));
    if (time_parse_rfc3339(json_get_text(root, "deadline_at", ""), &deadline) &&
        deadline > tree->look->now_ms) {
        time_print_duration(deadline - tree->look->now_ms, time);
        text = join(arena, text, arena_strdup(arena, time));
    }
    if (text)
        put_text(tree, arena_printf(arena, "left: %s", text));
}

void tree_print(const json_t *answer, const struct tree_look *look, struct arena *arena,
                struct buf *out)
{
    json_t *circle = tree_circle(answer);
    struct tree tree = {.look = look,
                        .arena = arena,
                        .out = out,
                        .items = json_object_get(answer, "items"),
                        .circle = circle};
    size_t count = json_array_size(tree.items);
    tree.shown = arena_alloc(arena, count + 1);
    tree.name_columns = name_columns(&tree);
    put_tops(&tree, false);
    put_tops(&tree, true);
    if (json_array_size(circle))
        put_text(&tree, "these wait for each other in a circle: the hub ends one of them");
    put_usage(&tree, json_object_get(answer, "root"));
    put_left(&tree, answer);
    json_decref(circle);
}
