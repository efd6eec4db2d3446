/* The breaker: counts in the agent's row, in the transaction that ends the task. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "ledger/breaker.h"
#include "ledger/event.h"
#include "ledger/rules.h"

bool breaker_look(const struct agent *agent, int64_t now, struct breaker *breaker)
{
    json_t *row = agent->breaker ? json_loads(agent->breaker, 0, NULL) : NULL;
    const char *until = json_get_text(row, "until", "");
    *breaker = (struct breaker){
        .failures = json_get_int(row, "failures", 0),
        .opened = json_get_int(row, "opened", 0),
    };
    snprintf(breaker->reason, sizeof(breaker->reason), "%s", json_get_text(row, "reason", ""));
    if (!time_parse_rfc3339(until, &breaker->until))
        breaker->until = 0;
    json_decref(row);
    return breaker->until > now;
}

static int breaker_put(struct tx *tx, struct agent *agent, const struct breaker *breaker)
{
    char until[TIME_TEXT];
    json_t *row = json_pack("{s:I,s:I}", "failures", (json_int_t)breaker->failures, "opened",
                            (json_int_t)breaker->opened);
    json_set_text(row, "reason", breaker->reason);
    if (breaker->until) {
        time_rfc3339(breaker->until, until);
        json_set_text(row, "until", until);
    }
    agent->breaker = json_print(tx->arena, row);
    json_decref(row);
    return tx_put(tx, &agent_record, agent);
}

static int64_t breaker_term(int64_t opened)
{
    int64_t ms = LIMIT_BREAKER_FIRST_MS;
    for (int64_t i = 1; i < opened && ms < LIMIT_BREAKER_LAST_MS; i++)
        ms *= 2;
    return ms < LIMIT_BREAKER_LAST_MS ? ms : LIMIT_BREAKER_LAST_MS;
}

static int breaker_event(struct tx *tx, const char *agent, const char *type, json_t *body)
{
    json_set_text(body, "agent", agent);
    tx_touch(tx, "agents", "");
    return event_append(tx, "system", type, body);
}

static int breaker_open(struct tx *tx, struct agent *agent, struct breaker *breaker)
{
    char until[TIME_TEXT];
    breaker->opened++;
    breaker->until = tx->now + breaker_term(breaker->opened);
    int rc = breaker_put(tx, agent, breaker);
    if (rc)
        return rc;
    time_rfc3339(breaker->until, until);
    json_t *body = json_pack("{s:I,s:I,s:s}", "failures", (json_int_t)breaker->failures, "opened",
                             (json_int_t)breaker->opened, "until", until);
    json_set_text(body, "reason", breaker->reason);
    return breaker_event(tx, agent->id, "agent.breaker_opened", body);
}

/* While it is open, what fails was asked by people or had begun before: that prolongs nothing. */
static int breaker_failed(struct tx *tx, struct agent *agent, const struct task *task)
{
    struct breaker breaker;
    bool is_open = breaker_look(agent, tx->now, &breaker);
    breaker.failures++;
    const char *why = arena_printf(tx->arena, "%s: %s", task->failure_class,
                                   task->failure_message ? task->failure_message : "no message");
    snprintf(breaker.reason, sizeof(breaker.reason), "%.*s",
             (int)str_utf8_cut(why, strlen(why), sizeof(breaker.reason) - 1), why);
    if (!is_open && breaker.failures >= LIMIT_BREAKER_FAILURES)
        return breaker_open(tx, agent, &breaker);
    return breaker_put(tx, agent, &breaker);
}

static int breaker_succeeded(struct tx *tx, struct agent *agent)
{
    struct breaker breaker;
    if (!agent->breaker)
        return 0;
    breaker_look(agent, tx->now, &breaker);
    agent->breaker = NULL;
    int rc = tx_put(tx, &agent_record, agent);
    if (rc || breaker.opened == 0)
        return rc;
    return breaker_event(tx, agent->id, "agent.breaker_closed",
                         json_pack("{s:I}", "opened", (json_int_t)breaker.opened));
}

/* A turn whose time ran out while it waited for others is not this agent's failure. */
static bool is_failure(const struct task *task, const char *from)
{
    static const char *const classes[] = {"timeout", "unreachable", "malformed",
                                          "crashed", "failed",      NULL};
    if (!task->failure_class || !str_in(task->failure_class, classes))
        return false;
    return !str_eq(task->failure_class, "timeout") || !str_eq(from, TASK_WAITING);
}

int breaker_note(struct tx *tx, const struct task *task, const char *from)
{
    struct agent agent = {.id = task->agent};
    bool done = str_eq(task->state, TASK_DONE);
    if (!task_has_lane(task)) /* no agent */
        return 0;
    if (!done && !is_failure(task, from))
        return 0;
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    return done ? breaker_succeeded(tx, &agent) : breaker_failed(tx, &agent, task);
}
