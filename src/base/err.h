/* What went wrong, as a sentence for a person and a word for a program. */
#ifndef HQ_BASE_ERR_H
#define HQ_BASE_ERR_H

/* House rule: 0 is done; negative is fatal and only passed up; positive is an outcome of the
 * module's own enum that the caller must handle. `struct err` carries the words. */
struct err {
    char code[40];     /* snake_case, stable, for scripts: "unknown_agent" */
    char message[640]; /* what failed and the value seen */
    char hint[320];    /* what to do about it; may be empty */
};

/* Fill the error (a NULL err is allowed) and return -1, so that `return err_set(…)` reads well. */
int err_set(struct err *err, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Same, with ": " and strerror(errno) behind the sentence. */
int err_errno(struct err *err, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
