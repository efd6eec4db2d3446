/* A list of runs in the order in which they were touched, and a map of those that are known. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "engine/queue.h"

struct entry {
    char run[RUN_ID_TEXT];
    bool busy, again;
    struct entry *next;
};

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct map entries;
    struct entry *first, **last;
    bool stopping, find, finding;
    int64_t due; /* boot time at which something is due; 0: nothing is known of */
};

struct queue *queue_open(void)
{
    struct queue *queue = mem_zalloc(sizeof(*queue));
    pthread_mutex_init(&queue->mutex, NULL);
    thread_cond_init(&queue->changed);
    queue->last = &queue->first;
    return queue;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    map_free(&queue->entries);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

static void append(struct queue *queue, struct entry *entry)
{
    entry->next = NULL;
    *queue->last = entry;
    queue->last = &entry->next;
}

static bool add(struct queue *queue, const char *run)
{
    struct entry *entry = map_get(&queue->entries, run);
    if (entry) {
        entry->again = entry->busy;
        return false;
    }
    entry = mem_zalloc(sizeof(*entry));
    snprintf(entry->run, sizeof(entry->run), "%s", run);
    map_put(&queue->entries, run, entry);
    append(queue, entry);
    return true;
}

bool queue_add(struct queue *queue, const char *run)
{
    bool is_new = true;
    pthread_mutex_lock(&queue->mutex);
    if (run)
        is_new = add(queue, run);
    else
        queue->find = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    return is_new;
}

void queue_due_in(struct queue *queue, int64_t ms)
{
    int64_t at = time_boot_ms() + (ms > 0 ? ms : 0);
    pthread_mutex_lock(&queue->mutex);
    if (!queue->due || at < queue->due) {
        queue->due = at;
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->mutex);
}

/* Fills the portion; false: there is nothing to do. */
static bool fill(struct queue *queue, struct portion *portion)
{
    portion->count = 0;
    while (queue->first && portion->count < PORTION_RUNS) {
        struct entry *entry = queue->first;
        queue->first = entry->next;
        entry->busy = true;
        snprintf(portion->runs[portion->count++], RUN_ID_TEXT, "%s", entry->run);
    }
    if (!queue->first)
        queue->last = &queue->first;
    if (portion->count > 0)
        return true;
    if (queue->due && queue->due <= time_boot_ms()) {
        queue->due = 0;
        queue->find = true;
    }
    if (!queue->find || queue->finding)
        return false;
    queue->finding = true;
    queue->find = false;
    return true;
}

bool queue_take(struct queue *queue, struct portion *portion)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopping && !fill(queue, portion)) {
        int64_t ms = queue->due ? queue->due - time_boot_ms() : -1;
        thread_cond_wait(&queue->changed, &queue->mutex, queue->due && ms < 0 ? 0 : ms);
    }
    bool go_on = !queue->stopping;
    if (go_on && (queue->first || queue->find))
        pthread_cond_signal(&queue->changed); /* there is more for another thread */
    pthread_mutex_unlock(&queue->mutex);
    return go_on;
}

void queue_done(struct queue *queue, const char *run)
{
    pthread_mutex_lock(&queue->mutex);
    struct entry *entry = map_get(&queue->entries, run);
    if (entry && entry->again) {
        entry->busy = entry->again = false;
        append(queue, entry);
        pthread_cond_signal(&queue->changed);
    } else if (entry) {
        free(map_take(&queue->entries, run));
    }
    pthread_mutex_unlock(&queue->mutex);
}

void queue_found(struct queue *queue, bool more)
{
    pthread_mutex_lock(&queue->mutex);
    queue->finding = false;
    queue->find = queue->find || more;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void queue_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void queue_pause(struct queue *queue, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopping && time_boot_ms() < until)
        thread_cond_wait(&queue->changed, &queue->mutex, until - time_boot_ms());
    pthread_mutex_unlock(&queue->mutex);
}
