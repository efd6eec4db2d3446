/* The small files in state/run/ through which a person's wish reaches the supervisor, and through
 * which the supervisor says how its children are. Locks are sys/lock.h's. */
#ifndef HQ_SUPERVISE_RUNFILES_H
#define HQ_SUPERVISE_RUNFILES_H

#include <jansson.h>
#include <stdbool.h>

struct config;
struct err;

/* A wish is a file <name>.<verb>:
 *   <agent>.down          stopped by hand; stays until `start`; its text is the reason
 *   <agent|hub>.restart   end it and start it again; taken away by the supervisor
 *   supervisor.retry      try the held ones again; taken away
 *   supervisor.reload     read hq.yaml again; taken away                                      */
enum runfile_verb { RUNFILE_DOWN, RUNFILE_RESTART, RUNFILE_RETRY, RUNFILE_RELOAD };

/* Writes the file whole (temporary file, rename, fsync of a .down). Returns 0 or -1 with *err. */
int runfile_put(const struct config *config, const char *name, enum runfile_verb verb,
                const char *text, struct err *err);

/* Removes it; true where it was there. */
bool runfile_take(const struct config *config, const char *name, enum runfile_verb verb);
bool runfile_is_there(const struct config *config, const char *name, enum runfile_verb verb);

/* run/supervisor.json, for `hq status`: rewritten whole by rename. Advice only, so not fsynced. */
int runfile_board_put(const struct config *config, const json_t *board, struct err *err);

/* A new reference, or NULL where there is none. Believe it only while the supervisor's lock is
 * held. */
json_t *runfile_board_get(const struct config *config);

/* Makes state/, state/run/ and state/logs/ (0700). Returns 0 or -1 with *err (code
 * "unwritable_state"). */
int runfile_make_folders(const struct config *config, struct err *err);

#endif
