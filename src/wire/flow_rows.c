/* The description of the records of workflows: one line per field, in the order of the struct. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "wire/flow.h"
#include "wire/row_words.h"

static const struct field definition_fields[] = {
    TEXT(definition, sha256),
    TEXT(definition, name),
    TEXT(definition, text),
    TEXT(definition, text_blob),
    TIME(definition, created_at),
};
RECORD(definition, 1);

static const struct field run_fields[] = {
    TEXT(run, id),
    TEXT(run, task),
    TEXT(run, root),
    TEXT(run, parent_run),
    TEXT(run, parent_step),
    TEXT(run, name),
    TEXT(run, definition),
    TEXT(run, entry),
    TEXT(run, caller),
    TEXT(run, key),
    JSON(run, inputs),
    TEXT(run, inputs_blob),
    TEXT(run, state),
    INT(run, decided),
    INT(run, upto),
    INT(run, facts),
    INT(run, steps_open),
    TEXT(run, hash),
    TIME(run, ready_at),
    TEXT(run, waiting),
    TIME(run, deadline_at),
    JSON(run, output),
    TEXT(run, output_blob),
    TEXT(run, failure_class),
    TEXT(run, failure_message),
    TEXT(run, failure_step),
    TEXT(run, retry_of),
    TIME(run, created_at),
    TIME(run, finished_at),
};
RECORD(run, 1);

static const struct field step_fields[] = {
    TEXT(step, run),
    TEXT(step, path),
    INT(step, round),
    TEXT(step, kind),
    TEXT(step, state),
    TEXT(step, reason),
    TEXT(step, task),
    TEXT(step, child_run),
    TEXT(step, approval),
    TEXT(step, effect),
    TEXT(step, job),
    INT(step, tries),
    TIME(step, ready_at),
    JSON(step, output),
    TEXT(step, output_blob),
    TEXT(step, feedback),
    TEXT(step, failure_class),
    TEXT(step, failure_message),
    TIME(step, started_at),
    TIME(step, finished_at),
};
RECORD(step, 3);

static const struct field approval_fields[] = {
    TEXT(approval, id),
    TEXT(approval, kind),
    TEXT(approval, root),
    TEXT(approval, run),
    TEXT(approval, path),
    INT(approval, round),
    TEXT(approval, task),
    INT(approval, call_step),
    INT(approval, call_idx),
    TEXT(approval, effect),
    TEXT(approval, requester),
    TEXT(approval, title),
    TEXT(approval, subject_hash),
    TEXT(approval, subject),
    TEXT(approval, subject_blob),
    TEXT(approval, preview),
    JSON(approval, deciders),
    INT(approval, quorum),
    BOOL(approval, four_eyes),
    TEXT(approval, rerun),
    JSON(approval, form),
    JSON(approval, options),
    TEXT(approval, state),
    JSON(approval, answer),
    TEXT(approval, feedback),
    TEXT(approval, decided_by),
    TEXT(approval, via),
    TEXT(approval, on_expire),
    TIME(approval, expires_at),
    TIME(approval, created_at),
    TIME(approval, decided_at),
};
RECORD(approval, 1);

static const struct field vote_fields[] = {
    TEXT(vote, approval),
    TEXT(vote, person),
    TEXT(vote, decision),
    TEXT(vote, subject_hash),
    TEXT(vote, feedback),
    JSON(vote, answer),
    TEXT(vote, via),
    TIME(vote, created_at),
};
RECORD(vote, 2);

static const struct field job_fields[] = {
    TEXT(job, id),
    TEXT(job, run),
    TEXT(job, path),
    INT(job, round),
    INT(job, try),
    TEXT(job, task),
    TEXT(job, root),
    JSON(job, spec),
    TEXT(job, state),
    TEXT(job, note),
    JSON(job, result),
    TEXT(job, result_blob),
    BOOL(job, archived),
    TIME(job, deadline_at),
    TIME(job, created_at),
    TIME(job, updated_at),
};
RECORD(job, 1);

bool run_state_is_terminal(const char *state)
{
    static const char *const terminal[] = {RUN_DONE,      RUN_FAILED,    RUN_REJECTED,
                                           RUN_CANCELLED, RUN_TIMED_OUT, NULL};
    return str_in(state, terminal);
}

bool step_state_is_terminal(const char *state)
{
    static const char *const terminal[] = {"done",   "skipped",  "not_run",
                                           "failed", "rejected", "cancelled", NULL};
    return str_in(state, terminal);
}

bool job_state_is_terminal(const char *state)
{
    static const char *const terminal[] = {JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED, NULL};
    return str_in(state, terminal);
}

void run_id_of_task(const char *task, char id[RUN_ID_TEXT])
{
    snprintf(id, RUN_ID_TEXT, "r-%s", str_starts(task, "t-") ? task + 2 : task);
}

void approval_id(const char *of, const char *path, int64_t round, int64_t salt,
                 char id[APPROVAL_ID_TEXT])
{
    struct arena arena = {0};
    json_t *parts = json_array();
    json_array_append_new(parts, json_text(of, strlen(of)));
    json_array_append_new(parts, json_text(path, strlen(path)));
    json_array_append_new(parts, json_integer(round));
    json_array_append_new(parts, json_integer(salt));
    const char *text = json_print(&arena, parts);
    memcpy(id, "g-", 2);
    hash_crockford(text, strlen(text), 8, id + 2);
    json_decref(parts);
    arena_fini(&arena);
}
