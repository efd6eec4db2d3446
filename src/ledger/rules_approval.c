/* ASK and DECIDE: a tool call that people answer, and a person's word on what the inbox asks. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/event.h"
#include "ledger/rules.h"

/* ---- ASK ---- */

static int ask_form(struct tx *tx, const char *form)
{
    struct err err = {0};
    if (!form)
        return 0;
    json_t *schema = json_parse(form, strlen(form), &err);
    int rc = schema ? json_schema_check(schema, &err) : -1;
    json_decref(schema);
    return rc == 0 ? 0
                   : tx_refuse(tx, LEDGER_REFUSED, "bad_form", "The form is no schema: %s",
                               err.message);
}

/* An array of texts, of at least `least`; NULL is none at all. */
static bool is_list_of_texts(const char *text, size_t least)
{
    json_t *list = text ? json_parse(text, strlen(text), NULL) : NULL;
    bool good = !text || (json_is_array(list) && json_array_size(list) >= least);
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = json_is_string(json_array_get(list, i));
    json_decref(list);
    return good;
}

static int ask_check(struct tx *tx, const struct approval *ask)
{
    static const char *const kinds[] = {"question", "ambiguous", NULL};
    if (!ask || !ask->kind || !str_in(ask->kind, kinds))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_approval",
                         "A call asks people as a question or as ambiguous, not as %s.",
                         ask && ask->kind ? ask->kind : "nothing");
    if (str_is_blank(ask->title) || strlen(ask->title) > LIMIT_APPROVAL_TITLE)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_approval",
                         "What people are asked needs a title of 1 to %d bytes.",
                         LIMIT_APPROVAL_TITLE);
    json_t *subject = ask->subject ? json_parse(ask->subject, strlen(ask->subject), NULL) : NULL;
    bool bad = ask->subject && !subject;
    json_decref(subject);
    if (bad)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_approval", "The subject is no JSON.");
    if (!is_list_of_texts(ask->options, 1) || !is_list_of_texts(ask->deciders, 1))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_approval",
                         "Options and deciders are lists of texts with at least one in them.");
    return ask_form(tx, ask->form);
}

static int ask_wait(struct tx *tx, struct call *call, const struct approval *approval)
{
    call->state = CALL_WAITING;
    call->child = approval->id;
    int rc = tx_put(tx, &call_record, call);
    json_t *body =
        json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "approval", approval->id);
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, call->task, "call.waiting", body);
}

int rule_ask(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = ask_check(tx, op->approval);
    if (rc == 0)
        rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    if (task->cancel)
        return task_end_cancelled(tx, task);
    struct approval *approval = arena_alloc(tx->arena, sizeof(*approval));
    *approval = *op->approval;
    struct call call = {.task = task->id, .step = approval->call_step, .idx = approval->call_idx};
    rc = tx_get(tx, &call_record, &call);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_call", "Call %lld.%lld of task %s was never intended.",
                         (long long)call.step, (long long)call.idx, task->id);
    if (rc || !str_eq(call.state, CALL_INTENDED))
        return rc; /* answered, or asked already: the same question again */
    approval->task = task->id;
    approval->root = task->root;
    approval->run = approval->path = approval->effect = approval->rerun = NULL;
    approval->round = 0;
    approval->requester = arena_printf(tx->arena, "agent:%s", task->agent);
    rc = approval_open(tx, approval);
    return rc ? rc : ask_wait(tx, &call, approval);
}

/* ---- DECIDE ---- */

static int decide_word(struct tx *tx, const struct decide *ask, const struct approval *approval)
{
    static const char *const gate[] = {APPROVAL_APPROVED, APPROVAL_REJECTED, APPROVAL_CHANGES,
                                       NULL};
    static const char *const question[] = {APPROVAL_ANSWERED, APPROVAL_REJECTED, NULL};
    static const char *const ambiguous[] = {APPROVAL_APPROVED, APPROVAL_REJECTED, NULL};
    const char *const *words = str_eq(approval->kind, "gate")       ? gate
                               : str_eq(approval->kind, "question") ? question
                                                                    : ambiguous;
    if (!ask->decision || !str_in(ask->decision, words))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_decision",
                         "%s is a %s: it can be %s%s%s, not %s.", approval->id, approval->kind,
                         words[0], words[1] ? ", " : "", words[1] ? words[1] : "",
                         ask->decision ? ask->decision : "left undecided");
    if (str_eq(ask->decision, APPROVAL_CHANGES) && !approval->rerun)
        return tx_refuse(tx, LEDGER_REFUSED, "no_rerun",
                         "%s names no step that could be run again; approve or reject it.",
                         approval->id);
    return 0;
}

