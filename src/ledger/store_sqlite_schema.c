/* Versions of the SQLite file: makes a new one from the descriptions, brings an old one forward
 * after a copy, refuses a newer one. PRAGMA user_version holds the version. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "ledger/column.h"
#include "ledger/store_sqlite.h"

/* What leads from one version to the next, oldest first. Whoever changes a table raises
 * SCHEMA_VERSION and adds the step here: "ALTER TABLE … ADD COLUMN …" in the record's order. New
 * files never walk through the steps, so the test compares both ways. */
static const struct schema_step schema_steps[] = {
    {1, ""}, /* the first version is made from the descriptions */
    {2,      /* delegation: the tree's limits, budgets, fair queues */
     "ALTER TABLE task ADD COLUMN \"grant\" TEXT;"
     "ALTER TABLE task ADD COLUMN ask_hash TEXT;"
     "ALTER TABLE task ADD COLUMN children INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE task ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE task ADD COLUMN budget TEXT;"
     "ALTER TABLE task ADD COLUMN reserved_micro_usd INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE task ADD COLUMN reserved_tokens INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE task ADD COLUMN provider TEXT;"
     "ALTER TABLE root ADD COLUMN model_calls INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE root ADD COLUMN tokens_in INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE root ADD COLUMN tokens_out INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE root ADD COLUMN tokens_cached INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE root ADD COLUMN cost_micro_usd INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE root ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE \"call\" ADD COLUMN child TEXT;"
     "CREATE INDEX effect_destination ON effect(state,destination,ready_at,id);"
     "UPDATE task SET rank=seq WHERE state IN ('queued','working','waiting');"
     "DROP INDEX task_ready;"
     "CREATE INDEX task_ready ON task(agent,state,blocked,priority,rank,seq) WHERE state='queued';"
     "CREATE INDEX task_root ON task(root,seq);"
     "CREATE INDEX task_ask ON task(root,ask_hash,seq);"
     "CREATE TABLE usage(day TEXT NOT NULL,agent TEXT NOT NULL,model TEXT NOT NULL,"
     "calls INTEGER NOT NULL DEFAULT 0,tokens_in INTEGER NOT NULL DEFAULT 0,"
     "tokens_out INTEGER NOT NULL DEFAULT 0,tokens_cached INTEGER NOT NULL DEFAULT 0,"
     "tokens_reasoning INTEGER NOT NULL DEFAULT 0,cost_micro_usd INTEGER NOT NULL DEFAULT 0,"
     "unpriced INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(day,agent,model)) STRICT, WITHOUT ROWID"},
    {3, /* workflows: runs, steps, approvals and jobs; the empty tables that stood for them go */
     "ALTER TABLE task ADD COLUMN run TEXT;"
     "ALTER TABLE task ADD COLUMN step TEXT;"
     "ALTER TABLE task ADD COLUMN step_round INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE task ADD COLUMN step_try INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN run TEXT;"
     "ALTER TABLE effect ADD COLUMN step TEXT;"
     "ALTER TABLE effect ADD COLUMN step_round INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE effect ADD COLUMN on_unknown TEXT;"
     "DROP INDEX task_due;"
     "CREATE INDEX task_due ON task(state,ready_at,id) WHERE finished_at=0;"
     "DROP INDEX task_deadline;"
     "CREATE INDEX task_deadline ON task(state,deadline_at,id) "
     "WHERE finished_at=0 AND deadline_at>0;"
     "DROP TABLE definition;"
     "DROP TABLE run;"
     "DROP TABLE step;"
     "DROP TABLE approval;"
     "DROP TABLE vote;"
     "CREATE TABLE definition(sha256 TEXT NOT NULL,name TEXT,text TEXT,text_blob TEXT,"
     "created_at INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(sha256)) STRICT;"
     "CREATE TABLE run(id TEXT NOT NULL,task TEXT,root TEXT,parent_run TEXT,"
     "parent_step TEXT,name TEXT,definition TEXT,entry TEXT,caller TEXT,key TEXT,"
     "inputs TEXT,inputs_blob TEXT,state TEXT,decided INTEGER NOT NULL DEFAULT 0,"
     "upto INTEGER NOT NULL DEFAULT 0,facts INTEGER NOT NULL DEFAULT 0,"
     "steps_open INTEGER NOT NULL DEFAULT 0,hash TEXT,"
     "ready_at INTEGER NOT NULL DEFAULT 0,waiting TEXT,"
     "deadline_at INTEGER NOT NULL DEFAULT 0,output TEXT,output_blob TEXT,"
     "failure_class TEXT,failure_message TEXT,failure_step TEXT,retry_of TEXT,"
     "created_at INTEGER NOT NULL DEFAULT 0,finished_at INTEGER NOT NULL DEFAULT 0,"
     "PRIMARY KEY(id)) STRICT;"
     "CREATE TABLE step(run TEXT NOT NULL,path TEXT NOT NULL,round INTEGER NOT NULL,"
     "kind TEXT,state TEXT,reason TEXT,task TEXT,child_run TEXT,approval TEXT,effect TEXT,"
     "job TEXT,tries INTEGER NOT NULL DEFAULT 0,ready_at INTEGER NOT NULL DEFAULT 0,"
     "output TEXT,output_blob TEXT,feedback TEXT,failure_class TEXT,failure_message TEXT,"
     "started_at INTEGER NOT NULL DEFAULT 0,finished_at INTEGER NOT NULL DEFAULT 0,"
     "PRIMARY KEY(run,path,round)) STRICT, WITHOUT ROWID;"
     "CREATE TABLE approval(id TEXT NOT NULL,kind TEXT,root TEXT,run TEXT,path TEXT,"
     "round INTEGER NOT NULL DEFAULT 0,task TEXT,call_step INTEGER NOT NULL DEFAULT 0,"
     "call_idx INTEGER NOT NULL DEFAULT 0,effect TEXT,requester TEXT,title TEXT,"
     "subject_hash TEXT,subject TEXT,subject_blob TEXT,preview TEXT,deciders TEXT,"
     "quorum INTEGER NOT NULL DEFAULT 0,four_eyes INTEGER NOT NULL DEFAULT 0,rerun TEXT,"
     "form TEXT,options TEXT,state TEXT,answer TEXT,feedback TEXT,decided_by TEXT,"
     "via TEXT,on_expire TEXT,expires_at INTEGER NOT NULL DEFAULT 0,"
     "created_at INTEGER NOT NULL DEFAULT 0,decided_at INTEGER NOT NULL DEFAULT 0,"
     "PRIMARY KEY(id)) STRICT;"
     "CREATE TABLE vote(approval TEXT NOT NULL,person TEXT NOT NULL,decision TEXT,"
     "subject_hash TEXT,feedback TEXT,answer TEXT,via TEXT,"
     "created_at INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(approval,person)) STRICT,"
     " WITHOUT ROWID;"
     "CREATE TABLE job(id TEXT NOT NULL,run TEXT,path TEXT,"
     "round INTEGER NOT NULL DEFAULT 0,\"try\" INTEGER NOT NULL DEFAULT 0,task TEXT,"
     "root TEXT,spec TEXT,state TEXT,note TEXT,result TEXT,result_blob TEXT,"
     "archived INTEGER NOT NULL DEFAULT 0,deadline_at INTEGER NOT NULL DEFAULT 0,"
     "created_at INTEGER NOT NULL DEFAULT 0,updated_at INTEGER NOT NULL DEFAULT 0,"
     "PRIMARY KEY(id)) STRICT;"
     "CREATE INDEX run_created ON run(created_at,id);"
     "CREATE INDEX run_name ON run(name,created_at,id);"
     "CREATE INDEX run_state ON run(state,created_at,id);"
     "CREATE INDEX run_name_state ON run(name,state,created_at,id);"
     "CREATE INDEX run_due ON run(ready_at,id) WHERE ready_at>0;"
     "CREATE INDEX approval_created ON approval(created_at,id);"
     "CREATE INDEX approval_state ON approval(state,created_at,id);"
     "CREATE INDEX approval_due ON approval(state,expires_at,"
     "id) WHERE state='pending' AND expires_at>0;"
     "CREATE INDEX approval_task ON approval(task,state,id) WHERE state='pending';"
     "CREATE INDEX approval_run ON approval(run,path,id);"
     "CREATE INDEX job_created ON job(created_at,id);"
     "CREATE INDEX job_state ON job(state,created_at,id);"
     "CREATE INDEX job_archive ON job(archived,created_at,id);"
     "CREATE INDEX job_run ON job(run,path,id)"},
    {4, /* operations: one order of all events, ended requests, pauses */
     "ALTER TABLE event ADD COLUMN no INTEGER NOT NULL DEFAULT 0;"
     "UPDATE event SET no=o.n FROM (SELECT stream,seq,row_number() OVER (ORDER BY at,stream,seq) "
     "AS n FROM event) AS o WHERE event.stream=o.stream AND event.seq=o.seq;"
     "CREATE UNIQUE INDEX event_no ON event(no);"
     "ALTER TABLE root ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;"
     "UPDATE root SET ended_at=coalesce((SELECT max(finished_at) FROM task WHERE "
     "task.root=root.id),0) WHERE tasks_live=0;"
     "CREATE INDEX root_ended ON root(ended_at,id) WHERE ended_at>0;"
     "ALTER TABLE root ADD COLUMN retired_at INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE stream ADD COLUMN first INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE stream ADD COLUMN prev TEXT;"
     "CREATE INDEX inbox_task ON inbox(task,source,message_id);"
     "CREATE INDEX run_definition ON run(definition,id);"
     "CREATE INDEX approval_root ON approval(root,id);"
     "CREATE INDEX job_root ON job(root,id);"
     "CREATE TABLE pause(id TEXT NOT NULL,\"by\" TEXT,reason TEXT,"
     "panic INTEGER NOT NULL DEFAULT 0,at INTEGER NOT NULL DEFAULT 0,"
     "lifted INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(id)) STRICT, WITHOUT ROWID"},
    {5, /* sessions whose transcripts are to go */
     "ALTER TABLE session ADD COLUMN retired_at INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX session_retired ON session(agent,retired_at,\"key\") WHERE retired_at>0"},
};

