/* A ledger of the first version becomes one of today's: the same columns and indexes as a new one,
 * with what was in it, after a copy. */
#include "ledger_fixture.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "ledger/ledger.h"
#include "ledger/store_sqlite.h"

/* As the first version wrote it; it never changes. */
static const char first_version[] =
    "CREATE TABLE \"blob\"(sha256 TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, bytes BLOB,"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE \"task\"(\"id\" TEXT NOT NULL,\"seq\" INTEGER NOT NULL DEFAULT 0,"
    "\"root\" TEXT,\"parent\" TEXT,\"parent_step\" INTEGER NOT NULL DEFAULT 0,"
    "\"parent_index\" INTEGER NOT NULL DEFAULT 0,\"caller\" TEXT,\"agent\" TEXT,"
    "\"capability\" TEXT,\"kind\" TEXT,\"name\" TEXT,\"instruction\" TEXT,"
    "\"instruction_blob\" TEXT,\"data\" TEXT,\"session\" TEXT,\"deliver\" TEXT,\"model\" TEXT,"
    "\"thinking\" TEXT,\"state\" TEXT,\"priority\" INTEGER NOT NULL DEFAULT 0,"
    "\"ready_at\" INTEGER NOT NULL DEFAULT 0,\"fence\" INTEGER NOT NULL DEFAULT 0,"
    "\"tries\" INTEGER NOT NULL DEFAULT 0,\"max_tries\" INTEGER NOT NULL DEFAULT 0,"
    "\"deaths\" INTEGER NOT NULL DEFAULT 0,\"blocked\" INTEGER NOT NULL DEFAULT 0,"
    "\"worker\" TEXT,\"deadline_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"depth\" INTEGER NOT NULL DEFAULT 0,\"path\" TEXT,\"retry\" TEXT,\"result_schema\" TEXT,"
    "\"retry_of\" TEXT,\"body_hash\" TEXT,\"cancel\" TEXT,\"wait_mode\" TEXT,"
    "\"failure_class\" TEXT,\"failure_message\" TEXT,\"finish_no\" INTEGER NOT NULL DEFAULT 0,"
    "\"created_at\" INTEGER NOT NULL DEFAULT 0,\"started_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"finished_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"id\")) STRICT;"
    "CREATE INDEX \"task_ready\" ON \"task\"(\"agent\",\"state\",\"blocked\",\"priority\","
    "\"seq\") WHERE \"state\"='queued';"
    "CREATE INDEX \"task_due\" ON \"task\"(\"state\",\"ready_at\","
    "\"id\") WHERE \"state\" IN ('queued','working','waiting');"
    "CREATE INDEX \"task_deadline\" ON \"task\"(\"state\",\"deadline_at\","
    "\"id\") WHERE \"state\" IN ('queued','working','waiting') AND \"deadline_at\">0;"
    "CREATE UNIQUE INDEX \"task_seq\" ON \"task\"(\"seq\");"
    "CREATE INDEX \"task_agent_seq\" ON \"task\"(\"agent\",\"seq\");"
    "CREATE INDEX \"task_state_seq\" ON \"task\"(\"state\",\"seq\");"
    "CREATE INDEX \"task_agent_state_seq\" ON \"task\"(\"agent\",\"state\",\"seq\");"
    "CREATE INDEX \"task_lane\" ON \"task\"(\"agent\",\"session\",\"blocked\",\"priority\","
    "\"seq\") WHERE \"blocked\"=1;"
    "CREATE INDEX \"task_ended\" ON \"task\"(\"agent\",\"session\",\"finish_no\","
    "\"id\") WHERE \"finish_no\">0;"
    "CREATE INDEX \"task_parent\" ON \"task\"(\"parent\",\"seq\") WHERE \"parent\" IS NOT NULL;"
    "CREATE TABLE \"root\"(\"id\" TEXT NOT NULL,\"owner\" TEXT,"
    "\"deadline_at\" INTEGER NOT NULL DEFAULT 0,\"limits\" TEXT,\"budget\" TEXT,"
    "\"tasks_total\" INTEGER NOT NULL DEFAULT 0,\"tasks_live\" INTEGER NOT NULL DEFAULT 0,"
    "\"created_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"id\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"session\"(\"agent\" TEXT NOT NULL,\"key\" TEXT NOT NULL,\"id\" TEXT,"
    "\"open_task\" TEXT,\"head\" TEXT,\"projected\" INTEGER NOT NULL DEFAULT 0,"
    "\"finished\" INTEGER NOT NULL DEFAULT 0,\"created_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"updated_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"agent\",\"key\")) STRICT,"
    " WITHOUT ROWID;"
    "CREATE INDEX \"session_updated\" ON \"session\"(\"agent\",\"updated_at\",\"key\");"
    "CREATE TABLE \"wait\"(\"task\" TEXT NOT NULL,\"kind\" TEXT NOT NULL,\"id\" TEXT NOT NULL,"
    "\"satisfied\" INTEGER NOT NULL DEFAULT 0,\"created_at\" INTEGER NOT NULL DEFAULT 0,"
    "PRIMARY KEY(\"task\",\"kind\",\"id\")) STRICT, WITHOUT ROWID;"
    "CREATE INDEX \"wait_target\" ON \"wait\"(\"kind\",\"id\",\"task\");"
    "CREATE TABLE \"call\"(\"task\" TEXT NOT NULL,\"step\" INTEGER NOT NULL,"
    "\"idx\" INTEGER NOT NULL,\"kind\" TEXT,\"name\" TEXT,\"call_id\" TEXT,\"state\" TEXT,"
    "\"request\" TEXT,\"request_blob\" TEXT,\"plan\" TEXT,\"response\" TEXT,"
    "\"response_blob\" TEXT,\"is_error\" INTEGER NOT NULL DEFAULT 0,"
    "\"fence\" INTEGER NOT NULL DEFAULT 0,\"tokens_in\" INTEGER NOT NULL DEFAULT 0,"
    "\"tokens_out\" INTEGER NOT NULL DEFAULT 0,\"tokens_cached\" INTEGER NOT NULL DEFAULT 0,"
    "\"tokens_reasoning\" INTEGER NOT NULL DEFAULT 0,\"price_version\" TEXT,"
    "\"cost_micro_usd\" INTEGER NOT NULL DEFAULT 0,\"intended_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"recorded_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"task\",\"step\",\"idx\")) STRICT;"
    "CREATE TABLE \"handoff\"(\"task\" TEXT NOT NULL,\"v\" INTEGER NOT NULL DEFAULT 0,"
    "\"status\" TEXT,\"result\" TEXT,\"confidence\" TEXT,\"notes\" TEXT,\"artefacts\" TEXT,"
    "\"usage\" TEXT,\"provenance\" TEXT,\"run_id\" TEXT,\"agent\" TEXT,\"caller\" TEXT,"
    "\"fence\" INTEGER NOT NULL DEFAULT 0,\"tries\" INTEGER NOT NULL DEFAULT 0,"
    "\"started_at\" INTEGER NOT NULL DEFAULT 0,\"finished_at\" INTEGER NOT NULL DEFAULT 0,"
    "PRIMARY KEY(\"task\")) STRICT;"
    "CREATE TABLE \"effect\"(\"id\" TEXT NOT NULL,\"task\" TEXT,\"root\" TEXT,\"kind\" TEXT,"
    "\"destination\" TEXT,\"body\" TEXT,\"body_blob\" TEXT,\"dedup_key\" TEXT,\"state\" TEXT,"
    "\"ready_at\" INTEGER NOT NULL DEFAULT 0,\"attempts\" INTEGER NOT NULL DEFAULT 0,"
    "\"fence\" INTEGER NOT NULL DEFAULT 0,\"receiver_id\" TEXT,\"reason\" TEXT,"
    "\"created_at\" INTEGER NOT NULL DEFAULT 0,\"updated_at\" INTEGER NOT NULL DEFAULT 0,"
    "PRIMARY KEY(\"id\")) STRICT;"
    "CREATE INDEX \"effect_task\" ON \"effect\"(\"task\",\"created_at\",\"id\");"
    "CREATE INDEX \"effect_state\" ON \"effect\"(\"state\",\"ready_at\",\"id\");"
    "CREATE TABLE \"inbox\"(\"source\" TEXT NOT NULL,\"message_id\" TEXT NOT NULL,"
    "\"task\" TEXT,\"created_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"source\","
    "\"message_id\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"event\"(\"stream\" TEXT NOT NULL,\"seq\" INTEGER NOT NULL,"
    "\"at\" INTEGER NOT NULL DEFAULT 0,\"actor\" TEXT,\"type\" TEXT,\"body\" TEXT,"
    "\"v\" INTEGER NOT NULL DEFAULT 0,\"prev\" TEXT,\"hash\" TEXT,PRIMARY KEY(\"stream\","
    "\"seq\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"agent\"(\"id\" TEXT NOT NULL,\"card\" TEXT,\"nonce\" TEXT,\"version\" TEXT,"
    "\"incarnation\" INTEGER NOT NULL DEFAULT 0,\"pid\" INTEGER NOT NULL DEFAULT 0,"
    "\"port\" INTEGER NOT NULL DEFAULT 0,\"seen_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"paused\" INTEGER NOT NULL DEFAULT 0,\"breaker\" TEXT,PRIMARY KEY(\"id\")) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE \"process\"(\"name\" TEXT NOT NULL,\"nonce\" TEXT,\"version\" TEXT,"
    "\"pid\" INTEGER NOT NULL DEFAULT 0,\"started_at\" INTEGER NOT NULL DEFAULT 0,"
    "PRIMARY KEY(\"name\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"budget\"(\"id\" TEXT NOT NULL,\"parent\" TEXT,\"unit\" TEXT,"
    "\"limit_value\" INTEGER NOT NULL DEFAULT 0,\"reserved\" INTEGER NOT NULL DEFAULT 0,"
    "\"spent\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"id\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"request\"(\"id\" TEXT NOT NULL,\"outcome\" TEXT,"
    "\"created_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"id\")) STRICT, WITHOUT ROWID;"
    "CREATE INDEX \"request_created\" ON \"request\"(\"created_at\",\"id\");"
    "CREATE TABLE \"stream\"(\"name\" TEXT NOT NULL,\"seq\" INTEGER NOT NULL DEFAULT 0,"
    "\"hash\" TEXT,PRIMARY KEY(\"name\")) STRICT, WITHOUT ROWID;"
    "CREATE TABLE \"meta\"(\"name\" TEXT NOT NULL,\"value\" TEXT,PRIMARY KEY(\"name\")) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE \"definition\"(\"sha256\" TEXT NOT NULL,\"name\" TEXT,\"text\" TEXT,"
    "\"graph\" TEXT,\"created_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"sha256\")) STRICT;"
    "CREATE TABLE \"run\"(\"id\" TEXT NOT NULL,\"root\" TEXT,\"task\" TEXT,\"parent_run\" TEXT,"
    "\"parent_path\" TEXT,\"name\" TEXT,\"definition\" TEXT,\"caller\" TEXT,\"trigger\" TEXT,"
    "\"inputs\" TEXT,\"inputs_blob\" TEXT,\"seq\" INTEGER NOT NULL DEFAULT 0,\"state\" TEXT,"
    "\"cancel\" TEXT,\"labels\" TEXT,\"concurrency_group\" TEXT,\"budget\" TEXT,"
    "\"limits\" TEXT,\"ready_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"deadline_at\" INTEGER NOT NULL DEFAULT 0,\"output\" TEXT,\"output_blob\" TEXT,"
    "\"failure_class\" TEXT,\"failure_message\" TEXT,\"retry_of\" TEXT,\"fork_of\" TEXT,"
    "\"fork_path\" TEXT,\"created_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"started_at\" INTEGER NOT NULL DEFAULT 0,\"finished_at\" INTEGER NOT NULL DEFAULT 0,"
    "PRIMARY KEY(\"id\")) STRICT;"
    "CREATE INDEX \"run_root\" ON \"run\"(\"root\",\"created_at\",\"id\");"
    "CREATE INDEX \"run_task\" ON \"run\"(\"task\",\"id\");"
    "CREATE INDEX \"run_name\" ON \"run\"(\"name\",\"created_at\",\"id\");"
    "CREATE INDEX \"run_state\" ON \"run\"(\"state\",\"created_at\",\"id\");"
    "CREATE INDEX \"run_due\" ON \"run\"(\"state\",\"ready_at\",\"id\");"
    "CREATE INDEX \"run_concurrency\" ON \"run\"(\"concurrency_group\",\"state\","
    "\"created_at\",\"id\");"
    "CREATE TABLE \"step\"(\"run\" TEXT NOT NULL,\"path\" TEXT NOT NULL,"
    "\"iteration\" INTEGER NOT NULL,\"round\" INTEGER NOT NULL,\"kind\" TEXT,\"state\" TEXT,"
    "\"task\" TEXT,\"child_run\" TEXT,\"approval\" TEXT,\"effect\" TEXT,"
    "\"definition_hash\" TEXT,\"tries\" INTEGER NOT NULL DEFAULT 0,"
    "\"ready_at\" INTEGER NOT NULL DEFAULT 0,\"deadline_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"inputs\" TEXT,\"output\" TEXT,\"output_blob\" TEXT,\"feedback\" TEXT,"
    "\"tainted\" INTEGER NOT NULL DEFAULT 0,\"cost_micro_usd\" INTEGER NOT NULL DEFAULT 0,"
    "\"failure_class\" TEXT,\"failure_message\" TEXT,\"started_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"finished_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"run\",\"path\",\"iteration\","
    "\"round\")) STRICT;"
    "CREATE INDEX \"step_task\" ON \"step\"(\"task\",\"run\",\"path\",\"iteration\",\"round\");"
    "CREATE INDEX \"step_child\" ON \"step\"(\"child_run\",\"run\",\"path\",\"iteration\","
    "\"round\");"
    "CREATE INDEX \"step_due\" ON \"step\"(\"state\",\"ready_at\",\"run\",\"path\","
    "\"iteration\",\"round\");"
    "CREATE TABLE \"approval\"(\"id\" TEXT NOT NULL,\"root\" TEXT,\"run\" TEXT,\"path\" TEXT,"
    "\"iteration\" INTEGER NOT NULL DEFAULT 0,\"round\" INTEGER NOT NULL DEFAULT 0,"
    "\"task\" TEXT,\"call_step\" INTEGER NOT NULL DEFAULT 0,"
    "\"call_idx\" INTEGER NOT NULL DEFAULT 0,\"requester\" TEXT,\"subject_hash\" TEXT,"
    "\"subject_blob\" TEXT,\"preview\" TEXT,\"deciders\" TEXT,"
    "\"quorum\" INTEGER NOT NULL DEFAULT 0,\"four_eyes\" INTEGER NOT NULL DEFAULT 0,"
    "\"rerun_path\" TEXT,\"form\" TEXT,\"answer\" TEXT,\"state\" TEXT,\"feedback\" TEXT,"
    "\"on_expire\" TEXT,\"expires_at\" INTEGER NOT NULL DEFAULT 0,\"channel\" TEXT,"
    "\"channel_message\" TEXT,\"created_at\" INTEGER NOT NULL DEFAULT 0,"
    "\"decided_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"id\")) STRICT;"
    "CREATE INDEX \"approval_state\" ON \"approval\"(\"state\",\"expires_at\",\"id\");"
    "CREATE INDEX \"approval_task\" ON \"approval\"(\"task\",\"id\");"
    "CREATE INDEX \"approval_run\" ON \"approval\"(\"run\",\"path\",\"id\");"
    "CREATE TABLE \"vote\"(\"approval\" TEXT NOT NULL,\"person\" TEXT NOT NULL,"
    "\"decision\" TEXT,\"subject_hash\" TEXT,\"feedback\" TEXT,\"answer\" TEXT,\"via\" TEXT,"
    "\"created_at\" INTEGER NOT NULL DEFAULT 0,PRIMARY KEY(\"approval\",\"person\")) STRICT,"
    " WITHOUT ROWID;"
    "PRAGMA user_version=1;PRAGMA application_id=6844833;";

