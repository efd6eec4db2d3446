/* Finds places by the reader's lines and columns, and ends by what follows them. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "setup/yaml_edit.h"
#include "setup/yaml_word.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

int yaml_text_open(struct yaml_text *text, const char *bytes, size_t len, struct arena *arena,
                   struct err *err)
{
    struct findings findings;
    findings_init(&findings, arena);
    *text = (struct yaml_text){.arena = arena, .bytes = bytes, .len = len};
    text->document = yaml_read(bytes, len, arena, &findings);
    if (findings.errors == 0 && json_is_object(text->document->root))
        return 0;
    size_t at = 0;
    while (at < findings.count && !findings.items[at].is_error)
        at++;
    return at < findings.count ? err_set(err, "bad_yaml", "line %d: %s", findings.items[at].line,
                                         findings.items[at].message)
                               : err_set(err, "bad_yaml", "the file is no map of keys");
}

void yaml_text_close(struct yaml_text *text)
{
    yaml_close(text->document);
    text->document = NULL;
}

/* ---- places ---- */

static size_t line_start(const struct yaml_text *text, int line)
{
    size_t at = str_starts(text->bytes, byte_order_mark) ? strlen(byte_order_mark) : 0;
    for (int i = 1; i < line && at < text->len; i++) {
        const char *end = memchr(text->bytes + at, '\n', text->len - at);
        at = end ? (size_t)(end - text->bytes) + 1 : text->len;
    }
    return at;
}

static size_t offset_of(const struct yaml_text *text, struct place place)
{
    size_t at = line_start(text, place.line);
    for (int column = 1; column < place.column && at < text->len; column++)
        do
            at++;
        while (at < text->len && ((unsigned char)text->bytes[at] & 0xc0) == 0x80);
    return at;
}

static size_t line_of_offset(const struct yaml_text *text, size_t at)
{
    while (at > 0 && text->bytes[at - 1] != '\n')
        at--;
    return at;
}

static size_t next_line(const struct yaml_text *text, size_t at)
{
    const char *end = memchr(text->bytes + at, '\n', text->len - at);
    return end ? (size_t)(end - text->bytes) + 1 : text->len;
}

/* The columns before the first character of the line at `at`. */
static int indent_at(const struct yaml_text *text, size_t at)
{
    int indent = 0;
    for (; at < text->len && text->bytes[at] == ' '; at++)
        indent++;
    return indent;
}

static const json_t *value_at(const struct yaml_text *text, const char *pointer)
{
    const json_t *value = text->document->root;
    while (value && *pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        char *name = arena_memdup(text->arena, pointer, len);
        value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
        pointer += len;
    }
    return value;
}

static struct place key_place(const struct yaml_text *text, const char *pointer, const char *key)
{
    return yaml_key_place(text->document, yaml_pointer(text->arena, pointer, key));
}

/* The key behind `key` in the map, NULL: it is the last; and the one before it. */
static const char *neighbour(const struct yaml_text *text, const char *pointer, const char *key,
                             bool before)
{
    const char *name, *last = NULL;
    json_t *value;
    bool seen = false;
    json_object_foreach ((json_t *)value_at(text, pointer), name, value) {
        if (seen)
            return name;
        seen = str_eq(name, key);
        if (seen && before)
            return last;
        last = name;
    }
    return NULL;
}

static const char *parent_of(const struct yaml_text *text, const char *pointer, const char **key)
{
    const char *slash = strrchr(pointer, '/');
    *key = slash + 1;
    return arena_memdup(text->arena, pointer, (size_t)(slash - pointer));
}

/* Where the next key of the map or of a map around it stands; the end of the text. */
static size_t next_key(const struct yaml_text *text, const char *pointer, const char *key)
{
    const char *next;
    while (!(next = neighbour(text, pointer, key, false)) && *pointer)
        pointer = parent_of(text, pointer, &key);
    if (next)
        return offset_of(text, key_place(text, pointer, next));
    return text->len;
}

/* ---- block form: whole lines ---- */

/* Blank, or a comment that is not deeper than the entries: it belongs to what follows. */
static bool is_between(const struct yaml_text *text, size_t at, int indent)
{
    int own = indent_at(text, at);
    char first = at + (size_t)own < text->len ? text->bytes[at + (size_t)own] : '\n';
    return first == '\n' || first == '\r' || (first == '#' && own <= indent);
}

/* The start of the line behind an entry's last, given where the next key (or the end) is. */
static size_t block_end(const struct yaml_text *text, size_t start, size_t next, int indent)
{
    size_t end = next < text->len ? line_of_offset(text, next) : text->len;
    for (size_t at = next_line(text, start); at < end; at = next_line(text, at))
        if (str_starts(text->bytes + at, "..."))
            end = at;
    while (end > start) {
        size_t line = line_of_offset(text, end - 1);
        if (line <= start || !is_between(text, line, indent))
            break;
        end = line;
    }
    return end;
}

