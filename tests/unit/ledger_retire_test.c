/* Retention: what is over goes whole and is in the archive before; what is not, stays; a death at any
 * commit loses nothing and leaves a ledger that its own check accepts. */
#include "ledger_run_case.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"

enum { DAY = 86400000 };

static const char *archive_of(struct ledger_case *c)
{
    return arena_printf(&c->arena, "%s/archive", c->dir);
}

static int64_t retire(struct ledger_case *c)
{
    struct ledger_retired done = {0};
    const struct ledger_retention how = {.keep_ms = INT64_C(90) * DAY, .archive = archive_of(c)};
    do {
        if (ledger_retire(c->ledger, &how, &done, &c->err) < 0)
            fail_msg("%s", c->err.message);
    } while (done.more);
    return done.roots;
}

static void project(struct ledger_case *c, const char *agent, const char *key, int64_t upto)
{
    struct session session = {.agent = agent, .key = key, .projected = upto};
    assert_int_equal(case_op(c, (struct op){.type = OP_PROJECTED, .session = &session}), LEDGER_OK);
}

/* A request that is done and projected. */
static void done_request(struct ledger_case *c, const char *id, const char *session)
{
    case_submit(c, id, "ada", session);
    int64_t fence = case_claim_id(c, "ada", "n1", id);
    assert_int_equal(case_intend(c, id, fence, 1, 0), LEDGER_OK);
    assert_int_equal(case_record(c, id, fence, 1, 0), LEDGER_OK);
    assert_int_equal(case_finish(c, id, fence, "\"done\""), LEDGER_OK);
    project(c, "ada", session, case_task(c, id)->finish_no);
}

static int64_t rows_of(struct ledger_case *c, const struct record *record)
{
    int64_t count = 0;
    struct scan scan = {.record = record};
    assert_int_equal(c->store->ops->count(c->store, &scan, &count, &c->err), 0);
    return count;
}

static bool exists(struct ledger_case *c, const char *id)
{
    struct task task = {.id = id};
    return ledger_get(c->ledger, &task_record, &task, &c->arena, &c->err) == 0;
}

/* Every line of the archive's files of these months; lines that are torn are passed over. */
static json_t *archived(struct ledger_case *c)
{
    static const char *const months[] = {"2026-11", "2026-12", "2027-01", "2027-02", "2027-03"};
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
        struct buf text = {0};
        FILE *file =
            fopen(arena_printf(&c->arena, "%s/%s.jsonl", archive_of(c), months[i]), "rb");
        if (!file)
            continue;
        assert_int_equal(file_read(fileno(file), SIZE_MAX / 2, &text), 0);
        fclose(file);
        for (char *at = text.bytes, *end; at && (end = strchr(at, '\n')); at = end + 1) {
            json_t *line = json_parse(at, (size_t)(end - at), NULL);
            if (line)
                json_array_append_new(all, line);
        }
        buf_fini(&text);
    }
    return all;
}

static size_t lines_of(const json_t *all, const char *table, const char *root)
{
    size_t i, count = 0;
    const json_t *line;
    json_array_foreach (all, i, line)
        count += str_eq(json_get_text(line, "t", ""), table) &&
                 (!root || str_eq(json_get_text(line, "root", ""), root));
    return count;
}

