/* The batch's op `ask`: a tool call that people answer, as an item of the inbox. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

enum { TITLE_BYTES = 200 };

/* As JSON text in the arena; NULL: it is not there. */
static const char *part(const struct op_source *source, const char *name)
{
    const json_t *value = json_object_get(source->json, name);
    return value && !json_is_null(value) ? json_print(source->arena, value) : NULL;
}

/* The asker keeps a tenth of its time to read the answer, as who delegates does. */
static int64_t before_deadline(int64_t deadline_at, int64_t now)
{
    int64_t left = deadline_at - now, keep = left / LIMIT_WRAP_UP_PART;
    keep = keep > LIMIT_WRAP_UP_MIN_MS ? keep : LIMIT_WRAP_UP_MIN_MS;
    keep = keep < LIMIT_WRAP_UP_MAX_MS ? keep : LIMIT_WRAP_UP_MAX_MS;
    return deadline_at - keep;
}

static int set_expiry(const struct op_source *source, struct op *op, struct err *err)
{
    int64_t now = ledger_now(source->hub->ledger);
    int64_t expires_ms = json_get_int(source->json, "expires_ms", 0);
    struct approval *approval = op->approval;
    struct task task = {.id = op->task_id};
    int rc = ledger_get(source->hub->ledger, &task_record, &task, source->arena, err);
    approval->expires_at = expires_ms > 0 ? now + expires_ms : 0;
    if (rc != 0 || task.deadline_at <= 0)
        return rc < 0 ? -1 : 0;
    int64_t latest = before_deadline(task.deadline_at, now);
    if (approval->expires_at == 0 || approval->expires_at > latest)
        approval->expires_at = latest > now ? latest : now + 1;
    return 0;
}

int api_ask_op(const struct op_source *source, struct op *op, struct err *err)
{
    static const char *const kinds[] = {"question", "ambiguous", NULL};
    const json_t *json = source->json;
    struct approval *approval = arena_alloc(source->arena, sizeof(*approval));
    *approval = (struct approval){
        .kind = json_get_text(json, "kind", "question"),
        .task = op->task_id,
        .call_step = json_get_int(json, "step", -1),
        .call_idx = json_get_int(json, "idx", -1),
        .requester = source->caller->name,
        .title = json_get_text(json, "title", ""),
        .subject = json_get_text(json, "subject", ""),
        .deciders = part(source, "deciders"),
        .options = part(source, "options"),
        .form = part(source, "form"),
        .quorum = 1,
    };
    op->type = OP_ASK;
    op->approval = approval;
    if (!str_in(approval->kind, kinds))
        return err_set(err, "bad_request", "ask.kind is question or ambiguous");
    if (source->caller->kind == PRINCIPAL_RUNNER && !str_eq(approval->kind, "ambiguous"))
        return err_set(err, "bad_request", "the runner asks no questions of its own");
    if (str_is_blank(approval->title) || strlen(approval->title) > TITLE_BYTES)
        return err_set(err, "bad_request", "ask.title is a line of 1 to %d bytes", TITLE_BYTES);
    if (str_is_empty(approval->subject) || strlen(approval->subject) > 3 * LIMIT_INSTRUCTION)
        return err_set(err, "bad_request", "ask.subject is a text of 1 to %d bytes",
                       3 * LIMIT_INSTRUCTION);
    if (approval->call_step < 0 || approval->call_idx < 1)
        return err_set(err, "bad_request", "ask.step and ask.idx say which call is asked about");
    return set_expiry(source, op, err);
}
