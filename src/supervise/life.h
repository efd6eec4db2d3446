/* One life of a child as an operating-system process: started by us or adopted, watched through a
 * pidfd, told apart from others by its lock. */
#ifndef HQ_SUPERVISE_LIFE_H
#define HQ_SUPERVISE_LIFE_H

#include <stdbool.h>
#include <sys/types.h>

#include "supervise/child.h"

struct config;
struct err;

/* The child that executes the commands of workflows. */
#define RUNNER_NAME "runner"

struct life {
    pid_t pid;    /* 0: none */
    int pidfd;    /* readable once it is dead; -1: none */
    int ready_fd; /* read end of its ready pipe; -1: none (adopted, or already told) */
    bool is_ours; /* our child: we learn how it ended */
};

void life_init(struct life *life);

/* Forgets the process and closes the descriptors; does not touch the process. */
void life_fini(struct life *life);

/* Starts `hq hub` (name "hub"), `hq runner` (RUNNER_NAME) or `hq gateway NAME` in a session of its own,
 * standard error appended to state/logs/<name>.log. The runner gets nothing of our environment but what
 * finds programs and speaks of the language. Returns 0 or -1 with *err. */
int life_start(struct life *life, const struct config *config, const char *name, struct err *err);

/* Looks whether a process holds the child's lock. Returns true and fills *life and *is_ready where
 * one does. */
bool life_find(struct life *life, const struct config *config, const char *name, bool *is_ready);

/* Whether the lock of a running child says that it is ready. */
bool life_is_ready(const struct config *config, const char *name);

/* Whether a running child has read another hq.yaml than ours. */
bool life_reads_other(const struct config *config, const char *name);

void life_signal(const struct life *life, int signal);

/* Asks without waiting whether it is dead: true with *end; a child of ours is reaped. */
bool life_has_ended(struct life *life, struct child_end *end);

/* The name of a child's lock: "hub", "runner" or "gateway-<agent>"; writes into text[96]. */
void life_lock_name(const char *name, char text[96]);

#endif
