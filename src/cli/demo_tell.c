/* Prints moments: signs and columns, wrapped between words; or one JSON object to a line. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/demo_tell.h"
#include "cli/flow_look.h"
#include "cli/inbox_text.h"
#include "cli/output.h"

enum { WHO_COLUMNS = 11, MARGIN = 24, LINES_MAX = 3 };

void demo_tell_init(struct demo_tell *tell, const struct invocation *invocation)
{
    *tell = (struct demo_tell){.invocation = invocation,
                               .began = time_boot_ms(),
                               .json = invocation->json,
                               .color = output_has_color(invocation, STDOUT_FILENO),
                               .utf8 = output_is_utf8()};
}

void demo_text(const struct demo_tell *tell, const char *format, ...)
{
    va_list args;
    if (tell->json)
        return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

/* Bytes of the beginning of `text` that fits into `columns`, cut between words. */
static size_t fit(const char *text, int columns)
{
    size_t at = 0, cut = 0;
    int used = 0;
    while (text[at] && used < columns) {
        if (text[at] == ' ')
            cut = at;
        at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        used++;
    }
    return !text[at] || text[at] == ' ' ? at : cut ? cut : at;
}

static void put_wrapped(struct buf *out, const char *text, int columns)
{
    for (int line = 0; *text && line < LINES_MAX; line++) {
        size_t len = fit(text, columns);
        if (line)
            buf_printf(out, "\n%*s", MARGIN, "");
        buf_put(out, text, len);
        text += len + strspn(text + len, " ");
    }
    if (*text)
        buf_puts(out, " …");
    buf_putc(out, '\n');
}

void demo_line(const struct demo_tell *tell, const char *state, const char *who, const char *what)
{
    struct buf out = {0}, clean = {0};
    char time[TIME_TEXT];
    int columns = output_columns() < 110 ? output_columns() : 110;
    int color = tell->color ? flow_color(state) : 0;
    if (tell->json)
        return;
    time_print_duration(time_boot_ms() - tell->began, time);
    inbox_put_foreign(&clean, what, "");
    clean.bytes[--clean.len] = '\0'; /* its newline */
    for (char *c = clean.bytes; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    buf_printf(&out, "%7s  ", time);
    if (color)
        buf_printf(&out, "\033[%dm%s\033[0m  ", color, flow_sign(state, tell->utf8));
    else
        buf_printf(&out, "%s  ", flow_sign(state, tell->utf8));
    cell_put(&out, who, WHO_COLUMNS, tell->utf8);
    buf_putc(&out, ' ');
    put_wrapped(&out, buf_text(&clean), columns - MARGIN - 1);
    fputs(buf_text(&out), stdout);
    fflush(stdout);
    buf_fini(&out);
    buf_fini(&clean);
}

void demo_event(const struct demo_tell *tell, const char *type, json_t *members)
{
    if (tell->json) {
        json_t *event =
            json_pack("{s:s,s:I}", "type", type, "ms", (json_int_t)(time_boot_ms() - tell->began));
        json_object_update(event, members);
        output_json_line(event);
    }
    json_decref(members);
}
