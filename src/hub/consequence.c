/* Sentences by the kind of item. */
#include "hub/consequence.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/ledger.h"

static json_t *of_question(const struct approval *approval)
{
    json_t *causes = json_object();
    json_set_text(causes, "answer", "the agent reads it as the result of its question and goes on");
    json_set_text(causes, "reject", "the agent is told that nobody will answer, and why");
    if (approval->expires_at)
        json_set_text(causes, "expire", "then the agent is told that nobody answered");
    return causes;
}

static json_t *of_command(void)
{
    return json_pack("{s:s,s:s,s:s}", "approve", "the command is run once more, from its beginning",
                     "reject",
                     "it is not run again; the agent is told that it may have run in part",
                     "expire", "then it is not run again, and the agent is told so");
}

static json_t *of_effect(void)
{
    return json_pack("{s:s,s:s,s:s}", "approve",
                     "it is sent again; a receiver that does not know its id may get it twice",
                     "reject", "it is not sent again, and counts as not delivered", "expire",
                     "then it is not sent again");
}

static json_t *of_gate(const struct approval *approval)
{
    json_t *causes = json_pack(
        "{s:s,s:s,s:s}", "approve",
        approval->quorum > 1 ? "with enough votes the steps behind this gate go on"
                             : "the steps behind this gate go on",
        "reject", "the steps behind this gate do not run; with nothing else open, the run ends",
        "expire", "then it counts as rejected");
    if (approval->rerun) {
        struct arena arena = {0};
        json_set_text(causes, "changes",
                      arena_printf(&arena,
                                   "step %s and everything that depends on it runs again, with "
                                   "your words as its feedback",
                                   approval->rerun));
        arena_fini(&arena);
    }
    return causes;
}

json_t *consequences(struct ledger *ledger, const struct approval *approval, struct arena *arena,
                     struct err *err)
{
    (void)ledger, (void)arena, (void)err;
    if (str_eq(approval->kind, "gate"))
        return of_gate(approval);
    if (str_eq(approval->kind, "question"))
        return of_question(approval);
    return approval->effect ? of_effect() : of_command();
}
