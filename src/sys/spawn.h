/* Starting processes: no inherited descriptors, a clean signal state, a chosen environment. */
#ifndef HQ_SYS_SPAWN_H
#define HQ_SYS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

struct spawn {
    const char *const *argv; /* argv[0] is the path; NULL at the end */
    const char *const *envp; /* NULL: our own environment */
    const char *dir;         /* working directory; NULL: ours */
    int in, out, err;        /* become 0, 1, 2; -1: /dev/null */
    int pass[4];             /* further descriptors, kept as 3, 4, 5, 6; -1: none */
    bool session;            /* setsid */
};

/* Starts the child with posix_spawn (safe in threaded programs: nothing allocates between fork and
 * exec) and every other descriptor closed. Returns the pid or -1 with *err. */
pid_t spawn_start(const struct spawn *spawn, struct err *err);

/* The path of this program's own file: /proc/self/exe resolved; static storage. */
const char *spawn_self(void);

/* Tests, which are not hq, say which file hq is; before the first spawn_self(). */
void spawn_set_self(const char *path);

/* The descriptor that HQ_READY_FD names, which the starter handed over to hear that this process is
 * ready; -1: nobody waits for the word. The variable is taken away and the descriptor made
 * close-on-exec, so that no child gets either. The caller closes it. */
int spawn_take_ready_fd(void);

#endif
