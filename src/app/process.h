/* What the hub's and the gateways' processes have in common: lock, readiness, signals, manners. */
#ifndef HQ_APP_PROCESS_H
#define HQ_APP_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_rotate.h"
#include "sys/lock.h"
#include "sys/notify.h"

struct config;
struct err;

struct process {
    const char *name; /* of the lock: "hub", "gateway-manager" */
    struct lock *lock;
    struct lock_info info;
    int ready_fd; /* -1: nobody waits for the word */
    int64_t told_ms;
    struct notify notify; /* to systemd, where it started us */
    bool (*is_sound)(void *ctx);
    void *ctx;
    int64_t alive_ms; /* when systemd last had a sign of life */
    struct log_rotation log;
};

/* First of all: name in the log, crash points, memory and signal manners (SIGTERM, SIGINT and
 * SIGHUP are blocked for process_signal()), not dumpable. */
void process_init(struct process *process, const char *name);

/* Takes <state>/run/<name>.lock for life; makes the folders; from here on the log is as hq.yaml wants it.
 * 0, or -1 with *err: somebody else runs, or the state folder cannot be written. */
int process_lock(struct process *process, const struct config *config, struct err *err);

/* Tells lock file, starter and systemd: ready, on this port, as this nonce. */
void process_ready(struct process *process, int port, const char *nonce);

/* Tells the starter why it will not become ready, and the log. */
void process_failed(struct process *process, const struct err *err);

/* What decides, from then on, whether systemd's watchdog gets its signs of life. Must not block. */
void process_watch(struct process *process, bool (*is_sound)(void *ctx), void *ctx);

/* Says to systemd in a few words how it is; `ending`: that it drains, too. */
void process_tell(const struct process *process, bool ending, const char *words);

/* Waits for a signal, at most `ms`; keeps the lock file's figures and the watchdog fresh, and begins a
 * new log file where it is time to. 0: none came. */
int process_signal(struct process *process, int64_t ms);

/* Lets go of the lock and frees; the lock file stays, as its next owner expects. */
void process_fini(struct process *process);

#endif