static const char blob_table[] =
    "CREATE TABLE \"blob\"(sha256 TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, bytes BLOB, "
    "created_at INTEGER NOT NULL) STRICT"; /* bytes NULL: a file under blobs/ */

/* ---- a new file ---- */

static bool is_number(const struct field *field)
{
    return field->type != FIELD_TEXT && field->type != FIELD_JSON;
}

static void put_table(struct buf *sql, const struct schema_table *table)
{
    const struct record *record = table->record;
    buf_printf(sql, "CREATE TABLE \"%s\"(", record->name);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        buf_printf(sql, "\"%s\" %s%s%s,", field->name, is_number(field) ? "INTEGER" : "TEXT",
                   is_number(field) || i < record->key_count ? " NOT NULL" : "",
                   is_number(field) && i >= record->key_count ? " DEFAULT 0" : "");
    }
    buf_puts(sql, "PRIMARY KEY(");
    for (size_t i = 0; i < record->key_count; i++)
        buf_printf(sql, "%s\"%s\"", i ? "," : "", record->fields[i].name);
    buf_printf(sql, ")) STRICT%s", table->clustered ? ", WITHOUT ROWID" : "");
}

/* The whole order is in the index, so that a walk never sorts. */
static void put_index(struct buf *sql, const struct record *record,
                      const struct schema_index *index)
{
    const struct field *columns[SCHEMA_ORDER];
    size_t count = schema_order(record, index->name, columns);
    buf_printf(sql, "CREATE %sINDEX \"%s\" ON \"%s\"(", index->unique ? "UNIQUE " : "", index->name,
               record->name);
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%s\"%s\"", i ? "," : "", columns[i]->name);
    buf_printf(sql, ")%s%s", index->where ? " WHERE " : "", index->where ? index->where : "");
}

