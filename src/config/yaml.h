/* YAML of our own files (hq.yaml, scripts of models, workflows): jansson values, and where each
 * stood. */
#ifndef HQ_CONFIG_YAML_H
#define HQ_CONFIG_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/map.h"
#include "config/finding.h"

struct yaml_document {
    json_t *root;      /* NULL where the text is empty */
    bool whole;        /* false where reading stopped early: what is missing says nothing */
    struct map places; /* number of a collection, "/", name of a member → where both stand */
};

/* Reads one YAML 1.2 document (core schema: `no`, `on`, `1:30` are strings, 0o17 and 0x1f are
 * numbers; quoted is always a string). Refused, as errors in `findings`: invalid UTF-8, NUL,
 * anchors, aliases, tags, several documents, duplicate keys, keys that are not plain text, numbers
 * that JSON cannot carry, keys over LIMIT_YAML_KEY, nesting over LIMIT_YAML_DEPTH, more than
 * LIMIT_CONFIG_BYTES. A syntax error ends the reading; the others are collected and reading goes
 * on. Sets the text of `findings`, so that they show their line. Returns the document (yaml_close()
 * it), with whatever could be read; never NULL: look at findings->errors. Does not block; places
 * and messages live in `arena`. */
struct yaml_document *yaml_read(const char *bytes, size_t len, struct arena *arena,
                                struct findings *findings);

/* Drops the values; json_t taken from the root with json_incref() stay. */
void yaml_close(struct yaml_document *document);

/* Where the value (or its key) stands, by JSON pointer (RFC 6901); "" is the root. {0, 0} where
 * there is none. */
struct place yaml_place(const struct yaml_document *document, const char *pointer);
struct place yaml_key_place(const struct yaml_document *document, const char *pointer);

/* Returns pointer + "/" + name with "~" and "/" escaped, in the arena. */
char *yaml_pointer(struct arena *arena, const char *pointer, const char *name);

#endif
