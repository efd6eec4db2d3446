/* JOB_STATE: what the bridge sees of a job; and how a job begins and is stopped. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/job.h"
#include "ledger/rules.h"
#include "ledger/run.h"

/* Two changes in one millisecond are two, for whoever says which one it has seen. */
static int job_put(struct tx *tx, struct job *job)
{
    job->updated_at = tx->now > job->updated_at ? tx->now : job->updated_at + 1;
    tx_touch(tx, "jobs", "");
    return tx_put(tx, &job_record, job);
}

static int job_event(struct tx *tx, const struct job *job)
{
    json_t *body = json_object();
    json_set_text(body, "job", job->id);
    json_set_text(body, "step", job->path);
    json_set_text(body, "note", job->note);
    const char *type = arena_printf(tx->arena, "job.%s", job->state);
    return event_append(tx, job->run, type, body);
}

int job_open(struct tx *tx, struct job *job, const struct run *run)
{
    struct job known = {.id = job->id};
    int rc = str_is_empty(job->id) ? LEDGER_REFUSED : tx_get(tx, &job_record, &known);
    if (rc == 0)
        return tx_refuse(tx, LEDGER_DUP, "exists", "Job %s exists already.", job->id);
    if (rc == LEDGER_REFUSED)
        return tx_refuse(tx, rc, "bad_id", "A job needs an id.");
    if (rc != LEDGER_NONE)
        return rc;
    job->run = run->id;
    job->root = run->root;
    job->task = job->task ? job->task : run->task;
    job->state = JOB_INTENDED;
    job->note = job->result = job->result_blob = NULL;
    job->archived = false;
    job->created_at = tx->now;
    job->updated_at = 0;
    rc = job_put(tx, job);
    return rc ? rc : job_event(tx, job);
}

/* The result goes into the fact whole, and into the row as far as it fits. */
static int job_ended(struct tx *tx, struct job *job, const char *result)
{
    json_t *output = result ? json_loads(result, JSON_DECODE_ANY, NULL) : NULL;
    int rc = job_put(tx, job);
    if (rc) {
        json_decref(output);
        return rc;
    }
    json_t *body =
        json_pack("{s:I,s:I}", "round", (json_int_t)job->round, "try", (json_int_t)job->try);
    json_set_text(body, "job", job->id);
    json_set_text(body, "step", job->path);
    json_set_text(body, "status", job->state);
    json_set_text(body, "message", job->note);
    if (output)
        json_object_set_new(body, "output", output);
    return run_fact(tx, job->run, "job.ended", body);
}

int job_stop(struct tx *tx, const char *id, const char *note)
{
    struct job job = {.id = id};
    int rc = tx_get(tx, &job_record, &job);
    if (rc || job_state_is_terminal(job.state))
        return rc == LEDGER_NONE ? 0 : rc;
    job.state = JOB_CANCELLED;
    job.note = note;
    return job_ended(tx, &job, NULL);
}

static int job_check(struct tx *tx, const struct job *asked, const struct job *job)
{
    static const char *const states[] = {JOB_INTENDED, JOB_SUBMITTED, JOB_RUNNING, JOB_COMPLETED,
                                         JOB_FAILED,   JOB_CANCELLED, NULL};
    if (asked->updated_at && asked->updated_at != job->updated_at)
        return tx_refuse(tx, LEDGER_CONFLICT, "changed", "Job %s has changed meanwhile: it is %s.",
                         job->id, job->state);
    if (asked->state && !str_in(asked->state, states))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_state", "No job is ever %s.", asked->state);
    json_t *result = asked->result ? json_parse(asked->result, strlen(asked->result), NULL) : NULL;
    bool bad = asked->result && !result;
    json_decref(result);
    if (bad)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_result", "The result of job %s is no JSON.",
                         job->id);
    return 0;
}

/* One that has ended is only put away. */
static int job_archive(struct tx *tx, const struct job *asked, struct job *job)
{
    if (!asked->archived || (asked->state && !str_eq(asked->state, job->state)))
        return tx_refuse(tx, LEDGER_CONFLICT, "ended", "Job %s has ended: %s.", job->id,
                         job->state);
    job->archived = true;
    return job_put(tx, job);
}

int rule_job_state(struct tx *tx, const struct op *op)
{
    const struct job *asked = op->job;
    struct job job = {.id = asked->id};
    int rc = job.id ? tx_get(tx, &job_record, &job) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_job", "There is no job %s.", job.id ? job.id : "(no id)");
    if (rc == 0)
        rc = job_check(tx, asked, &job);
    if (rc)
        return rc;
    if (job_state_is_terminal(job.state))
        return job_archive(tx, asked, &job);
    const char *result = asked->result;
    bool moved = asked->state && !str_eq(asked->state, job.state);
    job.state = asked->state ? asked->state : job.state;
    job.note = asked->note ? asked->note : job.note;
    job.archived = asked->archived || job.archived;
    job.result = result ? result : job.result;
    rc = tx_spill(tx, &job.result, &job.result_blob, LIMIT_INLINE);
    if (rc)
        return rc;
    if (job_state_is_terminal(job.state))
        return job_ended(tx, &job, result);
    rc = job_put(tx, &job);
    return rc || !moved ? rc : job_event(tx, &job);
}
