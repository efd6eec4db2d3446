/* Lays out lists and items; what agents wrote is shown, never obeyed. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/inbox_text.h"

enum {
    ID_COLUMNS = 10,
    FROM_COLUMNS = 12,
    FOR_COLUMNS = 13, /* "changes asked" */
    AGE_COLUMNS = 7,
    LABEL_COLUMNS = 11,
};

void inbox_put_foreign(struct buf *out, const char *text, const char *margin)
{
    buf_puts(out, margin);
    while (*text) {
        uint32_t code;
        size_t len = str_utf8_next(text, &code);
        if (code == '\n' && text[1])
            buf_printf(out, "\n%s", margin);
        else if (cell_is_harmful(code) && code != '\n' && code != '\t')
            buf_puts(out, "\uFFFD");
        else if (code != '\n')
            buf_put(out, text, len);
        text += len;
    }
    buf_putc(out, '\n');
}

/* Whom it waits for, or how it ended. */
static const char *waits_for(const json_t *item, struct arena *arena)
{
    size_t i;
    const json_t *word;
    const char *text = "";
    if (json_get_bool(item, "yours", false))
        return "you";
    json_array_foreach (json_object_get(item, "deciders"), i, word) {
        const char *name = json_string_value(word), *colon = name ? strchr(name, ':') : NULL;
        text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", colon ? colon + 1 : "?");
    }
    return *text ? text : "somebody else";
}

/* "changes_requested" is too long for a column. */
static const char *state_word(const json_t *item)
{
    const char *state = json_get_text(item, "state", "");
    return str_eq(state, "changes_requested") ? "changes asked" : state;
}

static const char *short_principal(const char *principal)
{
    const char *colon = strchr(principal, ':');
    return colon ? colon + 1 : principal;
}

static int64_t time_of(const json_t *item, const char *key)
{
    int64_t at;
    return time_parse_rfc3339(json_get_text(item, key, ""), &at) ? at : 0;
}

static void put_span(struct buf *out, int64_t ms, int columns, bool utf8)
{
    char text[TIME_TEXT] = "-";
    if (ms >= 0)
        time_print_duration(ms, text);
    cell_put(out, text, columns, utf8);
    buf_putc(out, ' ');
}

static void put_row(const json_t *item, bool states, const struct inbox_look *look, struct buf *out)
{
    struct arena arena = {0};
    int64_t expires = time_of(item, "expires_at");
    bool pending = str_eq(json_get_text(item, "state", ""), "pending");
    const char *cells[] = {json_get_text(item, "id", "?"), json_get_text(item, "asked_by", "?"),
                           pending ? waits_for(item, &arena) : state_word(item)};
    static const int widths[] = {ID_COLUMNS, FROM_COLUMNS, FOR_COLUMNS};
    (void)states;
    for (size_t i = 0; i < 3; i++) {
        cell_put(out, cells[i], widths[i], look->utf8);
        buf_putc(out, ' ');
    }
    put_span(out, look->now_ms - time_of(item, "created_at"), AGE_COLUMNS, look->utf8);
    put_span(out, pending && expires ? expires - look->now_ms : -1, AGE_COLUMNS, look->utf8);
    int used = ID_COLUMNS + FROM_COLUMNS + FOR_COLUMNS + 2 * AGE_COLUMNS + 5;
    int room = look->columns - used;
    cell_put(out, json_get_text(item, "title", ""), room > 12 ? room : 12, look->utf8);
    cell_end_line(out);
    arena_fini(&arena);
}

void inbox_print_list(const json_t *items, bool states, const struct inbox_look *look,
                      struct buf *out)
{
    size_t i;
    const json_t *item;
    buf_printf(out, "%-*s %-*s %-*s %-*s %-*s %s\n", ID_COLUMNS, "ITEM", FROM_COLUMNS, "FROM",
               FOR_COLUMNS, states ? "STATE" : "WAITS FOR", AGE_COLUMNS, "AGE", AGE_COLUMNS,
               "EXPIRES", "WHAT");
    json_array_foreach (items, i, item)
        put_row(item, states, look, out);
}

/* A page being written. */
struct page {
    const json_t *item;
    const struct inbox_look *look;
    struct arena *arena;
    struct buf *out;
};

/* Bytes of the first words that fit into `room` columns; at least one word. */
static size_t fitting(const char *text, int room)
{
    size_t best = 0;
    for (size_t len = 0;; len++) {
        bool ends = text[len] == ' ' || text[len] == '\0';
        if (ends && best > 0 && (int)len > room)
            return best;
        if (ends)
            best = len;
        if (text[len] == '\0')
            return best;
    }
}

