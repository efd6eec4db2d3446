/* What the doctor reads out of the hub's answers, each in turn bad: a hub of the test's own answers
 * on the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "doctor_fixture.h"
#include "net/http_server.h"
#include "sys/lock.h"

enum { ANSWERS = 24 };

/* The test writes it before it asks; the server's threads read it. */
static struct {
    const char *path; /* with "?state=…" for lists of tasks and runs */
    json_t *body;     /* NULL: 404 */
    json_t *later;    /* from the second time on; NULL: the same */
    int asked;
} answers[ANSWERS];
static size_t answer_count;
static struct http_server *server;
static struct lock *hub_lock, *agent_lock;

static enum http_verdict respond(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct err err;
    const char *state = http_query(request, "state");
    const char *path =
        state ? arena_printf(&request->arena, "%s?state=%s", request->path, state) : request->path;
    for (size_t i = 0; i < answer_count; i++) {
        if (!str_eq(answers[i].path, path) || !answers[i].body)
            continue;
        bool is_later = answers[i].asked++ > 0 && answers[i].later;
        return http_json(request, response, 200,
                         json_incref(is_later ? answers[i].later : answers[i].body));
    }
    bool is_list = str_starts(path, "/v1/tasks?") || str_starts(path, "/v1/runs?");
    if (is_list)
        return http_json(request, response, 200, json_pack("{s:[]}", "items"));
    err_set(&err, "not_found", "%s is not there", path);
    return http_error(request, response, 404, &err);
}

static const struct http_route routes[] = {
    {"GET", "/v1/*", respond}, {"POST", "/v1/*", respond}, {NULL, NULL, NULL}};

/* The text of an answer, with ' for " and times in seconds from now in <…>: "<-300>". What is said
 * of an age must not change while the doctor takes its time: of days it says no more than hours. */
static json_t *parse(const char *text)
{
    struct err err = {0};
    char *filled = arena_alloc(&arena, strlen(text) * 8 + 64), *out = filled;
    for (const char *at = text; *at; at++) {
        long long seconds;
        char time[TIME_TEXT];
        if (*at == '<' && sscanf(at, "<%lld>", &seconds) == 1) {
            time_rfc3339(time_wall_ms() + seconds * 1000, time);
            out += sprintf(out, "\"%s\"", time);
            at = strchr(at, '>');
        } else {
            *out++ = *at == '\'' ? '"' : *at;
        }
    }
    *out = '\0';
    json_t *json = json_parse(filled, strlen(filled), &err);
    if (!json)
        fail_msg("%s: %s", filled, err.message);
    return json;
}

static void answer(const char *path, const char *text)
{
    for (size_t i = 0; i < answer_count; i++)
        if (str_eq(answers[i].path, path)) {
            json_decref(answers[i].body);
            answers[i].body = parse(text);
            return;
        }
    assert_true(answer_count < ANSWERS);
    answers[answer_count].path = path;
    answers[answer_count++].body = parse(text);
}

static void answer_later(const char *text)
{
    answers[answer_count - 1].later = parse(text);
}

static void take(const char *name, const char *version, struct lock **lock)
{
    struct err err;
    struct lock_info info = {.ready = true, .port = 21400, .pss_kb = 1};
    snprintf(info.version, sizeof(info.version), "%s", version);
    assert_int_equal(lock_take(in_dir("state/run"), name, lock, NULL, &err), LOCK_OK);
    assert_int_equal(lock_tell(*lock, &info, &err), 0);
}

static int hub_setup(void **state)
{
    struct err err;
    assert_int_equal(doctor_setup(state), 0);
    put_company(NULL);
    put_file("state/run/x", "", 0600);
    put_file("state/logs/x", "", 0600);
    put_file("secrets/operator.token", "0123456789abcdef\n", 0600);
    take("hub", HQ_VERSION, &hub_lock);
    take("gateway-a", HQ_VERSION, &agent_lock);
    struct http_config config = {.name = "test",
                                 .unix_fd = http_unix_listen(in_dir("state"), "hub.sock", &err),
                                 .routes = routes,
                                 .body_limit = 1 << 20};
    server = http_server_open(&config, &err);
    assert_non_null(server);
    answer("/v1/status", "{'company':'test','agents':[{'id':'a','seen_ms':10,'working':0}]}");
    answer("/v1/inbox", "{'now':<0>,'items':[]}");
    answer("/v1/admin/check", "{'findings':[]}");
    return 0;
}

