/* The limits of providers. What is decided inside a transaction counts what the same transaction
 * did before (tx->asks); the monitor itself changes only after a commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/gate.h"
#include "ledger/rules.h"

enum {
    WINDOW_MS = 60000,
    LAPSE_MS = 2000,      /* who was called and does not come loses its place */
    BACK_FIRST_MS = 2000, /* who stands in line is called; this is for when it is not */
    BACK_LAST_MS = 32000,
    WINDOW_CALLS = 100000, /* starts remembered per provider, at most: 800 kB */
};

struct in_line {
    char task[64];
    int64_t back_at; /* when it is awake at the latest */
    int64_t back_ms;
    bool called; /* woken because a place is free */
};

struct place {
    int64_t concurrent, per_minute; /* 0: no limit */
    int64_t running;
    int64_t *starts; /* ring of the last per_minute starts */
    size_t start_next;
    struct in_line *line;
    size_t count, cap;
};

void gate_init(struct gate *gate)
{
    *gate = (struct gate){0};
    pthread_mutex_init(&gate->mutex, NULL);
}

void gate_fini(struct gate *gate)
{
    const char *provider;
    void *value;
    for (size_t at = 0; map_next(&gate->places, &at, &provider, &value);) {
        struct place *place = value;
        free(place->starts);
        free(place->line);
        free(place);
    }
    map_fini(&gate->places);
    pthread_mutex_destroy(&gate->mutex);
}

static struct place *place_of(struct gate *gate, const char *provider)
{
    struct place *place = map_get(&gate->places, provider);
    if (!place) {
        place = mem_zalloc(sizeof(*place));
        map_put(&gate->places, provider, place);
    }
    return place;
}

void gate_limit(struct gate *gate, const char *provider, int64_t concurrent, int64_t per_minute)
{
    pthread_mutex_lock(&gate->mutex);
    struct place *place = place_of(gate, provider);
    place->concurrent = concurrent;
    place->per_minute = per_minute < WINDOW_CALLS ? per_minute : WINDOW_CALLS;
    free(place->starts);
    place->starts = NULL;
    place->start_next = 0;
    if (place->per_minute > 0) {
        place->starts = mem_alloc((size_t)place->per_minute * sizeof(*place->starts));
        for (int64_t i = 0; i < place->per_minute; i++)
            place->starts[i] = INT64_MIN;
    }
    pthread_mutex_unlock(&gate->mutex);
}

void gate_load(struct gate *gate, const char *provider)
{
    pthread_mutex_lock(&gate->mutex);
    place_of(gate, provider)->running++;
    pthread_mutex_unlock(&gate->mutex);
}

/* ---- the line ---- */

static struct in_line *line_find(const struct place *place, const char *task)
{
    for (size_t i = 0; i < place->count; i++)
        if (strcmp(place->line[i].task, task) == 0)
            return &place->line[i];
    return NULL;
}

static void line_drop(struct place *place, const char *task)
{
    struct in_line *found = line_find(place, task);
    if (!found)
        return;
    size_t behind = place->count - (size_t)(found - place->line) - 1;
    memmove(found, found + 1, behind * sizeof(*found));
    place->count--;
}

static void line_join(struct place *place, const char *task, int64_t back_at, int64_t now)
{
    struct in_line *mine = line_find(place, task);
    if (!mine) {
        if (place->count == place->cap) {
            place->cap = place->cap ? place->cap * 2 : 16;
            place->line = mem_realloc(place->line, place->cap * sizeof(*place->line));
        }
        mine = &place->line[place->count++];
        *mine = (struct in_line){0};
        snprintf(mine->task, sizeof(mine->task), "%s", task);
    }
    mine->called = false;
    mine->back_at = back_at;
    mine->back_ms = back_at - now;
}

/* Forgets those who should have been back by now. */
static void line_lapse(struct place *place, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < place->count; i++)
        if (place->line[i].back_at + LAPSE_MS >= now)
            place->line[kept++] = place->line[i];
    place->count = kept;
}

/* ---- when may a task start ---- */

/* What this transaction has done to a provider so far. */
struct so_far {
    int64_t running, starts, joined;
};

