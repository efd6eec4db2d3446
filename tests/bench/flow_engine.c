/* What runs of workflows cost the ledger and the engine, in one process on SQLite: durable steps
 * per second, the time that the engine adds to a step, and the memory of runs that wait for people.
 * usage: bench_engine FOLDER [RUNS STEPS [PARKED]] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/engine.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

enum { AGENTS = 4, STARTERS = 16, BATCH = 64 };

static const char *const none[] = {NULL};
static const char *const agent_ids[AGENTS] = {"a0", "a1", "a2", "a3"};

struct bench {
    struct config config;
    struct config_agent agents[AGENTS];
    struct engine_router router;
    struct ledger *ledger;
    struct engine *engine;
    atomic_bool stopping, workers_stop;
    atomic_size_t started;
    const char *bundle;
    size_t runs;
    const char *name;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(bool good, const char *what, const char *why)
{
    if (good)
        return;
    fprintf(stderr, "%s failed: %s\n", what, why);
    exit(1);
}

static int route(void *ctx, const char *agent, const char *capability, struct arena *arena,
                 struct engine_choice *choice, struct err *err)
{
    *choice = (struct engine_choice){.agent = agent};
    return 0;
}

static void *waker_main(void *arg)
{
    struct bench *bench = arg;
    while (!atomic_load(&bench->stopping)) {
        struct arena arena = {0};
        const char **keys;
        size_t count;
        ledger_wait(bench->ledger, 50, &arena, &keys, &count);
        for (size_t i = 0; i < count; i++) {
            if (str_eq(keys[i], "*"))
                engine_wake(bench->engine, NULL);
            else if (str_starts(keys[i], "run:"))
                engine_wake(bench->engine, keys[i] + 4);
        }
        arena_fini(&arena);
    }
    return NULL;
}

struct worker {
    struct bench *bench;
    const char *agent;
};

/* Ends what it leased in one batch, as a gateway with several turns does. */
static void finish(struct bench *bench, const struct task *tasks, size_t count)
{
    struct op ops[64] = {0};
    struct handoff handoff = {.status = "complete", .result = "1"};
    struct outcome outcome = {0};
    struct err err;
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct op){.type = OP_FINISH,
                             .task_id = tasks[i].id,
                             .fence = tasks[i].fence,
                             .finish = {.handoff = &handoff}};
    struct batch batch = {.actor = "agent", .ops = ops, .count = count};
    must(ledger_apply(bench->ledger, &batch, &outcome, &err) == 0 && outcome.status == LEDGER_OK,
         "finish", outcome.message);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct bench *bench = worker->bench;
    const struct timespec pause = {.tv_nsec = 500000};
    while (!atomic_load(&bench->workers_stop)) {
        struct arena arena = {0};
        struct claim claim = {.agent = worker->agent, .nonce = "n", .max = 32};
        struct task *tasks;
        struct outcome outcome;
        struct err err;
        size_t count = 0;
        must(ledger_claim(bench->ledger, &claim, &arena, &tasks, &count, &outcome, &err) == 0,
             "claim", err.message);
        if (count > 0)
            finish(bench, tasks, count);
        else
            nanosleep(&pause, NULL);
        arena_fini(&arena);
    }
    return NULL;
}

static void *starter_main(void *arg)
{
    struct bench *bench = arg;
    size_t number;
    while ((number = atomic_fetch_add(&bench->started, 1)) < bench->runs) {
        struct arena arena = {0};
        struct err err = {0};
        struct outcome outcome;
        char run[RUN_ID_TEXT];
        struct engine_start start = {
            .bundle = bench->bundle,
            .key = arena_printf(&arena, "%s-%zu", bench->name, number),
            .caller = "operator",
        };
        must(engine_start(bench->engine, &start, &arena, run, &outcome, &err) == 0 &&
                 outcome.status == LEDGER_OK,
             "start", *err.message ? err.message : outcome.message);
        arena_fini(&arena);
    }
    return NULL;
}

static void start_all(struct bench *bench, const char *name, const char *bundle, size_t runs)
{
    pthread_t threads[STARTERS];
    bench->name = name;
    bench->bundle = bundle;
    bench->runs = runs;
    atomic_store(&bench->started, 0);
    for (size_t i = 0; i < STARTERS; i++)
        pthread_create(&threads[i], NULL, starter_main, bench);
    for (size_t i = 0; i < STARTERS; i++)
        pthread_join(threads[i], NULL);
}

static int64_t open_runs(struct bench *bench, const char *state)
{
    int64_t count = 0;
    struct err err;
    must(ledger_count_runs(bench->ledger, state, &count, &err) == 0, "count", err.message);
    return count;
}

static void wait_until(struct bench *bench, const char *state, int64_t count)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    while (open_runs(bench, state) != count)
        nanosleep(&pause, NULL);
}

static const char *bundle_of(const char *yaml, struct arena *arena)
{
    json_t *bundle = json_pack("{s:i,s:s,s:{s:s},s:{}}", "v", 1, "entry", "t.yaml", "files",
                               "t.yaml", yaml, "blobs");
    const char *text = json_print(arena, bundle);
    json_decref(bundle);
    return text;
}