static int hub_teardown(void **state)
{
    http_server_close(server, 0);
    lock_release(hub_lock);
    lock_release(agent_lock);
    for (size_t i = 0; i < answer_count; i++) {
        json_decref(answers[i].body);
        json_decref(answers[i].later);
        memset(&answers[i], 0, sizeof(answers[i]));
    }
    answer_count = 0;
    hub_lock = agent_lock = NULL;
    return doctor_teardown(state);
}

static const char *seen(const char *id, enum doctor_severity severity)
{
    return expect(id, severity)->seen;
}

static void expect_seen(const char *id, enum doctor_severity severity, const char *words)
{
    if (!strstr(seen(id, severity), words))
        fail_msg("%s: \"%s\" does not say \"%s\"", id, seen(id, severity), words);
}

static void a_hub_that_is_well(void **state)
{
    static const char *const all[] = {
        "hub/answers",    "binary/version", "agent/a",          "task/lost",    "task/stuck",
        "run/unfollowed", "inbox/overdue",  "delivery/unknown", "ledger/check", "port/a"};
    examine(NULL);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        expect(all[i], DOCTOR_OK);
}

static void a_hub_that_does_not_answer(void **state)
{
    answer("/v1/status", "{}");
    json_decref(answers[0].body);
    answers[0].body = NULL;
    examine(NULL);
    expect_seen("hub/answers", DOCTOR_FAIL, "the hub does not answer: ");
    expect_fix("hub/answers", DOCTOR_FAIL, "logs hub");
    expect("ledger/check", DOCTOR_SKIP);
}

static void a_token_that_lies_open(void **state)
{
    put_file("secrets/operator.token", "0123456789abcdef\n", 0644);
    examine("hub");
    expect_seen("hub/answers", DOCTOR_FAIL, "0644");
}

static void the_ledgers_findings_are_told(void **state)
{
    answer("/v1/admin/check", "{'findings':['Stream t-1: event 3 is missing.']}");
    examine("ledger");
    assert_string_equal(seen("ledger/check", DOCTOR_FAIL), "Stream t-1: event 3 is missing.");
    expect_fix("ledger/check", DOCTOR_FAIL, "hq backup create");
}

static void other_versions_are_told(void **state)
{
    lock_release(agent_lock);
    take("gateway-a", "0.0.9", &agent_lock);
    examine("binary");
    assert_string_equal(seen("binary/version", DOCTOR_WARN), "a runs 0.0.9, this is " HQ_VERSION);
    expect_fix("binary/version", DOCTOR_WARN, "hq restart a");
}

static void agents_in_trouble(void **state)
{
    answer("/v1/status", "{'agents':[{'id':'a','seen_ms':60000}]}");
    examine("agent");
    assert_string_equal(seen("agent/a", DOCTOR_WARN), "no sign of life for 1m00s");
    answer("/v1/status", "{'agents':[{'id':'a','seen_ms':1,'breaker':{'open':true,'failures':5,"
                         "'until':'later','reason':'model unreachable'}}]}");
    examine("agent");
    assert_string_equal(seen("agent/a", DOCTOR_WARN),
                        "its breaker is open until later: model unreachable");
    assert_true(expect("agent/a", DOCTOR_WARN)->quotes);
    answer("/v1/status", "{'agents':[{'id':'a','seen_ms':1,'paused':true}]}");
    examine("agent");
    expect_fix("agent/a", DOCTOR_INFO, "hq resume a");
    lock_release(agent_lock);
    agent_lock = NULL;
    examine("agent");
    expect_fix("agent/a", DOCTOR_WARN, "hq up -d");
}

static void people_and_deliveries_that_wait(void **state)
{
    answer("/v1/inbox", "{'now':<0>,'items':[{'id':'g-1','title':'old','created_at':<-90000>},"
                        "{'id':'g-2','title':'soon','created_at':<-60>,'expires_at':<600>},"
                        "{'id':'g-3','title':'new','created_at':<-60>}]}");
    answer("/v1/status", "{'agents':[],'held_effects':[{'id':'e-1','task':'t-1','state':'unknown',"
                         "'destination':'webhook:w','reason':'cut'}]}");
    examine("inbox");
    assert_int_equal(doctor.count, 2);
    expect_fix("inbox/overdue", DOCTOR_WARN, "hq inbox show g-1");
    examine("delivery");
    assert_string_equal(seen("delivery/unknown", DOCTOR_WARN), "e-1 to webhook:w is unknown: cut");
}

