/* The facts of a run, type by type: what each says of a step, and which are too late to say
 * anything. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/interpret_state.h"

/* Whom a fact speaks of. */
struct subject {
    struct flow_run *run;
    size_t step;
    const struct flow_step *spec;
    const json_t *body;
};

static int bad_fact(const struct flow_fact *fact, struct err *err, const char *why)
{
    return err_set(err, "bad_fact", "event %lld (%.40s) is no fact of this run: %.200s",
                   (long long)fact->seq, fact->type, why);
}

/* False, and why in *text, where the step's schema does not allow the output. */
static bool output_fits(const json_t *schema, const json_t *output, struct buf *text)
{
    json_t *null = json_null();
    buf_puts(text, "the output does not fit its schema: ");
    return !schema || json_schema_fits(schema, output ? output : null, text) == 0;
}

static void end_done(const struct subject *subject, const json_t *output)
{
    run_end_step(subject->run, subject->step,
                 &(struct ending){.state = NODE_DONE, .output = output});
}

static void end_failed(const struct subject *subject, const char *failure_class,
                       const char *message)
{
    run_end_step(subject->run, subject->step,
                 &(struct ending){.state = NODE_FAILED,
                                  .failure_class = failure_class,
                                  .failure_message = message});
}

/* A result that nobody has held to the schema before. */
static void try_done(const struct subject *subject)
{
    struct buf why = {0};
    const json_t *output = json_object_get(subject->body, "output");
    if (subject->spec->kind == FLOW_TASK || output_fits(subject->spec->schema, output, &why))
        end_done(subject, output);
    else
        run_try_failed(subject->run, subject->step, "malformed", buf_text(&why));
    buf_fini(&why);
}

static void end_cancelled(const struct subject *subject, const char *message)
{
    run_end_step(subject->run, subject->step,
                 &(struct ending){.state = NODE_CANCELLED,
                                  .failure_class = "cancelled",
                                  .failure_message = message});
}

static bool is_this_try(const struct subject *subject)
{
    const struct node *node = &subject->run->nodes[subject->step];
    return json_get_int(subject->body, "try", -1) == node->tries && node->timer != TIMER_RETRY;
}

static const char *step_ended(const struct subject *subject)
{
    const char *state = json_get_text(subject->body, "state", "");
    const char *failure_class = json_get_text(subject->body, "failure_class", NULL);
    const char *message = json_get_text(subject->body, "failure_message", NULL);
    if (!is_this_try(subject))
        return NULL;
    if (str_eq(state, "done"))
        try_done(subject);
    else if (str_eq(state, "cancelled"))
        end_cancelled(subject, message);
    else if (str_eq(state, "timed_out"))
        run_try_failed(subject->run, subject->step, "timeout", message);
    else if (!str_eq(state, "failed"))
        return "its state is none that a step's try can have";
    else if (str_eq(failure_class, "rejected"))
        run_end_step(subject->run, subject->step,
                     &(struct ending){.state = NODE_REJECTED,
                                      .failure_class = failure_class,
                                      .failure_message = message});
    else
        run_try_failed(subject->run, subject->step, failure_class, message);
    return NULL;
}

static const char *job_ended(const struct subject *subject)
{
    const char *status = json_get_text(subject->body, "status", "");
    const char *message = json_get_text(subject->body, "message", NULL);
    if (!is_this_try(subject))
        return NULL;
    if (str_eq(status, "completed"))
        try_done(subject);
    else if (str_eq(status, "failed"))
        run_try_failed(subject->run, subject->step, "failed", message);
    else if (str_eq(status, "cancelled"))
        end_cancelled(subject, message);
    else
        return "its status is none that a job can end with";
    return NULL;
}

