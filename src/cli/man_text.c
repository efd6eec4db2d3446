/* Text and tables of keys in mdoc's form. */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/man.h"
#include "config/keys.h"

enum { LINE_COLUMNS = 76 /* of the source, which mandoc wants below 80 */ };

static void put_letter(struct buf *out, uint32_t code, const char *bytes, size_t len)
{
    if (code >= 0x80)
        buf_printf(out, "\\[u%04X]", (unsigned)code);
    else if (code == '\\')
        buf_puts(out, "\\e");
    else if (code == '-')
        buf_puts(out, "\\-");
    else if (code == '\n')
        buf_putc(out, ' ');
    else
        buf_put(out, bytes, len);
}

static void put_letters(struct buf *out, const char *text)
{
    for (uint32_t code; *text;) {
        size_t len = (size_t)str_utf8_next(text, &code);
        put_letter(out, code, text, len);
        text += len;
    }
}

void man_put_text(struct buf *out, const char *text)
{
    if (strchr(".'", *text))
        buf_puts(out, "\\&");
    put_letters(out, text);
}

/* Where the word that begins at `text` ends. */
static size_t word_length(const char *text)
{
    return strcspn(text, " \n");
}

void man_put_paragraph(struct buf *out, const char *text, struct arena *arena)
{
    size_t used = 0;
    bool sentence_ended = false;
    for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
        size_t len = word_length(text);
        bool breaks = used && (sentence_ended || used + len >= LINE_COLUMNS);
        if (used)
            buf_putc(out, breaks ? '\n' : ' ');
        used = breaks || !used ? 0 : used + 1;
        const char *word = arena_memdup(arena, text, len);
        if (!used)
            man_put_text(out, word);
        else
            put_letters(out, word);
        used += len;
        sentence_ended = strchr(".?!", text[len - 1]) != NULL;
        text += len;
    }
    buf_putc(out, '\n');
}

/* ---- keys ---- */

struct keys_page {
    struct buf *out;
    struct arena *arena;
};

static void put_key(void *ctx, const char *path, const struct config_key *key)
{
    struct keys_page *page = ctx;
    buf_puts(page->out, ".It ");
    buf_puts(page->out, "\\&");
    man_put_text(page->out, path);
    buf_putc(page->out, '\n');
    man_put_paragraph(page->out, key->doc, page->arena);
    const char *wants = config_key_wants(key, page->arena);
    buf_puts(page->out, ".br\n");
    man_put_paragraph(
        page->out,
        arena_printf(page->arena, "%s%s.", key->required ? "Needed, " : "Value: ", wants),
        page->arena);
    if (key->fallback) {
        man_put_paragraph(page->out, arena_printf(page->arena, "Default: %s", key->fallback),
                          page->arena);
    }
    if (key->later)
        buf_puts(page->out, "Not supported yet.\n");
}

void man_put_keys(struct buf *out, const struct config_key *root, struct arena *arena)
{
    struct keys_page page = {out, arena};
    buf_puts(out, ".Bl -tag -width Ds\n");
    key_table_walk(root, put_key, &page);
    buf_puts(out, ".El\n");
}