static int create_table(struct store_sqlite *sqlite, const struct schema_table *table,
                        struct err *err)
{
    struct buf sql = {0};
    put_table(&sql, table);
    int result = sqlite_exec(sqlite, sql.bytes, err);
    for (size_t i = 0; result == STORE_OK && i < table->index_count; i++) {
        buf_clear(&sql);
        put_index(&sql, table->record, &table->indexes[i]);
        result = sqlite_exec(sqlite, sql.bytes, err);
    }
    buf_fini(&sql);
    return result;
}

static int create_all(struct store_sqlite *sqlite, struct err *err)
{
    int result = sqlite_exec(sqlite, blob_table, err);
    for (size_t i = 0; result == STORE_OK && i < schema_table_count; i++)
        result = create_table(sqlite, &schema_tables[i], err);
    return result;
}

/* ---- an old file ---- */

static int walk_steps(struct store_sqlite *sqlite, int from, const struct schema_step *steps,
                      size_t count, struct err *err)
{
    int result = STORE_OK;
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        if (steps[i].to > from)
            result = sqlite_exec(sqlite, steps[i].sql, err);
    return result;
}

/* The copy holds what a person would need to go back; it is never overwritten. */
static int copy_before(struct store_sqlite *sqlite, int version, struct err *err)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/ledger.db.before-v%d", sqlite->dir, version);
    bool more = true;
    int result = STORE_OK;
    if (access(path, F_OK) == 0)
        log_info("keeping the copy %s made by an earlier try", path);
    else
        while (more && result == STORE_OK)
            result = sqlite_backup(&sqlite->store, path, &more, err);
    arena_fini(&arena);
    return result;
}

/* ---- does the file have the columns that this program writes? ---- */

