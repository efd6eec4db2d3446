/* From the interpreter's actions to the rows of one decision (docs/workflows.md, "Actions"). */
#ifndef HQ_ENGINE_DRAFT_H
#define HQ_ENGINE_DRAFT_H

#include <jansson.h>

#include "engine/engine.h"
#include "engine/followed.h"
#include "ledger/ledger.h"

/* What drafting needs of the engine. Borrowed. */
struct drafting {
    const struct config *config;
    struct ledger *ledger;
    const struct engine_router *router;
};

/* One decision on its way to the ledger; all of it lies in the arena. */
struct draft {
    const struct drafting *with;
    struct followed *followed;
    struct arena *arena;
    int64_t now;
    struct run_decision decision;
    struct run_refusal *refusals;
    struct event *routed; /* task.routed of the tasks whose agent was chosen */
    size_t routed_count;
};

/* Fills the draft from the actions; `time_at` is 0 where the decision followed no passing of time.
 * Changes the memos of the followed run. */
void draft_make(struct draft *draft, const json_t *actions, int64_t time_at);

/* One action each: adds what it starts to the decision (draft_start.c). */
void draft_task(struct draft *draft, const json_t *action, struct step *row);
void draft_command(struct draft *draft, const json_t *action, struct step *row);
void draft_workflow(struct draft *draft, const json_t *action, struct step *row);
void draft_approval(struct draft *draft, const json_t *action, struct step *row);
void draft_effect(struct draft *draft, const json_t *action, struct step *row);
void draft_job(struct draft *draft, const json_t *action, struct step *row);

/* The step cannot start. */
void draft_refuse(struct draft *draft, const json_t *action, const char *failure_class,
                  const char *message);

/* The member as JSON text, in the arena; NULL where it is absent or null. */
const char *draft_printed(struct draft *draft, const json_t *action, const char *member);

#endif
