/* Columns that workflows and approvals need, in the first migration although nothing writes them
 * yet: adding tables to a company that runs would need a migration for nothing. No C struct lies
 * behind them, so offsets are 0 and the record's size is 0. */
#include "ledger/schema.h"

#define TEXT(name)                                                                                 \
    {                                                                                              \
        name, FIELD_TEXT, 0                                                                        \
    }
#define JSON(name)                                                                                 \
    {                                                                                              \
        name, FIELD_JSON, 0                                                                        \
    }
#define INT(name)                                                                                  \
    {                                                                                              \
        name, FIELD_INT, 0                                                                         \
    }
#define TIME(name)                                                                                 \
    {                                                                                              \
        name, FIELD_TIME, 0                                                                        \
    }
#define BOOL(name)                                                                                 \
    {                                                                                              \
        name, FIELD_BOOL, 0                                                                        \
    }
#define COLUMNS(table, keys)                                                                       \
    const struct record table##_columns = {                                                        \
        #table, 0, sizeof(table##_fields) / sizeof(table##_fields[0]), keys, table##_fields}

static const struct field definition_fields[] = {
    TEXT("sha256"),     TEXT("name"), TEXT("text"), /* canonical YAML */
    JSON("graph"),                                  /* compiled */
    TIME("created_at"),
};
COLUMNS(definition, 1);

static const struct field run_fields[] = {
    TEXT("id"), /* r-… */
    TEXT("root"),
    TEXT("task"),       /* the task that started it */
    TEXT("parent_run"), /* of a sub-workflow */
    TEXT("parent_path"),
    TEXT("name"),
    TEXT("definition"), /* sha256: a run pins its definition */
    TEXT("caller"),
    TEXT("trigger"), /* command schedule hook workflow */
    JSON("inputs"),
    TEXT("inputs_blob"),
    INT("seq"), /* what the interpreter's batches expect */
    TEXT("state"),
    TEXT("cancel"),
    JSON("labels"),
    TEXT("concurrency_group"),
    TEXT("budget"),
    JSON("limits"),
    TIME("ready_at"),
    TIME("deadline_at"),
    JSON("output"),
    TEXT("output_blob"),
    TEXT("failure_class"),
    TEXT("failure_message"),
    TEXT("retry_of"),
    TEXT("fork_of"),
    TEXT("fork_path"),
    TIME("created_at"),
    TIME("started_at"),
    TIME("finished_at"),
};
COLUMNS(run, 1);

static const struct field step_fields[] = {
    TEXT("run"),
    TEXT("path"),
    INT("iteration"), /* of foreach */
    INT("round"),     /* goes up when changes were requested */
    TEXT("kind"),
    TEXT("state"),
    TEXT("task"),
    TEXT("child_run"),
    TEXT("approval"),
    TEXT("effect"),
    TEXT("definition_hash"), /* of this step: what `run migrate` compares */
    INT("tries"),
    TIME("ready_at"),
    TIME("deadline_at"),
    JSON("inputs"),
    JSON("output"),
    TEXT("output_blob"),
    JSON("feedback"),
    BOOL("tainted"),
    INT("cost_micro_usd"),
    TEXT("failure_class"),
    TEXT("failure_message"),
    TIME("started_at"),
    TIME("finished_at"),
};
COLUMNS(step, 4);

static const struct field approval_fields[] = {
    TEXT("id"), /* g-… */
    TEXT("root"),
    TEXT("run"),
    TEXT("path"),
    INT("iteration"),
    INT("round"),
    TEXT("task"), /* of a tool call that asks */
    INT("call_step"),
    INT("call_idx"),
    TEXT("requester"),
    TEXT("subject_hash"), /* of the exact bytes */
    TEXT("subject_blob"),
    TEXT("preview"),
    JSON("deciders"), /* people and roles */
    INT("quorum"),
    BOOL("four_eyes"),
    TEXT("rerun_path"), /* what changes_requested runs again */
    JSON("form"),
    JSON("answer"),
    TEXT("state"), /* pending approved rejected expired changes_requested */
    TEXT("feedback"),
    TEXT("on_expire"),
    TIME("expires_at"),
    TEXT("channel"),
    TEXT("channel_message"),
    TIME("created_at"),
    TIME("decided_at"),
};
COLUMNS(approval, 1);

static const struct field vote_fields[] = {
    TEXT("approval"),   TEXT("person"), TEXT("decision"), TEXT("subject_hash"),
    TEXT("feedback"),   JSON("answer"), TEXT("via"), /* where it was given: cli, dashboard, discord
                                                        … */
    TIME("created_at"),
};
COLUMNS(vote, 2);
