/* One line of a log, taken apart: base/log.h's two forms, and what others write beside them. */
#ifndef HQ_CLI_LOG_LINE_H
#define HQ_CLI_LOG_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum log_known { LOG_NO_LEVEL = -1 }; /* else an enum log_level of base/log.h */

/* Texts are clean: well-formed, without control characters; absent ones are "". */
struct log_line {
    const char *name;    /* whose log it stands in: "hub", "manager" */
    const char *stamp;   /* RFC 3339, UTC, ms: texts that sort by time; "" for a line that has none */
    int level;
    int64_t pid;         /* 0: unknown */
    const char *about;   /* a task's or a run's id */
    const char *code;    /* of an error */
    const char *message; /* the sentence; of a line of another form all of it */
    const char *source;  /* of the page that it stands on (log_book.h) */
    size_t order;        /* in which it was read: lines of the same time keep it */
};

/* Takes a line apart (without its newline), texts in the arena. What is of neither form has only a
 * message. `name` is the caller's. */
void log_line_parse(const char *bytes, size_t len, struct arena *arena, struct log_line *line);

/* The same for an entry of the journal, which knows its time and its level (a syslog priority; below 0:
 * somebody else's words): base/log.h's forms for it, and the usual ones. */
void log_line_parse_entry(const char *text, int priority, struct arena *arena, struct log_line *line);

/* The line as text, however it was written; in the arena. */
const char *log_line_text(const struct log_line *line, struct arena *arena);

/* {"process","at","level"?,"pid"?,"task"?,"run"?,"code"?,"message","line"}; a new reference. */
json_t *log_line_json(const struct log_line *line, struct arena *arena);

#endif
