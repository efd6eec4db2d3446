/* Three ways of writing a value, because systemd reads its settings in as many ways. */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "service/quote.h"

int quote_check(const char *path, struct err *err)
{
    size_t len = strlen(path);
    bool fits = len > 0 && str_is_utf8(path, len) && !strchr(" \t\\", path[len - 1]);
    for (size_t i = 0; fits && i < len; i++)
        fits = !iscntrl((unsigned char)path[i]);
    if (fits)
        return 0;
    err_set(err, "bad_path", "the path \"%s\" cannot be written in a unit of systemd", path);
    err_hint(err, "it has a control character, is not UTF-8, or ends in a blank or a backslash: "
                  "rename the folder");
    return -1;
}

static void put(struct buf *out, const char *text, const char *doubled, const char *escaped)
{
    for (; *text; text++) {
        if (strchr(escaped, *text))
            buf_putc(out, '\\');
        else if (strchr(doubled, *text))
            buf_putc(out, *text);
        buf_putc(out, *text);
    }
}

void quote_exec(struct buf *out, const char *word)
{
    buf_putc(out, '"');
    put(out, word, "%$", "\"\\");
    buf_putc(out, '"');
}

void quote_word(struct buf *out, const char *word)
{
    buf_putc(out, '"');
    put(out, word, "%", "\"\\");
    buf_putc(out, '"');
}

void quote_rest(struct buf *out, const char *text)
{
    put(out, text, "%", "");
}

void quote_unit_name(const char *text, char name[72])
{
    size_t len = 0;
    for (; *text && len < 71; text++) {
        bool plain = isascii(*text) && (isalnum((unsigned char)*text) || strchr("-_.", *text));
        if (len == 0 && strchr("-.", *text))
            continue;
        if (plain)
            name[len++] = (char)tolower((unsigned char)*text);
        else if (len > 0 && name[len - 1] != '-')
            name[len++] = '-';
    }
    while (len > 0 && strchr("-.", name[len - 1]))
        len--;
    name[len] = '\0';
    if (len == 0)
        strcpy(name, "company");
}
