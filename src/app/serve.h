/* The life of a process that claims tasks, from its registration to its last turn. */
#ifndef HQ_APP_SERVE_H
#define HQ_APP_SERVE_H

struct process;
struct worker;

struct serving {
    struct worker *worker;
    int port; /* told to the lock file; 0: none */
    const char *nonce;
    void (*look)(void *ctx); /* every few seconds once it is ready; NULL: nothing */
    void *ctx;
};

/* Says that it is ready once the hub knows it, and serves until SIGTERM or SIGINT: the first lets
 * running turns end, the second gives them back. Returns how many were then abandoned: with any,
 * the process is to end at once. */
int serve_worker(struct process *process, const struct serving *serving);

#endif
