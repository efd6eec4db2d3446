/* One keyword of JSON Schema: what it may be given, and how it is held to. Between
 * json_schema_check.c (the first) and json_schema.c (the second). */
#ifndef HQ_BASE_JSON_SCHEMA_WORD_H
#define HQ_BASE_JSON_SCHEMA_WORD_H

#include <jansson.h>
#include <stdbool.h>

enum schema_operand {
    OPERAND_ANY,
    OPERAND_TEXT,
    OPERAND_BOOL,
    OPERAND_LIST,  /* not empty */
    OPERAND_COUNT, /* a whole number from 0 */
    OPERAND_NUMBER,
    OPERAND_STEP,  /* a number above 0 */
    OPERAND_TYPE,  /* a type's name or a list of them */
    OPERAND_NAMES, /* a list of different texts */
    OPERAND_PATTERN,
    OPERAND_REF,
    OPERAND_SCHEMA,      /* of a part of the value */
    OPERAND_SCHEMA_HERE, /* of the value itself */
    OPERAND_SCHEMAS,     /* not empty list, of parts */
    OPERAND_SCHEMAS_HERE,
    OPERAND_SCHEMA_MAP,
    OPERAND_PATTERN_MAP, /* keys are patterns */
};

struct schema_look;

struct schema_word {
    const char *name;
    enum schema_operand operand;
    bool (*fits)(const struct schema_look *look); /* NULL: an annotation */
};

/* NULL: not a keyword of this part of the standard. */
const struct schema_word *schema_word_find(const char *name);

/* The schema that a $ref names, or NULL. */
const json_t *schema_ref(const json_t *root, const char *ref);

/* NULL-terminated: the names that `type` knows. */
extern const char *const schema_types[];

#endif
