/* libyaml's events become jansson values; every value's place is kept under its JSON pointer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/yaml.h"
#include "config/yaml_scalar.h"

struct spot {
    struct place key, value;
    unsigned number; /* of the collection, for the names of its members' spots */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct yaml_document *document;
    struct findings *findings;
    struct arena *arena;
    const char *bytes;
    unsigned collections;
    int depth;
    bool stopped;
};

static json_t *read_node(struct reader *reader, struct spot *spot);

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){(int)mark.line + 1, (int)mark.column + 1};
}

static struct place here(const struct reader *reader)
{
    return place_of(reader->event.start_mark);
}

static struct place place_at_offset(const char *bytes, size_t offset)
{
    struct place at = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n')
            at = (struct place){at.line + 1, 1};
        else if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            at.column++;
    }
    return at;
}

static char *spot_name(struct arena *arena, unsigned parent, const char *name)
{
    return arena_printf(arena, "%u/%s", parent, name);
}

static struct spot *spot_new(struct reader *reader, const char *name)
{
    struct spot *spot = arena_alloc(reader->arena, sizeof(*spot));
    map_put(&reader->document->places, name, spot);
    return spot;
}

/* libyaml puts the end of the text onto a line of its own. */
static struct place within_text(const struct findings *findings, struct place at)
{
    if ((size_t)at.line <= findings->line_count || !findings->line_count)
        return at;
    const char *last = findings_line(findings, (int)findings->line_count);
    at = (struct place){(int)findings->line_count, 1};
    for (; *last; last++)
        at.column += ((unsigned char)*last & 0xc0) != 0x80;
    return at;
}

static void report_syntax(struct reader *reader)
{
    yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "unreadable";
    const char *context = parser->context ? parser->context : "";
    struct place at = parser->error == YAML_READER_ERROR
                          ? place_at_offset(reader->bytes, parser->problem_offset)
                          : place_of(parser->problem_mark);
    finding_error(reader->findings, within_text(reader->findings, at), "this is not YAML: %s%s%s",
                  problem, *context ? " " : "", context);
    const char *line = findings_line(reader->findings, at.line);
    if (line && strstr(line, ": ${{"))
        finding_hint(reader->findings, "put text with ${{ }} into quotes");
    else if (strstr(problem, "cannot start any token") || strstr(problem, "tab"))
        finding_hint(reader->findings, "indent with spaces, not tabs; quote text that starts with "
                                       "a special character");
    else if (strstr(problem, "mapping values are not allowed"))
        finding_hint(reader->findings,
                     "quote text that contains \": \", and check the indentation");
}

/* Steps to the next event; false at a syntax error. */
static bool next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        report_syntax(reader);
        reader->stopped = true;
        return false;
    }
    return true;
}

static void refuse_decoration(struct reader *reader, const void *anchor, const void *tag)
{
    if (anchor) {
        finding_error(reader->findings, here(reader), "anchors (&%s) are refused",
                      (const char *)anchor);
        finding_hint(reader->findings, "write the value out where it is needed");
    }
    if (tag) {
        finding_error(reader->findings, here(reader), "tags (%s) are refused", (const char *)tag);
        finding_hint(reader->findings, "quote a value that must be text");
    }
}

static json_t *read_plain(struct reader *reader, const char *text)
{
    json_t *value = yaml_scalar(text);
    if (value)
        return value;
    finding_error(reader->findings, here(reader), "the number %.40s does not fit", text);
    finding_hint(reader->findings, "quote it if it is meant as text");
    return json_null();
}

