/* One line per event on stderr: time, level, process, sentence. Processes point stderr at a file of their
 * own (log_rotate.h), or systemd points it at the journal. */
#ifndef HQ_BASE_LOG_H
#define HQ_BASE_LOG_H

#include <stddef.h>

struct err;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What a line looks like:
 *   LOG_TEXT  2026-11-22T15:04:05.123Z info  manager: sentence
 *             2026-11-22T15:04:05.123Z info  manager t-7k2m…: sentence      (log_about)
 *   LOG_JSON  {"time","level","who","pid","msg","task"?,"run"?,"code"?}, in this order
 * Where stderr is the journal of systemd, "<6>" takes the place of the time (sd-daemon(3)). */
enum log_form { LOG_TEXT, LOG_JSON };

/* Names this process in every line ("hub", "manager"); copies `who`. Call once at start. */
void log_init(const char *who, enum log_level least);

/* From now on; call before there are other threads. */
void log_use(enum log_form form);

/* What this thread works on from now on: a task's or a run's id (copied, at most 63 characters), which
 * its lines then carry; NULL: nothing. */
void log_about(const char *id);

/* Writes one line with one write(2), so lines of several threads never mix. Control characters and marks
 * that change the direction of text become spaces, ill-formed UTF-8 becomes U+FFFD, a sentence ends
 * after 1800 bytes: a log line cannot be forged from outside. Never pass a secret. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What log_line() makes of a sentence: copies what may stand in a line, into at most `room` bytes with
 * its NUL; what does not fit ends with "…". */
void log_clean(const char *text, char *out, size_t room);

/* Message and hint of an error as one sentence; its code goes into a LOG_JSON line. */
void log_err(enum log_level level, const struct err *err);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
