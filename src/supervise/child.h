/* One child of the supervisor as a state table: what each event does in each state. Pure: no clock,
 * no process, no file; the supervisor carries out the order that a step returns. */
#ifndef HQ_SUPERVISE_CHILD_H
#define HQ_SUPERVISE_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

enum child_state {
    CHILD_DOWN,     /* shall run, waits for its turn (the hub first) */
    CHILD_STARTING, /* runs, not ready yet */
    CHILD_READY,
    CHILD_STOPPING, /* was asked to end */
    CHILD_BACKOFF,  /* died, is started again at due_at */
    CHILD_HELD,     /* died too often or its configuration is wrong: waits for a person */
    CHILD_STOPPED,  /* shall not run */
    CHILD_STATES
};

enum child_event {
    CHILD_ON_GO,      /* it may start now */
    CHILD_ON_FOUND,   /* a running process of it was found: adopt */
    CHILD_ON_READY,   /* it said that it is ready */
    CHILD_ON_DIED,    /* its process ended */
    CHILD_ON_TIMER,   /* due_at has come */
    CHILD_ON_STOP,    /* it shall not run any more */
    CHILD_ON_HURRY,   /* stop harder: finish no turn; then kill */
    CHILD_ON_START,   /* it shall run (again) */
    CHILD_ON_RESTART, /* end it and start it again */
    CHILD_ON_RETRY,   /* a held one is tried again */
    CHILD_EVENTS
};

/* What the supervisor has to do after a step. */
enum child_order { CHILD_NOTHING, CHILD_LAUNCH, CHILD_TERM, CHILD_KILL };

enum {
    CHILD_SPACING_MS = 1000,         /* at least so long between two starts */
    CHILD_BACKOFF_MAX_MS = 30000,    /* doubling ends here */
    CHILD_HUB_BACKOFF_MAX_MS = 5000, /* everybody waits for the hub */
    CHILD_DEATHS = 5,                /* so many deaths of its own */
    CHILD_WINDOW_MS = 60000,         /* within this time hold it; a longer life clears the count */
    CHILD_START_MS = 60000, /* not ready by then: killed, and that counts as its own death */
    CHILD_DRAIN_MS = LIMIT_DRAIN_MS, /* running turns may finish for so long after being asked */
    CHILD_STOP_MS = 10000,           /* then asked again; then killed */
};

/* How a process ended. */
struct child_end {
    bool known;  /* false: an adopted process; only its parent may know */
    bool exited; /* by itself with `code`; else by signal `code` */
    int code;
};

struct child {
    bool is_hub; /* never held, short back-off */
    enum child_state state;
    bool again;                   /* stopping: start again once it is dead */
    bool was_ready;               /* in this life */
    bool was_overdue;             /* we killed it because it did not get ready */
    int pressed;                  /* stopping: how often it was asked */
    int restarts;                 /* starts after a death since the supervisor began */
    int streak;                   /* deaths of its own in a row: back-off doubles with it */
    int64_t started_at;           /* boot ms of this life's start */
    int64_t due_at;               /* boot ms of the next CHILD_ON_TIMER, 0: none */
    int64_t deaths[CHILD_DEATHS]; /* boot ms of its own deaths, a ring */
    int death_count;
    char said[240];   /* "error: …" that it told on its ready pipe in this life */
    char reason[320]; /* why it is in BACKOFF, HELD or STOPPED; else empty */
};

/* One step of the table at `now` (boot ms). `end` is for CHILD_ON_DIED, else NULL. Events that mean
 * nothing in the child's state change nothing. */
enum child_order child_step(struct child *child, enum child_event event,
                            const struct child_end *end, int64_t now);

/* "ready", "starting" … */
const char *child_state_name(enum child_state state);

/* True for states in which a process of it exists. */
bool child_is_alive(const struct child *child);

#endif
