/* What a company's processes wrote where systemd keeps them: its journal, told as `hq logs` tells
 * files. */
#ifndef HQ_CLI_JOURNAL_H
#define HQ_CLI_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/log_book.h"
#include "service/service.h"

struct journal_wish {
    const char *const
        *names; /* hub, runner, agents; NULL at the end; none: all, systemd's words too */
    size_t count;
    const struct log_wish *lines; /* which */
    bool is_all;                  /* they may lie far back: all is looked through */
    bool follow;                  /* go on until Ctrl-C or --timeout */
    void (*print)(const struct invocation *invocation, const struct log_line *line,
                  struct arena *arena);
};

/* Prints what journalctl(1) has. Exit code; 130 after Ctrl-C. Blocks. */
int journal_show(const struct invocation *invocation, const struct service *service,
                 const struct journal_wish *wish);

/* One entry of `journalctl -o json` as a line: what has no time of ours gets the journal's, and
 * systemd's own words its name. In the arena; false where the entry is none of the company's. */
bool journal_read(const struct service *service, const json_t *entry, struct arena *arena,
                  struct log_line *line);

#endif
