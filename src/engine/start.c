/* The start of a run: what it is pinned to, what goes in, and the limits around it. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/allowance.h"
#include "engine/definitions.h"
#include "engine/inside.h"
#include "engine/start_seed.h"
#include "engine/start_size.h"
#include "flow/bundle.h"

static const int64_t WALL_MS = FLOW_WALL_MS; /* every step has a time of its own */

struct starting {
    struct engine *engine;
    const struct engine_start *start;
    struct arena *arena;
    struct run old; /* start->retry_of; id NULL: none */
    struct flow_bundle *bundle;
    const struct flow *flow;
    json_t *inputs;
    const char *seed;
};

static int load_old(struct starting *starting, struct err *err)
{
    struct run row = {.id = starting->start->retry_of};
    if (!row.id)
        return 0;
    int rc = ledger_get(starting->engine->looking.drafting.ledger, &run_record, &row,
                        starting->arena, err);
    if (rc < 0)
        return -1;
    if (rc)
        return err_set(err, "no_run", "there is no run %s", row.id);
    if (!run_state_is_terminal(row.state)) {
        err_set(err, "still_open", "run %s is %s: it can be tried again when it has ended", row.id,
                row.state);
        err_hint(err, "hq flow cancel %s ends it", row.id);
        return -1;
    }
    starting->old = row;
    return 0;
}

static const char *finding_text(const char *path, const struct finding *finding,
                                struct arena *arena)
{
    return arena_printf(arena, "%s:%d:%d: %s%s%s", path, finding->line, finding->column,
                        finding->message, finding->hint ? "; " : "",
                        finding->hint ? finding->hint : "");
}

/* All errors as texts; the first is the error's message. */
static int refuse_findings(struct starting *starting, struct err *err)
{
    const struct flow_report *reports;
    const char *first = NULL;
    size_t count = flow_bundle_reports(starting->bundle, &reports);
    size_t errors = flow_bundle_errors(starting->bundle);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < reports[i].count; k++) {
            const struct finding *finding = &reports[i].items[k];
            if (!finding->is_error)
                continue;
            const char *text = finding_text(reports[i].path, finding, starting->arena);
            first = first ? first : text;
            if (starting->start->findings)
                json_array_append_new(starting->start->findings, json_text(text, strlen(text)));
        }
    err_set(err, "bad_workflow", "%.500s", first ? first : "the workflow has errors");
    if (errors > 1)
        err_hint(err, "%zu errors in all; hq flow check shows them", errors);
    return -1;
}

static int load_bundle(struct starting *starting, struct err *err)
{
    const struct engine_start *start = starting->start;
    const struct drafting *with = &starting->engine->looking.drafting;
    const char *hash = start->hash ? start->hash : starting->old.definition;
    const char *text = start->bundle;
    if (!text && !hash)
        return err_set(err, "bad_workflow", "no workflow is given");
    int rc = text ? 0 : definition_text(with->ledger, hash, starting->arena, &text, err);
    if (rc)
        return -1;
    starting->bundle = flow_bundle_parse(text, strlen(text), with->config, err);
    if (!starting->bundle) {
        memcpy(err->code, "bad_workflow", sizeof("bad_workflow"));
        return -1;
    }
    return flow_bundle_errors(starting->bundle) ? refuse_findings(starting, err) : 0;
}

static int find_flow(struct starting *starting, struct err *err)
{
    const char *entry = starting->start->entry ? starting->start->entry : starting->old.entry;
    starting->flow =
        entry ? flow_bundle_find(starting->bundle, entry) : flow_bundle_entry(starting->bundle);
    return starting->flow ? 0
                          : err_set(err, "bad_workflow", "the bundle has no workflow \"%.100s\"",
                                    entry ? entry : "");
}

static int old_inputs(struct starting *starting, json_t **inputs, struct err *err)
{
    const char *text = starting->old.inputs;
    char *bytes;
    size_t len;
    *inputs = NULL;
    if (!text && starting->old.inputs_blob) {
        if (ledger_blob_get(starting->engine->looking.drafting.ledger, starting->old.inputs_blob,
                            starting->arena, &bytes, &len, err) != 0)
            return -1;
        text = bytes;
    }
    *inputs = text ? json_loads(text, 0, NULL) : NULL;
    return 0;
}

static int read_inputs(struct starting *starting, struct err *err)
{
    const struct engine_start *start = starting->start;
    json_t *old = NULL;
    if (!start->inputs && starting->old.id && old_inputs(starting, &old, err) < 0)
        return -1;
    starting->inputs = flow_inputs(starting->flow, start->inputs ? start->inputs : old,
                                   start->inputs_are_text && !old, err);
    json_decref(old);
    return starting->inputs ? 0 : -1;
}