static void what_is_over_for_long_goes_into_the_archive(void **state)
{
    struct ledger_case *c = *state;
    struct stat st;
    case_register(c, "ada", "n1");
    done_request(c, "t-old", "s1");
    case_pass(c, INT64_C(80) * DAY);
    done_request(c, "t-young", "s2");
    assert_int_equal(retire(c), 0);
    case_pass(c, INT64_C(20) * DAY);
    int64_t newest = 0;
    struct ledger_feed feed;
    assert_int_equal(ledger_feed(c->ledger, 0, 1, &c->arena, &feed, &c->err), 0);
    newest = feed.newest;
    assert_int_equal(retire(c), 1);
    assert_false(exists(c, "t-old"));
    assert_true(exists(c, "t-young"));
    assert_int_equal(ledger_feed(c->ledger, 0, 1000, &c->arena, &feed, &c->err), 0);
    assert_int_equal(feed.newest, newest);
    assert_true(feed.retired > 0 && feed.retired < newest);
    json_t *all = archived(c);
    assert_int_equal(lines_of(all, "root", "t-old"), 1);
    assert_int_equal(lines_of(all, "task", "t-old"), 1);
    assert_int_equal(lines_of(all, "call", "t-old"), 1);
    assert_int_equal(lines_of(all, "handoff", "t-old"), 1);
    assert_true(lines_of(all, "event", "t-old") >= 4);
    assert_int_equal(lines_of(all, "end", "t-old"), 1);
    assert_int_equal(lines_of(all, "task", "t-young"), 0);
    json_decref(all);
    assert_int_equal(stat(arena_printf(&c->arena, "%s/2026-11.jsonl", archive_of(c)), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    case_assert_clean(c);
    case_restart(c);
    case_assert_clean(c);
    done_request(c, "t-old", "s1"); /* the same id is new work */
    case_assert_clean(c);
}

static void what_is_not_over_stays(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-open", "ada", "s1");
    case_submit(c, "t-unprojected", "ada", "s2");
    int64_t open = case_claim_id(c, "ada", "n1", "t-open");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-unprojected");
    assert_int_equal(case_finish(c, "t-unprojected", fence, "\"x\""), LEDGER_OK);
    case_submit(c, "t-sending", "ada", "s3");
    fence = case_claim_id(c, "ada", "n1", "t-sending");
    struct effect effect = {
        .id = "e-1", .kind = "webhook", .destination = "webhook:b", .body = "{}", .task = "t-sending"};
    struct op op = {.type = OP_EFFECT, .task_id = "t-sending", .fence = fence, .effect = &effect};
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_int_equal(case_finish(c, "t-sending", fence, "\"x\""), LEDGER_OK);
    project(c, "ada", "s3", 1);
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 0);
    assert_true(exists(c, "t-open") && exists(c, "t-unprojected") && exists(c, "t-sending"));
    project(c, "ada", "s2", 1);
    struct effect dead = {.id = "e-1", .state = EFFECT_DEAD, .reason = "nobody there"};
    assert_int_equal(case_op(c, (struct op){.type = OP_EFFECT_STATE, .effect = &dead}), LEDGER_OK);
    assert_int_equal(retire(c), 2);
    assert_true(exists(c, "t-open") && !exists(c, "t-unprojected") && !exists(c, "t-sending"));
    assert_int_equal(rows_of(c, &effect_record), 0);
    case_assert_clean(c);
    (void)open;
}

/* A run with a gate, its step's task, and what is left of nothing of it. */
static void a_run_goes_with_all_that_it_made(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    run_step_task(c, "r-1", "draft", "t-2", "ada");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-2");
    assert_int_equal(case_finish(c, "t-2", fence, "\"text\""), LEDGER_OK);
    struct approval gate = {.title = "ok?", .subject = "{}", .quorum = 1};
    run_step_gate(c, "r-1", "gate", &gate);
    size_t count;
    assert_int_equal(run_say(c, run_pending(c, &count)->id, "operator", "approved"), LEDGER_OK);
    run_finish(c, "r-1", RUN_DONE, "{}");
    struct task *step = case_task(c, "t-2");
    if (step->finish_no)
        project(c, "ada", step->session, step->finish_no);
    case_assert_clean(c);
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 1);
    static const struct record *const gone[] = {
        &task_record, &run_record,    &step_record,  &approval_record,   &vote_record, &root_record,
        &call_record, &handoff_record, &event_record, &definition_record, &wait_record};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        if (gone[i] != &event_record && rows_of(c, gone[i]) != 0)
            fail_msg("%lld rows are left in %s", (long long)rows_of(c, gone[i]), gone[i]->name);
    json_t *all = archived(c);
    assert_int_equal(lines_of(all, "run", "t-1"), 1);
    assert_int_equal(lines_of(all, "approval", "t-1"), 1);
    assert_true(lines_of(all, "vote", "t-1") >= 1);
    json_decref(all);
    case_assert_clean(c);
    case_restart(c);
    case_assert_clean(c);
}

