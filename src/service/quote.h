/* Texts of ours inside unit files, so that systemd reads back what was meant: systemd.syntax(7),
 * systemd.service(5) "Command lines", systemd.unit(5) "Specifiers". */
#ifndef HQ_SERVICE_QUOTE_H
#define HQ_SERVICE_QUOTE_H

struct buf;
struct err;

/* Whether a path can stand in a unit at all: UTF-8 without control characters, no blank and no
 * backslash at its end. 0, or -1 with *err (code "bad_path") naming it. */
int quote_check(const char *path, struct err *err);

/* One word of an ExecStart= line: quoted; %, $, " and \ are taken literally. */
void quote_exec(struct buf *out, const char *word);

/* One word of a list such as ReadWritePaths=: the same, where $ means nothing. */
void quote_word(struct buf *out, const char *word);

/* A value that is the rest of its line and knows no quotes (WorkingDirectory=): % is doubled. */
void quote_rest(struct buf *out, const char *text);

/* A name for unit files: what is no ASCII letter, digit, '-', '_' or '.' becomes one '-', letters
 * become small; "company" where nothing is left. Writes into name[72]. */
void quote_unit_name(const char *text, char name[72]);

#endif
