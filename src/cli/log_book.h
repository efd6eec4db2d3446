/* Lines of several processes as one log: what is asked for is kept, in the order of time. Where the
 * lines come from (log_file.h; the journal) is their source's affair. */
#ifndef HQ_CLI_LOG_BOOK_H
#define HQ_CLI_LOG_BOOK_H

#include "cli/log_line.h"

struct pattern;

/* Which lines. Zeroed: all. A line without a time goes with the one before it in its log. */
struct log_wish {
    int least;             /* an enum log_level */
    int64_t since_ms;      /* wall time */
    const char *task;      /* a task's or run's id, or its beginning: lines about it or that name it */
    struct pattern *grep;  /* in the message, or NULL */
    size_t most;           /* the last so many of each source; 0: all */
};

/* One source's lines; zeroed but for `name` and `wish` it is an empty one. */
struct log_page {
    const char *name;
    const struct log_wish *wish;
    struct arena arena;
    struct log_line *lines;
    size_t count, room;
    char stamp[32]; /* of its newest line that has one, for those that have none */
    bool is_wanted; /* the newest line with a time was */
    size_t order;
};

/* Adds a line, as its bytes or taken apart (its `name` NULL: the page's; texts are copied). */
void log_page_add(struct log_page *page, const char *bytes, size_t len);
void log_page_add_line(struct log_page *page, const struct log_line *line);

/* Forgets the lines; what came before is still known. */
void log_page_clear(struct log_page *page);

/* All pages' lines in the order of time, the last `most` (0: all) of them: an array in the arena, lines
 * borrowed from their pages. */
const struct log_line **log_pages_merge(const struct log_page *pages, size_t page_count, size_t most,
                                        struct arena *arena, size_t *count);

#endif
