/* Two text files that only grow, and a cursor that says what they hold: whatever kills the process,
 * each text is appended once.
 *
 * What is about to be appended is written into the cursor first (fsync, rename), then appended and
 * synced, then struck from the cursor. A journal that opens looks for the text that its cursor
 * still names, behind the place where it was to go, and appends what is missing of it. Nothing is
 * ever cut away or written over: what people put into the files stays. */
#ifndef HQ_HUB_JOURNAL_H
#define HQ_HUB_JOURNAL_H

#include <stdint.h>

struct err;
struct journal;

enum { JOURNAL_FILES = 2 };

struct journal_place {
    const char *cursor; /* the cursor's path */
    const char *dir;    /* where the files lie; made when it is missing. NULL: no files */
    const char *names[JOURNAL_FILES]; /* of the files */
};

/* Reads the cursor and appends what a death left open. NULL with *err: a damaged cursor, no access.
 */
struct journal *journal_open(const struct journal_place *place, struct err *err);

/* The number up to which all is in the files; 0 at first. */
int64_t journal_seq(const struct journal *journal);

/* Appends the texts (NULL or "": nothing) and moves on to `seq`. Blocks for the disk. 0, or -1 with
 * *err: then it is to be called again with the same, or the journal opened again. Without any text
 * nothing is written but every thousandth number. */
int journal_write(struct journal *journal, int64_t seq, const char *const texts[JOURNAL_FILES],
                  struct err *err);
void journal_close(struct journal *journal);

#endif
