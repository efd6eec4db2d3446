/* A monitor of one bit: the turn is cancelled. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tool/tool.h"

struct tool_cancel {
    pthread_mutex_t mutex;
    bool cancelled;
};

struct tool_cancel *tool_cancel_open(void)
{
    struct tool_cancel *cancel = mem_zalloc(sizeof(*cancel));
    pthread_mutex_init(&cancel->mutex, NULL);
    return cancel;
}

void tool_cancel_close(struct tool_cancel *cancel)
{
    if (!cancel)
        return;
    pthread_mutex_destroy(&cancel->mutex);
    free(cancel);
}

void tool_cancel(struct tool_cancel *cancel)
{
    pthread_mutex_lock(&cancel->mutex);
    cancel->cancelled = true;
    pthread_mutex_unlock(&cancel->mutex);
}

bool tool_is_cancelled(struct tool_cancel *cancel)
{
    if (!cancel)
        return false;
    pthread_mutex_lock(&cancel->mutex);
    bool cancelled = cancel->cancelled;
    pthread_mutex_unlock(&cancel->mutex);
    return cancelled;
}
