/* A portion of runs: load, tell, decide; then one batch for all of them, and where that is refused,
 * one for each. */
#include <stdio.h>
#include <string.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/cache.h"
#include "engine/followed.h"
#include "engine/look.h"

enum {
    PAGE = 256,     /* events of one read */
    DUE_PAGE = 200, /* runs of one look at what is due: a row may have 16 kB of inputs */
    DECISIONS = 8,  /* of one run in one batch: then others are looked at */
    DECISION_OPS =
        1 + FLOW_ACTIONS_MAX, /* of one decision: itself, and who was chosen for each task */
    SALTS = 4,                /* that many ids of an approval are tried */
    TROUBLE_MS = 1000,        /* the ledger did not answer */
    IDLE_TIMER_MS = 1000,     /* a timer that comes to nothing does not spin */
    DUE_AGAIN_MS = 50,        /* all that is due is being looked at already */
};

/* One run of the portion. */
struct view {
    const struct looking *looking;
    const char *run;
    struct followed *followed;
    size_t first_op, op_count; /* in the sheet */
    json_t *actions[DECISIONS];
    size_t decisions;
    bool is_stuck, again, in_trouble;
};

/* One batch. */
struct sheet {
    const struct looking *looking;
    struct arena arena;
    struct op ops[LIMIT_BATCH_OPS];
    size_t op_count;
    struct view views[PORTION_RUNS];
    size_t view_count;
};

static struct op *add_op(struct sheet *sheet, struct view *view, enum op_type type)
{
    struct op *op = &sheet->ops[sheet->op_count++];
    *op = (struct op){.type = type};
    view->op_count++;
    return op;
}

static void drop(struct view *view)
{
    followed_close(view->followed, view->looking->definitions);
    view->followed = NULL;
}

static void trouble(struct view *view, const char *message)
{
    log_warn("run %s waits: %s", view->run, message);
    drop(view);
    view->again = view->in_trouble = true;
}

/* It is marked, said once, and left to people: `hq flow cancel` ends it. */
static void mark_stuck(struct sheet *sheet, struct view *view, const char *why)
{
    struct run_decision *decision = arena_alloc(&sheet->arena, sizeof(*decision));
    const struct run *row = &view->followed->row;
    decision->run = view->run;
    decision->expect = row->decided;
    decision->stuck = arena_printf(&sheet->arena, "cannot be followed: %s", why);
    if (!str_eq(row->waiting, decision->stuck))
        log_error("run %s (%s) %s", view->run, row->name, decision->stuck);
    view->is_stuck = true;
    view->op_count = 1;
    sheet->ops[view->first_op] = (struct op){.type = OP_RUN_DECIDE, .decision = decision};
}

/* The events behind those that were read for all of the portion. A followed_outcome, or -1. */
static int catch_up(struct view *view, size_t count, struct err *err)
{
    struct ledger *ledger = view->looking->drafting.ledger;
    int rc = FOLLOWED;
    while (count == PAGE && rc == FOLLOWED) {
        struct arena arena = {0};
        struct event *events;
        rc = ledger_read(ledger, view->run, view->followed->next_seq, PAGE, &arena, &events, &count,
                         err);
        if (rc == 0)
            rc = followed_take(ledger, view->followed, events, count, err);
        arena_fini(&arena);
    }
    return rc;
}

/* A followed_outcome, or -1; view->followed is the run as it is now. `news` is what its stream has
 * beyond what a run of the cache knows. */
static int load(struct view *view, const struct ledger_look *news, struct err *err)
{
    const struct looking *looking = view->looking;
    int rc = FOLLOWED_OVERTAKEN;
    if (view->followed)
        rc =
            followed_take(looking->drafting.ledger, view->followed, news->events, news->count, err);
    if (view->followed && rc == FOLLOWED)
        rc = catch_up(view, news->count, err);
    if (rc != FOLLOWED_OVERTAKEN)
        return rc;
    drop(view);
    return followed_open(looking->drafting.ledger, looking->definitions, view->run, &view->followed,
                         err);
}

static void add_draft(struct sheet *sheet, struct view *view, json_t *actions, int64_t time_at)
{
    struct draft *draft = arena_alloc(&sheet->arena, sizeof(*draft));
    *draft = (struct draft){.with = &view->looking->drafting,
                            .followed = view->followed,
                            .arena = &sheet->arena,
                            .now = ledger_now(view->looking->drafting.ledger)};
    draft_make(draft, actions, time_at);
    struct run *row = &draft->decision.row;
    if (time_at && row->ready_at && row->ready_at <= time_at && json_array_size(actions) == 0)
        row->ready_at = draft->now + IDLE_TIMER_MS;
    add_op(sheet, view, OP_RUN_DECIDE)->decision = &draft->decision;
    for (size_t i = 0; i < draft->routed_count; i++)
        add_op(sheet, view, OP_EVENT)->event = &draft->routed[i];
}

