/* A running turn seen from outside: its lease, and the switch that stops it. A monitor. */
#ifndef HQ_CLIENT_CONTROL_H
#define HQ_CLIENT_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct fetch_cancel;
struct guard_switch;
struct turn_control;

enum turn_stop {
    STOP_NONE = 0,
    STOP_LOST,      /* the lease is somebody else's: write nothing more */
    STOP_CANCELLED, /* a person or a parent cancelled the task */
    STOP_TIMEOUT,   /* its deadline has passed */
    STOP_DRAIN,     /* this process is to end: give the task back */
    STOP_PAUSE,     /* people paused it: what runs comes to its end, nothing more begins; park */
    STOP_HALT,      /* panic: what runs is broken off; give the task back, its calls as they are */
};

/* The lease began when the claim was sent at `since_boot_ms`. */
struct turn_control *turn_control_open(const char *task, int64_t fence, int64_t since_boot_ms);
void turn_control_close(struct turn_control *control);

/* Whose turn it is: constant for its life, the control's memory. */
const char *turn_control_task(const struct turn_control *control);

/* The lease was renewed by a call sent at that time. */
void turn_control_renew(struct turn_control *control, int64_t since_boot_ms);

/* Stops the turn: its model call, its tool, its waits for the hub (PAUSE: none of them). The first
 * reason stays, but LOST replaces any, and any replaces PAUSE. Thread-safe. */
void turn_control_stop(struct turn_control *control, enum turn_stop why);
enum turn_stop turn_control_stopped(struct turn_control *control);

/* Waits, at most `ms`, until the lease is valid by the local clock or the turn is stopped: no
 * outside call starts after the local end of a lease. Returns true where a call may start: the turn
 * is outside then, until it says that it is back. */
bool turn_control_may_start(struct turn_control *control, int64_t ms);
void turn_control_back(struct turn_control *control);
/* May a call that is begun already try once more? Never blocks. */
bool turn_control_may_go_on(struct turn_control *control);
/* It was broken off, and something of it may still run. */
bool turn_control_is_dying(struct turn_control *control);

/* What the turn is doing, for status; copied. */
void turn_control_note(struct turn_control *control, const char *note);

/* {"task","fence","note"} for the next extend, new reference. */
json_t *turn_control_held(struct turn_control *control);

struct fetch_cancel *turn_control_fetch(struct turn_control *control); /* borrowed */
struct guard_switch *turn_control_tool(struct turn_control *control);  /* borrowed */

#endif