/* The file's limits bind the whole tree; where it has none the company's hold for what agents do,
 * beyond the graph that a person drew. */
static const char *limits_of(const struct starting *starting)
{
    const struct config *config = starting->engine->looking.drafting.config;
    const struct flow *flow = starting->flow;
    struct start_size size = start_size(starting->bundle, flow);
    int64_t depth = config->limit_depth + size.levels;
    int64_t tasks = config->limit_tasks + size.tasks;
    return arena_printf(starting->arena,
                        "{\"depth\":%lld,\"fan_out\":%lld,\"live\":%lld,\"tasks\":%lld,"
                        "\"wall_ms\":%lld}",
                        (long long)(flow->limit_depth ? flow->limit_depth : depth),
                        (long long)config->limit_fan_out, (long long)config->limit_live,
                        (long long)(flow->limit_tasks ? flow->limit_tasks : tasks),
                        (long long)(flow->wall_ms > 0 ? flow->wall_ms : WALL_MS));
}

static void fill(struct starting *starting, struct run_start *made, char run[RUN_ID_TEXT])
{
    const struct engine_start *start = starting->start;
    const struct flow *flow = starting->flow;
    struct arena *arena = starting->arena;
    int64_t now = ledger_now(starting->engine->looking.drafting.ledger);
    char *id = arena_alloc(arena, TASK_ID_TEXT);
    made->task = arena_alloc(arena, sizeof(*made->task));
    made->run = arena_alloc(arena, sizeof(*made->run));
    made->seed = starting->seed;
    task_id("flow", start->caller, flow->name, start->key, id);
    run_id_of_task(id, run);
    *made->task = (struct task){.id = id,
                                .kind = "flow",
                                .agent = FLOW_AGENT,
                                .caller = start->caller,
                                .name = flow->name,
                                .instruction = flow->doc ? flow->doc : flow->name,
                                .parent_step = -1,
                                .parent_index = -1,
                                .deadline_at = now + (flow->wall_ms > 0 ? flow->wall_ms : WALL_MS)};
    *made->run = (struct run){.id = run,
                              .name = flow->name,
                              .definition = flow_bundle_hash(starting->bundle),
                              .entry = flow->path,
                              .caller = start->caller,
                              .key = start->key,
                              .inputs = json_print(arena, starting->inputs),
                              .retry_of = starting->old.id};
}

/* Definition, task and run in one batch. */
static int commit(struct starting *starting, char run[RUN_ID_TEXT], struct outcome *outcome,
                  struct err *err)
{
    const struct drafting *with = &starting->engine->looking.drafting;
    const struct flow *flow = starting->flow;
    struct run_start made = {0};
    struct root_budget budget;
    struct amount asked = {flow->micro_usd, flow->tokens};
    struct definition definition = {.sha256 = flow_bundle_hash(starting->bundle),
                                    .name = flow_bundle_entry(starting->bundle)->name,
                                    .text = flow_bundle_text(starting->bundle)};
    bool bounded =
        allowance_budget(with->config, ledger_now(with->ledger), &asked, starting->arena, &budget);
    fill(starting, &made, run);
    struct op ops[] = {{.type = OP_DEFINE, .definition = &definition},
                       {.type = OP_RUN_START,
                        .start = &made,
                        .root_limits = limits_of(starting),
                        .root_budget = bounded ? &budget : NULL}};
    struct batch batch = {.actor = starting->start->caller, .ops = ops, .count = 2};
    crash_point("engine.start.before");
    int rc = ledger_apply(with->ledger, &batch, outcome, err);
    crash_point("engine.start.after");
    if (rc == 0 && outcome->status == LEDGER_DUP && str_starts(outcome->existing, "r-"))
        memcpy(run, outcome->existing, RUN_ID_TEXT - 1);
    return rc;
}

int engine_start(struct engine *engine, const struct engine_start *start, struct arena *arena,
                 char run[RUN_ID_TEXT], struct outcome *outcome, struct err *err)
{
    struct starting starting = {.engine = engine, .start = start, .arena = arena};
    *outcome = (struct outcome){0};
    int rc = load_old(&starting, err);
    if (rc == 0)
        rc = load_bundle(&starting, err);
    if (rc == 0)
        rc = find_flow(&starting, err);
    if (rc == 0)
        rc = read_inputs(&starting, err);
    if (rc == 0 && starting.old.id)
        rc = seed_of(engine->looking.drafting.ledger, start, starting.flow, arena, &starting.seed,
                     err);
    if (rc == 0)
        rc = commit(&starting, run, outcome, err);
    json_decref(starting.inputs);
    flow_bundle_close(starting.bundle);
    return rc;
}