static json_t *read_scalar(struct reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t len = reader->event.data.scalar.length;
    refuse_decoration(reader, reader->event.data.scalar.anchor, reader->event.data.scalar.tag);
    if (strlen(text) != len) {
        finding_error(reader->findings, here(reader), "text with a NUL character is refused");
        return json_null();
    }
    if (reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return read_plain(reader, text);
    json_t *value = json_stringn(text, len);
    return value ? value : json_null();
}

static json_t *read_sequence(struct reader *reader, const struct spot *spot)
{
    json_t *array = json_array();
    refuse_decoration(reader, reader->event.data.sequence_start.anchor,
                      reader->event.data.sequence_start.tag);
    while (next_event(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        char index[24];
        snprintf(index, sizeof(index), "%zu", json_array_size(array));
        const char *name = spot_name(reader->arena, spot->number, index);
        json_t *value = read_node(reader, spot_new(reader, name));
        if (reader->stopped) {
            json_decref(value);
            break;
        }
        json_array_append_new(array, value ? value : json_null());
    }
    return array;
}

/* Returns the key's text, or NULL where it is none (then the key has been read and refused). */
static char *read_key(struct reader *reader)
{
    yaml_event_t *event = &reader->event;
    if (event->type != YAML_SCALAR_EVENT) {
        finding_error(reader->findings, here(reader), "a key must be plain text");
        json_decref(read_node(reader, &(struct spot){0}));
        return NULL;
    }
    const char *text = (const char *)event->data.scalar.value;
    refuse_decoration(reader, event->data.scalar.anchor, event->data.scalar.tag);
    if (strlen(text) != event->data.scalar.length) {
        finding_error(reader->findings, here(reader), "a key with a NUL character is refused");
        return NULL;
    }
    if (strlen(text) > LIMIT_YAML_KEY) {
        finding_error(reader->findings, here(reader), "a key of more than %d bytes is refused",
                      LIMIT_YAML_KEY);
        return NULL;
    }
    return arena_strdup(reader->arena, text);
}

/* The spot for a key that may be kept, or NULL for one that is here already: that is refused. */
static struct spot *claim_spot(struct reader *reader, const struct spot *parent, const char *key,
                               struct place at)
{
    const char *name =
        spot_name(reader->arena, parent->number, yaml_pointer(reader->arena, "", key) + 1);
    const struct spot *first = map_get(&reader->document->places, name);
    if (first) {
        finding_error(reader->findings, at, "%s: this key is here twice (first on line %d)", key,
                      first->key.line);
        return NULL;
    }
    return spot_new(reader, name);
}

static void read_pair(struct reader *reader, json_t *object, const struct spot *parent)
{
    struct place at = here(reader);
    struct spot dropped = {0};
    char *key = read_key(reader);
    struct spot *spot = key ? claim_spot(reader, parent, key, at) : NULL;
    if (reader->stopped || !next_event(reader))
        return;
    if (spot)
        spot->key = at;
    json_t *value = read_node(reader, spot ? spot : &dropped);
    if (value && spot && !reader->stopped)
        json_object_set_new(object, key, value);
    else
        json_decref(value);
}

static json_t *read_mapping(struct reader *reader, const struct spot *spot)
{
    json_t *object = json_object();
    refuse_decoration(reader, reader->event.data.mapping_start.anchor,
                      reader->event.data.mapping_start.tag);
    while (!reader->stopped && next_event(reader) && reader->event.type != YAML_MAPPING_END_EVENT)
        read_pair(reader, object, spot);
    return object;
}

static bool too_deep(struct reader *reader)
{
    if (reader->depth < LIMIT_YAML_DEPTH)
        return false;
    finding_error(reader->findings, here(reader), "nested deeper than %d levels", LIMIT_YAML_DEPTH);
    reader->stopped = true;
    return true;
}

static json_t *read_collection(struct reader *reader, struct spot *spot)
{
    if (too_deep(reader))
        return NULL;
    reader->depth++;
    spot->number = ++reader->collections;
    json_t *value = reader->event.type == YAML_SEQUENCE_START_EVENT ? read_sequence(reader, spot)
                                                                    : read_mapping(reader, spot);
    reader->depth--;
    return value;
}

/* Returns the value that the current event begins (a new reference), or NULL for an alias and where
 * reading stopped. */
static json_t *read_node(struct reader *reader, struct spot *spot)
{
    spot->value = here(reader);
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return read_collection(reader, spot);
    case YAML_ALIAS_EVENT:
        finding_error(reader->findings, here(reader), "aliases (*%s) are refused",
                      (const char *)reader->event.data.alias.anchor);
        finding_hint(reader->findings, "write the value out where it is needed");
        return NULL;
    default:
        return NULL;
    }
}

static void read_stream(struct reader *reader)
{
    bool seen = false;
    while (!reader->stopped && next_event(reader)) {
        if (reader->event.type == YAML_STREAM_END_EVENT)
            return;
        if (reader->event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        if (seen) {
            finding_error(reader->findings, here(reader), "a second document starts here");
            finding_hint(reader->findings, "keep one document in the file: remove the \"---\"");
            return;
        }
        seen = true;
        if (next_event(reader))
            reader->document->root = read_node(reader, spot_new(reader, "0/"));
    }
}

static bool bytes_are_readable(const char *bytes, size_t len, struct findings *findings)
{
    if (len > LIMIT_CONFIG_BYTES) {
        finding_error(findings, (struct place){0}, "the file has more than %d bytes",
                      LIMIT_CONFIG_BYTES);
        return false;
    }
    if (str_is_utf8(bytes, len))
        return true;
    size_t good = 0, bad = len; /* the longest readable beginning, by halving */
    while (good + 1 < bad) {
        size_t middle = (good + bad) / 2, cut = str_utf8_cut(bytes, len, middle);
        if (str_is_utf8(bytes, cut))
            good = middle;
        else
            bad = middle;
    }
    finding_error(findings, place_at_offset(bytes, str_utf8_cut(bytes, len, good)),
                  "the file is not UTF-8 text from here on (or has a NUL character)");
    finding_hide(findings);
    return false;
}

struct yaml_document *yaml_read(const char *bytes, size_t len, struct arena *arena,
                                struct findings *findings)
{
    struct yaml_document *document = arena_alloc(arena, sizeof(*document));
    if (!bytes_are_readable(bytes, len, findings))
        return document;
    size_t mark = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    findings_set_text(findings, bytes + mark, len - mark);
    struct reader reader = {
        .document = document, .findings = findings, .arena = arena, .bytes = bytes + mark};
    if (!yaml_parser_initialize(&reader.parser))
        abort(); /* only out of memory */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes + mark, len - mark);
    read_stream(&reader);
    document->whole = !reader.stopped;
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return document;
}

void yaml_close(struct yaml_document *document)
{
    if (!document)
        return;
    json_decref(document->root);
    document->root = NULL;
    map_fini(&document->places);
}

/* Walks down the pointer, collection by collection. */
static const struct spot *find_spot(const struct yaml_document *document, const char *pointer)
{
    char name[2 * LIMIT_YAML_KEY + 16];
    const struct spot *spot = map_get(&document->places, "0/");
    while (spot && *pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        if (len > 2 * LIMIT_YAML_KEY)
            return NULL;
        snprintf(name, sizeof(name), "%u/%.*s", spot->number, (int)len, pointer);
        spot = spot->number ? map_get(&document->places, name) : NULL;
        pointer += len;
    }
    return spot;
}

struct place yaml_place(const struct yaml_document *document, const char *pointer)
{
    const struct spot *spot = find_spot(document, pointer);
    return spot ? spot->value : (struct place){0};
}

struct place yaml_key_place(const struct yaml_document *document, const char *pointer)
{
    const struct spot *spot = find_spot(document, pointer);
    if (!spot)
        return (struct place){0};
    return spot->key.line ? spot->key : spot->value;
}

char *yaml_pointer(struct arena *arena, const char *pointer, const char *name)
{
    size_t above = strlen(pointer);
    char *joined = arena_alloc(arena, above + 2 * strlen(name) + 2), *out = joined + above;
    memcpy(joined, pointer, above);
    *out++ = '/';
    for (; *name; name++) {
        bool escaped = *name == '~' || *name == '/';
        *out++ = escaped ? '~' : *name;
        if (escaped)
            *out++ = *name == '~' ? '0' : '1';
    }
    *out = '\0';
    return joined;
}
