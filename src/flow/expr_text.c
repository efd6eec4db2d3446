/* Where a character of a YAML text stands in its file: the text and the file's lines are walked
 * side by side, as long as they agree. */
#include <string.h>

#include "flow/expr_tree.h"

static bool goes_on(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static bool is_block(const struct expr_text *text)
{
    return text->style == '|' || text->style == '>';
}

/* Steps over the white space that begins a line: all of it, or a block's indentation. */
static void skip_blank(struct expr_text *text)
{
    while (text->raw && (*text->raw == ' ' || *text->raw == '\t') &&
           (!is_block(text) || text->now.column <= text->indent)) {
        text->raw++;
        text->now.column++;
    }
}

static void next_line(struct expr_text *text)
{
    text->now = (struct place){text->now.line + 1, 1};
    text->raw = findings_line(text->source->findings, text->now.line);
    skip_blank(text);
}

/* A block's indentation is that of its first line that has something on it. */
static int block_indent(const struct findings *findings, int line)
{
    const char *text;
    while ((text = findings_line(findings, line)) && !text[strspn(text, " ")])
        line++;
    return text ? (int)strspn(text, " ") : 0;
}

/* A longer line was written by no person; walking to each of its expressions would take squares. */
enum { COLUMNS_WALKED = 2000 };

void expr_text_init(struct expr_text *text, const struct expr_source *source, const char *bytes,
                    size_t len)
{
    *text = (struct expr_text){.source = source, .text = bytes, .len = len, .now = source->at};
    text->raw = source->at.column > COLUMNS_WALKED
                    ? NULL
                    : findings_line(source->findings, source->at.line);
    for (int column = 1; text->raw && *text->raw && column < source->at.column; column++)
        for (text->raw++; goes_on(*text->raw);)
            text->raw++;
    text->style = text->raw && *text->raw && strchr("'\"|>", *text->raw) ? *text->raw : 0;
    if (is_block(text)) {
        text->indent = block_indent(source->findings, source->at.line + 1);
        next_line(text);
    } else if (text->style) {
        text->raw++;
        text->now.column++;
    }
}

static bool is_blank_to_end(const char *raw)
{
    return raw[strspn(raw, " \t")] == '\0';
}

/* Bytes of the file that stand for the text's next one; 0: they do not agree. */
static int raw_width(const struct expr_text *text, char c)
{
    const char *raw = text->raw;
    if (text->style == '\'' && c == '\'')
        return raw[0] == '\'' && raw[1] == '\'' ? 2 : 0;
    if (text->style == '"' && raw[0] == '\\')
        return raw[1] == c && strchr("\"\\/ ", c) ? 2 : 0;
    return raw[0] == c ? 1 : 0;
}

static void step(struct expr_text *text)
{
    char c = text->text[text->offset++];
    bool folds = text->style != '|' && c == ' ';
    if (!text->raw)
        return;
    if ((c == '\n' && !*text->raw) || (folds && is_blank_to_end(text->raw))) {
        next_line(text);
        return;
    }
    int width = raw_width(text, c);
    text->raw = width ? text->raw + width : NULL;
    text->now.column += goes_on(c) ? 0 : width;
}

struct place expr_text_place(struct expr_text *text, size_t offset)
{
    while (text->offset < offset && text->raw)
        step(text);
    return text->raw ? text->now : text->source->at;
}

size_t expr_text_end(const char *text, size_t len, size_t from)
{
    bool in_text = false;
    for (size_t i = from; i < len; i++) {
        if (text[i] == '\'')
            in_text = !in_text;
        else if (!in_text && text[i] == '}' && i + 1 < len && text[i + 1] == '}')
            return i + 2;
    }
    return 0;
}
