/* Budgets: money, tokens or time set aside before it is spent. A child's limit is a reservation in
 * its parent, so looking at one row is enough to say yes. */
#include <stdio.h>

#include "base/str.h"
#include "ledger/rules.h"

static int budget_get(struct tx *tx, const char *id, struct budget *budget)
{
    *budget = (struct budget){.id = id};
    int rc = id ? tx_get(tx, &budget_record, budget) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_budget", "There is no budget %s.", id ? id : "(no id)");
    return rc;
}

static int budget_take(struct tx *tx, struct budget *budget, int64_t amount)
{
    int64_t left = budget->limit_value - budget->spent - budget->reserved;
    if (budget->limit_value >= 0 && amount > left)
        return tx_refuse(tx, LEDGER_REFUSED, "budget",
                         "Budget %s has %lld %s left; %lld were asked for.", budget->id,
                         (long long)(left > 0 ? left : 0), budget->unit ? budget->unit : "units",
                         (long long)amount);
    budget->reserved += amount;
    return tx_put(tx, &budget_record, budget);
}

static int budget_set_aside(struct tx *tx, const struct budget *child)
{
    struct budget parent;
    int rc = budget_get(tx, child->parent, &parent);
    if (rc)
        return rc;
    if (!str_eq(parent.unit, child->unit))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_budget", "Budget %s counts %s, its parent %s.",
                         child->id, child->unit ? child->unit : "nothing",
                         parent.unit ? parent.unit : "nothing");
    if (child->limit_value < 0 && parent.limit_value >= 0)
        return tx_refuse(tx, LEDGER_REFUSED, "budget",
                         "Budget %s needs a limit: its parent %s has one.", child->id, parent.id);
    return child->limit_value < 0 ? 0 : budget_take(tx, &parent, child->limit_value);
}

int rule_budget_open(struct tx *tx, const struct op *op)
{
    struct budget budget = *op->budget.budget, known = {.id = budget.id};
    if (str_is_empty(budget.id))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_budget", "A budget needs an id.");
    int rc = tx_get(tx, &budget_record, &known);
    if (rc == 0) {
        snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", budget.id);
        return tx_refuse(tx, LEDGER_DUP, "exists", "Budget %s exists already.", budget.id);
    }
    if (rc != LEDGER_NONE)
        return rc;
    if (budget.limit_value < 0)
        budget.limit_value = -1;
    budget.reserved = budget.spent = 0;
    rc = budget.parent ? budget_set_aside(tx, &budget) : 0;
    return rc ? rc : tx_put(tx, &budget_record, &budget);
}

int rule_budget_reserve(struct tx *tx, const struct op *op)
{
    struct budget budget;
    int rc = budget_get(tx, op->budget.budget->id, &budget);
    if (rc)
        return rc;
    if (op->budget.amount < 0)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_amount", "An amount is 0 or more, not %lld.",
                         (long long)op->budget.amount);
    return budget_take(tx, &budget, op->budget.amount);
}

static int64_t over_limit(const struct budget *budget)
{
    bool over = budget->limit_value >= 0 && budget->spent > budget->limit_value;
    return over ? budget->spent - budget->limit_value : 0;
}

/* What was spent beyond the limit was not set aside above: it is spent there too. */
static int budget_spend(struct tx *tx, struct budget *budget, int64_t spent)
{
    for (;;) {
        int64_t before = over_limit(budget);
        budget->spent += spent;
        spent = over_limit(budget) - before;
        int rc = tx_put(tx, &budget_record, budget);
        if (rc || spent == 0 || !budget->parent)
            return rc;
        rc = budget_get(tx, budget->parent, budget);
        if (rc)
            return rc;
    }
}

int rule_budget_settle(struct tx *tx, const struct op *op)
{
    struct budget budget;
    int rc = budget_get(tx, op->budget.budget->id, &budget);
    if (rc)
        return rc;
    if (op->budget.amount < 0 || op->budget.spent < 0)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_amount", "Amounts are 0 or more.");
    if (op->budget.amount > budget.reserved)
        return tx_refuse(tx, LEDGER_CONFLICT, "not_reserved",
                         "Budget %s has %lld reserved; %lld cannot be settled.", budget.id,
                         (long long)budget.reserved, (long long)op->budget.amount);
    budget.reserved -= op->budget.amount;
    return budget_spend(tx, &budget, op->budget.spent);
}