/* The text behind its label, folded where the line is full. */
static void put_line(struct page *page, const char *label, const char *text)
{
    int room = page->look->columns - LABEL_COLUMNS - 1;
    while (!str_is_empty(text)) {
        size_t len = fitting(text, room);
        buf_printf(page->out, "%-*s %.*s\n", LABEL_COLUMNS, label, (int)len, text);
        text += len + strspn(text + len, " ");
        label = "";
    }
}

static const char *span(int64_t ms, struct arena *arena)
{
    char text[TIME_TEXT];
    time_print_duration(ms > 0 ? ms : 0, text);
    return arena_strdup(arena, text);
}

static const char *text_of(struct page *page, const char *key)
{
    return json_get_text(page->item, key, NULL);
}

static void put_title(struct page *page)
{
    struct buf title = {0};
    inbox_put_foreign(&title, json_get_text(page->item, "title", ""), "");
    title.len -= title.len > 0;
    put_line(page, "title", arena_memdup(page->arena, buf_text(&title), title.len));
    buf_fini(&title);
}

static void put_head(struct page *page)
{
    static const char *const kinds[][2] = {{"gate", "a gate of a workflow"},
                                           {"question", "a question"},
                                           {"ambiguous", "run it again?"}};
    const char *kind = json_get_text(page->item, "kind", ""), *state = text_of(page, "state");
    for (size_t i = 0; i < 3; i++)
        kind = str_eq(kind, kinds[i][0]) ? kinds[i][1] : kind;
    bool pending = str_eq(state, "pending");
    buf_printf(page->out, "%s  %s, %s%s\n", text_of(page, "id"), kind, pending ? "waits for " : "",
               pending ? waits_for(page->item, page->arena) : state_word(page->item));
    if (!str_eq(text_of(page, "kind"), "question"))
        put_title(page);
    put_line(
        page, "asked by",
        arena_printf(page->arena, "%s, %s ago", json_get_text(page->item, "asked_by", "?"),
                     span(page->look->now_ms - time_of(page->item, "created_at"), page->arena)));
}

static void put_origin(struct page *page)
{
    const char *task = text_of(page, "task"), *run = text_of(page, "run");
    const char *step = json_get_text(page->item, "step", "?");
    int64_t round = json_get_int(page->item, "round", 0);
    if (run)
        put_line(page, "run",
                 arena_printf(page->arena, "%s of %s, step %s%s", run,
                              json_get_text(page->item, "workflow", "a workflow"), step,
                              round > 0
                                  ? arena_printf(page->arena, ", round %lld", (long long)round + 1)
                                  : ""));
    else
        put_line(page, "task", task);
    put_line(page, "effect", text_of(page, "effect"));
    const json_t *cost = json_object_get(page->item, "cost");
    if (cost)
        put_line(page, "cost so far",
                 figure_cost(json_get_int(cost, "calls", 0), json_get_int(cost, "micro_usd", 0),
                             json_get_int(cost, "unpriced", 0), page->arena));
}

/* What the parts of a subject that are not shown by themselves are called. */
static void put_part(struct page *page, const char *label, const json_t *value)
{
    if (!value || json_is_null(value))
        return;
    char *text = json_is_string(value)
                     ? NULL
                     : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    buf_printf(page->out, "%s:\n", label);
    inbox_put_foreign(page->out, text ? text : json_string_value(value), "    ");
    free(text);
}

static void put_options(struct page *page)
{
    size_t i;
    const json_t *option, *options = json_object_get(page->item, "options");
    json_array_foreach (options, i, option) {
        buf_printf(page->out, "%-*s %zu. ", LABEL_COLUMNS, i ? "" : "options", i + 1);
        inbox_put_foreign(page->out, json_string_value(option) ? json_string_value(option) : "",
                          "");
    }
}