static char *without(const struct yaml_text *text, size_t from, size_t to, const char *instead,
                     size_t *len)
{
    struct buf out = {0};
    buf_put(&out, text->bytes, from);
    buf_puts(&out, instead);
    buf_put(&out, text->bytes + to, text->len - to);
    *len = out.len;
    char *whole = arena_memdup(text->arena, buf_text(&out), out.len);
    buf_fini(&out);
    return whole;
}

static bool is_first_on_line(const struct yaml_text *text, size_t at)
{
    size_t line = line_of_offset(text, at);
    return line + (size_t)indent_at(text, line) == at;
}

/* ---- flow form: up to commas and brackets ---- */

static size_t skip_quoted(const struct yaml_text *text, size_t at)
{
    char quote = text->bytes[at++];
    while (at < text->len) {
        if (text->bytes[at] == '\\' && quote == '"')
            at++;
        else if (text->bytes[at] == quote && (quote == '"' || text->bytes[at + 1] != quote))
            return at + 1;
        else if (text->bytes[at] == quote)
            at++;
        at++;
    }
    return text->len;
}

/* A quote opens a quoted word only where a word begins. */
static bool begins_word(const struct yaml_text *text, size_t at)
{
    return at == 0 || strchr(" \t\r\n,:[]{}", text->bytes[at - 1]);
}

/* From within a flow collection to the comma or bracket that ends the entry which begins at `at`.
 */
