/* The words of a picture: who does a step, how wide a text is, what must not reach a terminal. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/graph_picture.h"

struct range {
    uint32_t first, last;
};

static bool is_within(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Control characters, and those of Unicode that turn the direction of text around. */
static bool is_unsafe(uint32_t c)
{
    static const struct range ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                                          {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                                          {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
    return is_within(c, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

/* Columns: 0 of combining marks, 2 of East Asian wide characters and emoji (Unicode, UAX #11). */
static int columns_of(uint32_t c)
{
    static const struct range none[] = {
        {0x300, 0x36f}, {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf},
                                        {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe6f},
                                        {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                                        {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (is_within(c, none, sizeof(none) / sizeof(none[0])))
        return 0;
    return is_within(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

void graph_put_clean(struct buf *out, const char *text)
{
    while (*text) {
        uint32_t c;
        size_t width = str_utf8_next(text, &c);
        if (is_unsafe(c))
            buf_putc(out, ' ');
        else
            buf_put(out, text, width);
        text += width;
    }
}

int graph_width(const char *text)
{
    int columns = 0;
    while (*text) {
        uint32_t c;
        text += str_utf8_next(text, &c);
        columns += columns_of(c);
    }
    return columns;
}

static void put_people(struct buf *out, const struct flow_approve *approve)
{
    size_t count = 0;
    for (const char *const *by = approve->by; by && *by; by++, count++) {
        const char *name = str_starts(*by, "person:") ? *by + strlen("person:") : *by;
        buf_puts(out, count ? " or " : "");
        graph_put_clean(out, name);
    }
    buf_puts(out, count ? " decides" : "a person decides");
    if (approve->votes > 1)
        buf_printf(out, ", %lld votes", (long long)approve->votes);
}

static void put_wait(struct buf *out, const struct flow_step *step)
{
    char text[TIME_TEXT];
    if (step->signal) {
        buf_puts(out, "waits for signal ");
        graph_put_clean(out, step->signal);
    } else if (step->wait_ms >= 0) {
        time_print_duration(step->wait_ms, text);
        buf_printf(out, "waits %s", text);
    } else {
        buf_puts(out, "waits until a time");
    }
}

static void put_prefixed(struct buf *out, const char *prefix, const char *text)
{
    buf_puts(out, prefix);
    graph_put_clean(out, text ? text : "");
}

void graph_put_who(struct buf *out, const struct flow_step *step)
{
    switch (step->kind) {
    case FLOW_TASK:
        put_prefixed(out, step->agent ? "" : "capability ", step->agent ? step->agent : step->capability);
        break;
    case FLOW_APPROVE:
        put_people(out, &step->approve);
        break;
    case FLOW_EFFECT:
        put_prefixed(out, "sends a ", step->effect);
        break;
    case FLOW_RUN:
        put_prefixed(out, "$ ", step->command);
        break;
    case FLOW_WAIT:
        put_wait(out, step);
        break;
    case FLOW_JOB:
        put_prefixed(out, "job ", json_get_text(step->job, "name", ""));
        break;
    case FLOW_WORKFLOW:
        put_prefixed(out, "workflow ", step->workflow);
        break;
    }
}

struct graph_mark graph_mark_of(const struct graph_look *look, const struct flow_step *step,
                                size_t index)
{
    struct graph_mark mark = {0};
    if (look->mark)
        mark = look->mark(look->ctx, index);
    if (!mark.sign && step->kind == FLOW_APPROVE)
        mark.sign = look->ascii ? "?" : "◇";
    else if (!mark.sign)
        mark.sign = look->ascii ? "o" : "○";
    return mark;
}

const char *graph_words(const struct graph_picture *picture, size_t index)
{
    const struct flow_step *step = &picture->flow->steps[index];
    struct graph_mark mark = graph_mark_of(picture->look, step, index);
    struct buf text = {0};
    if (mark.suffix) {
        graph_put_clean(&text, mark.suffix);
    } else {
        buf_puts(&text, step->condition ? "if … " : "");
        if (picture->look->ascii && step->condition)
            buf_clear(&text), buf_puts(&text, "if .. ");
        graph_put_who(&text, step);
    }
    const char *words = arena_memdup(picture->arena, buf_text(&text), text.len);
    buf_fini(&text);
    return words;
}
