/* Small changes in the text of a YAML file: entries of maps and items of lists, in block or flow
 * form, taken out or put in where they belong; every other byte stays. */
#ifndef HQ_SETUP_YAML_EDIT_H
#define HQ_SETUP_YAML_EDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "config/yaml.h"

struct err;

/* A text with what a reader sees in it. */
struct yaml_text {
    struct arena *arena;
    const char *bytes;
    size_t len;
    struct yaml_document *document;
};

/* Reads it. 0, or -1 with *err (code "bad_yaml") naming the first error; yaml_text_close() in any
 * case. The bytes are borrowed. */
int yaml_text_open(struct yaml_text *text, const char *bytes, size_t len, struct arena *arena,
                   struct err *err);
void yaml_text_close(struct yaml_text *text);

/* Each returns the new text (NUL-terminated, *len bytes) in the arena, or NULL where the file's
 * form is beyond this editor: the caller then says so. Whether the new text means what was wanted
 * is for the caller to check, by reading it (setup/config_edit.h does). */

/* Takes the entry `key` out of the map at `pointer`. Comments above it stay. */
char *yaml_cut_entry(const struct yaml_text *text, const char *pointer, const char *key,
                     size_t *len);

/* Takes an item out of the list at `pointer`; a list in block form that becomes empty is "[]". */
char *yaml_cut_item(const struct yaml_text *text, const char *pointer, size_t index, size_t *len);

/* Puts `key` with the members of `value` (an object of texts, numbers and lists of texts) behind
 * the last entry of the map at `pointer`, in its form and indentation. */
char *yaml_add_entry(const struct yaml_text *text, const char *pointer, const char *key,
                     const json_t *value, size_t *len);

#endif