static void old_ends_of_the_companys_streams_are_cut(void **state)
{
    struct ledger_case *c = *state;
    struct event event = {.stream = "system", .type = "said", .body = "{}"};
    for (int i = 0; i < 200; i++)
        assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    case_pass(c, INT64_C(91) * DAY);
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    retire(c);
    case_assert_clean(c);
    struct event *events;
    size_t count;
    assert_int_equal(ledger_read(c->ledger, "system", 1, 1000, &c->arena, &events, &count, &c->err),
                     0);
    assert_true(count >= 1 && count < 10);
    assert_true(events[0].seq > 190);
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    case_assert_clean(c);
    case_pass(c, INT64_C(91) * DAY);
    retire(c);
    assert_int_equal(ledger_read(c->ledger, "system", 1, 1000, &c->arena, &events, &count, &c->err),
                     0);
    case_assert_clean(c);
    case_restart(c);
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    case_assert_clean(c);
    json_t *all = archived(c);
    assert_true(lines_of(all, "event", NULL) >= 200);
    json_decref(all);
}

/* An event whose beginning was not retired is still missed. */
static void an_event_that_was_only_removed_is_missed(void **state)
{
    struct ledger_case *c = *state;
    struct event event = {.stream = "system", .type = "said", .body = "{}"};
    const char **findings;
    size_t count;
    for (int i = 0; i < 3; i++)
        assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    struct event first = {.stream = "system", .seq = 1};
    assert_int_equal(c->store->ops->del(c->store, &event_record, &first, &c->err), 0);
    assert_int_equal(
        ledger_admin(c->ledger, ADMIN_CHECK, NULL, &c->arena, &findings, &count, &c->err), 0);
    assert_true(count > 0);
}

static void blobs_go_when_nobody_names_them(void **state)
{
    struct ledger_case *c = *state;
    char used[HASH_HEX], loose[HASH_HEX], *bytes;
    size_t len;
    int64_t removed;
    case_register(c, "ada", "n1");
    struct task task = {.id = "t-1",
                        .agent = "ada",
                        .session = "s",
                        .caller = "operator",
                        .kind = "ask",
                        .instruction = memset(arena_alloc(&c->arena, LIMIT_INLINE + 2), 'x',
                                              LIMIT_INLINE + 1)};
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &task}), LEDGER_OK);
    snprintf(used, sizeof(used), "%s", case_task(c, "t-1")->instruction_blob);
    assert_int_equal(ledger_blob_put(c->ledger, "loose", 5, loose, &c->err), 0);
    assert_int_equal(ledger_drop_blobs(c->ledger, &removed, &c->err), 0);
    assert_int_equal(removed, 0); /* too young */
    case_pass(c, 100000 * (int64_t)DAY);
    assert_int_equal(ledger_drop_blobs(c->ledger, &removed, &c->err), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(ledger_blob_get(c->ledger, loose, &c->arena, &bytes, &len, &c->err),
                     LEDGER_NONE);
    assert_int_equal(ledger_blob_get(c->ledger, used, &c->arena, &bytes, &len, &c->err), 0);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_finish(c, "t-1", fence, "\"x\""), LEDGER_OK);
    project(c, "ada", "s", 1);
    case_pass(c, INT64_C(91) * DAY);
    assert_int_equal(retire(c), 1);
    assert_int_equal(ledger_drop_blobs(c->ledger, &removed, &c->err), 0);
    assert_int_equal(removed, 1);
    struct stat st;
    assert_int_equal(stat(arena_printf(&c->arena, "%s/blobs/%s", archive_of(c), used), &st), 0);
    assert_int_equal(st.st_size, LIMIT_INLINE + 1);
    case_assert_clean(c);
}

static void make_many(struct ledger_case *c, int count)
{
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n2");
    for (int i = 0; i < count; i++) {
        const char *id = arena_printf(&c->arena, "t-%05d", i);
        const char *session = i % 3 ? arena_printf(&c->arena, "s%d", i) : "main";
        case_submit(c, id, "ada", session);
        int64_t fence = case_claim_id(c, "ada", "n1", id);
        if (i % 5 == 0) {
            const char *child = arena_printf(&c->arena, "t-%05dc", i);
            assert_int_equal(case_submit_child(c, child, "bob", id), LEDGER_OK);
            int64_t own = case_claim_id(c, "bob", "n2", child);
            assert_int_equal(case_finish(c, child, own, "\"y\""), LEDGER_OK);
        }
        if (i % 7 == 0)
            assert_int_equal(case_cancel(c, id), LEDGER_OK);
        else
            assert_int_equal(case_finish(c, id, fence, "\"x\""), LEDGER_OK);
        if (i % 7 == 0)
            case_pass(c, 60000);
        arena_fini(&c->arena);
    }
}

