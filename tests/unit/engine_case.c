/* The fixture of the engine's tests. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "engine_case.h"
#include "ledger/store.h"

static const char *const none[] = {NULL};
static const char *const research[] = {"research", NULL};
static const char *const every_role[] = {"*", NULL};

#define AGENT(ID, PORT, CAPABILITIES)                                                              \
    {                                                                                              \
        .id = ID, .name = ID, .port = PORT, .aliases = none, .capabilities = CAPABILITIES,         \
        .delegates = none, .revisits = none, .fallbacks = none, .tools_allow = none,               \
        .model = "demo/m", .workspace = "/tmp", .instance = "/tmp"                                 \
    }

static const struct config_agent agents[] = {
    AGENT("alpha", 18800, none), AGENT("beta", 18804, none), AGENT("webster", 18808, research)};
static const struct config_webhook webhooks[] = {
    {.name = "team", .form = "cloudevents", .per_minute = 30, .on_unknown = "ask"}};

/* Of the empty file: "run.py" of every bundle. */
static const char no_bytes[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static int route(void *ctx, const char *agent, const char *capability, struct arena *arena,
                 struct engine_choice *choice, struct err *err)
{
    struct engine_case *c = ctx;
    *choice = (struct engine_choice){.agent = agent};
    if (agent)
        return 0;
    if (atomic_load(&c->nobody_can))
        return err_set(err, "no_candidate", "nobody can do %s", capability);
    *choice = (struct engine_choice){"webster", "{\"chosen\":\"webster\"}"};
    return 0;
}

/* What the hub's waker does. */
static void *waker_main(void *arg)
{
    struct engine_case *c = arg;
    while (!atomic_load(&c->stopping)) {
        struct arena arena = {0};
        const char **keys;
        size_t count;
        if (!ledger_wait(c->ledger, 50, &arena, &keys, &count))
            atomic_store(&c->stopping, true);
        for (size_t i = 0; i < count && !atomic_load(&c->stopping); i++) {
            if (str_eq(keys[i], "*"))
                engine_wake(c->engine, NULL);
            else if (str_starts(keys[i], "run:"))
                engine_wake(c->engine, keys[i] + 4);
        }
        arena_fini(&arena);
    }
    return NULL;
}

void engine_case_go_on(struct engine_case *c)
{
    c->engine = engine_open(&c->config, c->ledger, &c->router, &c->err);
    assert_non_null(c->engine);
    atomic_store(&c->stopping, false);
    assert_int_equal(pthread_create(&c->waker, NULL, waker_main, c), 0);
}

void engine_case_stop(struct engine_case *c)
{
    atomic_store(&c->stopping, true);
    pthread_join(c->waker, NULL);
    engine_close(c->engine);
}

static void open_all(struct engine_case *c)
{
    struct store *store = c->store ? c->store : store_sqlite_open(c->folder, &c->err);
    c->ledger = store ? ledger_open(store, &c->err) : NULL;
    if (!c->ledger)
        fail_msg("%s", c->err.message);
    engine_case_go_on(c);
    for (size_t i = 0; i < 4; i++) {
        struct agent row = {.id = i < 3 ? agents[i].id : RUNNER_AGENT, .nonce = "n"};
        assert_int_equal(apply_one(c, (struct op){.type = OP_REGISTER, .reg = {.agent = &row}}),
                         LEDGER_OK);
    }
}

static void close_all(struct engine_case *c)
{
    engine_case_stop(c);
    ledger_close(c->ledger);
}

static int setup(void **state, bool on_disk)
{
    struct engine_case *c = calloc(1, sizeof(*c));
    c->config = (struct config){
        .dir = "/tmp",
        .company = "test",
        .jobs = "/tmp/jobs",
        .workflows = "/tmp/none",
        .limit_depth = 4,
        .limit_tasks = 64,
        .limit_live = 16,
        .limit_wall_ms = 3600000,
        .limit_fan_out = 8,
        .limit_micro_usd = -1,
        .limit_tokens = -1,
        .budget_micro_usd = -1,
        .budget_per = "day",
        .runner = true,
        .agents = agents,
        .agent_count = sizeof(agents) / sizeof(agents[0]),
        .webhooks = webhooks,
        .webhook_count = 1,
    };
    c->router = (struct engine_router){route, c};
    c->findings = json_array();
    strcpy(c->folder, "/tmp/hq-engine-XXXXXX");
    if (on_disk) {
        assert_non_null(mkdtemp(c->folder));
    } else {
        c->store = store_mem_open();
        store_mem_keep(c->store);
    }
    open_all(c);
    *state = c;
    return 0;
}

int engine_setup(void **state)
{
    return setup(state, false);
}

int engine_setup_on_disk(void **state)
{
    return setup(state, true);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    return remove(path);
}

int engine_teardown(void **state)
{
    struct engine_case *c = *state;
    close_all(c);
    if (c->store)
        store_mem_free(c->store);
    else
        nftw(c->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    json_decref(c->findings);
    arena_fini(&c->arena);
    free(c);
    return 0;
}

void engine_case_restart(struct engine_case *c)
{
    close_all(c);
    open_all(c);
}

const char *bundle_of_two(struct engine_case *c, const char *yaml, const char *name,
                          const char *other)
{
    json_t *files = json_pack("{s:s}", "t.yaml", yaml);
    if (name)
        json_object_set_new(files, name, json_string(other));
    json_t *bundle =
        json_pack("{s:i,s:s,s:o,s:{s:{s:s,s:i,s:b}}}", "v", 1, "entry", "t.yaml", "files", files,
                  "blobs", "run.py", "sha256", no_bytes, "size", 0, "executable", true);
    const char *text = json_print(&c->arena, bundle);
    json_decref(bundle);
    return text;
}

const char *bundle_of(struct engine_case *c, const char *yaml)
{
    return bundle_of_two(c, yaml, NULL, NULL);
}

const char *start_with(struct engine_case *c, struct engine_start start)
{
    char *run = arena_alloc(&c->arena, RUN_ID_TEXT);
    json_array_clear(c->findings);
    start.findings = c->findings;
    start.caller = start.caller ? start.caller : "operator";
    c->err = (struct err){0};
    if (engine_start(c->engine, &start, &c->arena, run, &c->outcome, &c->err) < 0)
        return NULL;
    return c->outcome.status == LEDGER_OK || c->outcome.status == LEDGER_DUP ? run : NULL;
}

const char *start_run(struct engine_case *c, const char *bundle, const char *inputs,
                      const char *key)
{
    json_t *given = inputs ? json_loads(inputs, 0, NULL) : NULL;
    const char *run =
        start_with(c, (struct engine_start){.bundle = bundle, .inputs = given, .key = key});
    json_decref(given);
    if (!run)
        fail_msg("not started: %s %s", c->err.message, c->outcome.message);
    return run;
}

static void nap(void)
{
    const struct timespec two_ms = {.tv_nsec = 2000000};
    nanosleep(&two_ms, NULL);
}

struct task *claim_now(struct engine_case *c, const char *agent)
{
    struct claim claim = {.agent = agent, .nonce = "n", .max = 1};
    struct task *tasks;
    size_t count = 0;
    assert_int_equal(
        ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err), 0);
    assert_int_equal(c->outcome.status, LEDGER_OK);
    return count ? &tasks[0] : NULL;
}

struct task *claim_task(struct engine_case *c, const char *agent)
{
    for (int64_t until = time_boot_ms() + WAIT_MS; time_boot_ms() < until; nap()) {
        struct task *task = claim_now(c, agent);
        if (task)
            return task;
    }
    fail_msg("%s got no task", agent);
    return NULL;
}

int apply_one(struct engine_case *c, struct op op)
{
    struct batch batch = {.actor = "operator", .ops = &op, .count = 1};
    assert_int_equal(ledger_apply(c->ledger, &batch, &c->outcome, &c->err), 0);
    return c->outcome.status;
}

static void finish(struct engine_case *c, const struct task *task, struct handoff *handoff,
                   const char *failure_class)
{
    struct op op = {.type = OP_FINISH,
                    .task_id = task->id,
                    .fence = task->fence,
                    .finish = {.handoff = handoff,
                               .failure_class = failure_class,
                               .failure_message = failure_class ? "it went wrong" : NULL}};
    if (apply_one(c, op) != LEDGER_OK)
        fail_msg("task %s cannot be finished: %s", task->id, c->outcome.message);
}

void finish_task(struct engine_case *c, const struct task *task, const char *result)
{
    struct handoff handoff = {.status = "complete", .result = result};
    finish(c, task, &handoff, NULL);
}

void fail_task(struct engine_case *c, const struct task *task, const char *failure_class)
{
    struct handoff handoff = {.status = "failed"};
    finish(c, task, &handoff, failure_class);
}

void do_task(struct engine_case *c, const char *agent, const char *result)
{
    finish_task(c, claim_task(c, agent), result);
}

struct run *run_row(struct engine_case *c, const char *run)
{
    struct run *row = arena_alloc(&c->arena, sizeof(*row));
    row->id = run;
    assert_int_equal(ledger_get(c->ledger, &run_record, row, &c->arena, &c->err), 0);
    return row;
}

static struct step *find_step(struct engine_case *c, const char *run, const char *path)
{
    void *rows;
    size_t count;
    struct step *found = NULL;
    assert_int_equal(
        ledger_query(c->ledger, LIST_STEPS, run, NULL, 0, 1000, &c->arena, &rows, &count, &c->err),
        0);
    for (size_t i = 0; i < count; i++)
        if (str_eq(((struct step *)rows)[i].path, path))
            found = &((struct step *)rows)[i];
    return found;
}

struct step *step_row(struct engine_case *c, const char *run, const char *path)
{
    struct step *found = find_step(c, run, path);
    if (!found)
        fail_msg("run %s has no row of step %s", run, path);
    return found;
}

struct run *await_run(struct engine_case *c, const char *run, const char *state)
{
    struct run *row = NULL;
    for (int64_t until = time_boot_ms() + WAIT_MS; time_boot_ms() < until; nap()) {
        row = run_row(c, run);
        if (state ? str_eq(row->state, state) : run_state_is_terminal(row->state))
            return row;
    }
    fail_msg("run %s is %s (%s), not %s", run, row->state, row->waiting ? row->waiting : "",
             state ? state : "ended");
    return NULL;
}

struct run *await_waiting(struct engine_case *c, const char *run, const char *start)
{
    struct run *row = NULL;
    for (int64_t until = time_boot_ms() + WAIT_MS; time_boot_ms() < until; nap()) {
        row = run_row(c, run);
        if (row->waiting && str_starts(row->waiting, start))
            return row;
    }
    fail_msg("run %s (%s) waits for %s", run, row->state, row->waiting ? row->waiting : "nothing");
    return NULL;
}

struct step *await_step(struct engine_case *c, const char *run, const char *path, const char *state)
{
    struct step *row = NULL;
    for (int64_t until = time_boot_ms() + WAIT_MS; time_boot_ms() < until; nap()) {
        row = find_step(c, run, path);
        if (row && str_eq(row->state, state))
            return row;
    }
    fail_msg("step %s is %s, not %s", path, row ? row->state : "pending", state);
    return NULL;
}

int decide_step(struct engine_case *c, const char *run, const char *path, const char *decision,
                const char *feedback)
{
    const struct step *step = await_step(c, run, path, "waiting");
    struct decide decide = {.approval = step->approval,
                            .person = "operator",
                            .roles = every_role,
                            .decision = decision,
                            .feedback = feedback,
                            .via = "cli"};
    return apply_one(c, (struct op){.type = OP_DECIDE, .decide = &decide});
}

size_t count_events(struct engine_case *c, const char *stream, const char *type)
{
    struct event *events;
    size_t count, found = 0;
    assert_int_equal(ledger_read(c->ledger, stream, 1, 1000, &c->arena, &events, &count, &c->err),
                     0);
    for (size_t i = 0; i < count; i++)
        found += str_eq(events[i].type, type);
    return found;
}
