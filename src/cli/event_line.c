/* What an event says is in its body: words as they are, numbers with their names. */
#include "cli/event_line.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"

enum { STREAM_COLUMNS = 10, TYPE_COLUMNS = 18, LEAST_WHAT_COLUMNS = 20 };

/* Told first, in this order. */
static const char *const words[] = {"what",          "title",  "name",  "text",
                                    "message",       "reason", "state", "status",
                                    "failure_class", "agent",  "kind",  NULL};

/* Stands elsewhere in the line, or helps nobody. */
static const char *const left_out[] = {"task", "root", "session", "idx", "priority", NULL};

static const char *actor_name(const json_t *event)
{
    const char *actor = json_get_text(event, "actor", "");
    const char *colon = strchr(actor, ':');
    return colon ? colon + 1 : actor;
}

static void put_part(struct buf *what, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text ? !*text : !json_is_integer(value) && !json_is_boolean(value))
        return;
    buf_puts(what, what->len ? ", " : "");
    if (text)
        buf_puts(what, text);
    else if (json_is_integer(value))
        buf_printf(what, "%s %lld", key, (long long)json_integer_value(value));
    else
        buf_printf(what, "%s%s", json_is_true(value) ? "" : "not ", key);
}

static void put_what(struct buf *out, const json_t *event)
{
    const json_t *body = json_object_get(event, "body");
    const char *key, *actor = actor_name(event);
    json_t *value;
    struct buf what = {0};
    for (size_t i = 0; words[i]; i++) {
        const json_t *word = json_object_get(body, words[i]);
        if (word && !str_eq(json_string_value(word), actor))
            put_part(&what, words[i], word);
    }
    json_object_foreach ((json_t *)body, key, value)
        if (!str_in(key, words) && !str_in(key, left_out))
            put_part(&what, key, value);
    buf_printf(out, "%s%s%s", actor, *actor && what.len ? ": " : "", buf_text(&what));
    buf_fini(&what);
}

/* Of an id what is enough to type. */
static void put_stream(struct buf *out, const char *stream, bool utf8)
{
    char text[STREAM_COLUMNS + 1];
    bool is_id = str_starts(stream, "t-") || str_starts(stream, "r-");
    snprintf(text, sizeof(text), "%.*s", STREAM_COLUMNS, stream);
    cell_put(out, is_id ? text : stream, STREAM_COLUMNS, utf8);
}

void event_line_put(struct event_look *look, const json_t *event, struct buf *out)
{
    const char *at = json_get_text(event, "at", "");
    struct buf what = {0};
    int columns = look->columns - 8 - STREAM_COLUMNS - TYPE_COLUMNS - 6;
    if (strlen(at) > 19 && strncmp(at, look->day, 10) != 0) {
        snprintf(look->day, sizeof(look->day), "%.10s", at);
        buf_printf(out, "%s (UTC)\n", look->day);
    }
    buf_printf(out, "%-8.8s  ", strlen(at) > 19 ? at + 11 : at);
    put_stream(out, json_get_text(event, "stream", ""), look->utf8);
    buf_puts(out, "  ");
    cell_put(out, json_get_text(event, "type", ""), TYPE_COLUMNS, look->utf8);
    buf_puts(out, "  ");
    put_what(&what, event);
    cell_put(out, buf_text(&what), columns > LEAST_WHAT_COLUMNS ? columns : LEAST_WHAT_COLUMNS,
             look->utf8);
    cell_end_line(out);
    buf_fini(&what);
}

void event_line_put_gap(const json_t *gap, struct buf *out)
{
    const char *why = json_get_text(gap, "why", "unknown");
    buf_printf(
        out, "-- gap: %s\n",
        str_eq(why, "retired") ? "older events were taken away by retention; those left follow"
        : str_eq(why, "other_ledger") ? "the cursor is of another ledger (a restore?); from now on:"
        : str_eq(why, "unknown_cursor")
            ? "the cursor is damaged or ahead of this ledger; from now on:"
            : why);
}
