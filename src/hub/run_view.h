/* Runs as people see them: rows put together with the definition that they are pinned to. */
#ifndef HQ_HUB_RUN_VIEW_H
#define HQ_HUB_RUN_VIEW_H

#include <jansson.h>

#include "wire/flow.h"
#include "wire/task.h"

struct arena;
struct err;
struct hub;

/* The run with everything that belongs to it: {…row, inputs, output, failure, steps:{NAME:{title,
 * kind, needs, state, …}}, order:[NAME…], approvals, jobs}. Steps that have not begun are pending,
 * or not_run where the run has ended. A new reference, NULL with *err. */
json_t *run_view(struct hub *hub, const struct run *run, struct arena *arena, struct err *err);

/* The row alone; `full` with inputs and output. */
json_t *run_view_row(struct hub *hub, const struct run *run, bool full, struct arena *arena,
                     struct err *err);

/* What a task of kind flow waits for, as its run says it; NULL for other tasks and where it waits
 * for nothing that has a name. In the arena. */
const char *run_view_note(struct hub *hub, const struct task *task, struct arena *arena);

/* The value of a text, or of a blob in its place: a new reference, json null without one; NULL with
 * *err. */
json_t *run_view_value(struct hub *hub, const char *text, const char *blob, struct arena *arena,
                       struct err *err);

/* Events with the blobs of their bodies in their place: {"items":[…]}. NULL with *err. */
struct event;
json_t *run_view_events(struct hub *hub, const struct event *events, size_t count,
                        struct arena *arena, struct err *err);

#endif
