/* Lines of HELP, TYPE and samples, escaped as the format wants it. */
#include <math.h>
#include <stdbool.h>

#include "net/exposition.h"

static void put_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\\')
            buf_puts(out, "\\\\");
        else if (*text == '\n')
            buf_puts(out, "\\n");
        else if (*text == '"' && quotes)
            buf_puts(out, "\\\"");
        else
            buf_putc(out, *text);
    }
}

void exposition_family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s ", name);
    put_escaped(out, help, false);
    buf_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void put_name(struct buf *out, const char *name, const char *const *labels)
{
    buf_puts(out, name);
    for (size_t i = 0; labels && labels[i]; i += 2) {
        buf_printf(out, "%s%s=\"", i ? "," : "{", labels[i]);
        put_escaped(out, labels[i + 1], true);
        buf_putc(out, '"');
    }
    buf_puts(out, labels && labels[0] ? "} " : " ");
}

void exposition_int(struct buf *out, const char *name, const char *const *labels, int64_t value)
{
    put_name(out, name, labels);
    buf_printf(out, "%lld\n", (long long)value);
}

void exposition_number(struct buf *out, const char *name, const char *const *labels, double value)
{
    put_name(out, name, labels);
    if (isinf(value))
        buf_puts(out, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        buf_printf(out, "%.15g\n", value);
}
