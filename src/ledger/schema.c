/* The list of tables and indexes. */
#include <assert.h>
#include <string.h>

#include "ledger/column.h"
#include "ledger/rows.h"
#include "ledger/schema.h"
#include "wire/call.h"
#include "wire/company.h"
#include "wire/effect.h"
#include "wire/flow.h"
#include "wire/task.h"

/* A list of states would make SQLite build a table of it twice for every change of a row. */
#define OPEN "\"finished_at\"=0"

static const struct schema_index task_indexes[] = {
    {"task_ready",
     {"agent", "state", "blocked", "priority", "rank", "seq"},
     false,
     "\"state\"='queued'"},
    {"task_due", {"state", "ready_at"}, false, OPEN},
    {"task_deadline", {"state", "deadline_at"}, false, OPEN " AND \"deadline_at\">0"},
    {"task_seq", {"seq"}, true, NULL},
    {"task_agent_seq", {"agent", "seq"}, false, NULL},
    {"task_state_seq", {"state", "seq"}, false, NULL},
    {"task_agent_state_seq", {"agent", "state", "seq"}, false, NULL},
    {"task_lane", {"agent", "session", "blocked", "priority", "seq"}, false, "\"blocked\"=1"},
    {"task_ended", {"agent", "session", "finish_no"}, false, "\"finish_no\">0"},
    {"task_parent", {"parent", "seq"}, false, "\"parent\" IS NOT NULL"},
    {"task_root", {"root", "seq"}, false, NULL},
    {"task_ask", {"root", "ask_hash", "seq"}, false, NULL},
};

static const struct schema_index wait_indexes[] = {
    {"wait_target", {"kind", "id"}, false, NULL},
};

static const struct schema_index effect_indexes[] = {
    {"effect_task", {"task", "created_at"}, false, NULL},
    {"effect_state", {"state", "ready_at"}, false, NULL},
    {"effect_destination", {"state", "destination", "ready_at"}, false, NULL},
};

static const struct schema_index session_indexes[] = {
    {"session_updated", {"agent", "updated_at"}, false, NULL},
    {"session_retired", {"agent", "retired_at"}, false, "\"retired_at\">0"},
};

static const struct schema_index inbox_indexes[] = {
    {"inbox_task", {"task"}, false, NULL},
};

static const struct schema_index root_indexes[] = {
    {"root_ended", {"ended_at"}, false, "\"ended_at\">0"},
};

static const struct schema_index event_indexes[] = {
    {"event_no", {"no"}, true, NULL},
};

static const struct schema_index request_indexes[] = {
    {"request_created", {"created_at"}, false, NULL},
};

static const struct schema_index run_indexes[] = {
    {"run_created", {"created_at"}, false, NULL},
    {"run_name", {"name", "created_at"}, false, NULL},
    {"run_state", {"state", "created_at"}, false, NULL},
    {"run_name_state", {"name", "state", "created_at"}, false, NULL},
    {"run_due", {"ready_at"}, false, "\"ready_at\">0"},
    {"run_definition", {"definition"}, false, NULL},
};

static const struct schema_index approval_indexes[] = {
    {"approval_created", {"created_at"}, false, NULL},
    {"approval_state", {"state", "created_at"}, false, NULL},
    {"approval_due", {"state", "expires_at"}, false, "\"state\"='pending' AND \"expires_at\">0"},
    {"approval_task", {"task", "state"}, false, "\"state\"='pending'"},
    {"approval_run", {"run", "path"}, false, NULL},
    {"approval_root", {"root"}, false, NULL},
};

static const struct schema_index job_indexes[] = {
    {"job_created", {"created_at"}, false, NULL},
    {"job_state", {"state", "created_at"}, false, NULL},
    {"job_archive", {"archived", "created_at"}, false, NULL},
    {"job_run", {"run", "path"}, false, NULL},
    {"job_root", {"root"}, false, NULL},
};

#define INDEXES(list) list, sizeof(list) / sizeof(list[0])

const struct schema_table schema_tables[] = {
    {&task_record, false, INDEXES(task_indexes)},
    {&root_record, true, INDEXES(root_indexes)},
    {&session_record, true, INDEXES(session_indexes)},
    {&wait_record, true, INDEXES(wait_indexes)},
    {&call_record, false, NULL, 0},
    {&handoff_record, false, NULL, 0},
    {&effect_record, false, INDEXES(effect_indexes)},
    {&inbox_record, true, INDEXES(inbox_indexes)},
    {&event_record, true, INDEXES(event_indexes)},
    {&agent_record, true, NULL, 0},
    {&pause_record, true, NULL, 0},
    {&process_record, true, NULL, 0},
    {&budget_record, true, NULL, 0},
    {&usage_record, true, NULL, 0},
    {&request_record, true, INDEXES(request_indexes)},
    {&stream_record, true, NULL, 0},
    {&meta_record, true, NULL, 0},
    {&definition_record, false, NULL, 0},
    {&run_record, false, INDEXES(run_indexes)},
    {&step_record, true, NULL, 0},
    {&approval_record, false, INDEXES(approval_indexes)},
    {&vote_record, true, NULL, 0},
    {&job_record, false, INDEXES(job_indexes)},
};
const size_t schema_table_count = sizeof(schema_tables) / sizeof(schema_tables[0]);

const struct schema_table *schema_table(const struct record *record)
{
    for (size_t i = 0; i < schema_table_count; i++)
        if (schema_tables[i].record == record)
            return &schema_tables[i];
    assert(!"this record is in no table");
    return NULL;
}

const struct schema_index *schema_index(const struct schema_table *table, const char *name)
{
    for (size_t i = 0; i < table->index_count; i++)
        if (strcmp(table->indexes[i].name, name) == 0)
            return &table->indexes[i];
    return NULL;
}

static bool is_among(const struct field *field, const struct field *const *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (columns[i] == field)
            return true;
    return false;
}

/* True where no two rows can be equal in the index: one of its columns alone is unique. */
static bool has_unique_column(const struct schema_table *table, const struct schema_index *index)
{
    for (size_t i = 0; i < table->index_count; i++) {
        const struct schema_index *other = &table->indexes[i];
        if (!other->unique || other->columns[1])
            continue;
        for (size_t k = 0; k < SCHEMA_COLUMNS && index->columns[k]; k++)
            if (strcmp(index->columns[k], other->columns[0]) == 0)
                return true;
    }
    return false;
}

size_t schema_order(const struct record *record, const char *index,
                    const struct field *columns[SCHEMA_ORDER])
{
    size_t count = 0;
    if (index) {
        const struct schema_index *found = schema_index(schema_table(record), index);
        assert(found);
        for (size_t i = 0; i < SCHEMA_COLUMNS && found->columns[i]; i++)
            columns[count++] = column_find(record, found->columns[i]);
        if (has_unique_column(schema_table(record), found))
            return count;
    }
    for (size_t i = 0; i < record->key_count; i++)
        if (!is_among(&record->fields[i], columns, count))
            columns[count++] = &record->fields[i];
    return count;
}
