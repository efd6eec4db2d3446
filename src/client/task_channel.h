/* The way to the hub from inside an agent's exec: a socket that the guard passed in, on the other end
 * of which the gateway speaks to the hub as that agent, for the one task whose turn runs the command.
 * Each request is one message of 1 byte with two descriptors: the read end of a pipe that carries
 * {"method","path","body"?} and the write end of one that shall carry {"status","body"}. */
#ifndef HQ_CLIENT_TASK_CHANNEL_H
#define HQ_CLIENT_TASK_CHANNEL_H

#include <jansson.h>
#include <stdint.h>

struct err;
struct fetch_cancel;

struct task_message {
    const char *method, *path;
    const json_t *body;          /* or NULL; borrowed */
    int64_t deadline;            /* time_boot_ms() */
    struct fetch_cancel *cancel; /* or NULL; noticed within a fifth of a second */
};

enum task_channel_outcome {
    TASK_CHANNEL_OK = 0,
    TASK_CHANNEL_CLOSED, /* nobody serves it: the turn is over, or its gateway ended */
    TASK_CHANNEL_LATE,   /* no whole answer until the deadline */
    TASK_CHANNEL_CANCELLED,
    TASK_CHANNEL_BAD,    /* the answer is no JSON of the agreed form, or too large */
};

/* One exchange; blocks until the deadline at most. *answer is a new reference to {"status","body"}
 * where the outcome is TASK_CHANNEL_OK, otherwise *err says what is wrong. May run in several
 * threads and processes on the same socket. The caller ignores SIGPIPE. */
enum task_channel_outcome task_channel_call(int fd, const struct task_message *message,
                                            json_t **answer, struct err *err);

#endif
