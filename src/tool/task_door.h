/* The gateway's side of an exec's way to the hub: what the command sends through its one inherited
 * socket (client/task_channel.h is the other side) is looked at and asked of the hub as the agent. */
#ifndef HQ_TOOL_TASK_DOOR_H
#define HQ_TOOL_TASK_DOOR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct fetch_cancel;
struct hub_client;
struct task_door;
struct tool_place;

/* For whom a door is open. Everything borrowed. */
struct door_caller {
    struct hub_client *hub; /* speaks as the agent */
    const char *agent, *task;
    int64_t fence;
    struct fetch_cancel *cancel; /* ends its calls */
};

/* Starts to serve; `place` is borrowed until the door is closed. NULL with *err. The process ignores
 * SIGPIPE. */
struct task_door *task_door_open(const struct tool_place *place, struct err *err);

/* The end that the command inherits; the door's. */
int task_door_fd(const struct task_door *door);

/* Closes that end here, once the command's guard has it. */
void task_door_hand_over(struct task_door *door);

/* After the command's end: stops calls that still wait, closes every descriptor, frees. Blocks
 * until its threads are done (a cancelled call ends within a second). */
void task_door_close(struct task_door *door);

/* What one request (the text of {"method","path","body"?}) is answered: a new {"status","body"}, or
 * NULL where it was cancelled. Blocks for the hub. */
json_t *door_answer(const struct door_caller *caller, const char *text, size_t len);

/* {"status","body":{"ok":false,"error":…}}, new reference. */
json_t *door_refusal(int status, const struct err *err);

#endif
