/* hq backup: commands that may open a ledger, which the command line's own room may not. */
#ifndef HQ_APP_BACKUP_COMMANDS_H
#define HQ_APP_BACKUP_COMMANDS_H

#include "backup/archive.h"
#include "cli/command.h"

extern const struct command command_backup_create, command_backup_list, command_backup_restore,
    command_backup_verify;

/* Says every few seconds how far it is; `what`: "written", "read". */
struct progress_note {
    const struct invocation *invocation;
    const char *what;
    int64_t said_ms; /* time_boot_ms() */
};
struct backup_progress progress_note_init(struct progress_note *note,
                                          const struct invocation *invocation, const char *what);

#endif
