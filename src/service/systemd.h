/* Asking systemd and telling it: through systemctl(1) and loginctl(1), as children. */
#ifndef HQ_SERVICE_SYSTEMD_H
#define HQ_SERVICE_SYSTEMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "service/service.h"

struct buf;
struct err;

/* Whether a manager for this scope runs here: sd_booted(3); a user's own has a socket. */
bool systemd_runs(enum service_scope scope);

/* Runs `systemctl [--user] …` (args end with NULL). 0, or -1 with *err (code
 * "systemctl") that repeats what it said. What it printed is appended to *out (NULL: dropped).
 * Blocks. */
int systemd_call(const struct service *service, const char *const *args, struct buf *out,
                 struct err *err);

/* A unit as `systemctl show` tells of it. */
struct unit_show {
    const char *id;
    const char *load, *active, *sub, *result, *status, *file_state; /* systemd's own words */
    int64_t restarts, main_pid;
    int64_t exit_code, exit_status; /* si_code and si_status of the last main process */
    bool condition;                 /* did not keep it from starting */
};

/* Tells of the units in `names`, in their order; also of some that are not loaded. NULL with *err.
 */
const struct unit_show *systemd_show(const struct service *service, const char *const *names,
                                     struct arena *arena, size_t *count, struct err *err);

/* The same from a text that systemctl printed. */
const struct unit_show *systemd_parse(const char *text, struct arena *arena, size_t *count);

/* How a unit stands, in the supervisor's words: ready starting stopping backoff held down; a text
 * for people says why in *reason (NULL: nothing to say). */
const char *systemd_state(const struct unit_show *show, struct arena *arena, const char **reason);

/* What the supervisor's board (run/supervisor.json) says, told by systemd:
 * {"state","children":[{"name", "state","restarts","pid"?,"reason"?}]}. NULL with *err. */
json_t *systemd_board(const struct service *service, struct arena *arena, struct err *err);

/* Whether the user's manager is kept without a session: loginctl(1), enable-linger. */
bool systemd_lingers(void);
int systemd_linger(struct err *err);

#endif