static const char rows_of_then[] =
    "INSERT INTO task(id,seq,root,caller,agent,kind,session,state,priority,ready_at,max_tries) "
    "VALUES('t-1',1,'t-1','operator','ada','ask','a','queued',0,1,3),"
    "('t-2',2,'t-2','operator','ada','ask','b','queued',0,1,3),"
    "('t-3',3,'t-3','operator','ada','ask','c','queued',0,1,3),"
    "('t-4',4,'t-4','operator','ada','ask','d','done',0,1,3);"
    "INSERT INTO root(id,owner,tasks_total,tasks_live) VALUES('t-1','operator',1,1),"
    "('t-2','operator',1,1),('t-3','operator',1,1),('t-4','operator',1,0);"
    "INSERT INTO session(agent,key,id,open_task,finished) VALUES('ada','a','1','t-1',0),"
    "('ada','b','2','t-2',0),('ada','c','3','t-3',0),('ada','d','4',NULL,1);"
    "INSERT INTO agent(id,nonce,incarnation) VALUES('ada','n1',1);"
    "INSERT INTO \"call\"(task,step,idx,kind,name,state) "
    "VALUES('t-1',1,0,'model','m/x','recorded')";

static void make_first_version(struct fixture *fixture)
{
    sqlite3 *db;
    char *path = arena_printf(&fixture->arena, "%s/ledger.db", fixture->dir), *text = NULL;
    fixture_close(fixture);
    unlink(path);
    unlink(arena_printf(&fixture->arena, "%s-wal", path));
    unlink(arena_printf(&fixture->arena, "%s-shm", path));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, first_version, NULL, NULL, &text) != SQLITE_OK ||
        sqlite3_exec(db, rows_of_then, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    sqlite3_close(db);
}

