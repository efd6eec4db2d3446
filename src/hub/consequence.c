/* Sentences by the kind of item. */
#include "hub/consequence.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/bundle.h"
#include "hub/run_definition.h"
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

/* What stands behind the gate in the run's own workflow: those that it opens itself, and how many
 * more depend on them. */
struct behind {
    const char *names; /* "publish (webhook), announce (secretary)"; "": nothing */
    size_t opened, all;
};

static const char *step_words(const struct flow_step *step, struct arena *arena)
{
    const char *what = step->agent        ? step->agent
                       : step->capability ? step->capability
                       : step->effect     ? step->effect
                       : step->workflow   ? step->workflow
                                          : flow_kind_word(step->kind);
    return arena_printf(arena, "%s (%s)", step->id, what);
}

/* Counts what depends on step `at`, each once; graphs may be deep: no recursion. */
static size_t count_behind(const struct flow *flow, size_t at, struct arena *arena)
{
    bool *seen = arena_alloc(arena, flow->step_count * sizeof(*seen));
    size_t *todo = arena_alloc(arena, (flow->step_count + 1) * sizeof(*todo));
    size_t count = 0, left = 0;
    for (todo[left++] = at; left > 0;) {
        const struct flow_step *step = &flow->steps[todo[--left]];
        for (size_t i = 0; i < step->feed_count; i++) {
            if (seen[step->feeds[i]])
                continue;
            seen[step->feeds[i]] = true;
            todo[left++] = step->feeds[i];
            count++;
        }
    }
    return count;
}

static void look_behind(const struct flow *flow, size_t at, struct behind *behind,
                        struct arena *arena)
{
    enum { NAMED = 5 };
    const struct flow_step *gate = &flow->steps[at];
    behind->opened = gate->feed_count;
    behind->all = count_behind(flow, at, arena);
    for (size_t i = 0; i < gate->feed_count && i < NAMED; i++)
        behind->names = arena_printf(arena, "%s%s%s", behind->names, *behind->names ? ", " : "",
                                     step_words(&flow->steps[gate->feeds[i]], arena));
    if (gate->feed_count > NAMED)
        behind->names =
            arena_printf(arena, "%s and %zu more", behind->names, gate->feed_count - NAMED);
}

static int find_behind(struct ledger *ledger, const struct approval *approval,
                       struct behind *behind, struct arena *arena, struct err *err)
{
    const char *text = NULL;
    struct run run = {.id = approval->run ? approval->run : ""};
    struct err bad;
    *behind = (struct behind){.names = ""};
    int rc = run_definition(ledger, &run, &text, arena, err);
    if (rc != 0 || !text)
        return rc < 0 ? -1 : 0;
    struct flow_bundle *bundle = flow_bundle_parse(text, strlen(text), NULL, &bad);
    const struct flow *flow = bundle ? flow_bundle_find(bundle, run.entry) : NULL;
    int64_t at = flow && approval->path ? flow_step_index(flow, approval->path) : -1;
    if (at >= 0)
        look_behind(flow, (size_t)at, behind, arena);
    flow_bundle_close(bundle);
    return 0;
}

static json_t *of_gate(struct ledger *ledger, const struct approval *approval, struct arena *arena,
                       struct err *err)
{
    struct behind behind;
    if (find_behind(ledger, approval, &behind, arena, err) < 0)
        return NULL;
    const char *names = *behind.names ? behind.names : "nothing more";
    const char *enough = approval->quorum > 1 ? "with enough votes, next: " : "next: ";
    const char *rest = behind.all > behind.opened
                           ? arena_printf(arena, "; %zu steps in all wait behind it", behind.all)
                           : "";
    json_t *causes = json_object();
    json_set_text(causes, "approve", arena_printf(arena, "%s%s%s", enough, names, rest));
    json_set_text(causes, "reject",
                  behind.all == 0 ? "the run is rejected once nothing else of it is open"
                                  : arena_printf(arena,
                                                 "%s%s not run; the run is rejected once nothing "
                                                 "else of it is open",
                                                 names, behind.opened == 1 ? " does" : " do"));
    json_set_text(causes, "expire", "then it counts as rejected");
    if (approval->rerun)
        json_set_text(causes, "changes",
                      arena_printf(arena,
                                   "%s and all that depends on it runs again, with your words as "
                                   "feedback",
                                   approval->rerun));
    return causes;
}

json_t *consequences(struct ledger *ledger, const struct approval *approval, struct arena *arena,
                     struct err *err)
{
    if (str_eq(approval->kind, "gate"))
        return of_gate(ledger, approval, arena, err);
    if (str_eq(approval->kind, "question"))
        return of_question(approval);
    return approval->effect ? of_effect() : of_command();
}
