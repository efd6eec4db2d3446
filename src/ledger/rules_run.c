/* DEFINE, RUN_START, SIGNAL: what a run is pinned to, its beginning, a word from outside. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/rules.h"
#include "ledger/run.h"
#include "ledger/submit.h"

int rule_define(struct tx *tx, const struct op *op)
{
    struct definition definition = *op->definition, known = {.sha256 = definition.sha256};
    char hex[HASH_HEX] = "";
    if (definition.text)
        hash_hex(definition.text, strlen(definition.text), hex);
    if (!definition.text || !str_eq(definition.sha256, hex))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_definition",
                         "A definition is kept under the hash of its text, %s; not under %s.", hex,
                         definition.sha256 ? definition.sha256 : "none");
    int rc = tx_get(tx, &definition_record, &known);
    if (rc != LEDGER_NONE)
        return rc;
    definition.text_blob = NULL;
    definition.created_at = tx->now;
    rc = tx_spill(tx, &definition.text, &definition.text_blob, LIMIT_INLINE);
    return rc ? rc : tx_put(tx, &definition_record, &definition);
}

static int start_check(struct tx *tx, const struct run *run)
{
    struct definition definition = {.sha256 = run->definition};
    int rc = tx_get(tx, &definition_record, &definition);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_definition", "There is no definition %s.", run->definition);
    return rc;
}

int rule_run_start(struct tx *tx, const struct op *op)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task));
    struct run *run = arena_alloc(tx->arena, sizeof(*run));
    int rc = run_fill(tx, op->start, task, run);
    if (rc == 0 && task->parent)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_run",
                         "A run inside a run is started by a decision of that run.");
    task->run = task->step = NULL;
    run->parent_run = run->parent_step = NULL;
    if (rc == 0)
        rc = submit_check(tx, task);
    if (rc == LEDGER_DUP)
        snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", run->id);
    if (rc == 0)
        rc = start_check(tx, run);
    if (rc == 0)
        rc = submit_root(tx, task, op);
    return rc ? rc : run_write(tx, task, run, op->start->seed);
}

int rule_signal(struct tx *tx, const struct op *op)
{
    const struct signal_op *ask = op->signal;
    struct run run;
    json_t *payload;
    int rc = run_get(tx, ask->run, &run);
    if (rc)
        return rc;
    if (run_state_is_terminal(run.state))
        return tx_refuse(tx, LEDGER_CONFLICT, "ended", "Run %s has ended: %s.", run.id, run.state);
    if (str_is_empty(ask->name) || strlen(ask->name) > LIMIT_SIGNAL_NAME)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_signal",
                         "A signal has a name of 1 to %d characters.", LIMIT_SIGNAL_NAME);
    payload = ask->payload ? json_parse(ask->payload, strlen(ask->payload), NULL) : json_null();
    if (!payload)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_signal", "What comes with signal %s is no JSON.",
                         ask->name);
    json_t *body = json_pack("{s:o}", "payload", payload);
    json_set_text(body, "name", ask->name);
    json_set_text(body, "by", tx->actor);
    return run_fact(tx, run.id, "signal.received", body);
}