static struct so_far so_far_of(const struct tx *tx, const char *provider)
{
    struct so_far far = {0};
    for (size_t i = 0; i < tx->ask_count; i++) {
        const struct ask *ask = &tx->asks[i];
        if (!str_eq(ask->provider, provider))
            continue;
        far.running += (ask->what == ASK_START) - (ask->what == ASK_END);
        far.starts += ask->what == ASK_START;
        far.joined += ask->what == ASK_LINE;
    }
    return far;
}

/* A start is free when the per_minute-th one before it is a minute old. Who stands in line in front
 * counts as a start at the time when it is back. */
static int64_t window_due(const struct place *place, const struct so_far *far, bool mine,
                          int64_t now)
{
    int64_t back = place->per_minute, ahead = mine ? 0 : (int64_t)place->count;
    if (back <= 0)
        return now;
    if (!mine && back <= far->joined)
        return now + WINDOW_MS;
    back -= mine ? 0 : far->joined;
    if (back <= ahead)
        return place->line[ahead - back].back_at + WINDOW_MS;
    back -= ahead;
    if (back <= far->starts)
        return now + WINDOW_MS;
    back -= far->starts;
    size_t size = (size_t)place->per_minute;
    int64_t start = place->starts[(place->start_next + size - (size_t)back) % size];
    return start == INT64_MIN ? now : start + WINDOW_MS;
}

static int64_t line_called(const struct place *place)
{
    int64_t called = 0;
    for (size_t i = 0; i < place->count; i++)
        called += place->line[i].called;
    return called;
}

/* The free places are for those who were called, then for the line, then for who comes new. */
static int64_t concurrent_due(const struct place *place, const struct so_far *far,
                              const struct in_line *mine, int64_t now)
{
    int64_t taken = place->running + far->running;
    if (!mine)
        taken += (int64_t)place->count + far->joined;
    else if (!mine->called)
        taken += line_called(place);
    if (place->concurrent <= 0 || taken < place->concurrent)
        return now;
    int64_t wait = mine ? mine->back_ms * 2 : BACK_FIRST_MS;
    wait = wait < BACK_FIRST_MS ? BACK_FIRST_MS : wait;
    return now + (wait < BACK_LAST_MS ? wait : BACK_LAST_MS);
}

/* Returns when it may start: now, or when it is to come back. */
static int64_t gate_due(struct tx *tx, const struct task *task, const char *provider,
                        const char **limit)
{
    struct gate *gate = tx->gate;
    pthread_mutex_lock(&gate->mutex);
    struct place *place = place_of(gate, provider);
    line_lapse(place, tx->now);
    struct so_far far = so_far_of(tx, provider);
    const struct in_line *mine = line_find(place, task->id);
    int64_t window = window_due(place, &far, mine != NULL, tx->now);
    int64_t places = concurrent_due(place, &far, mine, tx->now);
    pthread_mutex_unlock(&gate->mutex);
    *limit = window > tx->now ? "per_minute" : "concurrent";
    return window > places ? window : places;
}

/* ---- in a transaction ---- */

static void gate_note(struct tx *tx, int what, const char *provider, const char *task, int64_t at)
{
    tx_ask(tx, &(struct ask){.what = what, .provider = provider, .task = task, .at = at});
}

static int gate_park(struct tx *tx, const struct task *task, const char *provider, int64_t due)
{
    struct wait wait = {.kind = "rate", .id = arena_printf(tx->arena, "%lld", (long long)due)};
    struct op park = {
        .type = OP_PARK,
        .task_id = task->id,
        .fence = task->fence,
        .park = {.mode = "all", .waits = &wait, .count = 1},
    };
    gate_note(tx, ASK_LINE, provider, task->id, due);
    return rule_park(tx, &park);
}

int gate_enter(struct tx *tx, struct task *task, const char *provider, bool *parked)
{
    const char *limit;
    int64_t due = gate_due(tx, task, provider, &limit);
    *parked = due > tx->now;
    if (!*parked) {
        task->provider = provider;
        gate_note(tx, ASK_START, provider, task->id, tx->now);
        return 0;
    }
    json_t *body = json_pack("{s:s,s:I}", "limit", limit, "until", (json_int_t)due);
    json_set_text(body, "provider", provider);
    int rc = event_append(tx, task->id, "call.deferred", body);
    return rc ? rc : gate_park(tx, task, provider, due);
}

void gate_leave(struct tx *tx, struct task *task)
{
    if (task->provider)
        gate_note(tx, ASK_END, task->provider, task->id, tx->now);
    task->provider = NULL;
}