static void project_all(struct ledger_case *c, const char *agent)
{
    void *rows;
    size_t count;
    assert_int_equal(ledger_query(c->ledger, LIST_SESSIONS, agent, NULL, 0, 100000, &c->arena, &rows,
                                  &count, &c->err),
                     0);
    for (size_t i = 0; i < count; i++) {
        const struct session *session = &((const struct session *)rows)[i];
        project(c, session->agent, session->key, session->finished);
    }
}

/* ---- sessions and their transcripts ---- */

static size_t retired_sessions(struct ledger_case *c, struct session **list)
{
    void *rows;
    size_t count;
    assert_int_equal(ledger_query(c->ledger, LIST_SESSIONS_RETIRED, "ada", NULL, 0, 100, &c->arena,
                                  &rows, &count, &c->err),
                     0);
    *list = rows;
    return count;
}

static bool has_session(struct ledger_case *c, const char *key)
{
    struct session session = {.agent = "ada", .key = key};
    return ledger_get(c->ledger, &session_record, &session, &c->arena, &c->err) == 0;
}

static int64_t forget(struct ledger_case *c, const char *key)
{
    int64_t gone;
    assert_int_equal(ledger_forget_sessions(c->ledger, "ada", &key, 1, &gone, &c->err), 0);
    return gone;
}

static void only_a_session_of_one_task_waits_for_its_transcript(void **state)
{
    struct ledger_case *c = *state;
    struct session *list;
    case_register(c, "ada", "n1");
    done_request(c, "t-1", "hook:t-1");
    done_request(c, "t-2", "hook:t-2");
    done_request(c, "t-3", "hook:t-2"); /* somebody said more there */
    done_request(c, "t-4", "main");
    done_request(c, "t-5", "project");
    done_request(c, "t-6", "hook:t-66"); /* named so, by whoever */
    assert_int_equal(forget(c, "hook:t-1"), 0); /* its task is there */
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 6);
    case_assert_clean(c);
    case_restart(c);
    assert_int_equal(retired_sessions(c, &list), 1);
    assert_string_equal(list[0].key, "hook:t-1");
    assert_true(has_session(c, "project") && has_session(c, "main") && has_session(c, "hook:t-66"));
    assert_int_equal(forget(c, "hook:t-2") + forget(c, "main") + forget(c, "project"), 0);
    assert_int_equal(forget(c, "hook:t-1"), 1);
    assert_int_equal(forget(c, "hook:t-1"), 0);
    assert_false(has_session(c, "hook:t-1"));
    assert_true(has_session(c, "hook:t-2"));
    case_assert_clean(c);
}

static void a_session_that_is_come_back_to_stays(void **state)
{
    struct ledger_case *c = *state;
    struct session *list;
    case_register(c, "ada", "n1");
    done_request(c, "t-1", "hook:t-1");
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 1);
    assert_int_equal(retired_sessions(c, &list), 1);
    case_submit(c, "t-2", "ada", "hook:t-1");
    assert_int_equal(retired_sessions(c, &list), 0);
    assert_int_equal(forget(c, "hook:t-1"), 0); /* who asked before hears of it too late */
    int64_t fence = case_claim_id(c, "ada", "n1", "t-2");
    assert_int_equal(case_finish(c, "t-2", fence, "\"x\""), LEDGER_OK);
    assert_int_equal(forget(c, "hook:t-1"), 0);
    assert_int_equal(case_task(c, "t-2")->finish_no, 2);
    project(c, "ada", "hook:t-1", 2);
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 1);
    assert_int_equal(retired_sessions(c, &list), 0);
    assert_true(has_session(c, "hook:t-1"));
    case_assert_clean(c);
}

/* What nobody will ever write into a transcript holds nothing back. */
static void a_turn_that_never_began_goes(void **state)
{
    struct ledger_case *c = *state;
    struct session *list;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "hook:t-1");
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    case_pass(c, INT64_C(100) * DAY);
    assert_int_equal(retire(c), 1);
    assert_int_equal(retired_sessions(c, &list), 1);
    case_assert_clean(c);
}

