/* What workflows cost the ledger on SQLite. Steps: a decision gives work, an agent claims and
 * finishes it, and the run hears of it: three durable operations, for 1, 4, 16 and 64 runs at once.
 * Decisions: a step that needs nobody. Parked: memory and time of runs that wait for people. usage:
 * bench_ledger_runs FOLDER [SECONDS per row] [PARKED runs] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

enum { RUNS = 64, PARK_BATCH = 200 };

struct bench {
    struct ledger *ledger;
    char definition[HASH_HEX];
    double until_ms;
    atomic_int next, steps;
    bool with_task;
};

struct driver {
    struct bench *bench;
    int number;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What the process has computed: says more than the wall where others work, too. */
static double cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void apply_all(struct bench *bench, struct op *ops, size_t count)
{
    struct batch batch = {.actor = "engine", .ops = ops, .count = count};
    struct outcome outcome;
    struct err err;
    int rc = ledger_apply(bench->ledger, &batch, &outcome, &err);
    if (rc < 0 || outcome.status != LEDGER_OK)
        fprintf(stderr, "%s\n", rc < 0 ? err.message : outcome.message);
    must(rc == 0 && outcome.status == LEDGER_OK, "apply");
}

static void apply(struct bench *bench, struct op op)
{
    apply_all(bench, &op, 1);
}

static void start_runs(struct bench *bench, char (*tasks)[24], int count)
{
    struct task rows[PARK_BATCH];
    struct run runs[PARK_BATCH];
    struct run_start starts[PARK_BATCH];
    struct op ops[PARK_BATCH];
    for (int i = 0; i < count; i++) {
        rows[i] = (struct task){.id = tasks[i], .caller = "operator"};
        runs[i] = (struct run){.name = "w", .definition = bench->definition, .inputs = "{}"};
        starts[i] = (struct run_start){.task = &rows[i], .run = &runs[i]};
        ops[i] = (struct op){.type = OP_RUN_START};
        ops[i].start = &starts[i];
    }
    apply_all(bench, ops, (size_t)count);
}

/* The step before is done, the next one starts. */
static void decide(struct bench *bench, const char *run, int64_t number, struct run_task *task)
{
    char path[2][24];
    struct step steps[2];
    int count = 0;
    for (int i = number > 0 ? 0 : 1; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "s%lld", (long long)number - 1 + i);
        steps[count++] = (struct step){.path = path[i],
                                       .kind = "agent",
                                       .state = i ? "running" : "done",
                                       .output = i ? NULL : "{\"n\":1}",
                                       .tries = 1,
                                       .task = i && task ? task->task->id : NULL};
    }
    if (task)
        task->task->step = path[1];
    struct run_decision decision = {
        .run = run,
        .expect = number,
        .upto = task ? 1 + 2 * number : 1, /* started, then decided and ended in turn */
        .hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .body = "{\"n\":1,\"upto\":1,\"hash\":\"0123456789abcdef\",\"actions\":[{\"do\":"
                "\"task\",\"step\":\"s\",\"round\":0,\"try\":1,\"agent\":\"a\",\"task\":\"x\"}]}",
        .row = {.state = RUN_RUNNING},
        .steps = steps,
        .step_count = (size_t)count,
        .tasks = task,
        .task_count = task ? 1 : 0,
    };
    struct op op = {.type = OP_RUN_DECIDE};
    op.decision = &decision;
    apply(bench, op);
}

static void work(struct bench *bench, const char *agent)
{
    struct arena arena = {0};
    struct outcome outcome;
    struct err err;
    struct task *tasks;
    size_t count;
    struct claim claim = {.agent = agent, .nonce = "n", .max = 1};
    struct handoff handoff = {.status = "complete", .result = "{\"n\":1}"};
    must(ledger_claim(bench->ledger, &claim, &arena, &tasks, &count, &outcome, &err) == 0 &&
             count == 1,
         "claim");
    apply(bench, (struct op){.type = OP_FINISH,
                             .task_id = tasks[0].id,
                             .fence = tasks[0].fence,
                             .finish = {.handoff = &handoff}});
    arena_fini(&arena);
}

