/* What a command prints: results on standard output, everything else on standard error. */
#ifndef HQ_CLI_OUTPUT_H
#define HQ_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"

struct err;
struct finding;

/* Says what failed: "hq: message" and the hint on standard error, or with --json the document
 * {"ok":false,"error":{…}} on standard output. Returns `code`. */
int output_fail(const struct invocation *invocation, int code, const struct err *err);

/* Prints a document with "schema_version":1 in front, indented; takes the reference. Returns
 * COMMAND_OK, or COMMAND_FAILED when standard output took no more. */
int output_json(json_t *document);

/* One compact JSON line of a stream; takes the reference. */
void output_json_line(json_t *document);

/* A remark on standard error; silent with -q. */
void output_note(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether escape sequences for colour may go to this descriptor (--color, NO_COLOR, a terminal). */
bool output_has_color(const struct invocation *invocation, int fd);

/* Whether the locale's characters are UTF-8 (LC_ALL, LC_CTYPE, LANG). */
bool output_is_utf8(void);

/* Columns of the terminal on standard output, 80 where there is none. */
int output_columns(void);

/* Its rows, 24 where there is none. */
int output_rows(void);

/* A finding as {"level","line","column","message","hint"}; a new reference. */
json_t *output_finding(const struct finding *finding);

#endif
