/* The feed says that something happened; what there is to see, a census tells. Both may be away. */
#include "cli/status_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/census.h"
#include "cli/company.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/status_text.h"
#include "client/feed_reader.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/fetch.h"

enum {
    DRAW_LEAST_MS = 200,  /* five pictures a second are enough for anybody */
    DRAW_MOST_MS = 1000,  /* clocks move, and processes die without an event */
    NO_FEED_MS = 1000,    /* before another try, where the hub refuses the feed */
    NO_FEED_SLICE_MS = 50 /* within which Ctrl-C is noticed then */
};

struct status_watch {
    const struct invocation *invocation;
    bool terminal, has_news;
    int64_t drawn_at;
    char *shown; /* what a pipe was told last, without its clocks; NULL: nothing yet */
};

/* ---- the picture ---- */

/* Columns that a line takes, its escape sequences (CSI … m) apart. */
static int line_width(const char *line, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\033')
            while (i + 1 < len && line[i] != 'm')
                i++;
        else
            columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    }
    return columns;
}

void status_frame_put(struct buf *out, const char *text, int rows, int columns)
{
    int lines = 0, shown = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n' || !c[1];
    int most = lines > rows ? rows - 1 : lines;
    buf_puts(out, "\033[H");
    for (; shown < most; shown++) {
        size_t len = strcspn(text, "\n");
        buf_puts(out, shown ? "\n" : "");
        buf_put(out, text, len);
        /* At the last column the cursor stands on the last character: clearing would take it. */
        if (line_width(text, len) < columns)
            buf_puts(out, "\033[K");
        text += len + (text[len] == '\n');
    }
    if (lines > rows)
        buf_printf(out, "%s... %d more lines: hq status\033[K", shown ? "\n" : "", lines - shown);
    else if (shown < rows)
        buf_puts(out, "\n\033[J");
}

static void put_text(const struct status_watch *watch, const json_t *census,
                     const struct config *config, struct buf *out)
{
    struct status_look look = {.color = output_has_color(watch->invocation, STDOUT_FILENO),
                               .utf8 = output_is_utf8(),
                               .columns = output_columns()};
    if (census)
        status_print(census, &look, out);
    else
        buf_printf(out, "%s is not running\n", config ? config->company : "the company");
}

static void draw_frame(const struct status_watch *watch, const json_t *census,
                       const struct config *config)
{
    struct buf text = {0}, out = {0};
    put_text(watch, census, config, &text);
    status_frame_put(&out, buf_text(&text), output_rows(), output_columns());
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&text);
    buf_fini(&out);
}

/* ---- a pipe ---- */

/* Takes out what changes by itself. */
static void drop_clocks(json_t *value)
{
    static const char *const clocks[] = {"up_ms",   "pss_kb",  "age_ms", "for_ms",
                                         "left_ms", "seen_ms", "store",  NULL};
    size_t i;
    const char *key;
    json_t *inner;
    for (i = 0; clocks[i]; i++)
        json_object_del(value, clocks[i]);
    inner = json_object_get(value, "waiting_for");
    if (json_is_string(inner) && str_ends(json_string_value(inner), " left"))
        json_object_del(value, "waiting_for");
    json_object_foreach (value, key, inner)
        drop_clocks(inner);
    json_array_foreach (value, i, inner)
        drop_clocks(inner);
}

static bool is_new(struct status_watch *watch, const json_t *census)
{
    json_t *copy = census ? json_deep_copy(census) : json_null();
    drop_clocks(copy);
    char *now = json_dumps(copy, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(copy);
    bool differs = !str_eq(now, watch->shown);
    free(watch->shown);
    watch->shown = now;
    return differs;
}

static void print_new(struct status_watch *watch, const json_t *census, const struct config *config)
{
    struct buf out = {0};
    if (!is_new(watch, census))
        return;
    if (watch->invocation->json) {
        output_json_line(census ? json_deep_copy(census) : json_pack("{s:s}", "state", "down"));
        return;
    }
    put_text(watch, census, config, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
}

/* ---- when ---- */

static int draw(struct status_watch *watch)
{
    struct arena arena = {0};
    struct invocation one = *watch->invocation;
    bool is_bad;
    one.arena = &arena;
    watch->has_news = false;
    struct config *config = company_open_any(&one, &is_bad);
    json_t *census = config ? census_take(&one, config) : NULL;
    if (watch->terminal && !watch->invocation->json)
        draw_frame(watch, census, config);
    else
        print_new(watch, census, config);
    fflush(stdout);
    watch->drawn_at = time_boot_ms();
    json_decref(census);
    config_free(config);
    arena_fini(&arena);
    return ferror(stdout) ? -1 : 0;
}

static int on_event(void *ctx, const struct feed_event *event)
{
    struct status_watch *watch = ctx;
    (void)event;
    watch->has_news = true;
    return 0;
}

static int on_away(void *ctx, bool is_away)
{
    (void)is_away;
    return on_event(ctx, NULL);
}

static int on_tick(void *ctx)
{
    struct status_watch *watch = ctx;
    bool is_due = watch->has_news || time_boot_ms() - watch->drawn_at >= DRAW_MOST_MS;
    return is_due ? draw(watch) : 0;
}

/* Where there is no feed to be had: no token yet, or the hub does not know ours. */
static enum feed_outcome go_without(struct feed_reader *reader)
{
    int64_t until = time_boot_ms() + NO_FEED_MS;
    while (time_boot_ms() < until) {
        if (fetch_is_cancelled(reader->cancel))
            return FEED_CANCELLED;
        if (reader->deadline && time_boot_ms() >= reader->deadline)
            return FEED_TIMEOUT;
        usleep(NO_FEED_SLICE_MS * 1000);
    }
    return on_tick(reader->ctx) == 0 ? FEED_REFUSED : FEED_STOPPED;
}

static int watch_feed(struct status_watch *watch, struct feed_reader *reader,
                      const struct config *config)
{
    enum feed_outcome outcome = draw(watch) == 0 ? FEED_REFUSED : FEED_STOPPED;
    while (outcome == FEED_REFUSED) {
        struct arena arena = {0};
        struct err err;
        int status;
        reader->token = secret_read(config, "operator.token", &arena, &err);
        if (reader->token)
            outcome = feed_read(reader, &status, &err);
        arena_fini(&arena);
        if (outcome == FEED_REFUSED)
            outcome = go_without(reader);
    }
    return outcome == FEED_CANCELLED ? COMMAND_INTERRUPTED
           : outcome == FEED_TIMEOUT ? COMMAND_TIMEOUT
                                     : COMMAND_FAILED;
}

int status_watch(const struct invocation *invocation, const struct config *config)
{
    struct status_watch watch = {.invocation = invocation, .terminal = isatty(STDOUT_FILENO)};
    struct operator_line line = {
        .invocation = invocation, .fetch = fetch_open(), .cancel = fetch_cancel_open()};
    struct feed_reader reader = {.fetch = line.fetch,
                                 .state_dir = config->state,
                                 .patience_ms = -1,
                                 .cancel = line.cancel,
                                 .on_event = on_event,
                                 .on_away = on_away,
                                 .on_tick = on_tick,
                                 .tick_ms = DRAW_LEAST_MS,
                                 .ctx = &watch};
    if (invocation->timeout_ms >= 0)
        reader.deadline = time_boot_ms() + invocation->timeout_ms;
    operator_catch_interrupt(&line);
    int code = watch_feed(&watch, &reader, config);
    free(watch.shown);
    operator_close(&line);
    return code;
}