static size_t flow_end(const struct yaml_text *text, size_t at)
{
    int depth = 0;
    while (at < text->len) {
        char c = text->bytes[at];
        bool is_end = depth == 0 && (c == ',' || c == '}' || c == ']');
        if (is_end)
            return at;
        if ((c == '"' || c == '\'') && begins_word(text, at)) {
            at = skip_quoted(text, at);
            continue;
        }
        if (c == '#' && at && strchr(" \t\r\n", text->bytes[at - 1])) {
            at = next_line(text, at);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at++;
    }
    return text->len;
}

/* Back over white space. */
static size_t trim_back(const struct yaml_text *text, size_t at)
{
    while (at > 0 && strchr(" \t\r\n", text->bytes[at - 1]))
        at--;
    return at;
}

/* Takes out what begins at `start`; `next` and `before`: where its neighbours begin, SIZE_MAX:
 * none. */
static char *cut_flow(const struct yaml_text *text, size_t start, size_t next, size_t before,
                      size_t *len)
{
    if (next != SIZE_MAX)
        return without(text, start, next, "", len);
    size_t end = trim_back(text, flow_end(text, start));
    if (before != SIZE_MAX)
        start = flow_end(text, before);
    return end <= start ? NULL : without(text, start, end, "", len);
}

static bool is_flow(const struct yaml_text *text, const char *pointer)
{
    struct place place = yaml_place(text->document, pointer);
    size_t at = offset_of(text, place);
    return place.line && at < text->len && strchr("{[", text->bytes[at]);
}

/* ---- cutting ---- */

char *yaml_cut_entry(const struct yaml_text *text, const char *pointer, const char *key,
                     size_t *len)
{
    struct place place = key_place(text, pointer, key);
    if (!place.line || !json_object_get(value_at(text, pointer), key))
        return NULL;
    size_t start = offset_of(text, place);
    if (is_flow(text, pointer)) {
        const char *next = neighbour(text, pointer, key, false);
        const char *before = neighbour(text, pointer, key, true);
        return cut_flow(text, start,
                        next ? offset_of(text, key_place(text, pointer, next)) : SIZE_MAX,
                        before ? offset_of(text, key_place(text, pointer, before)) : SIZE_MAX, len);
    }
    if (!is_first_on_line(text, start))
        return NULL;
    size_t end = block_end(text, start, next_key(text, pointer, key), place.column - 1);
    return without(text, line_of_offset(text, start), end, "", len);
}

static size_t item_offset(const struct yaml_text *text, const char *pointer, size_t index)
{
    const char *item = arena_printf(text->arena, "%s/%zu", pointer, index);
    return offset_of(text, yaml_place(text->document, item));
}

/* A one-line "- word". */
static char *cut_block_item(const struct yaml_text *text, const char *pointer, size_t index,
                            size_t *len)
{
    const char *key;
    size_t item = item_offset(text, pointer, index), line = line_of_offset(text, item);
    size_t dash = line + (size_t)indent_at(text, line);
    if (text->bytes[dash] != '-' || !strchr(" \t", text->bytes[dash + 1]) ||
        dash + 1 + strspn(text->bytes + dash + 1, " \t") != item)
        return NULL;
    if (json_array_size(value_at(text, pointer)) > 1)
        return without(text, line, next_line(text, line), "", len);
    const char *above = parent_of(text, pointer, &key);
    size_t at = offset_of(text, key_place(text, above, key)), colon = at;
    colon = strchr("\"'", text->bytes[at]) ? skip_quoted(text, at)
                                           : at + strcspn(text->bytes + at, ":");
    if (colon >= line || text->bytes[colon] != ':')
        return NULL;
    struct yaml_text half = *text;
    half.bytes = without(text, line, next_line(text, line), "", &half.len);
    return without(&half, colon + 1, colon + 1, " []", len);
}

char *yaml_cut_item(const struct yaml_text *text, const char *pointer, size_t index, size_t *len)
{
    size_t count = json_array_size(value_at(text, pointer));
    if (index >= count)
        return NULL;
    if (!is_flow(text, pointer))
        return cut_block_item(text, pointer, index, len);
    return cut_flow(text, item_offset(text, pointer, index),
                    index + 1 < count ? item_offset(text, pointer, index + 1) : SIZE_MAX,
                    index ? item_offset(text, pointer, index - 1) : SIZE_MAX, len);
}

/* ---- adding ---- */

static const char *line_break(const struct yaml_text *text)
{
    const char *first = memchr(text->bytes, '\n', text->len);
    return first && first > text->bytes && first[-1] == '\r' ? "\r\n" : "\n";
}

static const char *word_of(const json_t *value, struct arena *arena)
{
    size_t i;
    const json_t *item;
    if (json_is_integer(value))
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    if (json_is_string(value))
        return yaml_word(json_string_value(value), arena);
    const char *list = "[";
    json_array_foreach (value, i, item)
        list = arena_printf(arena, "%s%s%s", list, i ? ", " : "",
                            yaml_word(json_string_value(item), arena));
    return arena_printf(arena, "%s]", list);
}

static char *add_block(const struct yaml_text *text, const char *pointer, const char *last,
                       struct buf *out, size_t *len)
{
    struct place place = key_place(text, pointer, last);
    size_t start = offset_of(text, place);
    if (!is_first_on_line(text, start))
        return NULL;
    size_t at = block_end(text, start, next_key(text, pointer, last), place.column - 1);
    if (at == text->len && at && text->bytes[at - 1] != '\n') {
        struct buf whole = {0};
        buf_printf(&whole, "%s%.*s", line_break(text), (int)out->len, buf_text(out));
        char *added = without(text, at, at, buf_text(&whole), len);
        buf_fini(&whole);
        return added;
    }
    return without(text, at, at, buf_text(out), len);
}

static char *add_flow(const struct yaml_text *text, const char *pointer, const char *last,
                      const char *entry, size_t *len)
{
    size_t start = offset_of(text, key_place(text, pointer, last));
    size_t comma = flow_end(text, start), at = trim_back(text, comma);
    bool has_comma = comma < text->len && text->bytes[comma] == ',';
    size_t line = line_of_offset(text, start);
    const char *gap = " ";
    if (is_first_on_line(text, start))
        gap = arena_printf(text->arena, "%s%*s", line_break(text), indent_at(text, line), "");
    if (has_comma)
        at = comma + 1;
    return without(text, at, at,
                   arena_printf(text->arena, "%s%s%s%s", has_comma ? "" : ",", gap, entry,
                                has_comma ? "," : ""),
                   len);
}

char *yaml_add_entry(const struct yaml_text *text, const char *pointer, const char *key,
                     const json_t *value, size_t *len)
{
    const char *name, *last = NULL;
    json_t *member;
    json_object_foreach ((json_t *)value_at(text, pointer), name, member)
        last = name;
    if (!last)
        return NULL;
    if (is_flow(text, pointer)) {
        char *body = json_dumps(value, 0);
        const char *entry = arena_printf(text->arena, "\"%s\": %s", key, body);
        free(body);
        return add_flow(text, pointer, last, entry, len);
    }
    struct buf out = {0};
    int indent = key_place(text, pointer, last).column - 1;
    const char *end = line_break(text);
    buf_printf(&out, "%*s%s:%s", indent, "", yaml_word(key, text->arena), end);
    json_object_foreach ((json_t *)value, name, member)
        buf_printf(&out, "%*s%s: %s%s", indent + 2, "", name, word_of(member, text->arena), end);
    char *added = add_block(text, pointer, last, &out, len);
    buf_fini(&out);
    return added;
}