/* The facts that wait, then the time: what is started now has its whole timeout before it, also
 * where the facts are older because nobody looked. *told: there was something. */
static int tell(struct view *view, bool *told, int64_t *time_at, struct err *err)
{
    struct followed *followed = view->followed;
    int64_t now = ledger_now(view->looking->drafting.ledger);
    *told = followed_has_facts(followed);
    int rc = followed_tell(followed, INT64_MAX, err);
    *time_at = 0;
    if (rc != FOLLOWED)
        return rc;
    int64_t wake_at = flow_run_wake_at(followed->state);
    *time_at = *told || (wake_at && wake_at <= now) ? now : 0;
    return *time_at ? followed_tell_time(followed, now, err) : rc;
}

/* All decisions that are due, as many as the sheet has room for. A followed_outcome. */
static int decide(struct sheet *sheet, struct view *view, struct err *err)
{
    struct followed *followed = view->followed;
    int64_t time_at;
    bool told;
    int rc = tell(view, &told, &time_at, err);
    for (bool go_on = told || time_at || followed->more; go_on && rc == FOLLOWED;
         go_on = followed->more) {
        view->again =
            view->decisions == DECISIONS || sheet->op_count + DECISION_OPS > LIMIT_BATCH_OPS;
        if (view->again)
            break;
        json_t *actions = flow_run_decide(followed->state, &followed->more);
        view->actions[view->decisions++] = actions;
        add_draft(sheet, view, actions, time_at);
        time_at = 0;
    }
    return rc;
}

static void look(struct sheet *sheet, struct view *view, const struct ledger_look *news)
{
    struct err err = {0};
    view->first_op = sheet->op_count;
    view->op_count = 0;
    if (ledger_is_paused(view->looking->drafting.ledger)) {
        drop(view); /* a resume makes all that is due known again */
        return;
    }
    int rc = load(view, news, &err);
    if (rc == FOLLOWED)
        rc = decide(sheet, view, &err);
    if (rc == FOLLOWED_STUCK) {
        mark_stuck(sheet, view, err.message);
        sheet->op_count = view->first_op + 1;
    } else if (rc < 0)
        trouble(view, err.message);
}

/* What was decided is on disk. */
static void keep(struct view *view)
{
    const struct looking *looking = view->looking;
    if (view->is_stuck)
        drop(view);
    else if (view->followed)
        cache_put(looking->cache, view->followed);
    view->followed = NULL;
}

static int apply(struct sheet *sheet, size_t first, size_t count, struct outcome *outcome,
                 struct err *err)
{
    struct batch batch = {.actor = "engine", .ops = sheet->ops + first, .count = count};
    *outcome = (struct outcome){0};
    crash_point("engine.decide.before");
    int rc = ledger_apply(sheet->looking->drafting.ledger, &batch, outcome, err);
    crash_point("engine.decide.after");
    return rc;
}

static void view_clear(struct view *view)
{
    for (size_t i = 0; i < view->decisions; i++)
        json_decref(view->actions[i]);
    view->decisions = 0;
}

/* The ledger did not take this run's decisions. Where another one was faster they are drawn up
 * anew; what a rule says no to would be refused again and again. */
static void refused(struct sheet *sheet, struct view *view, const struct outcome *outcome)
{
    struct err err = {0};
    struct outcome marked;
    bool overtaken = outcome->status == LEDGER_CONFLICT;
    bool is_final = str_eq(outcome->code, "ended") || str_eq(outcome->code, "paused");
    if (outcome->status == LEDGER_BUSY) {
        trouble(view, outcome->message);
        return;
    }
    if (!overtaken && !view->is_stuck) {
        mark_stuck(sheet, view, outcome->message);
        if (apply(sheet, view->first_op, 1, &marked, &err) < 0)
            log_warn("run %s: %s", view->run, err.message);
    }
    view->again = view->again || (overtaken && !is_final);
    drop(view);
}

/* One by one: a refusal concerns its own run only. */
static void apply_each(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->view_count; i++) {
        struct view *view = &sheet->views[i];
        struct err err = {0};
        struct outcome outcome;
        if (view->op_count == 0)
            continue;
        if (apply(sheet, view->first_op, view->op_count, &outcome, &err) < 0)
            trouble(view, err.message);
        else if (outcome.status == LEDGER_OK)
            keep(view);
        else
            refused(sheet, view, &outcome);
    }
}