static const char *effect_settled(const struct subject *subject)
{
    const char *state = json_get_text(subject->body, "state", "");
    const char *reason = json_get_text(subject->body, "reason", NULL);
    if (str_eq(state, "confirmed")) {
        json_t *output = json_object();
        json_set_text(output, "receiver_id", json_get_text(subject->body, "receiver_id", NULL));
        end_done(subject, output);
        json_decref(output);
    } else if (str_eq(state, "unknown")) {
        end_failed(subject, "failed", reason ? reason : "nobody knows whether it arrived");
    } else if (str_eq(state, "dead") || str_eq(state, "held")) {
        end_failed(subject, "failed", reason ? reason : "it was not delivered");
    } else {
        return "its state is none that an effect can settle in";
    }
    return NULL;
}

/* {"decision","by","feedback","answer"}: what later steps can read of it. */
static void approve(const struct subject *subject)
{
    static const char *const kept[] = {"decision", "by", "feedback", "answer"};
    const json_t *form = subject->spec->approve.form;
    const json_t *answer = json_object_get(subject->body, "answer");
    json_t *output = json_object();
    struct buf why = {0};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(subject->body, kept[i]);
        json_object_set_new(output, kept[i], value ? json_incref(value) : json_null());
    }
    if (output_fits(form, answer, &why))
        end_done(subject, output);
    else
        end_failed(subject, "malformed", buf_text(&why));
    buf_fini(&why);
    json_decref(output);
}

static void reject(const struct subject *subject, const char *reason)
{
    const char *feedback = json_get_text(subject->body, "feedback", NULL);
    run_end_step(subject->run, subject->step,
                 &(struct ending){
                     .state = NODE_REJECTED,
                     .reason = reason,
                     .failure_class = "rejected",
                     .failure_message = str_is_blank(feedback) ? reason : feedback,
                 });
}

static const char *approval_decided(const struct subject *subject)
{
    const struct flow_approve *gate = &subject->spec->approve;
    const char *decision = json_get_text(subject->body, "decision", "");
    bool changes = str_eq(decision, "changes_requested");
    if (str_eq(decision, "approved"))
        approve(subject);
    else if (str_eq(decision, "rejected"))
        reject(subject, "rejected");
    else if (str_eq(decision, "expired"))
        reject(subject, "nobody decided in time");
    else if (changes && gate->rerun >= 0 &&
             subject->run->nodes[subject->step].changes < gate->rounds)
        run_next_round(subject->run, subject->step, json_object_get(subject->body, "feedback"));
    else if (changes)
        reject(subject, "changes were requested once more than the gate's rounds");
    else
        return "its decision is none that an approval can have";
    return NULL;
}

void run_end_signal(struct flow_run *run, size_t step, const json_t *payload)
{
    struct buf why = {0};
    struct subject subject = {run, step, run_step_spec(run, step), NULL};
    if (output_fits(subject.spec->schema, payload, &why))
        end_done(&subject, payload);
    else
        end_failed(&subject, "malformed", buf_text(&why));
    buf_fini(&why);
}

/* Every step that waits for the name gets it; for those that do not wait yet it is kept. */
static int signal_received(struct flow_run *run, const struct flow_fact *fact, struct err *err)
{
    const char *name = json_get_text(fact->body, "name", NULL);
    const struct signal_steps *known = name ? map_get(&run->signals, name) : NULL;
    json_t *payload = json_object_get(fact->body, "payload");
    if (!name)
        return bad_fact(fact, err, "it has no name");
    payload = payload ? json_incref(payload) : json_null();
    for (size_t i = 0; known && i < known->count; i++) {
        struct node *node = &run->nodes[known->steps[i]];
        if (node->state == NODE_OPEN) {
            run_end_signal(run, known->steps[i], payload);
        } else if (node->state == NODE_PENDING) {
            json_decref(node->signal);
            node->signal = json_incref(payload);
        }
    }
    json_decref(payload);
    return 0;
}

