/* What the engine's files share. */
#ifndef HQ_ENGINE_INSIDE_H
#define HQ_ENGINE_INSIDE_H

#include <pthread.h>

#include "engine/engine.h"
#include "engine/look.h"

struct engine {
    struct engine_router router;
    struct looking looking;
    pthread_t *threads;
    size_t started;
};

#endif
