/* Takes secrets out of texts that leave the machine: those it knows by value, in any spelling, and
 * what looks like one. */
#ifndef HQ_DOCTOR_REDACTOR_H
#define HQ_DOCTOR_REDACTOR_H

#include <stddef.h>

struct buf;
struct config;
struct redactor;

/* Knows the lines of every file in the company's secrets/ and of those that hq.yaml names
 * elsewhere, the variables that hq.yaml names, and every variable of this environment whose name
 * speaks of a secret. Reads those files. */
struct redactor *redactor_open(const struct config *config);
void redactor_close(struct redactor *redactor);

/* Hides one more text; a label ("[company]") stands in its place. Shorter ones than six bytes are
 * left. */
void redactor_add(struct redactor *redactor, const char *secret, const char *label);

/* Appends the text without what is secret: known values, Authorization and Cookie headers, values
 * behind names such as password or token, user and query of URLs and their paths (but those of this
 * machine), keys of known services, long hex and base64. */
void redactor_put(const struct redactor *redactor, const char *text, size_t len, struct buf *out);

/* The second half of it, for texts of which no value is known. */
void redact_patterns(const char *text, size_t len, struct buf *out);

#endif
