/* The monitor between the turn's thread and the thread that keeps its lease. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "client/control.h"
#include "net/fetch.h"
#include "sys/guard_switch.h"

struct turn_control {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *task;
    int64_t fence, lease_end;
    enum turn_stop stop;
    bool outside; /* a model or a tool is at work for it */
    char note[128];
    struct fetch_cancel *fetch;
    struct guard_switch *tool;
};

struct turn_control *turn_control_open(const char *task, int64_t fence, int64_t since_boot_ms)
{
    struct turn_control *control = mem_zalloc(sizeof(*control));
    pthread_mutex_init(&control->mutex, NULL);
    thread_cond_init(&control->changed);
    control->task = mem_strdup(task);
    control->fence = fence;
    control->lease_end = since_boot_ms + LIMIT_LEASE_MS;
    control->fetch = fetch_cancel_open();
    control->tool = guard_switch_open();
    return control;
}

void turn_control_close(struct turn_control *control)
{
    fetch_cancel_close(control->fetch);
    guard_switch_close(control->tool);
    pthread_cond_destroy(&control->changed);
    pthread_mutex_destroy(&control->mutex);
    free(control->task);
    free(control);
}

const char *turn_control_task(const struct turn_control *control)
{
    return control->task;
}

void turn_control_renew(struct turn_control *control, int64_t since_boot_ms)
{
    pthread_mutex_lock(&control->mutex);
    if (since_boot_ms + LIMIT_LEASE_MS > control->lease_end)
        control->lease_end = since_boot_ms + LIMIT_LEASE_MS;
    pthread_cond_broadcast(&control->changed);
    pthread_mutex_unlock(&control->mutex);
}

void turn_control_stop(struct turn_control *control, enum turn_stop why)
{
    pthread_mutex_lock(&control->mutex);
    if (control->stop == STOP_NONE || why == STOP_LOST ||
        (control->stop == STOP_PAUSE && why != STOP_PAUSE))
        control->stop = why;
    pthread_cond_broadcast(&control->changed);
    pthread_mutex_unlock(&control->mutex);
    if (why == STOP_PAUSE)
        return;
    fetch_cancel(control->fetch);
    guard_switch_off(control->tool);
}

enum turn_stop turn_control_stopped(struct turn_control *control)
{
    pthread_mutex_lock(&control->mutex);
    enum turn_stop stop = control->stop;
    pthread_mutex_unlock(&control->mutex);
    return stop;
}

bool turn_control_may_start(struct turn_control *control, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    pthread_mutex_lock(&control->mutex);
    while (control->stop == STOP_NONE && time_boot_ms() >= control->lease_end &&
           time_boot_ms() < until)
        thread_cond_wait(&control->changed, &control->mutex, 1000);
    bool may = control->stop == STOP_NONE && time_boot_ms() < control->lease_end;
    control->outside = may;
    pthread_mutex_unlock(&control->mutex);
    return may;
}

void turn_control_back(struct turn_control *control)
{
    pthread_mutex_lock(&control->mutex);
    control->outside = false;
    pthread_mutex_unlock(&control->mutex);
}

bool turn_control_may_go_on(struct turn_control *control)
{
    pthread_mutex_lock(&control->mutex);
    bool may = (control->stop == STOP_NONE || control->stop == STOP_PAUSE) &&
               time_boot_ms() < control->lease_end;
    pthread_mutex_unlock(&control->mutex);
    return may;
}

bool turn_control_is_dying(struct turn_control *control)
{
    pthread_mutex_lock(&control->mutex);
    bool is = control->outside && control->stop != STOP_NONE && control->stop != STOP_PAUSE;
    pthread_mutex_unlock(&control->mutex);
    return is;
}

void turn_control_note(struct turn_control *control, const char *note)
{
    pthread_mutex_lock(&control->mutex);
    snprintf(control->note, sizeof(control->note), "%s", note);
    pthread_mutex_unlock(&control->mutex);
}

json_t *turn_control_held(struct turn_control *control)
{
    pthread_mutex_lock(&control->mutex);
    json_t *held =
        json_pack("{s:s,s:I}", "task", control->task, "fence", (json_int_t)control->fence);
    json_set_text(held, "note", *control->note ? control->note : NULL);
    pthread_mutex_unlock(&control->mutex);
    return held;
}

struct fetch_cancel *turn_control_fetch(struct turn_control *control)
{
    return control->fetch;
}

struct guard_switch *turn_control_tool(struct turn_control *control)
{
    return control->tool;
}
