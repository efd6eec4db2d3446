/* One line per event on stderr: time, level, process, sentence. Processes point stderr at a file. */
#ifndef HQ_BASE_LOG_H
#define HQ_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Names this process in every line ("hub", "manager"); copies `who`. Call once at start. */
void log_init(const char *who, enum log_level least);

/* Writes one line with one write(2), so lines of several threads never mix. Control characters in
 * the text become spaces: a log line cannot be forged from outside. Never pass a secret. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
