/* From a run's row, its definition and its stream to the interpreter's state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "engine/definitions.h"
#include "engine/followed.h"
#include "flow/bundle.h"
#include "ledger/ledger.h"

enum {
    PAGE = 256,           /* events of one read: it holds the store */
    STEP_ROWS = 2000,     /* steps of one read */
    OF_A_FOLLOWED = 4096, /* bytes of its own, about */
};

struct fact {
    struct fact *next;
    int64_t seq, at;
    json_t *body;
    char type[32];
};

static int stuck(struct err *err)
{
    if (err && !*err->message)
        err_set(err, "diverged", "it cannot be followed");
    return FOLLOWED_STUCK;
}

/* The event's body with its blob in its place. A new reference; NULL: *rc says what happened. */
static json_t *body_of(struct ledger *ledger, const struct event *event, int *rc, struct err *err)
{
    struct arena arena = {0};
    char *bytes = NULL;
    size_t len = 0;
    json_t *body = event->body ? json_loads(event->body, JSON_DECODE_ANY, NULL) : json_object();
    const char *blob = json_object_size(body) == 1 ? json_get_text(body, "blob", NULL) : NULL;
    *rc = 0;
    if (blob) {
        *rc = ledger_blob_get(ledger, blob, &arena, &bytes, &len, err);
        json_decref(body);
        body = *rc == 0 ? json_loadb(bytes, len, JSON_DECODE_ANY, NULL) : NULL;
    }
    arena_fini(&arena);
    if (!body && *rc >= 0) {
        err_set(err, "bad_fact", "event %lld (%s) has no body that can be read",
                (long long)event->seq, event->type);
        *rc = FOLLOWED_STUCK;
    }
    return body;
}

static bool is_fact(const char *type)
{
    static const char *const types[] = {
        "run.started",     "step.ended", "approval.decided", "effect.settled", "job.ended",
        "signal.received", NULL};
    return str_in(type, types);
}

static void fact_free(struct fact *fact)
{
    json_decref(fact->body);
    free(fact);
}

/* Takes over the body. */
static void add_fact(struct followed *followed, const struct event *event, json_t *body)
{
    struct fact *fact = mem_zalloc(sizeof(*fact));
    fact->seq = event->seq;
    fact->at = event->at;
    fact->body = body;
    snprintf(fact->type, sizeof(fact->type), "%s", event->type);
    *followed->last = fact;
    followed->last = &fact->next;
}

bool followed_has_facts(const struct followed *followed)
{
    return followed->facts != NULL;
}

int followed_tell(struct followed *followed, int64_t upto, struct err *err)
{
    while (followed->facts && followed->facts->seq <= upto) {
        struct fact *fact = followed->facts;
        const struct flow_fact told = {fact->seq, fact->at, fact->type, fact->body};
        int rc = flow_run_tell(followed->state, &told, err);
        followed->upto = fact->seq;
        followed->facts = fact->next;
        if (!followed->facts)
            followed->last = &followed->facts;
        fact_free(fact);
        if (rc < 0)
            return stuck(err);
    }
    return FOLLOWED;
}

int followed_tell_time(struct followed *followed, int64_t at, struct err *err)
{
    json_t *body = json_object();
    const struct flow_fact told = {.at = at, .type = "time.passed", .body = body};
    int rc = flow_run_tell(followed->state, &told, err);
    json_decref(body);
    return rc < 0 ? stuck(err) : FOLLOWED;
}

/* A decision of the stream, carried out again: what it looked at, then what it decided. */
static int follow(struct followed *followed, const json_t *body, struct err *err)
{
    int64_t time_at = json_get_int(body, "time_at", 0);
    int64_t upto = json_get_int(body, "upto", 0);
    int rc = followed_tell(followed, upto, err);
    if (rc == FOLLOWED && time_at)
        rc = followed_tell_time(followed, time_at, err);
    if (rc != FOLLOWED)
        return rc;
    followed->upto = upto;
    if (flow_run_follow(followed->state, json_object_get(body, "actions"), &followed->more, err) <
        0)
        return stuck(err);
    followed->decided++;
    if (str_eq(json_get_text(body, "hash", ""), flow_run_hash(followed->state)))
        return FOLLOWED;
    err_set(err, "diverged", "decision %lld has another hash than the same one has today",
            (long long)followed->decided);
    return FOLLOWED_STUCK;
}

/* Decisions are followed while the state is behind them (`folding`); later ones are our own, which
 * the state has seen. */
static int take_event(struct ledger *ledger, struct followed *followed, const struct event *event,
                      bool folding, struct err *err)
{
    int rc = FOLLOWED;
    bool decided = str_eq(event->type, "run.decided");
    followed->next_seq = event->seq + 1;
    if (!decided && !is_fact(event->type))
        return FOLLOWED;
    json_t *body = body_of(ledger, event, &rc, err);
    if (!body)
        return rc;
    if (!decided) {
        add_fact(followed, event, body);
        return FOLLOWED;
    }
    int64_t number = json_get_int(body, "n", 0);
    if (folding)
        rc = follow(followed, body, err);
    else if (number > followed->decided)
        rc = FOLLOWED_OVERTAKEN;
    json_decref(body);
    return rc;
}

int followed_take(struct ledger *ledger, struct followed *followed, const struct event *events,
                  size_t count, struct err *err)
{
    int rc = FOLLOWED;
    for (size_t i = 0; i < count && rc == FOLLOWED; i++)
        rc = take_event(ledger, followed, &events[i], false, err);
    return rc;
}

