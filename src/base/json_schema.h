/* JSON Schema (draft 2020-12, https://json-schema.org/draft/2020-12), the part that says what a
 * result looks like. No library for it exists in Debian 12 for C (docs/decisions.md).
 *
 * Known: type enum const · properties required additionalProperties patternProperties minProperties
 * maxProperties · items prefixItems minItems maxItems uniqueItems · minLength maxLength pattern
 * (base/pattern.h) · minimum maximum exclusiveMinimum exclusiveMaximum multipleOf · allOf anyOf
 * oneOf not · $ref to "#" and "#/$defs/…", $defs at the top. Annotations are allowed and do
 * nothing: title description default examples deprecated readOnly writeOnly format $schema $id
 * $comment. */
#ifndef HQ_BASE_JSON_SCHEMA_H
#define HQ_BASE_JSON_SCHEMA_H

#include <jansson.h>

struct buf;
struct err;

/* Is this a schema that can be held to? 0, or -1 with *err (code "bad_schema"): an unknown or
 * unsupported keyword, or one with a wrong operand, by name and place (a JSON pointer); a schema of
 * more than LIMIT_SCHEMA bytes; a $ref that leads to itself. Never blocks. */
int json_schema_check(const json_t *schema, struct err *err);

/* Does the value fit the schema, which json_schema_check() has passed? 0: it does; 1: it does not,
 * and *findings says why in at most LIMIT_SCHEMA_FINDINGS sentences, one to a line, each with the
 * place in the value as a JSON pointer. A check that takes more than LIMIT_SCHEMA_WORK is given up,
 * which counts as a finding. */
int json_schema_fits(const json_t *schema, const json_t *value, struct buf *findings);

#endif