static bool roles_have(const struct decide *ask, const char *role)
{
    for (const char *const *at = ask->roles; at && *at; at++)
        if (str_eq(*at, "*") || str_eq(*at, role))
            return true;
    return false;
}

static bool is_decider(const struct decide *ask, const struct approval *approval)
{
    json_t *list = approval->deciders ? json_loads(approval->deciders, 0, NULL) : NULL, *item;
    bool found = !approval->deciders;
    size_t i;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        found |= str_eq(text, ask->person);
        found |= text && str_starts(text, "role:") && roles_have(ask, text + strlen("role:"));
    }
    json_decref(list);
    return found;
}

static int decide_person(struct tx *tx, const struct decide *ask, const struct approval *approval)
{
    struct vote vote = {.approval = approval->id, .person = ask->person};
    if (!is_decider(ask, approval))
        return tx_refuse(tx, LEDGER_REFUSED, "not_a_decider", "%s is not among who decides %s: %s.",
                         ask->person, approval->id, approval->deciders);
    if (approval->four_eyes && str_eq(ask->person, approval->requester))
        return tx_refuse(tx, LEDGER_REFUSED, "four_eyes",
                         "%s was asked for by %s: another person has to decide.", approval->id,
                         ask->person);
    int rc = tx_get(tx, &vote_record, &vote);
    if (rc == 0)
        return tx_refuse(tx, LEDGER_CONFLICT, "voted", "%s has voted on %s already: %s.",
                         ask->person, approval->id, vote.decision);
    return rc == LEDGER_NONE ? 0 : rc;
}

static int answer_fits(struct tx *tx, const struct approval *approval, const json_t *answer)
{
    struct buf findings = {0};
    json_t *form = approval->form ? json_loads(approval->form, 0, NULL) : NULL;
    json_t *options = approval->options ? json_loads(approval->options, 0, NULL) : NULL, *option;
    bool among = !options;
    int rc = 0;
    size_t i;
    json_array_foreach (options, i, option)
        among |= json_equal(option, answer);
    if (!among)
        rc = tx_refuse(tx, LEDGER_REFUSED, "bad_answer", "The answer to %s is one of %s.",
                       approval->id, approval->options);
    else if (form && (!answer || json_schema_fits(form, answer, &findings)))
        rc = tx_refuse(tx, LEDGER_REFUSED, "bad_answer",
                       "The answer does not fit the form of %s: %s", approval->id,
                       answer ? buf_text(&findings) : "there is none.");
    json_decref(form);
    json_decref(options);
    buf_fini(&findings);
    return rc;
}

/* What comes with the word: an answer that fits, reasons that are needed. */
static int decide_answer(struct tx *tx, const struct decide *ask, const struct approval *approval)
{
    static const char *const yes[] = {APPROVAL_APPROVED, APPROVAL_ANSWERED, NULL};
    json_t *answer = ask->answer ? json_parse(ask->answer, strlen(ask->answer), NULL) : NULL;
    int rc = 0;
    if ((ask->answer && strlen(ask->answer) > LIMIT_INLINE) ||
        (ask->feedback && strlen(ask->feedback) > LIMIT_INLINE))
        rc = tx_refuse(tx, LEDGER_REFUSED, "bad_answer", "An answer has at most %d bytes.",
                       LIMIT_INLINE);
    else if (ask->answer && !answer)
        rc = tx_refuse(tx, LEDGER_REFUSED, "bad_answer", "The answer to %s is no JSON.",
                       approval->id);
    else if (str_eq(ask->decision, APPROVAL_ANSWERED) && !answer)
        rc = tx_refuse(tx, LEDGER_REFUSED, "bad_answer", "%s waits for an answer, not for a nod.",
                       approval->id);
    else if (str_in(ask->decision, yes))
        rc = answer_fits(tx, approval, answer);
    else if (str_is_blank(ask->feedback))
        rc = tx_refuse(tx, LEDGER_REFUSED, "reason_missing",
                       "Say why, for whoever works on: a %s needs a reason.",
                       str_eq(ask->decision, APPROVAL_REJECTED) ? "rejection"
                                                                : "request for changes");
    json_decref(answer);
    return rc;
}