static void a_clock_behind_the_ledgers(void **state)
{
    answer("/v1/inbox", "{'now':<3600>,'items':[]}");
    examine("clock");
    expect_seen("clock/skew", DOCTOR_WARN, "the ledger's clock is ");
}

static void a_run_that_cannot_be_followed(void **state)
{
    answer("/v1/runs?state=waiting",
           "{'items':[{'id':'r-1','name':'study','waiting':'cannot be followed: decision 3'},"
           "{'id':'r-2','name':'study','waiting':'approval g-1'}]}");
    examine("run");
    assert_int_equal(doctor.count, 1);
    expect_fix("run/unfollowed", DOCTOR_FAIL, "hq flow cancel r-1");
}

static void a_task_whose_worker_is_gone(void **state)
{
    answer("/v1/tasks?state=working",
           "{'items':[{'id':'t-1','agent':'a','state':'working','ready_at':<-172800>},"
           "{'id':'t-2','agent':'a','state':'working','ready_at':<10>}]}");
    examine("task/lost");
    assert_int_equal(doctor.count, 1);
    expect_seen("task/lost", DOCTOR_FAIL, "t-1 of a: its lease ended 2d 0h ago");
    expect_fix("task/lost", DOCTOR_FAIL, "hq task cancel t-1");
}

/* ---- waits ---- */

#define WAITING(more) "{'task':{'id':'t-1','state':'waiting','wait_mode':'all'},'waits':[" more "]}"

#define ANY_OF(waits)                                                                              \
    "{'task':{'id':'t-1','state':'waiting','wait_mode':'any'},'waits':[" waits "]}"

static void let_wait(const char *detail)
{
    answer("/v1/tasks?state=waiting",
           "{'items':[{'id':'t-1','agent':'a','state':'waiting','kind':'ask'}]}");
    answer("/v1/tasks/t-1", detail);
    examine("task/stuck");
}

static void waits_for_what_is_gone(void **state)
{
    static const struct {
        const char *waits, *words;
    } cases[] = {
        {WAITING(""), "t-1 of a waits, but for nothing"},
        {WAITING("{'kind':'task','id':'t-2'}"), "waits for task t-2, which is not there"},
        {WAITING("{'kind':'task','id':'t-3'}"), "waits for task t-3, which is done already"},
        {WAITING("{'kind':'approval','id':'g-2'}"), "waits for approval g-2, which is rejected"},
        {WAITING("{'kind':'job','id':'j-2'}"), "waits for job j-2, which is not there"},
        {WAITING("{'kind':'timer','id':'1000'}"), "waits for timer 1000, which was due"},
        {WAITING("{'kind':'patience','id':'1000:t-2'}"),
         "waits for patience 1000:t-2, which was due"},
        {WAITING("{'kind':'task','id':'t-2','satisfied':true}"), "waits, but for nothing"},
    };
    answer("/v1/tasks/t-3", "{'task':{'id':'t-3','state':'done'}}");
    answer("/v1/inbox/g-2", "{'item':{'id':'g-2','state':'rejected'}}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        let_wait(cases[i].waits);
        assert_int_equal(doctor.count, 1);
        expect_seen("task/stuck", DOCTOR_WARN, cases[i].words);
        expect_fix("task/stuck", DOCTOR_WARN, "hq task cancel t-1");
    }
}

static void waits_for_what_can_come(void **state)
{
    static const char *const cases[] = {
        WAITING("{'kind':'task','id':'t-4'}"),
        WAITING("{'kind':'approval','id':'g-1'}"),
        WAITING("{'kind':'signal','id':'go'}"),
        WAITING("{'kind':'timer','id':'9000000000000'}"),
        ANY_OF("{'kind':'task','id':'t-2'},{'kind':'task','id':'t-4'}"),
    };
    answer("/v1/tasks/t-4", "{'task':{'id':'t-4','state':'working'}}");
    answer("/v1/inbox/g-1", "{'item':{'id':'g-1','state':'pending'}}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        let_wait(cases[i]);
        expect("task/stuck", DOCTOR_OK);
    }
}