/* One line for each answer of the query, columns separated by "|". */
static char *lines(struct fixture *fixture, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    char *text = arena_strdup(&fixture->arena, "");
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *value = (const char *)sqlite3_column_text(stmt, i);
            text = arena_printf(&fixture->arena, "%s%s|", text, value ? value : "NULL");
        }
        text = arena_printf(&fixture->arena, "%s\n", text);
    }
    sqlite3_finalize(stmt);
    return text;
}

/* Spaces and quotes around names say nothing. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++)
        if (*at != '"' && *at != ' ')
            *to++ = *at;
    *to = '\0';
}

static const char *shape(struct fixture *fixture)
{
    sqlite3 *db = ((struct store_sqlite *)fixture->store)->db;
    char *tables = lines(fixture, db,
                         "SELECT t.name, t.wr, t.strict, c.cid, c.name, c.type, c.\"notnull\", "
                         "c.dflt_value, c.pk FROM pragma_table_list t, pragma_table_info(t.name) c "
                         "WHERE t.schema='main' AND t.type='table' ORDER BY t.name, c.cid");
    char *indexes = lines(fixture, db,
                          "SELECT name, sql FROM sqlite_schema WHERE type='index' AND sql NOT NULL "
                          "ORDER BY name");
    squeeze(indexes);
    return arena_printf(&fixture->arena, "%s%s%s", tables, indexes,
                        lines(fixture, db, "PRAGMA user_version"));
}

static void assert_same(const char *got, const char *expected)
{
    while (*got && *expected) {
        size_t a = strcspn(got, "\n"), b = strcspn(expected, "\n");
        if (a != b || memcmp(got, expected, a) != 0)
            fail_msg("migrated: %.*s\nnew:      %.*s", (int)a, got, (int)b, expected);
        got += a + 1;
        expected += b + 1;
    }
    assert_string_equal(got, expected);
}

static void the_first_version_becomes_this_one(void **state)
{
    struct fixture *fixture = *state;
    const char *new_shape = shape(fixture);
    make_first_version(fixture);
    fixture_open(fixture);
    assert_same(shape(fixture), new_shape);
    sqlite3 *copy;
    const char *path =
        arena_printf(&fixture->arena, "%s/ledger.db.before-v%d", fixture->dir, SCHEMA_VERSION);
    assert_int_equal(sqlite3_open(path, &copy), SQLITE_OK);
    assert_string_equal(lines(fixture, copy, "PRAGMA user_version"), "1|\n");
    assert_string_equal(lines(fixture, copy, "SELECT count(*) FROM task"), "4|\n");
    assert_string_equal(lines(fixture, copy,
                              "SELECT count(*) FROM pragma_table_info('task') "
                              "WHERE name='rank'"),
                        "0|\n");
    sqlite3_close(copy);
}

/* The work of then goes on, oldest first, and before what comes now. */
static void old_work_goes_on(void **state)
{
    static const char *const expected[] = {"t-1", "t-2", "t-3", "t-9"};
    struct fixture *fixture = *state;
    make_first_version(fixture);
    fixture->store = store_sqlite_open(fixture->dir, &fixture->err);
    struct ledger *ledger = ledger_open(fixture->store, &fixture->err);
    fixture->store = NULL;
    if (!ledger)
        fail_msg("%s", fixture->err.message);
    struct task task = {.id = "t-9", .agent = "ada", .kind = "ask"}, *tasks;
    struct op submit = {.type = OP_SUBMIT, .task = &task};
    struct batch batch = {.actor = "operator", .ops = &submit, .count = 1};
    struct claim claim = {.agent = "ada", .nonce = "n1", .max = 8};
    struct outcome outcome;
    size_t count;
    assert_int_equal(ledger_apply(ledger, &batch, &outcome, &fixture->err), 0);
    assert_int_equal(outcome.status, LEDGER_OK);
    assert_int_equal(
        ledger_claim(ledger, &claim, &fixture->arena, &tasks, &count, &outcome, &fixture->err), 0);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(tasks[i].id, expected[i]);
    struct call call = {.task = "t-1", .step = 1};
    assert_int_equal(ledger_get(ledger, &call_record, &call, &fixture->arena, &fixture->err), 0);
    assert_string_equal(call.name, "m/x");
    ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(the_first_version_becomes_this_one),
        ON_SQLITE(old_work_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
