/* How many task cycles a second (submit, claim, finish: three durable operations) the whole ledger
 * does on SQLite, for 1, 4, 16 and 64 callers at once, how long one write takes, and how long a
 * reader waits among them.
 * usage: bench_ledger FOLDER [SECONDS per row] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

enum { CALLERS = 64, SAMPLES = 1 << 16 };

struct bench {
    struct ledger *ledger;
    double until_ms;
    atomic_int next, cycles;
    double took[SAMPLES], read[SAMPLES];
    atomic_int samples;
    int reads;
};

struct caller {
    struct bench *bench;
    int number;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void apply(struct bench *bench, struct op op)
{
    struct batch batch = {.actor = "operator", .ops = &op, .count = 1};
    struct outcome outcome;
    struct err err;
    double start = now_ms();
    must(ledger_apply(bench->ledger, &batch, &outcome, &err) == 0 && outcome.status == LEDGER_OK,
         "apply");
    int sample = atomic_fetch_add(&bench->samples, 1);
    if (sample < SAMPLES)
        bench->took[sample] = now_ms() - start;
}

static void cycle(struct caller *caller, const char *agent)
{
    struct arena arena = {0};
    struct outcome outcome;
    struct err err;
    struct task *tasks;
    size_t count;
    char id[32];
    struct handoff handoff = {.status = "complete", .result = "\"done\""};
    struct claim claim = {.agent = agent, .nonce = "n", .max = 1};
    snprintf(id, sizeof(id), "t-%d", atomic_fetch_add(&caller->bench->next, 1));
    struct task task = {.id = id, .agent = agent, .kind = "ask", .instruction = "do it"};
    apply(caller->bench, (struct op){.type = OP_SUBMIT, .task = &task});
    must(ledger_claim(caller->bench->ledger, &claim, &arena, &tasks, &count, &outcome, &err) == 0 &&
             count == 1,
         "claim");
    apply(caller->bench, (struct op){.type = OP_FINISH,
                                     .task_id = tasks[0].id,
                                     .fence = tasks[0].fence,
                                     .finish = {.handoff = &handoff}});
    atomic_fetch_add(&caller->bench->cycles, 1);
    arena_fini(&arena);
}

static void *caller_main(void *arg)
{
    struct caller *caller = arg;
    char agent[16];
    snprintf(agent, sizeof(agent), "a%d", caller->number);
    struct agent row = {.id = agent, .nonce = "n"};
    apply(caller->bench, (struct op){.type = OP_REGISTER, .reg = {.agent = &row}});
    while (now_ms() < caller->bench->until_ms)
        cycle(caller, agent);
    return NULL;
}

static void *reader_main(void *arg)
{
    struct bench *bench = arg;
    const struct timespec pause = {.tv_nsec = 1000000};
    for (bench->reads = 0; now_ms() < bench->until_ms && bench->reads < SAMPLES; bench->reads++) {
        struct arena arena = {0};
        struct err err;
        struct agent row = {.id = "a0"};
        double start = now_ms();
        must(ledger_get(bench->ledger, &agent_record, &row, &arena, &err) >= 0, "read");
        bench->read[bench->reads] = now_ms() - start;
        arena_fini(&arena);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void row(struct bench *bench, int callers, double seconds)
{
    pthread_t threads[CALLERS], reader;
    struct caller each[CALLERS];
    atomic_store(&bench->cycles, 0);
    atomic_store(&bench->samples, 0);
    double start = now_ms();
    bench->until_ms = start + seconds * 1e3;
    for (int i = 0; i < callers; i++) {
        each[i] = (struct caller){bench, i};
        must(pthread_create(&threads[i], NULL, caller_main, &each[i]) == 0, "a thread");
    }
    must(pthread_create(&reader, NULL, reader_main, bench) == 0, "a thread");
    for (int i = 0; i < callers; i++)
        pthread_join(threads[i], NULL);
    pthread_join(reader, NULL);
    double took = (now_ms() - start) / 1e3;
    size_t samples = (size_t)atomic_load(&bench->samples);
    samples = samples < SAMPLES ? samples : SAMPLES;
    qsort(bench->took, samples, sizeof(bench->took[0]), by_size);
    qsort(bench->read, (size_t)bench->reads, sizeof(bench->read[0]), by_size);
    printf("%7d %12.0f %10.2f %10.2f %10.2f %10.2f %8d\n", callers,
           atomic_load(&bench->cycles) / took, bench->took[samples / 2],
           bench->took[samples * 99 / 100], bench->read[bench->reads / 2],
           bench->read[bench->reads * 99 / 100], bench->reads);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct err err = {0};
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    if (argc < 2 || seconds <= 0) {
        fprintf(stderr, "usage: bench_ledger FOLDER [SECONDS per row]\n");
        return 64;
    }
    struct store *store = store_sqlite_open(argv[1], &err);
    bench.ledger = store ? ledger_open(store, &err) : NULL;
    if (!bench.ledger) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("callers     cycles/s  write p50     p99 ms   read p50     p99 ms    reads\n");
    for (int callers = 1; callers <= CALLERS; callers *= 4)
        row(&bench, callers, seconds);
    ledger_close(bench.ledger);
    return 0;
}
