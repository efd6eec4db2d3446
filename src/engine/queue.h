/* Which runs are to be looked at: a monitor. A run is with one thread at a time; one that is
 * touched while it is being looked at comes again. */
#ifndef HQ_ENGINE_QUEUE_H
#define HQ_ENGINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/flow.h"

struct queue;

/* What a thread is to do: look at these runs, or (count 0) find those that are due. */
enum { PORTION_RUNS = 32 /* decisions of one batch: a commit of some 20 ms */ };
struct portion {
    char runs[PORTION_RUNS][RUN_ID_TEXT];
    size_t count;
};

struct queue *queue_open(void);
void queue_close(struct queue *queue);

/* Any thread; never blocks. run NULL: what is due is to be found. False where it is being looked
 * at, or waits for that, already. */
bool queue_add(struct queue *queue, const char *run);

/* In `ms` at the latest something is due. */
void queue_due_in(struct queue *queue, int64_t ms);

/* Blocks until there is something to do; false: it is stopping. Every run, and the finding, is to
 * be given back with queue_done() and queue_found(). */
bool queue_take(struct queue *queue, struct portion *portion);
void queue_done(struct queue *queue, const char *run);
void queue_found(struct queue *queue, bool more);

/* Nothing is taken any more. */
void queue_stop(struct queue *queue);

/* Sleeps, unless the queue stops. */
void queue_pause(struct queue *queue, int64_t ms);

#endif
