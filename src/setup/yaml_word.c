/* Quotes what a YAML reader could take for anything but text. */
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/finding.h"
#include "config/yaml.h"
#include "setup/yaml_word.h"

/* Letters and digits, with - _ . / between them: nothing that YAML gives a meaning. */
static bool looks_plain(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t len = strlen(text);
    if (!len || !strchr(letters, *text))
        return false;
    for (const char *at = text; *at; at++)
        if (!strchr(letters, *at) && !strchr("0123456789-_./ ", *at))
            return false;
    return text[len - 1] != ' ';
}

/* "true", "null" and the like are words of YAML's own; "yes" and its kin were until YAML 1.2. */
static bool reads_as_text(const char *text)
{
    static const char *const old[] = {"y", "n", "yes", "no", "on", "off", NULL};
    struct arena scratch = {0};
    struct findings findings;
    findings_init(&findings, &scratch);
    struct yaml_document *document = yaml_read(text, strlen(text), &scratch, &findings);
    bool same = findings.errors == 0 && !str_in(str_lower(&scratch, text), old) &&
                json_is_string(document->root) && str_eq(json_string_value(document->root), text);
    yaml_close(document);
    arena_fini(&scratch);
    return same;
}

/* What must not stand as it is within quotes: controls, line ends of Unicode, marks that reorder.
 */
static bool must_escape(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
           point == 0xfeff || (point >= 0x200e && point <= 0x200f) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           (point & 0xfffe) == 0xfffe;
}

char *yaml_word(const char *text, struct arena *arena)
{
    struct buf out = {0};
    if (looks_plain(text) && reads_as_text(text))
        return arena_strdup(arena, text);
    buf_putc(&out, '"');
    for (const char *at = text; *at;) {
        uint32_t point;
        size_t len = str_utf8_next(at, &point);
        if (point == '"' || point == '\\')
            buf_printf(&out, "\\%c", (char)point);
        else if (must_escape(point))
            buf_printf(&out, point > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)point);
        else
            buf_put(&out, at, len);
        at += len;
    }
    buf_putc(&out, '"');
    char *word = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return word;
}
