/* Regular expressions from outside (a schema's `pattern`), matched in time that is known
 * beforehand: text length times expression length, whatever both are. */
#ifndef HQ_BASE_PATTERN_H
#define HQ_BASE_PATTERN_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct pattern;

/* Compiles ECMA-262 syntax (what JSON Schema asks for) without back references, look-around, named
 * groups and \p: at most LIMIT_REGEX bytes and LIMIT_REGEX_CODE instructions, with its repetitions
 * written out. Characters are code points. NULL with *err (code "bad_pattern"): a sentence that
 * names what is wrong or not supported. */
struct pattern *pattern_open(const char *text, struct err *err);
void pattern_close(struct pattern *pattern);

/* 1: found somewhere in the text (valid UTF-8); 0: not there; -1: *work, the number of instructions
 * that may be visited, ran out. Takes what was visited off *work. */
int pattern_find(const struct pattern *pattern, const char *text, size_t len, int64_t *work);

#endif
