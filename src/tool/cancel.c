/* A monitor of one bit and one command: cancelling the turn ends what it runs. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sys/guard.h"
#include "tool/cancel.h"
#include "tool/tool.h"

struct tool_cancel {
    pthread_mutex_t mutex;
    bool cancelled;
    struct guard_run *run; /* NULL: no command runs */
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

/* guard_cancel only shuts a socket down; under the mutex, so that the run is not freed meanwhile.
 */
void tool_cancel(struct tool_cancel *cancel)
{
    pthread_mutex_lock(&cancel->mutex);
    cancel->cancelled = true;
    if (cancel->run)
        guard_cancel(cancel->run);
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

void cancel_attach(struct tool_cancel *cancel, struct guard_run *run)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->mutex);
    cancel->run = run;
    if (cancel->cancelled)
        guard_cancel(run);
    pthread_mutex_unlock(&cancel->mutex);
}

void cancel_detach(struct tool_cancel *cancel)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->mutex);
    cancel->run = NULL;
    pthread_mutex_unlock(&cancel->mutex);
}