static void *driver_main(void *arg)
{
    struct driver *driver = arg;
    struct bench *bench = driver->bench;
    char agent[16], task[1][24], run[24], step[32];
    int number = atomic_fetch_add(&bench->next, 1);
    snprintf(agent, sizeof(agent), "a%d", driver->number);
    snprintf(task[0], sizeof(task[0]), "t-run%d", number);
    snprintf(run, sizeof(run), "r-run%d", number);
    struct agent row = {.id = agent, .nonce = "n"};
    apply(bench, (struct op){.type = OP_REGISTER, .reg = {.agent = &row}});
    start_runs(bench, task, 1);
    for (int64_t i = 0; now_ms() < bench->until_ms; i++) {
        struct task child = {.id = step, .agent = agent, .instruction = "do it", .max_tries = 1};
        struct run_task give = {.task = &child, .limit = {-1, -1}};
        snprintf(step, sizeof(step), "t-%d-%lld", number, (long long)i);
        decide(bench, run, i, bench->with_task ? &give : NULL);
        if (bench->with_task)
            work(bench, agent);
        atomic_fetch_add(&bench->steps, 1);
    }
    return NULL;
}

static void row(struct bench *bench, int runs, double seconds)
{
    pthread_t threads[RUNS];
    struct driver each[RUNS];
    double rate[2], cost[2];
    for (int kind = 0; kind < 2; kind++) {
        bench->with_task = kind == 0;
        atomic_store(&bench->steps, 0);
        double start = now_ms(), used = cpu_ms();
        bench->until_ms = start + seconds * 1e3;
        for (int i = 0; i < runs; i++) {
            each[i] = (struct driver){bench, i};
            must(pthread_create(&threads[i], NULL, driver_main, &each[i]) == 0, "a thread");
        }
        for (int i = 0; i < runs; i++)
            pthread_join(threads[i], NULL);
        rate[kind] = atomic_load(&bench->steps) / ((now_ms() - start) / 1e3);
        cost[kind] = (cpu_ms() - used) * 1e3 / atomic_load(&bench->steps);
    }
    printf("%7d %10.0f %10.0f %14.0f %10.0f\n", runs, rate[0], cost[0], rate[1], cost[1]);
}

/* ---- parked ---- */

static long memory_kb(const char *what)
{
    char line[128];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, what, strlen(what)) == 0)
            kb = atol(line + strlen(what));
    if (file)
        fclose(file);
    return kb;
}

static void park(struct bench *bench, int first, int count)
{
    struct op ops[PARK_BATCH];
    struct run_decision decisions[PARK_BATCH];
    struct step steps[PARK_BATCH];
    struct approval approvals[PARK_BATCH];
    char run[PARK_BATCH][24], task[PARK_BATCH][24], id[PARK_BATCH][APPROVAL_ID_TEXT];
    for (int i = 0; i < count; i++)
        snprintf(task[i], sizeof(task[i]), "t-parked%d", first + i);
    start_runs(bench, task, count);
    for (int i = 0; i < count; i++) {
        snprintf(run[i], sizeof(run[i]), "r-parked%d", first + i);
        approval_id(run[i], "gate", 0, 0, id[i]);
        steps[i] =
            (struct step){.path = "gate", .kind = "approve", .state = "waiting", .approval = id[i]};
        approvals[i] = (struct approval){.id = id[i],
                                         .path = "gate",
                                         .title = "Publish it?",
                                         .subject = "{\"show\":\"a summary of what was found\"}"};
        decisions[i] = (struct run_decision){.run = run[i],
                                             .upto = 1,
                                             .hash = bench->definition,
                                             .body = "{\"n\":1,\"actions\":[]}",
                                             .row = {.state = RUN_WAITING, .waiting = "gate"},
                                             .steps = &steps[i],
                                             .step_count = 1,
                                             .approvals = &approvals[i],
                                             .approval_count = 1};
        ops[i] = (struct op){.type = OP_RUN_DECIDE};
        ops[i].decision = &decisions[i];
    }
    apply_all(bench, ops, (size_t)count);
}

