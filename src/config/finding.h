/* What a check found in a file, with the place in it: errors and warnings, collected to be shown
 * all at once. */
#ifndef HQ_CONFIG_FINDING_H
#define HQ_CONFIG_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct buf;

struct place {
    int line, column; /* from 1; columns count code points; 0: the file as a whole */
};

/* One finding of a check: an error, or a warning. */
struct finding {
    bool is_error;
    int line, column;    /* from 1; 0: the file as a whole */
    const char *message; /* "port: \"18800-18830\" is not a port (1–65535)" */
    const char *hint;    /* "did you mean …?" or NULL */
    const char *source;  /* the line of the file, for the caret; may be NULL */
};

/* A list that grows in its arena. At most LIMIT_FINDINGS are kept; all errors are counted. */
struct findings {
    struct arena *arena;
    struct finding *items;
    size_t count, cap, errors;
    struct finding spare; /* takes what is over the limit */
    struct finding *last;
    const char *text;   /* of the file */
    size_t *starts;     /* of each line, and where the text ends */
    const char **shown; /* each line as findings_line() has made it */
    size_t line_count;
};

/* Caller's memory; everything it keeps lies in `arena`, so there is nothing to free. */
void findings_init(struct findings *findings, struct arena *arena);

/* Keeps a copy of the text, so that findings can show their line. Values that look like a secret
 * (behind a key, token, secret or password; or with a known prefix) are starred in the copy. */
void findings_set_text(struct findings *findings, const char *bytes, size_t len);

/* That line (from 1) of the text, starred, in the arena; NULL where there is none. */
const char *findings_line(const struct findings *findings, int line);

/* Add one. */
void finding_error(struct findings *findings, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void finding_warn(struct findings *findings, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Give the newest one a hint; keep its line of the file from being shown (it may hold a secret). */
void finding_hint(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_hide(struct findings *findings);

/* Puts them into the order of the file. */
void findings_sort(struct findings *findings);

/* True where the text begins as keys of known services do: it must not be repeated. */
bool text_looks_secret(const char *text, size_t len);

/* Prints findings as "path:line:column: message", the line of the file, a caret under the column
 * and the hint. Warnings say "warning: " before their message. */
void config_print_findings(const char *path, const struct finding *findings, size_t count,
                           struct buf *out);

#endif