/* The child ended, and its parent moved on, between the two looks. */
static void what_moves_is_not_stuck(void **state)
{
    answer("/v1/tasks/t-3", "{'task':{'id':'t-3','state':'done'}}");
    answer("/v1/tasks?state=waiting",
           "{'items':[{'id':'t-1','agent':'a','state':'waiting','kind':'ask'}]}");
    answer("/v1/tasks/t-1", WAITING("{'kind':'task','id':'t-3'}"));
    answer_later("{'task':{'id':'t-1','state':'queued'}}");
    examine("task/stuck");
    expect("task/stuck", DOCTOR_OK);
}

static void a_deadline_that_nobody_kept(void **state)
{
    answer("/v1/tasks?state=waiting", "{'items':[{'id':'t-1','agent':'a','state':'waiting',"
                                      "'kind':'flow','deadline_at':<-7200>}]}");
    examine("task/stuck");
    expect_seen("task/stuck", DOCTOR_WARN, "although its deadline passed 2h00m ago");
}

static void queues_that_nobody_serves(void **state)
{
    answer("/v1/tasks?state=queued",
           "{'items':[{'id':'t-1','agent':'gone','state':'queued','ready_at':<-60>},"
           "{'id':'t-2','agent':'gone','state':'queued','ready_at':<-172800>},"
           "{'id':'t-3','agent':'hq.runner','state':'queued','ready_at':<-5>},"
           "{'id':'t-4','agent':'a','state':'queued','ready_at':<-3600>,'blocked':true},"
           "{'id':'t-5','agent':'a','state':'queued','ready_at':<3600>},"
           "{'id':'t-6','agent':'a','state':'queued','ready_at':<-60>}]}");
    examine("task/stuck");
    assert_int_equal(doctor.count, 2);
    assert_string_equal(doctor.findings[0].seen,
                        "2 tasks wait for gone, the oldest for 2d 0h: hq.yaml has no such agent");
    expect_fix("task/stuck", DOCTOR_WARN, "--agent gone");
    assert_non_null(strstr(doctor.findings[1].seen, "hq.runner, the oldest for "));
    answer("/v1/tasks?state=queued",
           "{'items':[{'id':'t-6','agent':'a','state':'queued','ready_at':<-1200>}]}");
    examine("task/stuck");
    expect_seen("task/stuck", DOCTOR_WARN, "it works on nothing");
    answer("/v1/status", "{'agents':[{'id':'a','seen_ms':10,'working':1}]}");
    examine("task/stuck");
    expect("task/stuck", DOCTOR_OK);
}

static void pauses_are_told_and_make_nothing_stuck(void **state)
{
    answer("/v1/status", "{'agents':[],'paused':[{'id':'company','by':'operator','panic':true,"
                         "'at':<-172800>,'reason':'too dear'},{'id':'agent:a','by':'person:ceo',"
                         "'at':<-60>}]}");
    answer("/v1/tasks?state=queued",
           "{'items':[{'id':'t-6','agent':'a','state':'queued','ready_at':<-1200>,"
           "'deadline_at':<-600>}]}");
    examine("work");
    assert_string_equal(seen("work/paused", DOCTOR_WARN),
                        "company: panic by operator 2d 0h ago: too dear");
    assert_true(str_ends(expect("work/paused", DOCTOR_WARN)->fix, "hq resume"));
    expect_fix("work/paused", DOCTOR_INFO, "hq resume a");
    examine("task/stuck");
    expect("task/stuck", DOCTOR_OK);
}

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(a_hub_that_is_well),
        HUB_TEST(a_hub_that_does_not_answer),
        HUB_TEST(a_token_that_lies_open),
        HUB_TEST(the_ledgers_findings_are_told),
        HUB_TEST(other_versions_are_told),
        HUB_TEST(agents_in_trouble),
        HUB_TEST(people_and_deliveries_that_wait),
        HUB_TEST(a_clock_behind_the_ledgers),
        HUB_TEST(a_run_that_cannot_be_followed),
        HUB_TEST(a_task_whose_worker_is_gone),
        HUB_TEST(waits_for_what_is_gone),
        HUB_TEST(waits_for_what_can_come),
        HUB_TEST(what_moves_is_not_stuck),
        HUB_TEST(a_deadline_that_nobody_kept),
        HUB_TEST(queues_that_nobody_serves),
        HUB_TEST(pauses_are_told_and_make_nothing_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
