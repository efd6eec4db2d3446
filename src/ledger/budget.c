/* The chain of budgets: two rows per owner, one per unit, each naming the one above it. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/budget.h"
#include "ledger/commit.h"
#include "ledger/event.h"
#include "ledger/tx.h"

enum { USD, TOKENS, UNITS };

static const struct unit {
    const char *suffix, *name;
} units[UNITS] = {{"usd", "micro_usd"}, {"tokens", "tokens"}};

/* By unit. */
struct sums {
    int64_t of[UNITS];
};

static struct sums sums_of(struct amount amount)
{
    return (struct sums){{amount.micro_usd, amount.tokens}};
}

static struct sums sums_reserved(const struct task *task)
{
    return (struct sums){{task->reserved_micro_usd, task->reserved_tokens}};
}

static bool sums_any(struct sums sums)
{
    return sums.of[USD] > 0 || sums.of[TOKENS] > 0;
}

static const char *row_id(struct tx *tx, const char *owner, int unit)
{
    return owner ? arena_printf(tx->arena, "%s/%s", owner, units[unit].suffix) : NULL;
}

static const char *owner_of(struct tx *tx, const struct budget *row)
{
    char *owner = arena_strdup(tx->arena, row->id);
    *strrchr(owner, '/') = '\0';
    return owner;
}

static int64_t left_in(const struct budget *row)
{
    int64_t left = row->limit_value - row->spent - row->reserved;
    return left > 0 ? left : 0;
}

/* Four places are what people read prices in; small calls need all six. */
static const char *print_sum(struct tx *tx, int unit, int64_t sum)
{
    if (unit == TOKENS)
        return arena_printf(tx->arena, "%lld tokens", (long long)sum);
    long long dollars = sum / 1000000, rest = sum % 1000000;
    return rest % 100 ? arena_printf(tx->arena, "$%lld.%06lld", dollars, rest)
                      : arena_printf(tx->arena, "$%lld.%04lld", dollars, rest / 100);
}

/* ---- rows ---- */

static int row_get(struct tx *tx, const char *id, struct budget *row)
{
    *row = (struct budget){.id = id};
    int rc = tx_get(tx, &budget_record, row);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_budget", "There is no budget %s.", id);
    return rc;
}

static int rows_open(struct tx *tx, const char *owner, const char *above, struct sums limit)
{
    int rc = 0;
    for (int unit = 0; unit < UNITS && rc == 0; unit++) {
        struct budget row = {
            .id = row_id(tx, owner, unit),
            .parent = row_id(tx, above, unit),
            .unit = units[unit].name,
            .limit_value = limit.of[unit],
        };
        rc = tx_put(tx, &budget_record, &row);
    }
    return rc;
}

static json_t *json_sums(struct sums sums)
{
    return json_pack("{s:I,s:I}", units[USD].name, (json_int_t)sums.of[USD], units[TOKENS].name,
                     (json_int_t)sums.of[TOKENS]);
}

/* The period's rows are made by the first request in it; a changed configuration changes them. */
static int company_open(struct tx *tx, const struct root_budget *asked)
{
    struct sums limit = sums_of(asked->company_limit);
    bool same = true;
    int rc = 0;
    for (int unit = 0; unit < UNITS && rc == 0; unit++) {
        struct budget row = {.id = row_id(tx, asked->company, unit), .unit = units[unit].name};
        rc = tx_get(tx, &budget_record, &row);
        if (rc == 0 && row.limit_value == limit.of[unit])
            continue;
        if (rc && rc != LEDGER_NONE)
            return rc;
        same = false;
        row.limit_value = limit.of[unit];
        rc = tx_put(tx, &budget_record, &row);
    }
    if (rc || same)
        return rc;
    json_t *body = json_pack("{s:o}", "limit", json_sums(limit));
    json_set_text(body, "owner", asked->company);
    return event_append(tx, "system", "budget.opened", body);
}

int budget_open_root(struct tx *tx, struct root *root, const struct root_budget *asked)
{
    if (!asked)
        return 0;
    int rc = asked->company ? company_open(tx, asked) : 0;
    if (rc == 0)
        rc = rows_open(tx, root->id, asked->company, sums_of(asked->limit));
    root->budget = root->id;
    return rc;
}

/* ---- walks up the chain ---- */

/* Finds the lowest level that has less than `asked` left; *found is false where all have. */
static int chain_short(struct tx *tx, const char *owner, int unit, int64_t asked,
                       struct budget *row, bool *found)
{
    *found = false;
    for (const char *id = row_id(tx, owner, unit); id; id = row->parent) {
        int rc = row_get(tx, id, row);
        if (rc)
            return rc;
        *found = row->limit_value >= 0 && asked > left_in(row);
        if (*found)
            return 0;
    }
    return 0;
}