static void approve(struct bench *bench, int first, int count)
{
    struct op ops[2 * PARK_BATCH];
    struct run_decision decisions[PARK_BATCH];
    struct step steps[PARK_BATCH];
    struct decide decides[PARK_BATCH];
    char run[PARK_BATCH][24], id[PARK_BATCH][APPROVAL_ID_TEXT];
    for (int i = 0; i < count; i++) {
        snprintf(run[i], sizeof(run[i]), "r-parked%d", first + i);
        approval_id(run[i], "gate", 0, 0, id[i]);
        decides[i] =
            (struct decide){.approval = id[i], .person = "operator", .decision = "approved"};
        steps[i] = (struct step){.path = "gate", .kind = "approve", .state = "done"};
        decisions[i] = (struct run_decision){.run = run[i],
                                             .expect = 1,
                                             .upto = 99,
                                             .hash = bench->definition,
                                             .body = "{\"n\":2,\"actions\":[]}",
                                             .row = {.state = RUN_DONE, .output = "1"},
                                             .steps = &steps[i],
                                             .step_count = 1};
        ops[i] = (struct op){.type = OP_DECIDE};
        ops[i].decide = &decides[i];
        ops[count + i] = (struct op){.type = OP_RUN_DECIDE};
        ops[count + i].decision = &decisions[i];
    }
    apply_all(bench, ops, (size_t)count);
    apply_all(bench, ops + count, (size_t)count);
}

static void parked(struct bench *bench, const char *folder, int count)
{
    struct err err = {0};
    long before = memory_kb("RssAnon:");
    double start = now_ms();
    for (int i = 0; i < count; i += PARK_BATCH)
        park(bench, i, count - i < PARK_BATCH ? count - i : PARK_BATCH);
    printf("%d runs parked in %.0f ms; memory of the process %ld kB before, %ld kB with them\n",
           count, now_ms() - start, before, memory_kb("RssAnon:"));
    ledger_close(bench->ledger);
    start = now_ms();
    bench->ledger = ledger_open(store_sqlite_open(folder, &err), &err);
    must(bench->ledger != NULL, "opening again");
    printf("opened again in %.0f ms, %ld kB\n", now_ms() - start, memory_kb("RssAnon:"));
    start = now_ms();
    for (int i = 0; i < count; i += PARK_BATCH)
        approve(bench, i, count - i < PARK_BATCH ? count - i : PARK_BATCH);
    printf("all approved and ended in %.0f ms, %ld kB\n", now_ms() - start, memory_kb("RssAnon:"));
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static const char text[] = "{\"workflows\":{}}";
    struct err err = {0};
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    if (argc < 2 || seconds <= 0) {
        fprintf(stderr, "usage: bench_ledger_runs FOLDER [SECONDS per row] [PARKED runs]\n");
        return 64;
    }
    struct store *store = store_sqlite_open(argv[1], &err);
    bench.ledger = store ? ledger_open(store, &err) : NULL;
    must(bench.ledger != NULL, err.message);
    hash_hex(text, strlen(text), bench.definition);
    struct definition definition = {.sha256 = bench.definition, .name = "w", .text = text};
    apply(&bench, (struct op){.type = OP_DEFINE, .definition = &definition});
    if (argc > 3) {
        parked(&bench, argv[1], atoi(argv[3]));
    } else {
        printf("   runs    steps/s   CPU us    decisions/s     CPU us\n");
        for (int runs = 1; runs <= RUNS; runs *= 4)
            row(&bench, runs, seconds);
    }
    ledger_close(bench.ledger);
    return 0;
}
