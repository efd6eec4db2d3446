/* Any bytes as the output of `systemctl show`, and any text in a unit file: states that hq knows, unit
 * names that systemd takes, and words that end where they began. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "property.h"
#include "service/quote.h"
#include "service/systemd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_show(const char *text, struct arena *arena)
{
    static const char *const states[] = {"ready", "starting", "stopping", "backoff", "held", "down", NULL};
    const char *reason;
    size_t count;
    const struct unit_show *shows = systemd_parse(text, arena, &count);
    PROPERTY(count <= strlen(text), "no more units than text");
    for (size_t i = 0; i < count; i++) {
        PROPERTY(shows[i].id && shows[i].load && shows[i].active && shows[i].sub && shows[i].result,
                 "every word is there");
        PROPERTY(str_in(systemd_state(&shows[i], arena, &reason), states), "a state is one of ours");
    }
}

/* A quoted word: no quote inside but behind a backslash. */
static void check_word(const struct buf *out)
{
    const char *text = buf_text(out);
    PROPERTY(out->len >= 2 && text[0] == '"' && text[out->len - 1] == '"', "a word is quoted");
    for (size_t i = 1; i + 1 < out->len; i++) {
        PROPERTY(text[i] != '"' && text[i] != '\n', "a word ends where it ends");
        if (text[i] == '\\')
            i++;
        PROPERTY(i + 1 < out->len, "its last quote is no escaped one");
    }
}

static void quote(const char *text)
{
    struct buf exec = {0}, word = {0}, rest = {0};
    struct err err = {0};
    char name[72];
    quote_unit_name(text, name);
    PROPERTY(*name && strlen(name) < sizeof(name), "a unit has a name");
    for (const char *at = name; *at; at++)
        PROPERTY(islower((unsigned char)*at) || isdigit((unsigned char)*at) || strchr("-_.", *at),
                 "of plain letters");
    if (quote_check(text, &err) == 0) {
        quote_exec(&exec, text);
        quote_word(&word, text);
        quote_rest(&rest, text);
        check_word(&exec);
        check_word(&word);
        PROPERTY(!strchr(buf_text(&rest), '\n'), "a value is one line");
    } else {
        PROPERTY(*err.message, "a refusal says why");
    }
    buf_fini(&exec);
    buf_fini(&word);
    buf_fini(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *text = arena_memdup(&arena, data, size);
    read_show(text, &arena);
    quote(text);
    arena_fini(&arena);
    return 0;
}