/* ---- after a commit ---- */

static void place_apply(struct place *place, const struct ask *ask, int64_t now)
{
    struct in_line *mine;
    switch (ask->what) {
    case ASK_START:
        place->running++;
        line_drop(place, ask->task);
        if (place->starts) {
            place->starts[place->start_next] = ask->at;
            place->start_next = (place->start_next + 1) % (size_t)place->per_minute;
        }
        break;
    case ASK_END:
        place->running--;
        break;
    case ASK_LINE:
        line_join(place, ask->task, ask->at, now);
        break;
    case ASK_WOKEN:
        mine = line_find(place, ask->task);
        if (mine) {
            mine->called = true;
            mine->back_at = ask->at;
        }
        break;
    case ASK_DROP:
        line_drop(place, ask->task);
        break;
    }
}

/* How many of the line may be called now; those who were and are on their way have their place. */
static int64_t place_free(const struct place *place, int64_t now)
{
    struct so_far nothing = {0};
    int64_t called = line_called(place);
    if (place->concurrent <= 0 || window_due(place, &nothing, true, now) > now)
        return 0;
    int64_t waiting = (int64_t)place->count - called;
    int64_t places = place->concurrent - place->running - called;
    return places < waiting ? places : waiting;
}

bool gate_apply(struct gate *gate, const struct ask *asks, size_t count, int64_t now)
{
    bool wake = false;
    pthread_mutex_lock(&gate->mutex);
    for (size_t i = 0; i < count; i++) {
        struct place *place = place_of(gate, asks[i].provider);
        place_apply(place, &asks[i], now);
        wake |= place_free(place, now) > 0;
    }
    pthread_mutex_unlock(&gate->mutex);
    return wake;
}

/* ---- waking ---- */

/* Copies who is to be called, per provider, into asks of the arena; *lapse: when the first of those
 * who were called loses its place. */
static size_t gate_callable(struct tx *tx, struct ask **list, int64_t *lapse)
{
    const char *provider;
    void *value;
    size_t count = 0, cap = 0;
    *lapse = INT64_MAX;
    pthread_mutex_lock(&tx->gate->mutex);
    for (size_t at = 0; map_next(&tx->gate->places, &at, &provider, &value);)
        cap += ((struct place *)value)->count;
    *list = arena_alloc(tx->arena, (cap + 1) * sizeof(**list));
    for (size_t at = 0; map_next(&tx->gate->places, &at, &provider, &value);) {
        struct place *place = value;
        line_lapse(place, tx->now);
        int64_t places = place_free(place, tx->now);
        for (size_t i = 0; i < place->count; i++) {
            if (place->line[i].called && place->line[i].back_at + LAPSE_MS < *lapse)
                *lapse = place->line[i].back_at + LAPSE_MS;
            if (place->line[i].called || places-- <= 0)
                continue;
            (*list)[count++] = (struct ask){
                .what = ASK_WOKEN,
                .provider = arena_strdup(tx->arena, provider),
                .task = arena_strdup(tx->arena, place->line[i].task),
                .at = tx->now,
            };
        }
    }
    pthread_mutex_unlock(&tx->gate->mutex);
    return count;
}

static int gate_call(struct tx *tx, struct ask *ask)
{
    struct task *task;
    struct wait *waits;
    size_t count;
    struct scan scan = {.record = &wait_record, .eq_count = 2};
    int rc = task_get(tx, ask->task, &task);
    if (rc)
        return rc;
    if (task_state_is_terminal(task->state))
        ask->what = ASK_DROP;
    tx_ask(tx, ask);
    if (!str_eq(task->state, TASK_WAITING))
        return 0;
    scan.eq[0] = value_text(task->id);
    scan.eq[1] = value_text("rate");
    rc = tx_scan(tx, &scan, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        waits[i].satisfied = true;
        rc = tx_put(tx, &wait_record, &waits[i]);
    }
    return rc ? rc : wait_timers(tx, task);
}

int gate_wake(struct tx *tx)
{
    struct ask *asks;
    int64_t lapse;
    size_t count = gate_callable(tx, &asks, &lapse);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = gate_call(tx, &asks[i]);
    if (count)
        tx_due(tx, tx->now + LAPSE_MS + 1);
    if (lapse != INT64_MAX)
        tx_due(tx, lapse + 1);
    return rc;
}
