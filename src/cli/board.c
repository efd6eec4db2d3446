/* Reads the board again and again: it is a small file, rewritten whole by rename. */
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/board.h"
#include "cli/output.h"
#include "config/config.h"
#include "supervise/control.h"
#include "supervise/runfiles.h"

enum { LOOK_EVERY_MS = 5 };

const json_t *board_child(const json_t *board, const char *name)
{
    size_t i;
    const json_t *child;
    json_array_foreach (json_object_get(board, "children"), i, child)
        if (str_eq(json_get_text(child, "name", ""), name))
            return child;
    return NULL;
}

/* Who is not as wanted yet: "auditor (starting)"; *final: waiting longer changes nothing. */
typedef void missing_children(const json_t *board, const void *wanted, struct buf *missing,
                              bool *final);

static void add_missing(struct buf *missing, const json_t *child, const char *name)
{
    const char *reason = json_get_text(child, "reason", NULL);
    buf_printf(missing, "%s%s (%s%s%s)", missing->len ? ", " : "", name,
               json_get_text(child, "state", "unknown"), reason ? ": " : "", reason ? reason : "");
}

static void not_ready(const json_t *board, const void *wanted, struct buf *missing, bool *final)
{
    static const char *const fine[] = {"ready", "stopped", NULL};
    size_t i;
    const json_t *child;
    (void)wanted;
    *final = true;
    if (!board)
        buf_puts(missing, "the supervisor");
    json_array_foreach (json_object_get(board, "children"), i, child) {
        const char *state = json_get_text(child, "state", "");
        if (str_in(state, fine))
            continue;
        *final = *final && str_eq(state, "held");
        add_missing(missing, child, json_get_text(child, "name", ""));
    }
    *final = *final && board;
}

struct wanted {
    const char *const *names;
    const char *state;
};

static void not_in_state(const json_t *board, const void *arg, struct buf *missing, bool *final)
{
    const struct wanted *wanted = arg;
    *final = true;
    for (size_t i = 0; wanted->names[i]; i++) {
        const json_t *child = board_child(board, wanted->names[i]);
        const char *state = json_get_text(child, "state", "");
        if (str_eq(state, wanted->state))
            continue;
        *final = *final && str_eq(state, "held");
        add_missing(missing, child, wanted->names[i]);
    }
}

static int64_t looks_of(const struct config *config, int64_t *pid)
{
    json_t *board = runfile_board_get(config);
    int64_t looks = json_get_int(board, "looks", 0);
    *pid = json_get_int(board, "pid", 0);
    json_decref(board);
    return looks;
}

/* A look is two steps of the count; one that is under way may have begun before our wish. A new
 * supervisor looks when it begins. */
int board_nudge(const struct invocation *invocation, const struct config *config, int64_t ms)
{
    struct err err = {0};
    int64_t until = time_boot_ms() + ms, pid, now_pid;
    int64_t wanted = looks_of(config, &pid);
    wanted += wanted % 2 ? 3 : 2;
    control_signal(config, "supervisor", SIGHUP, NULL);
    for (;;) {
        int64_t looks = looks_of(config, &now_pid);
        if (looks >= wanted || now_pid != pid || !control_look(config, "supervisor", NULL))
            return COMMAND_OK;
        if (time_boot_ms() >= until)
            break;
        usleep(LOOK_EVERY_MS * 1000);
    }
    err_set(&err, "not_answering", "the supervisor of %s (pid %d) does not answer", config->company,
            (int)pid);
    err_hint(&err, "see: hq logs supervisor");
    return output_fail(invocation, COMMAND_FAILED, &err);
}

static int say_missing(const struct invocation *invocation, const char *missing)
{
    struct err err;
    err_set(&err, "not_ready", "not ready: %s", missing);
    err_hint(&err, "see: hq logs");
    return output_fail(invocation, COMMAND_FAILED, &err);
}

static int wait_until(const struct invocation *invocation, const struct config *config,
                      missing_children *look, const void *wanted, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    struct buf missing = {0};
    bool final = false;
    for (;;) {
        buf_clear(&missing);
        bool is_kept = control_look(config, "supervisor", NULL);
        json_t *board = is_kept ? runfile_board_get(config) : NULL;
        look(board, wanted, &missing, &final);
        final = final || !is_kept; /* without a supervisor nobody becomes what is wanted */
        json_decref(board);
        if (missing.len == 0 || final || time_boot_ms() >= until)
            break;
        usleep(LOOK_EVERY_MS * 1000);
    }
    int code = missing.len ? say_missing(invocation, buf_text(&missing)) : COMMAND_OK;
    if (code != COMMAND_OK && !final && invocation->timeout_ms >= 0)
        code = COMMAND_TIMEOUT;
    buf_fini(&missing);
    return code;
}

int board_wait_ready(const struct invocation *invocation, const struct config *config, int64_t ms)
{
    return wait_until(invocation, config, not_ready, NULL, ms);
}

int board_wait_state(const struct invocation *invocation, const struct config *config,
                     const char *const *names, const char *state, int64_t ms)
{
    struct wanted wanted = {names, state};
    return wait_until(invocation, config, not_in_state, &wanted, ms);
}