static int check_column(const struct schema_table *table, sqlite3_stmt *info, int at,
                        struct err *err)
{
    const struct record *record = table->record;
    const char *name = (const char *)sqlite3_column_text(info, 1);
    const char *type = (const char *)sqlite3_column_text(info, 2);
    if ((size_t)at >= record->field_count)
        return err_set(err, "schema_differs",
                       "ledger.db has a column %s.%s that this hq does not know", record->name,
                       name);
    const struct field *field = &record->fields[at];
    if (strcmp(field->name, name) != 0 || strcmp(type, is_number(field) ? "INTEGER" : "TEXT") != 0)
        return err_set(err, "schema_differs", "ledger.db has %s.%s %s where this hq has %s",
                       record->name, name, type, field->name);
    return 0;
}

static int check_table(struct store_sqlite *sqlite, const struct schema_table *table,
                       struct err *err)
{
    struct arena arena = {0};
    const char *sql = arena_printf(&arena, "PRAGMA table_info(\"%s\")", table->record->name);
    sqlite3_stmt *info = NULL;
    int at = 0, result = 0, rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &info, NULL);
    if (rc == SQLITE_OK)
        while (result == 0 && (rc = sqlite3_step(info)) == SQLITE_ROW)
            result = check_column(table, info, at++, err);
    if (result == 0)
        result = sqlite_result(sqlite, rc, sql, err);
    if (result == 0 && (size_t)at < table->record->field_count)
        result = err_set(err, "schema_differs", "ledger.db lacks the column %s.%s",
                         table->record->name, table->record->fields[at].name);
    sqlite3_finalize(info);
    arena_fini(&arena);
    return result;
}

static int check_tables(struct store_sqlite *sqlite, struct err *err)
{
    for (size_t i = 0; i < schema_table_count; i++) {
        int result = check_table(sqlite, &schema_tables[i], err);
        if (result == STORE_OK)
            continue;
        err_hint(err,
                 "another build of hq made %s/ledger.db: use that build, or move the file away",
                 sqlite->dir);
        return result;
    }
    return STORE_OK;
}

/* ---- public ---- */

int sqlite_check_version(struct store_sqlite *sqlite, int version, struct err *err)
{
    int64_t found = 0, mark = 0, tables = 0;
    int result = sqlite_number(sqlite, "PRAGMA user_version", &found, err);
    if (result == STORE_OK)
        result = sqlite_number(sqlite, "PRAGMA application_id", &mark, err);
    if (result == STORE_OK)
        result = sqlite_number(sqlite, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (result != STORE_OK)
        return result;
    if (tables && mark != SQLITE_APPLICATION) {
        err_set(err, "not_a_ledger", "%s/ledger.db is a database, but not one of hq's",
                sqlite->dir);
        err_hint(err, "move it away, or name another state folder with --state");
        return -1;
    }
    if (found <= version)
        return STORE_OK;
    err_set(err, "newer_schema",
            "%s/ledger.db has schema version %lld and this hq knows versions up to %d; nothing was "
            "changed",
            sqlite->dir, (long long)found, version);
    err_hint(err,
             "start it with the newer hq that last used this folder, or put back a copy made "
             "before the upgrade (ledger.db.before-v%lld)",
             (long long)found);
    return -1;
}

int sqlite_migrate_to(struct store_sqlite *sqlite, int version, const struct schema_step *steps,
                      size_t count, struct err *err)
{
    struct arena arena = {0};
    int64_t found = 0;
    int result = sqlite_check_version(sqlite, version, err);
    if (result == STORE_OK)
        result = sqlite_number(sqlite, "PRAGMA user_version", &found, err);
    if (result != STORE_OK || found == version)
        goto out;
    if (found > 0 && (result = copy_before(sqlite, version, err)) != STORE_OK)
        goto out;
    if ((result = sqlite_begin(&sqlite->store, err)) != STORE_OK)
        goto out;
    result = found ? walk_steps(sqlite, (int)found, steps, count, err) : create_all(sqlite, err);
    if (result == STORE_OK)
        result =
            sqlite_exec(sqlite,
                        arena_printf(&arena, "PRAGMA user_version=%d; PRAGMA application_id=%d",
                                     version, SQLITE_APPLICATION),
                        err);
    result = result == STORE_OK ? sqlite_commit(&sqlite->store, err) : result;
    if (result != STORE_OK)
        sqlite_rollback(&sqlite->store);
out:
    arena_fini(&arena);
    return result;
}

int sqlite_migrate(struct store *store, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    int result = sqlite_migrate_to(sqlite, SCHEMA_VERSION, schema_steps,
                                   sizeof(schema_steps) / sizeof(schema_steps[0]), err);
    return result == STORE_OK ? check_tables(sqlite, err) : result;
}