static int decide_check(struct tx *tx, const struct decide *ask, const struct approval *approval)
{
    if (ask->subject_hash && !str_eq(ask->subject_hash, approval->subject_hash))
        return tx_refuse(tx, LEDGER_CONFLICT, "other_bytes",
                         "%s asks about %s, and what was looked at is %s. Look again.",
                         approval->id, approval->subject_hash, ask->subject_hash);
    int rc = decide_person(tx, ask, approval);
    if (rc == 0)
        rc = decide_word(tx, ask, approval);
    return rc ? rc : decide_answer(tx, ask, approval);
}

/* Writes the vote; *votes: how many said the same, *by: who. */
static int decide_vote(struct tx *tx, const struct decide *ask, const struct approval *approval,
                       int64_t *votes, const char **by)
{
    struct vote vote = {.approval = approval->id,
                        .person = ask->person,
                        .decision = ask->decision,
                        .subject_hash = approval->subject_hash,
                        .feedback = ask->feedback,
                        .answer = ask->answer,
                        .via = ask->via,
                        .created_at = tx->now},
                *all;
    struct scan scan = {.record = &vote_record, .eq = {value_text(approval->id)}, .eq_count = 1};
    size_t count;
    *votes = 0;
    *by = "";
    int rc = tx_put(tx, &vote_record, &vote);
    if (rc == 0)
        rc = tx_scan(tx, &scan, &all, &count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (str_eq(all[i].decision, ask->decision))
            *by = arena_printf(tx->arena, "%s%s%s", *by, (*votes)++ ? "," : "", all[i].person);
    return rc;
}

static int decide_voted(struct tx *tx, const struct decide *ask, const struct approval *approval,
                        int64_t votes)
{
    json_t *body =
        json_pack("{s:I,s:I}", "votes", (json_int_t)votes, "quorum", (json_int_t)approval->quorum);
    json_set_text(body, "approval", approval->id);
    json_set_text(body, "person", ask->person);
    json_set_text(body, "decision", ask->decision);
    snprintf(tx->outcome->state, sizeof(tx->outcome->state), "%s", APPROVAL_PENDING);
    json_incref(body);
    int rc =
        event_append(tx, approval->run ? approval->run : approval->task, "approval.voted", body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    return event_append(tx, APPROVAL_STREAM, "approval.voted", body);
}

static int decide_pending(struct tx *tx, const struct approval *approval)
{
    if (str_eq(approval->state, APPROVAL_PENDING))
        return 0;
    if (str_eq(approval->state, APPROVAL_EXPIRED))
        return tx_refuse(tx, LEDGER_CONFLICT, "expired", "Nobody decided %s in time.",
                         approval->id);
    return tx_refuse(tx, LEDGER_CONFLICT, "decided", "%s is %s%s%s.", approval->id, approval->state,
                     approval->decided_by ? " by " : "",
                     approval->decided_by ? approval->decided_by : "");
}

/* A person, or the folder's owner: no agent, hook door or runner ever decides. */
static bool is_person(const char *principal)
{
    return str_eq(principal, "operator") || (principal && str_starts(principal, "person:"));
}

int rule_decide(struct tx *tx, const struct op *op)
{
    const struct decide *ask = op->decide;
    struct approval approval = {.id = ask->approval};
    int64_t votes;
    const char *by;
    if (!is_person(ask->person))
        return tx_refuse(tx, LEDGER_REFUSED, "not_allowed", "Only people decide; %s does not.",
                         ask->person ? ask->person : "nobody");
    int rc = approval.id ? tx_get(tx, &approval_record, &approval) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_approval", "There is no approval %s.",
                         approval.id ? approval.id : "(no id)");
    if (rc == 0)
        rc = decide_pending(tx, &approval);
    if (rc)
        return rc;
    if (approval.expires_at && approval.expires_at <= tx->now) {
        snprintf(tx->outcome->state, sizeof(tx->outcome->state), "%s", APPROVAL_EXPIRED);
        return approval_expire(tx, &approval);
    }
    rc = decide_check(tx, ask, &approval);
    if (rc == 0)
        rc = decide_vote(tx, ask, &approval, &votes, &by);
    if (rc)
        return rc;
    if (str_eq(ask->decision, APPROVAL_APPROVED) && votes < approval.quorum)
        return decide_voted(tx, ask, &approval, votes);
    snprintf(tx->outcome->state, sizeof(tx->outcome->state), "%s", ask->decision);
    return approval_settle(tx, &approval,
                           &(struct verdict){.state = ask->decision,
                                             .by = by,
                                             .via = ask->via,
                                             .feedback = ask->feedback,
                                             .answer = ask->answer});
}
