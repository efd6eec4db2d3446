/* A monitor of one bit and one command. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sys/guard.h"
#include "sys/guard_switch.h"

struct guard_switch {
    pthread_mutex_t mutex;
    bool is_off;
    struct guard_run *run; /* NULL: no command runs */
};

struct guard_switch *guard_switch_open(void)
{
    struct guard_switch *self = mem_zalloc(sizeof(*self));
    pthread_mutex_init(&self->mutex, NULL);
    return self;
}

void guard_switch_close(struct guard_switch *self)
{
    if (!self)
        return;
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

/* guard_cancel only shuts a socket down; under the mutex, so that the run is not freed meanwhile.
 */
void guard_switch_off(struct guard_switch *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->is_off = true;
    if (self->run)
        guard_cancel(self->run);
    pthread_mutex_unlock(&self->mutex);
}

bool guard_switch_is_off(struct guard_switch *self)
{
    if (!self)
        return false;
    pthread_mutex_lock(&self->mutex);
    bool is_off = self->is_off;
    pthread_mutex_unlock(&self->mutex);
    return is_off;
}

void guard_switch_attach(struct guard_switch *self, struct guard_run *run)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->run = run;
    if (self->is_off)
        guard_cancel(run);
    pthread_mutex_unlock(&self->mutex);
}

void guard_switch_detach(struct guard_switch *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->run = NULL;
    pthread_mutex_unlock(&self->mutex);
}
