/* The engine's threads, and what they share. */
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/cache.h"
#include "engine/definitions.h"
#include "engine/inside.h"
#include "engine/look.h"

enum {
    THREADS = 4,       /* while some wait for a commit, others decide; they meet in group commits */
    CACHE_RUNS = 1024, /* those that something happens to; others are folded anew */
    CACHE_BYTES = 32 << 20,
};

static void *engine_main(void *arg)
{
    struct engine *engine = arg;
    struct portion portion;
    while (queue_take(engine->looking.queue, &portion)) {
        if (portion.count > 0)
            look_at(&engine->looking, &portion);
        else
            queue_found(engine->looking.queue, look_for_due(&engine->looking));
    }
    return NULL;
}

static int start(struct engine *engine, struct err *err)
{
    for (; engine->started < THREADS; engine->started++)
        if (thread_start(&engine->threads[engine->started], "hub-engine", engine_main, engine) < 0)
            return err_set(err, "no_thread", "cannot start a thread");
    return 0;
}

struct engine *engine_open(const struct config *config, struct ledger *ledger,
                           const struct engine_router *router, struct err *err)
{
    struct engine *engine = mem_zalloc(sizeof(*engine));
    struct looking *looking = &engine->looking;
    engine->router = *router;
    engine->threads = mem_zalloc(THREADS * sizeof(*engine->threads));
    looking->drafting = (struct drafting){config, ledger, &engine->router};
    looking->definitions = definitions_open(ledger);
    looking->cache = cache_open(looking->definitions, CACHE_RUNS, CACHE_BYTES);
    looking->queue = queue_open();
    queue_add(looking->queue, NULL);
    if (start(engine, err) == 0)
        return engine;
    engine_close(engine);
    return NULL;
}

void engine_wake(struct engine *engine, const char *run)
{
    queue_add(engine->looking.queue, run);
}

struct definitions *engine_definitions(struct engine *engine)
{
    return engine->looking.definitions;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    queue_stop(engine->looking.queue);
    for (size_t i = 0; i < engine->started; i++)
        pthread_join(engine->threads[i], NULL);
    cache_close(engine->looking.cache);
    queue_close(engine->looking.queue);
    definitions_close(engine->looking.definitions);
    free(engine->threads);
    free(engine);
}