/* What is added to every level of a chain, and how each stands after it. */
struct booking {
    struct sums reserved, spent;
    json_t *levels;
    bool over; /* a level is past its limit */
};

static void book_row(struct booking *booking, int unit, struct budget *row)
{
    row->reserved += booking->reserved.of[unit];
    row->spent += booking->spent.of[unit];
    booking->over |= row->limit_value >= 0 && row->spent + row->reserved > row->limit_value;
    json_t *level = json_pack("{s:I,s:I,s:I}", "limit", (json_int_t)row->limit_value, "spent",
                              (json_int_t)row->spent, "reserved", (json_int_t)row->reserved);
    json_set_text(level, "budget", row->id);
    json_array_append_new(booking->levels, level);
}

static int chain_book(struct tx *tx, const char *owner, struct booking *booking)
{
    booking->levels = json_array();
    for (int unit = 0; unit < UNITS; unit++) {
        if (booking->reserved.of[unit] == 0 && booking->spent.of[unit] == 0)
            continue;
        struct budget row;
        for (const char *id = row_id(tx, owner, unit); id; id = row.parent) {
            int rc = row_get(tx, id, &row);
            if (rc)
                return rc;
            book_row(booking, unit, &row);
            rc = tx_put(tx, &budget_record, &row);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int book_event(struct tx *tx, const struct task *task, const char *type, json_t *body,
                      const struct booking *booking)
{
    json_set_text(body, "owner", task->budget);
    json_object_set(body, "levels", booking->levels);
    return event_append(tx, task->id, type, body);
}

/* ---- a child's own limit ---- */

static int child_fits(struct tx *tx, const struct task *parent, struct sums limit)
{
    for (int unit = 0; unit < UNITS; unit++) {
        struct budget row;
        bool found;
        int rc = chain_short(tx, parent->budget, unit, limit.of[unit], &row, &found);
        if (rc)
            return rc;
        if (found)
            return tx_refuse(tx, LEDGER_REFUSED, "budget",
                             "A budget of %s cannot be given: of %s there is %s left.",
                             print_sum(tx, unit, limit.of[unit]), owner_of(tx, &row),
                             print_sum(tx, unit, left_in(&row)));
    }
    return 0;
}

int budget_open_child(struct tx *tx, struct task *child, const struct task *parent,
                      struct amount limit)
{
    struct sums asked = sums_of(limit);
    child->budget = parent->budget;
    if (asked.of[USD] < 0 && asked.of[TOKENS] < 0)
        return 0;
    int rc = parent->budget ? child_fits(tx, parent, asked) : 0;
    if (rc)
        return rc;
    child->budget = child->id;
    return rows_open(tx, child->id, parent->budget, asked);
}

/* ---- a model call ---- */

static const char *level_name(struct tx *tx, const struct task *task, const char *owner)
{
    if (str_starts(owner, "company:"))
        return arena_printf(tx->arena, "The company's budget (%s)", owner);
    if (str_eq(owner, task->root))
        return arena_printf(tx->arena, "The budget of request %s", owner);
    return arena_printf(tx->arena, "The budget of task %s", owner);
}

static int reserve_refuse(struct tx *tx, const struct task *task, const struct budget *row,
                          int64_t asked, const char **refused)
{
    int unit = str_eq(row->unit, units[USD].name) ? USD : TOKENS;
    const char *aside = row->reserved > 0 ? arena_printf(tx->arena, ", %s set aside for open calls",
                                                         print_sum(tx, unit, row->reserved))
                                          : "";
    *refused =
        arena_printf(tx->arena, "%s is used up: limit %s, spent %s%s; this model call may need %s.",
                     level_name(tx, task, owner_of(tx, row)), print_sum(tx, unit, row->limit_value),
                     print_sum(tx, unit, row->spent), aside, print_sum(tx, unit, asked));
    json_t *body = json_pack("{s:I,s:I,s:I,s:I}", "limit", (json_int_t)row->limit_value, "spent",
                             (json_int_t)row->spent, "reserved", (json_int_t)row->reserved, "asked",
                             (json_int_t)asked);
    json_set_text(body, "budget", row->id);
    return event_append(tx, task->id, "budget.refused", body);
}

/* A call without a price can be held to no limit in dollars. */
static int unpriced_refuse(struct tx *tx, const struct task *task, const char **refused)
{
    struct budget row;
    bool found;
    int rc = chain_short(tx, task->budget, USD, INT64_MAX, &row, &found);
    if (rc || !found)
        return rc;
    *refused = arena_printf(tx->arena,
                            "%s has a limit in dollars, %s, and this model has no price: it is not "
                            "asked. Give its provider a price in hq.yaml.",
                            level_name(tx, task, owner_of(tx, &row)),
                            print_sum(tx, USD, row.limit_value));
    json_t *body = json_pack("{s:I,s:b}", "limit", (json_int_t)row.limit_value, "unpriced", 1);
    json_set_text(body, "budget", row.id);
    return event_append(tx, task->id, "budget.refused", body);
}

int budget_reserve(struct tx *tx, struct task *task, struct amount asked, const char **refused)
{
    struct booking booking = {.reserved = sums_of(asked)};
    *refused = NULL;
    if (task->budget && asked.micro_usd < 0) {
        int rc = unpriced_refuse(tx, task, refused);
        if (rc || *refused)
            return rc;
    }
    for (int unit = 0; unit < UNITS; unit++)
        if (booking.reserved.of[unit] < 0)
            booking.reserved.of[unit] = 0;
    if (!task->budget || !sums_any(booking.reserved))
        return 0;
    for (int unit = 0; unit < UNITS; unit++) {
        struct budget row;
        bool found;
        int64_t sum = booking.reserved.of[unit];
        int rc = sum ? chain_short(tx, task->budget, unit, sum, &row, &found) : 0;
        if (rc)
            return rc;
        if (sum && found)
            return reserve_refuse(tx, task, &row, sum, refused);
    }
    task->reserved_micro_usd = booking.reserved.of[USD];
    task->reserved_tokens = booking.reserved.of[TOKENS];
    int rc = chain_book(tx, task->budget, &booking);
    if (rc == 0)
        rc = book_event(tx, task, "budget.reserved",
                        json_pack("{s:o}", "reserved", json_sums(booking.reserved)), &booking);
    json_decref(booking.levels);
    return rc;
}

/* Takes what was set aside out of the chain and books `spent` instead. */
static int reserved_end(struct tx *tx, struct task *task, struct sums spent, const char *type)
{
    struct sums reserved = sums_reserved(task);
    struct booking booking = {.spent = spent};
    bool over = false;
    for (int unit = 0; unit < UNITS; unit++) {
        booking.reserved.of[unit] = -reserved.of[unit];
        over |= spent.of[unit] > reserved.of[unit];
    }
    task->reserved_micro_usd = task->reserved_tokens = 0;
    if (!task->budget || (!sums_any(reserved) && !sums_any(spent)))
        return 0;
    int rc = chain_book(tx, task->budget, &booking);
    json_t *body =
        json_pack("{s:o,s:o}", "reserved", json_sums(reserved), "spent", json_sums(spent));
    if (over) /* more than was counted beforehand, or nothing was */
        json_object_set_new(body, "exceeds_reserved", json_true());
    if (booking.over)
        json_object_set_new(body, "exceeds_limit", json_true());
    if (rc == 0)
        rc = book_event(tx, task, type, body, &booking);
    else
        json_decref(body);
    json_decref(booking.levels);
    return rc;
}

/* A call that was reserved with a price and came back without one is booked at what was set aside:
 * never less than it may have cost. */
int budget_settle(struct tx *tx, struct task *task, const struct call *call)
{
    struct sums spent = {{call->cost_micro_usd, call->tokens_in + call->tokens_out}};
    if (call->cost_micro_usd < 0)
        spent.of[USD] = task->reserved_micro_usd;
    return reserved_end(tx, task, spent, "budget.settled");
}

int budget_return(struct tx *tx, struct task *task)
{
    return reserved_end(tx, task, (struct sums){{0}}, "budget.returned");
}

int budget_lose(struct tx *tx, struct task *task)
{
    if (!sums_any(sums_reserved(task)))
        return 0;
    return reserved_end(tx, task, sums_reserved(task), "budget.lost");
}

/* ---- what is left ---- */

static int chain_left(struct tx *tx, const char *owner, int unit, int64_t *left)
{
    struct budget row;
    *left = -1;
    for (const char *id = row_id(tx, owner, unit); id; id = row.parent) {
        row = (struct budget){.id = id};
        int rc = tx_get(tx, &budget_record, &row);
        if (rc)
            return rc == LEDGER_NONE ? 0 : rc;
        if (row.limit_value >= 0 && (*left < 0 || left_in(&row) < *left))
            *left = left_in(&row);
    }
    return 0;
}

int ledger_budget_left(struct ledger *ledger, const struct task *task, struct amount *left,
                       struct err *err)
{
    struct arena arena = {0};
    struct tx tx = {.store = ledger->store, .arena = &arena, .err = err};
    *left = (struct amount){-1, -1};
    if (!task->budget)
        return 0;
    turnstile_enter(&ledger->turn);
    int rc = atomic_load(&ledger->broken) ? commit_broken(err) : 0;
    if (rc == 0)
        rc = chain_left(&tx, task->budget, USD, &left->micro_usd);
    if (rc == 0)
        rc = chain_left(&tx, task->budget, TOKENS, &left->tokens);
    turnstile_leave(&ledger->turn);
    arena_fini(&arena);
    return rc == 0 ? 0 : -1;
}
