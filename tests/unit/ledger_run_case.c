/* Short words for runs. */
#include "ledger_run_case.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"

static const char definition_text[] = "{\"entry\":\"w\",\"workflows\":{}}";

static const char *definition_hash(struct ledger_case *c)
{
    char hex[HASH_HEX];
    hash_hex(definition_text, strlen(definition_text), hex);
    return arena_strdup(&c->arena, hex);
}

void run_define(struct ledger_case *c)
{
    struct definition definition = {
        .sha256 = definition_hash(c), .name = "w", .text = definition_text};
    assert_int_equal(case_op(c, (struct op){.type = OP_DEFINE, .definition = &definition}), 0);
}

int run_start_with(struct ledger_case *c, const char *task, const char *inputs, const char *limits)
{
    struct task row = {.id = task, .caller = "person:ann"};
    struct run run = {.name = "w", .definition = definition_hash(c), .inputs = inputs};
    struct run_start start = {.task = &row, .run = &run};
    struct op op = {.type = OP_RUN_START, .root_limits = limits};
    op.start = &start;
    return case_op(c, op);
}

int run_start(struct ledger_case *c, const char *task)
{
    return run_start_with(c, task, "{\"x\":1}", NULL);
}

struct run *run_row(struct ledger_case *c, const char *id)
{
    struct run *run = arena_alloc(&c->arena, sizeof(*run));
    *run = (struct run){.id = id};
    assert_int_equal(ledger_get(c->ledger, &run_record, run, &c->arena, &c->err), 0);
    return run;
}

int run_decide(struct ledger_case *c, struct run_decision decision)
{
    struct run run = {.id = decision.run};
    int rc = ledger_get(c->ledger, &run_record, &run, &c->arena, &c->err);
    assert_true(rc >= 0);
    if (!decision.expect)
        decision.expect = run.decided;
    if (!decision.upto)
        decision.upto = run.facts;
    if (!decision.hash)
        decision.hash = "h";
    if (!decision.body)
        decision.body = "{\"n\":1,\"actions\":[]}";
    if (!decision.row.state)
        decision.row.state = RUN_RUNNING;
    struct op op = {.type = OP_RUN_DECIDE};
    op.decision = &decision;
    return case_op(c, op);
}

int run_step_task(struct ledger_case *c, const char *run, const char *path, const char *task,
                  const char *agent)
{
    struct step step = {
        .path = path, .kind = "agent", .state = "running", .task = task, .tries = 1};
    struct task row = {
        .id = task, .agent = agent, .instruction = task, .step = path, .step_try = 1};
    struct run_task child = {.task = &row, .limit = {-1, -1}};
    struct run_decision decision = {
        .run = run, .steps = &step, .step_count = 1, .tasks = &child, .task_count = 1};
    return run_decide(c, decision);
}

int run_step_gate(struct ledger_case *c, const char *run, const char *path,
                  const struct approval *approval)
{
    char id[APPROVAL_ID_TEXT];
    struct approval row = *approval;
    approval_id(run, path, approval->round, 0, id);
    row.id = id;
    row.path = path;
    row.title = row.title ? row.title : "Go on?";
    struct step step = {.path = path,
                        .kind = "approve",
                        .state = "waiting",
                        .round = row.round,
                        .approval = id,
                        .tries = 1};
    struct run_decision decision = {.run = run,
                                    .row = {.state = RUN_WAITING},
                                    .steps = &step,
                                    .step_count = 1,
                                    .approvals = &row,
                                    .approval_count = 1};
    return run_decide(c, decision);
}

int run_finish(struct ledger_case *c, const char *run, const char *state, const char *output)
{
    struct run_decision decision = {.run = run, .row = {.state = state, .output = output}};
    if (!str_eq(state, RUN_DONE)) {
        decision.row.failure_class = "failed";
        decision.row.failure_message = "Step a failed.";
    }
    return run_decide(c, decision);
}

struct step *run_step(struct ledger_case *c, const char *run, const char *path, int64_t round)
{
    struct step *step = arena_alloc(&c->arena, sizeof(*step));
    *step = (struct step){.run = run, .path = path, .round = round};
    assert_int_equal(ledger_get(c->ledger, &step_record, step, &c->arena, &c->err), 0);
    return step;
}

struct approval *run_approval(struct ledger_case *c, const char *id)
{
    struct approval *approval = arena_alloc(&c->arena, sizeof(*approval));
    *approval = (struct approval){.id = id};
    assert_int_equal(ledger_get(c->ledger, &approval_record, approval, &c->arena, &c->err), 0);
    return approval;
}

struct effect *run_effect(struct ledger_case *c, const char *id)
{
    struct effect *effect = arena_alloc(&c->arena, sizeof(*effect));
    *effect = (struct effect){.id = id};
    assert_int_equal(ledger_get(c->ledger, &effect_record, effect, &c->arena, &c->err), 0);
    return effect;
}

struct job *run_job(struct ledger_case *c, const char *id)
{
    struct job *job = arena_alloc(&c->arena, sizeof(*job));
    *job = (struct job){.id = id};
    assert_int_equal(ledger_get(c->ledger, &job_record, job, &c->arena, &c->err), 0);
    return job;
}

struct approval *run_pending(struct ledger_case *c, size_t *count)
{
    void *rows;
    assert_int_equal(ledger_query(c->ledger, LIST_APPROVALS, APPROVAL_PENDING, NULL, 0, 0,
                                  &c->arena, &rows, count, &c->err),
                     0);
    return rows;
}

static json_t *resolve(struct ledger_case *c, const char *body)
{
    json_t *value = body ? json_loads(body, 0, NULL) : json_object(), *whole;
    const char *blob = json_get_text(value, "blob", NULL);
    char *bytes;
    size_t len;
    if (!blob)
        return value;
    assert_int_equal(ledger_blob_get(c->ledger, blob, &c->arena, &bytes, &len, &c->err), 0);
    whole = json_loadb(bytes, len, 0, NULL);
    assert_non_null(whole);
    json_decref(value);
    return whole;
}

json_t *run_newest(struct ledger_case *c, const char *stream, const char *type)
{
    struct event *events;
    size_t count;
    assert_int_equal(ledger_read(c->ledger, stream, 1, 0, &c->arena, &events, &count, &c->err), 0);
    for (size_t i = count; i > 0; i--)
        if (str_eq(events[i - 1].type, type))
            return resolve(c, events[i - 1].body);
    return NULL;
}

const char *run_said(struct ledger_case *c, const char *stream, const char *type,
                     const char *member)
{
    json_t *body = run_newest(c, stream, type);
    const char *text = arena_strdup(&c->arena, json_get_text(body, member, ""));
    json_decref(body);
    return text;
}

int run_decide_approval(struct ledger_case *c, struct decide decide)
{
    struct op op = {.type = OP_DECIDE};
    op.decide = &decide;
    return case_op(c, op);
}

int run_say(struct ledger_case *c, const char *approval, const char *person, const char *decision)
{
    return run_decide_approval(c, (struct decide){.approval = approval,
                                                  .person = person,
                                                  .decision = decision,
                                                  .feedback = "because",
                                                  .via = "cli"});
}

void run_assert_state(struct ledger_case *c, const char *run, const char *state)
{
    const struct run *row = run_row(c, run);
    if (!str_eq(row->state, state))
        fail_msg("%s is %s, not %s", run, row->state, state);
}

void run_assert_approval(struct ledger_case *c, const char *id, const char *state)
{
    const struct approval *row = run_approval(c, id);
    if (!str_eq(row->state, state))
        fail_msg("%s is %s, not %s", id, row->state, state);
}