/* More rows than one transaction takes away. */
static void make_large(struct ledger_case *c)
{
    case_submit(c, "t-large", "ada", "large");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-large");
    for (int step = 1; step <= 120; step++) {
        assert_int_equal(case_intend(c, "t-large", fence, step, 0), LEDGER_OK);
        assert_int_equal(case_record(c, "t-large", fence, step, 0), LEDGER_OK);
    }
    assert_int_equal(case_finish(c, "t-large", fence, "\"x\""), LEDGER_OK);
}

/* The ledger's own check accepts what is there, marked requests and all. */
static void look_between(struct ledger_case *c)
{
    case_restart(c);
    case_assert_clean(c);
    ledger_close(c->ledger);
    c->ledger = NULL;
}

/* Dies at the n-th store commit from the start of retiring; true where it came to its end before. */
static bool retire_and_die(struct ledger_case *c, int at)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        char point[64];
        snprintf(point, sizeof(point), "ledger/%s#%d",
                 at % 2 ? "ledger.commit.before" : "ledger.commit.after", at / 2 + 1);
        setenv("HQ_CRASH_DIR", c->dir, 1);
        setenv("HQ_CRASH_AT", point, 1);
        extern void crash_init(const char *);
        crash_init("ledger");
        case_restart(c);
        retire(c);
        ledger_close(c->ledger);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(arena_printf(&c->arena, "%s/fired", c->dir));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_death_at_any_commit_loses_nothing(void **state)
{
    struct ledger_case *c = *state;
    make_many(c, 12);
    make_large(c);
    project_all(c, "ada");
    project_all(c, "bob");
    case_pass(c, INT64_C(100) * DAY);
    int64_t tasks = rows_of(c, &task_record), roots = rows_of(c, &root_record);
    ledger_close(c->ledger);
    c->ledger = NULL;
    int deaths = 0;
    while (deaths < 200 && !retire_and_die(c, deaths % 9)) {
        look_between(c);
        deaths++;
    }
    case_restart(c);
    case_assert_clean(c);
    int64_t open = rows_of(c, &root_record);
    json_t *all = archived(c);
    size_t i, ends = 0;
    const json_t *line;
    struct map tasks_seen = {0}, roots_seen = {0};
    json_array_foreach (all, i, line) {
        const char *table = json_get_text(line, "t", "");
        if (str_eq(table, "task"))
            map_put(&tasks_seen, json_get_text(json_object_get(line, "row"), "id", ""), c);
        if (str_eq(table, "end") && !map_put(&roots_seen, json_get_text(line, "root", ""), c))
            ends++;
    }
    assert_int_equal(ends + (size_t)open, roots);
    assert_true((int64_t)tasks_seen.count + rows_of(c, &task_record) >= tasks);
    map_fini(&tasks_seen);
    map_fini(&roots_seen);
    json_decref(all);
    assert_true(deaths > 5);
}

static void many_requests_go(void **state)
{
    struct ledger_case *c = *state;
    const char *wanted = getenv("HQ_RETIRE_ROOTS"); /* each costs some commits with their fsyncs */
    int count = wanted && c->sqlite ? atoi(wanted) : 300;
    make_many(c, count);
    project_all(c, "ada");
    project_all(c, "bob");
    int64_t open = 0;
    case_pass(c, INT64_C(100) * DAY);
    int64_t roots = rows_of(c, &root_record);
    assert_int_equal(roots, count);
    assert_int_equal(retire(c), roots - open);
    assert_int_equal(rows_of(c, &task_record), 0);
    assert_int_equal(rows_of(c, &call_record), 0);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_over_for_long_goes_into_the_archive),
        CASE(what_is_not_over_stays),
        CASE(a_run_goes_with_all_that_it_made),
        CASE(old_ends_of_the_companys_streams_are_cut),
        CASE(an_event_that_was_only_removed_is_missed),
        CASE(blobs_go_when_nobody_names_them),
        CASE(only_a_session_of_one_task_waits_for_its_transcript),
        CASE(a_session_that_is_come_back_to_stays),
        CASE(a_turn_that_never_began_goes),
        CASE_SQLITE(a_death_at_any_commit_loses_nothing),
        CASE(many_requests_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