/* `steps` one behind the other: of agents, or waits for signals. */
static const char *chain(const char *kind, size_t steps, struct arena *arena)
{
    struct buf yaml = {0};
    buf_printf(&yaml, "name: %s\nsteps:\n", kind);
    for (size_t i = 0; i < steps; i++) {
        buf_printf(&yaml, "  s%zu: { ", i);
        if (i > 0)
            buf_printf(&yaml, "needs: [s%zu], ", i - 1);
        if (str_eq(kind, "agents"))
            buf_printf(&yaml, "agent: %s, task: Do }\n", agent_ids[i % AGENTS]);
        else
            buf_printf(&yaml, "wait: { signal: go%zu } }\n", i);
    }
    const char *text = bundle_of(buf_text(&yaml), arena);
    buf_fini(&yaml);
    return text;
}

static void bench_agents(struct bench *bench, size_t runs, size_t steps)
{
    struct arena arena = {0};
    const char *bundle = chain("agents", steps, &arena);
    int64_t done = open_runs(bench, RUN_DONE);
    double start = now_ms();
    start_all(bench, "agents", bundle, runs);
    wait_until(bench, RUN_DONE, done + (int64_t)runs);
    double seconds = (now_ms() - start) / 1e3;
    printf(
        "agent steps        %6zu runs × %3zu steps  %8.0f steps/s (claimed, finished, decided)\n",
        runs, steps, (double)(runs * steps) / seconds);
    arena_fini(&arena);
}

/* The i-th run of a start: ids follow from the keys. */
static const char *run_of(const struct bench *bench, size_t i, struct arena *arena)
{
    char task[TASK_ID_TEXT], *run = arena_alloc(arena, RUN_ID_TEXT);
    task_id("flow", "operator", bench->name, arena_printf(arena, "%s-%zu", bench->name, i), task);
    run_id_of_task(task, run);
    return run;
}

/* The next signal for the runs [from, to): a batch. */
static void signal_runs(struct bench *bench, size_t from, size_t to, size_t step)
{
    struct arena arena = {0};
    struct signal_op signals[BATCH];
    struct op ops[BATCH] = {0};
    struct outcome outcome = {0};
    struct err err = {0};
    for (size_t i = from; i < to; i++) {
        signals[i - from] = (struct signal_op){.run = run_of(bench, i, &arena),
                                               .name = arena_printf(&arena, "go%zu", step),
                                               .payload = "1"};
        ops[i - from] = (struct op){.type = OP_SIGNAL, .signal = &signals[i - from]};
    }
    struct batch batch = {.actor = "operator", .ops = ops, .count = to - from};
    must(ledger_apply(bench->ledger, &batch, &outcome, &err) == 0 && outcome.status == LEDGER_OK,
         "signal", outcome.message);
    arena_fini(&arena);
}

static int64_t decided(struct bench *bench, const char *run)
{
    struct arena arena = {0};
    struct err err;
    struct run row = {.id = run};
    must(ledger_get(bench->ledger, &run_record, &row, &arena, &err) == 0, "get", err.message);
    int64_t count = row.decided;
    arena_fini(&arena);
    return count;
}

struct share {
    struct bench *bench;
    size_t from, to, steps;
};

static void *signal_main(void *arg)
{
    struct share *share = arg;
    for (size_t step = 0; step < share->steps; step++)
        for (size_t at = share->from; at < share->to; at += BATCH)
            signal_runs(share->bench, at, at + BATCH < share->to ? at + BATCH : share->to, step);
    return NULL;
}

/* Steps without a worker: a fact comes, the decision ends the step and begins the next. */
static void bench_signals(struct bench *bench, size_t runs, size_t steps)
{
    struct arena arena = {0};
    struct share shares[AGENTS];
    pthread_t threads[AGENTS];
    int64_t done = open_runs(bench, RUN_DONE), decisions = 0;
    start_all(bench, "signals", chain("signals", steps, &arena), runs);
    wait_until(bench, RUN_WAITING, (int64_t)runs);
    double start = now_ms();
    for (size_t i = 0; i < AGENTS; i++) {
        shares[i] = (struct share){bench, runs * i / AGENTS, runs * (i + 1) / AGENTS, steps};
        pthread_create(&threads[i], NULL, signal_main, &shares[i]);
    }
    for (size_t i = 0; i < AGENTS; i++)
        pthread_join(threads[i], NULL);
    wait_until(bench, RUN_DONE, done + (int64_t)runs);
    double seconds = (now_ms() - start) / 1e3;
    for (size_t i = 0; i < runs; i++)
        decisions += decided(bench, run_of(bench, i, &arena));
    printf("steps of facts     %6zu runs × %3zu steps  %8.0f steps/s (%lld decisions)\n", runs,
           steps, (double)(runs * steps) / seconds, (long long)decisions);
    arena_fini(&arena);
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* One run alone: from the fact being on disk to the decision being there. */
static void bench_overhead(struct bench *bench, size_t steps)
{
    const struct timespec pause = {.tv_nsec = 20000};
    struct arena arena = {0};
    double *took = arena_alloc(&arena, steps * sizeof(*took));
    start_all(bench, "alone", chain("alone", steps, &arena), 1);
    wait_until(bench, RUN_WAITING, 1);
    const char *run = run_of(bench, 0, &arena);
    for (size_t i = 0; i < steps; i++) {
        int64_t before = decided(bench, run);
        signal_runs(bench, 0, 1, i);
        double start = now_ms();
        while (decided(bench, run) == before)
            nanosleep(&pause, NULL);
        took[i] = now_ms() - start;
    }
    qsort(took, steps, sizeof(*took), by_size);
    printf("overhead per step  fact on disk → decision on disk: p50 %.2f ms, p99 %.2f ms\n",
           took[steps / 2], took[steps * 99 / 100]);
    arena_fini(&arena);
}

static long pss_kb(void)
{
    char line[200];
    long kb = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "Pss: %ld", &kb);
    if (file)
        fclose(file);
    return kb;
}