static int run_started(struct flow_run *run, const struct flow_fact *fact, struct err *err)
{
    const json_t *inputs = json_object_get(fact->body, "inputs");
    char started[TIME_TEXT];
    if (run->is_started)
        return bad_fact(fact, err, "the run has started before");
    time_rfc3339(run->now, started);
    run->is_started = true;
    run->inputs = json_is_object(inputs) ? json_incref((json_t *)inputs) : json_object();
    run->bytes += json_dumpb(run->inputs, NULL, 0, JSON_COMPACT);
    run->about =
        json_pack("{s:s, s:s, s:s}", "id", run->id, "name",
                  json_get_text(fact->body, "name", run->flow->name), "started_at", started);
    run_begin(run, json_object_get(fact->body, "seed"));
    return 0;
}

static const struct fact_type {
    const char *name;
    unsigned kinds; /* of the steps that it can speak of, one bit each */
    const char *(*take)(const struct subject *subject); /* NULL, or why it is no fact of a run */
} types[] = {
    {"step.ended", 1u << FLOW_TASK | 1u << FLOW_RUN | 1u << FLOW_WORKFLOW, step_ended},
    {"approval.decided", 1u << FLOW_APPROVE, approval_decided},
    {"effect.settled", 1u << FLOW_EFFECT, effect_settled},
    {"job.ended", 1u << FLOW_JOB, job_ended},
};

static int step_fact(struct flow_run *run, const struct flow_fact *fact,
                     const struct fact_type *type, struct err *err)
{
    const char *name = json_get_text(fact->body, "step", "");
    size_t at = (size_t)(uintptr_t)map_get(&run->index, name);
    if (!at)
        return bad_fact(fact, err, "the workflow has no such step");
    struct subject subject = {run, at - 1, run_step_spec(run, at - 1), fact->body};
    const struct node *node = &run->nodes[at - 1];
    if (!(type->kinds & 1u << subject.spec->kind))
        return bad_fact(fact, err, "its step is of another kind");
    if (node->state != NODE_OPEN || json_get_int(fact->body, "round", -1) != node->round)
        return 0;
    const char *wrong = type->take(&subject);
    return wrong ? bad_fact(fact, err, wrong) : 0;
}

static const struct fact_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(types[i].name, name))
            return &types[i];
    return NULL;
}

bool flow_is_fact(const char *type)
{
    return str_eq(type, "run.started") || str_eq(type, "signal.received") || find_type(type);
}

static int take(struct flow_run *run, const struct flow_fact *fact, struct err *err)
{
    const struct fact_type *type = find_type(fact->type);
    if (str_eq(fact->type, "run.started"))
        return run_started(run, fact, err);
    if (!run->is_started)
        return bad_fact(fact, err, "the run has not started");
    if (str_eq(fact->type, "signal.received"))
        return signal_received(run, fact, err);
    if (!type)
        return bad_fact(fact, err, "its type is unknown");
    return step_fact(run, fact, type, err);
}

/* Within what can be added to: from 1970 to the year 9999. */
static int64_t sane_time(int64_t at)
{
    const int64_t latest = INT64_C(253402300799999);
    return at < 0 ? 0 : at > latest ? latest : at;
}

/* What was due before the fact comes first, whenever it is told: a signal that came after the
 * timeout is late even if nobody looked in between. */
int run_take_fact(struct flow_run *run, const struct flow_fact *fact, struct err *err)
{
    bool is_time = str_eq(fact->type, "time.passed");
    const struct heap_item *first = heap_top(&run->timers);
    if (!fact->type || (!is_time && !json_is_object(fact->body)))
        return err_set(err, "bad_fact", "event %lld has no type, or its body is no object",
                       (long long)fact->seq);
    int64_t at = sane_time(fact->at), until = is_time ? at : at - 1;
    if (at > run->now && (!is_time || (first && first->key <= until)))
        run->now = at;
    run->heard_at = is_time ? at : run->heard_at;
    run_fire_timers(run, until);
    run_go_on(run);
    int rc = is_time || run->is_over ? 0 : take(run, fact, err);
    run_go_on(run);
    return rc;
}
