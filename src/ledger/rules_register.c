/* REGISTER: a process says that it serves an agent. The same nonce re-attaches; a new one is a new
 * incarnation, and what the old one worked on is free at once. */
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/pause.h"
#include "ledger/rules.h"

enum { REGISTER_PAGE = 100 };

/* Frees the tasks of the agent that others work on; each leaves the walked state. */
static int register_free(struct tx *tx, const char *agent)
{
    struct scan scan = {
        .record = &task_record,
        .index = "task_agent_state_seq",
        .eq = {value_text(agent), value_text(TASK_WORKING)},
        .eq_count = 2,
        .max = REGISTER_PAGE,
    };
    for (;;) {
        struct task *tasks;
        size_t count;
        int rc = tx_scan(tx, &scan, &tasks, &count);
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = task_death(tx, &tasks[i], false, "lease.freed");
        if (rc || count < REGISTER_PAGE)
            return rc;
    }
}

static int register_incarnation(struct tx *tx, const struct agent *asked, struct agent *agent)
{
    int rc = register_free(tx, agent->id);
    if (rc)
        return rc;
    agent->incarnation++;
    json_t *body = json_pack("{s:I,s:I}", "incarnation", (json_int_t)agent->incarnation, "pid",
                             (json_int_t)asked->pid);
    json_set_text(body, "agent", agent->id);
    json_set_text(body, "version", asked->version);
    return event_append(tx, "system", "agent.registered", body);
}

int rule_register(struct tx *tx, const struct op *op)
{
    const struct agent *asked = op->reg.agent;
    struct agent agent = {.id = asked->id};
    if (str_is_empty(asked->id) || str_is_empty(asked->nonce))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_agent", "A process needs an agent and a nonce.");
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc && rc != LEDGER_NONE)
        return rc;
    if (!str_eq(agent.nonce, asked->nonce)) {
        rc = register_incarnation(tx, asked, &agent);
        if (rc)
            return rc;
    }
    agent.nonce = asked->nonce;
    agent.version = asked->version;
    agent.pid = asked->pid;
    agent.port = asked->port;
    agent.card = asked->card ? asked->card : agent.card;
    agent.seen_at = tx->now;
    rc = pause_flag(tx, &agent);
    if (rc)
        return rc;
    tx->outcome->incarnation = agent.incarnation;
    tx_touch(tx, "agents", "");
    tx_touch(tx, "queue:", agent.id);
    return tx_put(tx, &agent_record, &agent);
}