/* The bytes that are decided on, taken apart; whoever wants them as they are asks for --raw. */
static void put_subject(struct page *page)
{
    static const char *const own[] = {
        "title", "show", "by",   "options", "agent",     "task",     "form",   "rerun",
        "round", "run",  "step", "votes",   "four_eyes", "workflow", "effect", NULL};
    const char *text = json_get_text(page->item, "subject", ""), *name;
    json_t *subject = json_loads(text, 0, NULL), *value;
    const char *hash = json_get_text(page->item, "subject_hash", "");
    bool question = str_eq(text_of(page, "kind"), "question");
    const char *label = question ? "what is asked" : "what is decided";
    if (!json_is_object(subject)) {
        buf_printf(page->out, "%s:\n", label);
        inbox_put_foreign(page->out, text, "    ");
    } else {
        put_part(page, label, json_object_get(subject, "show"));
        json_object_foreach (subject, name, value)
            if (!str_in(name, own))
                put_part(page, str_eq(name, "feedback") ? "asked for last time" : name, value);
    }
    json_decref(subject);
    put_options(page);
    put_part(page, "the answer must fit", json_object_get(page->item, "form"));
    put_line(page, "sha256", hash);
}

/* "role:lead, person:ceo; 2 votes; not who started it". */
static void put_who(struct page *page)
{
    size_t i;
    const json_t *word;
    const char *text = "";
    int64_t quorum = json_get_int(page->item, "quorum", 1);
    json_array_foreach (json_object_get(page->item, "deciders"), i, word)
        text = arena_printf(page->arena, "%s%s%s", text, *text ? ", " : "",
                            json_string_value(word) ? json_string_value(word) : "?");
    put_line(
        page, "who may",
        arena_printf(page->arena, "%s%s%s", *text ? text : "anybody of the people",
                     quorum > 1 ? arena_printf(page->arena, "; %lld votes", (long long)quorum) : "",
                     json_get_bool(page->item, "four_eyes", false) ? "; not who started it" : ""));
}

static void put_votes(struct page *page)
{
    size_t i;
    const json_t *vote, *voters = json_object_get(page->item, "voters");
    int64_t quorum = json_get_int(page->item, "quorum", 1);
    if (quorum > 1)
        put_line(
            page, "votes",
            arena_printf(page->arena, "%zu of %lld", json_array_size(voters), (long long)quorum));
    json_array_foreach (voters, i, vote)
        if (quorum > 1)
            put_line(page, "",
                     arena_printf(page->arena, "%s: %s",
                                  short_principal(json_get_text(vote, "person", "?")),
                                  json_get_text(vote, "decision", "?")));
}

static void put_end(struct page *page)
{
    put_line(page, "decided",
             arena_printf(page->arena, "%s%s%s, %s ago%s%s", text_of(page, "state"),
                          text_of(page, "decided_by") ? " by " : "",
                          json_get_text(page->item, "decided_by", ""),
                          span(page->look->now_ms - time_of(page->item, "decided_at"), page->arena),
                          text_of(page, "via") ? ", via " : "",
                          json_get_text(page->item, "via", "")));
    put_part(page, "answer", json_object_get(page->item, "answer"));
    put_part(page, "feedback", json_object_get(page->item, "feedback"));
}

/* What each word will cause, and how to say it. */
static void put_ways(struct page *page)
{
    static const char *const words[] = {"approve", "answer", "changes", "reject"};
    const json_t *causes = json_object_get(page->item, "causes");
    const char *id = json_get_text(page->item, "id", "");
    int64_t expires = time_of(page->item, "expires_at");
    if (expires)
        put_line(page, "expires",
                 arena_printf(page->arena, "in %s: %s",
                              span(expires - page->look->now_ms, page->arena),
                              json_get_text(causes, "expire", "nobody decided in time")));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        put_line(page, words[i], json_get_text(causes, words[i], NULL));
    if (!json_get_bool(page->item, "yours", false))
        return;
    bool question = str_eq(text_of(page, "kind"), "question");
    const char *hash = json_get_text(page->item, "subject_hash", "");
    buf_printf(page->out, "\n  hq inbox %s %s%s --hash %.12s\n", question ? "answer" : "approve",
               id, question ? " TEXT" : "", hash);
    buf_printf(page->out, "  hq inbox reject %s -m WHY\n", id);
    if (json_get_text(causes, "changes", NULL))
        buf_printf(page->out, "  hq inbox changes %s -m WHAT\n", id);
}

void inbox_print_item(const json_t *item, const struct inbox_look *look, struct arena *arena,
                      struct buf *out)
{
    struct buf text = {0};
    struct page page = {item, look, arena, &text};
    put_head(&page);
    put_origin(&page);
    put_who(&page);
    put_subject(&page);
    put_votes(&page);
    if (str_eq(json_get_text(item, "state", ""), "pending"))
        put_ways(&page);
    else
        put_end(&page);
    inbox_put_foreign(out, buf_text(&text), ""); /* whoever wrote which word of it */
    buf_fini(&text);
}