static int fold(struct ledger *ledger, struct followed *followed, struct err *err)
{
    size_t count = PAGE;
    int rc = FOLLOWED;
    while (count == PAGE && rc == FOLLOWED) {
        struct arena arena = {0};
        struct event *events;
        rc = ledger_read(ledger, followed->id, followed->next_seq, PAGE, &arena, &events, &count,
                         err);
        for (size_t i = 0; i < count && rc == FOLLOWED; i++)
            rc = take_event(ledger, followed, &events[i], true, err);
        arena_fini(&arena);
    }
    return rc;
}

struct memo *followed_memo(struct followed *followed, const char *step)
{
    int64_t index = flow_step_index(followed->flow, step);
    if (index >= 0)
        return &followed->memos[index];
    return str_eq(step, "on_failure") ? &followed->memos[followed->flow->step_count] : NULL;
}

static const char *static_state(const char *state)
{
    static const char *const states[] = {"pending", "running", "waiting",  "done",      "skipped",
                                         "not_run", "failed",  "rejected", "cancelled", NULL};
    for (size_t i = 0; states[i]; i++)
        if (str_eq(state, states[i]))
            return states[i];
    return "running";
}

static void remember(struct followed *followed, const struct step *row)
{
    struct arena *arena = &followed->arena;
    struct memo *memo = followed_memo(followed, row->path);
    if (!memo || (memo->state && memo->round > row->round))
        return;
    *memo = (struct memo){
        .state = static_state(row->state),
        .task = arena_strdup(arena, row->task),
        .child_run = arena_strdup(arena, row->child_run),
        .approval = arena_strdup(arena, row->approval),
        .effect = arena_strdup(arena, row->effect),
        .job = arena_strdup(arena, row->job),
        .feedback = arena_strdup(arena, row->feedback),
        .waits = str_eq(row->state, "waiting") ? arena_strdup(arena, row->reason) : NULL,
        .round = row->round,
        .tries = row->tries,
        .ready_at = row->ready_at,
    };
}

static int load_memos(struct ledger *ledger, struct followed *followed, struct err *err)
{
    struct arena arena = {0};
    void *rows;
    size_t count, all = followed->flow->step_count + 1;
    followed->memos = arena_alloc(&followed->arena, all * sizeof(*followed->memos));
    int rc = ledger_query(ledger, LIST_STEPS, followed->id, NULL, 0, all * (LIMIT_FLOW_ROUNDS + 1),
                          &arena, &rows, &count, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        remember(followed, &((const struct step *)rows)[i]);
    arena_fini(&arena);
    return rc;
}

/* What the run is pinned to. */
static int pin(struct definitions *definitions, struct followed *followed, struct err *err)
{
    int rc = definitions_get(definitions, followed->row.definition, &followed->bundle, err);
    if (rc)
        return rc < 0 ? -1 : FOLLOWED_STUCK;
    followed->flow = flow_bundle_find(followed->bundle, followed->row.entry);
    if (followed->flow)
        return FOLLOWED;
    err_set(err, "bad_definition", "its definition has no workflow \"%.100s\" that is sound",
            followed->row.entry);
    return FOLLOWED_STUCK;
}

/* Only what the engine needs: inputs and output may be large, and the interpreter has them. */
static int load_row(struct ledger *ledger, struct followed *followed, struct err *err)
{
    struct arena arena = {0}, *own = &followed->arena;
    struct run row = {.id = followed->id};
    int rc = ledger_get(ledger, &run_record, &row, &arena, err);
    if (rc == 0)
        followed->row = (struct run){
            .id = followed->id,
            .task = arena_strdup(own, row.task),
            .root = arena_strdup(own, row.root),
            .name = arena_strdup(own, row.name),
            .definition = arena_strdup(own, row.definition),
            .entry = arena_strdup(own, row.entry),
            .caller = arena_strdup(own, row.caller),
            .waiting = arena_strdup(own, row.waiting),
            .decided = row.decided,
        };
    struct root root = {.id = row.root};
    bool open = rc == 0 && !run_state_is_terminal(row.state);
    if (open && row.parent_run)
        rc = ledger_get(ledger, &root_record, &root, &arena, err);
    if (root.owner)
        followed->row.caller = arena_strdup(own, root.owner);
    arena_fini(&arena);
    return rc < 0 ? -1 : open ? FOLLOWED : FOLLOWED_ENDED;
}

int followed_open(struct ledger *ledger, struct definitions *definitions, const char *run,
                  struct followed **followed, struct err *err)
{
    struct followed *made = mem_zalloc(sizeof(*made));
    *followed = NULL;
    *err = (struct err){0};
    snprintf(made->id, sizeof(made->id), "%s", run);
    made->last = &made->facts;
    made->next_seq = 1;
    int rc = load_row(ledger, made, err);
    if (rc == FOLLOWED)
        rc = pin(definitions, made, err);
    if (rc == FOLLOWED) {
        made->state = flow_run_open(made->flow, made->id);
        rc = load_memos(ledger, made, err);
    }
    if (rc == FOLLOWED)
        rc = fold(ledger, made, err);
    if (rc == FOLLOWED || rc == FOLLOWED_STUCK)
        *followed = made;
    else
        followed_close(made, definitions);
    return rc;
}

void followed_close(struct followed *followed, struct definitions *definitions)
{
    if (!followed)
        return;
    while (followed->facts) {
        struct fact *fact = followed->facts;
        followed->facts = fact->next;
        fact_free(fact);
    }
    flow_run_close(followed->state);
    if (followed->bundle)
        definitions_put(definitions, followed->bundle);
    arena_fini(&followed->arena);
    free(followed);
}

size_t followed_bytes(const struct followed *followed)
{
    return OF_A_FOLLOWED + followed->flow->step_count * sizeof(*followed->memos) +
           flow_run_bytes(followed->state);
}