static void give_back(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->view_count; i++) {
        const struct view *view = &sheet->views[i];
        if (view->again)
            queue_add(sheet->looking->queue, view->run);
        queue_done(sheet->looking->queue, view->run);
    }
}

/* Ends the sheet: its decisions are on disk, or drawn up anew. */
static void flush(struct sheet *sheet)
{
    struct err err = {0};
    struct outcome outcome = {.status = LEDGER_OK};
    int rc = sheet->op_count ? apply(sheet, 0, sheet->op_count, &outcome, &err) : 0;
    bool later = rc < 0 || outcome.status == LEDGER_BUSY, pause = false;
    if (!later && outcome.status != LEDGER_OK)
        apply_each(sheet);
    for (size_t i = 0; i < sheet->view_count; i++) {
        struct view *view = &sheet->views[i];
        if (later && view->op_count > 0)
            trouble(view, rc < 0 ? err.message : outcome.message);
        else if (view->followed)
            keep(view);
        view_clear(view);
        pause = pause || view->in_trouble;
    }
    if (pause)
        queue_pause(sheet->looking->queue, TROUBLE_MS);
    give_back(sheet);
    sheet->op_count = sheet->view_count = 0;
    arena_fini(&sheet->arena);
}

/* Takes the runs that are in the cache, and reads what is new of all of them at once. */
static int take_known(const struct looking *looking, const struct portion *portion,
                      struct followed **known, struct ledger_look *news, struct arena *arena)
{
    struct err err;
    struct ledger_look looks[PORTION_RUNS];
    size_t places[PORTION_RUNS], count = 0;
    for (size_t i = 0; i < portion->count; i++) {
        news[i] = (struct ledger_look){0};
        known[i] = cache_take(looking->cache, portion->runs[i]);
        if (!known[i])
            continue;
        places[count] = i;
        looks[count++] =
            (struct ledger_look){.stream = known[i]->id, .from_seq = known[i]->next_seq};
    }
    if (count == 0)
        return 0;
    if (ledger_read_many(looking->drafting.ledger, looks, count, PAGE, arena, &err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        news[places[i]] = looks[i];
    return 0;
}

void look_at(const struct looking *looking, const struct portion *portion)
{
    struct arena arena = {0};
    struct followed *known[PORTION_RUNS];
    struct ledger_look news[PORTION_RUNS];
    struct sheet *sheet = arena_alloc(&arena, sizeof(*sheet));
    sheet->looking = looking;
    bool read = take_known(looking, portion, known, news, &arena) == 0;
    for (size_t i = 0; i < portion->count; i++) {
        if (sheet->op_count + DECISION_OPS > LIMIT_BATCH_OPS)
            flush(sheet);
        struct view *view = &sheet->views[sheet->view_count++];
        *view = (struct view){.looking = looking, .run = portion->runs[i], .followed = known[i]};
        if (!read)
            drop(view); /* it is folded anew */
        look(sheet, view, &news[i]);
    }
    flush(sheet);
    arena_fini(&arena);
}

/* It stays due, and is looked for again when something is resumed. */
static bool is_paused(struct ledger *ledger, const struct run *run, struct arena *arena)
{
    struct err err;
    struct pause held = {0}, *list;
    struct task task = {.id = run->task};
    size_t count;
    ledger_pauses(ledger, arena, &list, &count);
    return count > 0 && ledger_get(ledger, &task_record, &task, arena, &err) == 0 &&
           ledger_pause_of(ledger, &task, arena, &held, &err) == 0 && held.id;
}

bool look_for_due(const struct looking *looking)
{
    struct ledger *ledger = looking->drafting.ledger;
    struct arena arena = {0};
    struct err err;
    void *rows;
    size_t count = 0, added = 0, paused = 0;
    int64_t now = ledger_now(ledger);
    if (ledger_is_paused(ledger))
        return false;
    int rc =
        ledger_query(ledger, LIST_RUNS_DUE, NULL, NULL, now, DUE_PAGE, &arena, &rows, &count, &err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct run *run = &((const struct run *)rows)[i];
        if (is_paused(ledger, run, &arena))
            paused++;
        else
            added += queue_add(looking->queue, run->id);
    }
    bool more = count == DUE_PAGE && added > 0;
    if (rc < 0 || (count == DUE_PAGE && added == 0))
        queue_due_in(looking->queue, rc < 0 || paused ? TROUBLE_MS : DUE_AGAIN_MS);
    arena_fini(&arena);
    return more;
}
