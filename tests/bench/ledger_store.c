/* How fast the SQLite store takes task cycles (submitted, claimed, finished: three batches of rows)
 * at 1, 16 and 64 batches per commit, and how long one slice of care holds it.
 * usage: bench_ledger_store FOLDER [SECONDS per row [one GROUP only]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "base/err.h"
#include "ledger/rows.h"
#include "ledger/store.h"
#include "wire/call.h"
#include "wire/effect.h"
#include "wire/task.h"

enum { GROUP = 64 };

struct bench {
    struct store *store;
    int64_t seq;
    double care_worst, commit_worst;
    size_t care_slices, commits;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(int result, const struct err *err)
{
    if (result == STORE_OK)
        return;
    fprintf(stderr, "the store failed: %s\n", err->message);
    exit(1);
}

static void put(struct bench *bench, const struct record *record, const void *row)
{
    struct err err;
    must(bench->store->ops->put(bench->store, record, row, &err), &err);
}

static void put_event(struct bench *bench, const char *task, int64_t seq, const char *type)
{
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    put(bench, &event_record,
        &(struct event){.stream = task,
                        .seq = seq,
                        .at = 1795359845123 + seq,
                        .actor = "operator",
                        .type = type,
                        .body = "{\"agent\":\"manager\"}",
                        .v = 1,
                        .prev = hash,
                        .hash = hash});
    put(bench, &stream_record, &(struct stream){.name = task, .seq = seq, .hash = hash});
}

/* The three batches of one task, as the rules write them. */
static void submit(struct bench *bench, int64_t seq, const char *id)
{
    struct task task = {.id = id,
                        .seq = seq,
                        .root = id,
                        .caller = "outside:manager",
                        .agent = "manager",
                        .kind = "hook",
                        .session = id,
                        .state = TASK_QUEUED,
                        .instruction = "Say in one sentence what the mirror's first mode is.",
                        .priority = 1,
                        .max_tries = 3,
                        .path = "[\"manager\"]",
                        .created_at = seq};
    put(bench, &task_record, &task);
    put(bench, &root_record, &(struct root){.id = id, .owner = "outside:manager", .tasks_live = 1});
    put(bench, &session_record,
        &(struct session){.agent = "manager", .key = id, .id = id, .open_task = id});
    put_event(bench, id, 1, "task.submitted");
}

static void change(struct bench *bench, const char *id, const char *state)
{
    struct arena arena = {0};
    struct err err;
    struct task task = {.id = id};
    must(bench->store->ops->get(bench->store, &task_record, &task, &arena, &err), &err);
    bool claimed = strcmp(state, TASK_WORKING) == 0;
    task.state = state;
    task.worker = claimed ? "0123456789abcdef" : NULL;
    task.fence += claimed;
    task.ready_at = claimed ? 1795359860123 : 0;
    task.finish_no = !claimed;
    put(bench, &task_record, &task);
    put_event(bench, id, claimed ? 2 : 3, claimed ? "task.claimed" : "task.finished");
    if (!claimed)
        put(bench, &handoff_record,
            &(struct handoff){.task = id,
                              .v = 1,
                              .status = "complete",
                              .result = "\"7.2 Hz\"",
                              .agent = "manager",
                              .fence = 1});
    arena_fini(&arena);
}

static void commit(struct bench *bench)
{
    struct err err;
    bool more = true;
    double start = now_ms();
    must(bench->store->ops->commit(bench->store, &err), &err);
    double took = now_ms() - start;
    bench->commit_worst = took > bench->commit_worst ? took : bench->commit_worst;
    bench->commits++;
    while (more) {
        start = now_ms();
        must(bench->store->ops->care(bench->store, &more, &err), &err);
        took = now_ms() - start;
        bench->care_worst = took > bench->care_worst ? took : bench->care_worst;
        bench->care_slices++;
    }
}

static void name_task(struct bench *bench, char id[TASK_ID_TEXT])
{
    char key[24];
    snprintf(key, sizeof(key), "%lld", (long long)++bench->seq);
    task_id("hook", "outside:manager", "manager", key, id);
}

/* `group` tasks through their three batches: one commit for each batch of all. */
static void cycle(struct bench *bench, int group)
{
    char ids[GROUP][TASK_ID_TEXT];
    struct err err;
    for (int stage = 0; stage < 3; stage++) {
        must(bench->store->ops->begin(bench->store, &err), &err);
        for (int i = 0; i < group; i++) {
            must(bench->store->ops->save(bench->store, &err), &err);
            if (stage == 0) {
                name_task(bench, ids[i]);
                submit(bench, bench->seq, ids[i]);
            } else {
                change(bench, ids[i], stage == 1 ? TASK_WORKING : TASK_DONE);
            }
            must(bench->store->ops->release(bench->store, &err), &err);
        }
        commit(bench);
    }
}

static void measure(struct bench *bench, int group, double seconds)
{
    struct timespec cpu;
    int64_t first = bench->seq;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double cpu_start = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6, start = now_ms();
    bench->commits = bench->care_slices = 0;
    bench->commit_worst = bench->care_worst = 0;
    while (now_ms() - start < seconds * 1e3)
        cycle(bench, group);
    double took = (now_ms() - start) / 1e3;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double cpu_ms = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6 - cpu_start;
    double cycles = (double)(bench->seq - first);
    printf("%2d per commit: %7.0f commits/s %7.0f cycles/s, CPU %.3f ms a cycle, "
           "longest commit %.1f ms, longest slice of care %.1f ms\n",
           group, (double)bench->commits / took, cycles / took, cpu_ms / cycles,
           bench->commit_worst, bench->care_worst);
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct err err = {0};
    int groups[] = {1, 16, 64};
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    if (argc < 2 || !(bench.store = store_sqlite_open(argv[1], &err))) {
        fprintf(stderr, "usage: %s FOLDER [SECONDS [GROUP]]\n%s\n", argv[0], err.message);
        return 2;
    }
    must(bench.store->ops->migrate(bench.store, &err), &err);
    int only = argc > 3 ? atoi(argv[3]) : 0;
    for (int i = 0; i < 3; i++)
        if (!only || only == groups[i])
            measure(&bench, groups[i], seconds);
    printf("SQLite's own memory: %.1f MB at most\n", (double)sqlite3_memory_highwater(0) / 1048576);
    bench.store->ops->close(bench.store);
    return 0;
}