static void bench_parked(struct bench *bench, size_t runs)
{
    struct arena arena = {0};
    const char *bundle =
        bundle_of("name: parked\n"
                  "steps:\n"
                  "  look: { wait: { for: 1ms } }\n"
                  "  gate: { needs: [look], approve: { show: \"Is it good?\" } }\n",
                  &arena);
    long before = pss_kb();
    double start = now_ms();
    start_all(bench, "parked", bundle, runs);
    wait_until(bench, RUN_WAITING, (int64_t)runs);
    double seconds = (now_ms() - start) / 1e3;
    long more = pss_kb() - before;
    printf("parked             %6zu runs at approvals: %.0f runs/s to there, %ld kB PSS more "
           "(%.2f kB each), threads and processes of their own: 0\n",
           runs, (double)runs / seconds, more, (double)more / (double)runs);
    arena_fini(&arena);
}

static void open_all(struct bench *bench, const char *dir)
{
    struct err err = {0};
    for (size_t i = 0; i < AGENTS; i++)
        bench->agents[i] = (struct config_agent){.id = agent_ids[i],
                                                 .name = agent_ids[i],
                                                 .aliases = none,
                                                 .capabilities = none,
                                                 .delegates = none,
                                                 .revisits = none,
                                                 .fallbacks = none,
                                                 .tools_allow = none,
                                                 .model = "demo/m"};
    bench->config = (struct config){.dir = dir,
                                    .company = "bench",
                                    .limit_depth = 4,
                                    .limit_tasks = 64,
                                    .limit_live = 16,
                                    .limit_wall_ms = 3600000,
                                    .limit_fan_out = 8,
                                    .limit_micro_usd = -1,
                                    .limit_tokens = -1,
                                    .budget_micro_usd = -1,
                                    .budget_per = "day",
                                    .agents = bench->agents,
                                    .agent_count = AGENTS};
    bench->router = (struct engine_router){route, NULL};
    struct store *store = store_sqlite_open(dir, &err);
    bench->ledger = store ? ledger_open(store, &err) : NULL;
    must(bench->ledger != NULL, "open", err.message);
    bench->engine = engine_open(&bench->config, bench->ledger, &bench->router, &err);
    must(bench->engine != NULL, "engine", err.message);
}

static void start_worker(struct bench *bench, size_t i, struct worker *worker, pthread_t *thread)
{
    struct agent row = {.id = agent_ids[i], .nonce = "n"};
    struct op op = {.type = OP_REGISTER, .reg = {.agent = &row}};
    struct batch batch = {.actor = "agent", .ops = &op, .count = 1};
    struct outcome outcome;
    struct err err = {0};
    must(ledger_apply(bench->ledger, &batch, &outcome, &err) == 0, "register", err.message);
    *worker = (struct worker){bench, agent_ids[i]};
    pthread_create(thread, NULL, worker_main, worker);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    pthread_t waker, threads[AGENTS];
    struct worker workers[AGENTS];
    size_t runs = argc > 2 ? (size_t)atol(argv[2]) : 500;
    size_t steps = argc > 3 ? (size_t)atol(argv[3]) : 20;
    size_t parked = argc > 4 ? (size_t)atol(argv[4]) : 10000;
    if (argc < 2 || !runs || !steps || !parked) {
        fprintf(stderr, "usage: bench_engine FOLDER [RUNS STEPS [PARKED]]\n");
        return 64;
    }
    open_all(&bench, argv[1]);
    pthread_create(&waker, NULL, waker_main, &bench);
    bench_overhead(&bench, 200);
    bench_signals(&bench, runs, steps);
    for (size_t i = 0; i < AGENTS; i++)
        start_worker(&bench, i, &workers[i], &threads[i]);
    bench_agents(&bench, runs, steps);
    atomic_store(&bench.workers_stop, true);
    for (size_t i = 0; i < AGENTS; i++)
        pthread_join(threads[i], NULL);
    bench_parked(&bench, parked);
    atomic_store(&bench.stopping, true);
    pthread_join(waker, NULL);
    engine_close(bench.engine);
    ledger_close(bench.ledger);
    return 0;
}
