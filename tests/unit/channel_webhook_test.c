/* Requests of both forms byte by byte where it counts, and what answers are taken for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "channel/discord.h"
#include "channel/webhook.h"
#include "config/config.h"

static const char *const none[] = {NULL};
static const struct config_agent agents[] = {
    {.id = "manager", .name = "Manager", .aliases = none},
    {.id = "sly", .name = "My Discord", .aliases = none},
};
static const struct config config = {.company = "at/o m", .agents = agents, .agent_count = 2};
static const struct config_webhook events = {.name = "team", .form = "cloudevents"};
static const struct config_webhook discord = {.name = "ops", .form = "discord"};
static const char secret_url[] =
    "https://hooks.example:8443/api/webhooks/1234567/sEcReTtOkEn?x=yyyyyyyy";
static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&arena);
    return 0;
}

static void make(const struct config_webhook *webhook, const char *url, const char *body_json,
                 struct webhook_post *post)
{
    json_t *body = json_loads(body_json, 0, NULL);
    assert_non_null(body);
    const struct webhook_message message = {&config, webhook, url, "e-1", body};
    webhook_post(&message, &arena, post);
    json_decref(body);
}

static void an_event_is_the_same_every_time(void **state)
{
    struct webhook_post post, again;
    static const char body[] = "{\"task\":\"t-1\",\"agent\":\"manager\",\"text\":\"done\","
                               "\"finished_at\":\"2026-11-22T10:00:00.000Z\"}";
    make(&events, secret_url, body, &post);
    make(&events, secret_url, body, &again);
    assert_string_equal(post.url, secret_url);
    assert_string_equal(post.headers[0],
                        "Content-Type: application/cloudevents+json; charset=utf-8");
    assert_string_equal(post.headers[1], "Idempotency-Key: e-1");
    assert_null(post.headers[2]);
    assert_string_equal(
        post.body,
        "{\"data\":{\"agent\":\"manager\",\"finished_at\":\"2026-11-22T10:00:00.000Z\",\"task\":"
        "\"t-1\",\"text\":\"done\"},\"datacontenttype\":\"application/json\",\"id\":\"e-1\","
        "\"source\":\"/hq/at%2Fo%20m/manager\",\"specversion\":\"1.0\",\"subject\":\"t-1\","
        "\"time\":\"2026-11-22T10:00:00.000Z\",\"type\":\"hq.task.result\"}");
    assert_int_equal(post.body_len, strlen(post.body));
    assert_string_equal(post.body, again.body);
}

static void an_effect_of_a_workflow_says_so(void **state)
{
    struct webhook_post post;
    make(&events, secret_url, "{\"run\":\"r-1\",\"workflow\":\"study\",\"step\":\"post\"}", &post);
    assert_non_null(strstr(post.body, "\"source\":\"/hq/at%2Fo%20m/study\""));
    assert_non_null(strstr(post.body, "\"type\":\"hq.flow.effect\""));
}

static void a_short_text_is_one_message_that_pings_nobody(void **state)
{
    static const struct {
        const char *body, *content;
    } cases[] = {
        {"{\"agent\":\"manager\",\"text\":\"hi @everyone\"}", "hi @everyone"},
        {"{\"agent\":\"manager\",\"text\":\"\"}", "(no text)"},
        {"{\"agent\":\"manager\",\"status\":\"failed\",\"text\":\"\",\"failure\":{\"class\":"
         "\"timeout\",\"message\":\"too late\"}}",
         "**Failed** (timeout): too late"},
        {"{\"agent\":\"manager\",\"status\":\"blocked\",\"text\":\"no mesh\"}",
         "**Blocked:** no mesh"},
        {"{\"agent\":\"manager\",\"status\":\"partial\",\"text\":\"half\"}", "**Partial:** half"},
    };
    struct webhook_post post;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make(&discord, "https://h/w", cases[i].body, &post);
        json_t *body = json_loads(post.body, 0, NULL);
        assert_string_equal(json_get_text(body, "content", ""), cases[i].content);
        assert_string_equal(json_get_text(body, "username", ""), "Manager");
        const json_t *mentions = json_object_get(body, "allowed_mentions");
        assert_int_equal(json_array_size(json_object_get(mentions, "parse")), 0);
        assert_true(json_is_array(json_object_get(mentions, "parse")));
        json_decref(body);
    }
    assert_string_equal(post.headers[0], "Content-Type: application/json");
}

static void the_url_asks_to_wait_and_bad_names_are_left_out(void **state)
{
    struct webhook_post post;
    make(&discord, "https://h/w", "{\"agent\":\"sly\",\"text\":\"x\"}", &post);
    assert_string_equal(post.url, "https://h/w?wait=true");
    assert_null(strstr(post.body, "username"));
    make(&discord, "https://h/w?thread_id=5#frag", "{\"agent\":\"manager\",\"text\":\"x\"}", &post);
    assert_string_equal(post.url, "https://h/w?thread_id=5&wait=true");
}

static char *repeat(const char *text, size_t times)
{
    struct buf out = {0};
    for (size_t i = 0; i < times; i++)
        buf_puts(&out, text);
    char *whole = arena_strdup(&arena, buf_text(&out));
    buf_fini(&out);
    return whole;
}

static void a_cut_keeps_words_characters_and_fences(void **state)
{
    bool cut;
    assert_string_equal(discord_cut("short", 10, &arena, &cut), "short");
    assert_false(cut);
    assert_string_equal(discord_cut("0123456789", 10, &arena, &cut), "0123456789");
    assert_false(cut);
    assert_string_equal(discord_cut("first words go here", 18, &arena, &cut), "first words");
    assert_true(cut);
    assert_string_equal(discord_cut("one line\nanother one\nrest of it", 28, &arena, &cut),
                        "one line\nanother one");
    assert_string_equal(discord_cut("ääääääääää", 9, &arena, &cut), "äääää");
    /* one sign of four bytes counts twice */
    assert_string_equal(discord_cut("😀😀😀😀😀😀", 11, &arena, &cut), "😀😀😀");
    const char *code = arena_printf(&arena, "intro\n```c\n%s", repeat("int x;\n", 10));
    const char *kept = discord_cut(code, 50, &arena, &cut);
    assert_true(cut && str_ends(kept, "\n```") && strlen(kept) <= 50);
    kept = discord_cut(arena_printf(&arena, "```\nx\n```\n%s", repeat("after ", 20)), 50, &arena,
                       &cut);
    assert_true(cut && !str_ends(kept, "```"));
}

static void a_long_text_comes_whole_as_a_file(void **state)
{
    struct webhook_post post;
    const char *long_text = repeat("a long line of text\\n", 300);
    make(&discord, "https://h/w",
         arena_printf(&arena, "{\"agent\":\"manager\",\"text\":\"%s\"}", long_text), &post);
    const char *boundary = strstr(post.headers[0], "boundary=");
    assert_non_null(boundary);
    const char *part = arena_printf(
        &arena, "--%s\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n", boundary + 9);
    assert_true(str_starts(post.body, part));
    assert_true(str_ends(post.body, arena_printf(&arena, "\r\n--%s--\r\n", boundary + 9)));
    char *json = strstr(post.body, "\r\n\r\n") + 4;
    json_t *payload = json_loadb(json, (size_t)(strstr(json, "\r\n--") - json), 0, NULL);
    const char *content = json_get_text(payload, "content", "");
    assert_true(strlen(content) <= DISCORD_CONTENT && strlen(content) > DISCORD_CONTENT / 2);
    assert_non_null(strstr(content, "answer.md"));
    assert_non_null(json_object_get(payload, "allowed_mentions"));
    json_decref(payload);
    assert_non_null(strstr(post.body, "filename=\"answer.md\""));
    assert_non_null(strstr(post.body, repeat("a long line of text\n", 300)));
}

static const struct judge_case {
    const struct config_webhook *webhook;
    enum fetch_outcome outcome;
    int status;
    bool sent;
    const char *body;
    int64_t retry_after_ms;
    enum webhook_verdict verdict;
    int64_t wait_ms;
    const char *receiver_id, *reason;
} judge_cases[] = {
    {&events, FETCH_OK, 200, true, "", -1, WEBHOOK_CONFIRMED, -1, NULL, NULL},
    {&events, FETCH_OK, 202, true, "{\"id\":\"r-1\"}", -1, WEBHOOK_CONFIRMED, -1, "r-1", NULL},
    {&events, FETCH_TOO_LARGE, 200, true, "", -1, WEBHOOK_CONFIRMED, -1, NULL, NULL},
    {&events, FETCH_OK, 429, true, "", 3000, WEBHOOK_RETRY, 3000, NULL,
     "the receiver answered 429"},
    {&events, FETCH_OK, 408, true, "", -1, WEBHOOK_RETRY, -1, NULL, "the receiver answered 408"},
    {&events, FETCH_OK, 502, true, "<html>", -1, WEBHOOK_RETRY, -1, NULL,
     "the receiver answered 502"},
    {&events, FETCH_OK, 400, true, "{\"error\":\"bad\"}", -1, WEBHOOK_DEAD, -1, NULL,
     "the receiver answered 400: bad"},
    {&events, FETCH_OK, 301, true, "", -1, WEBHOOK_DEAD, -1, NULL, "the receiver answered 301"},
    {&events, FETCH_CUT, 0, true, "", -1, WEBHOOK_RETRY, -1, NULL, "broken"},
    {&events, FETCH_UNREACHABLE, 0, false, "", -1, WEBHOOK_RETRY, -1, NULL, "broken"},
    {&events, FETCH_OK, 503, true, "", INT64_C(99999999999), WEBHOOK_RETRY, 86400000, NULL, NULL},
    {&discord, FETCH_OK, 200, true, "{\"id\":\"99\"}", -1, WEBHOOK_CONFIRMED, -1, "99", NULL},
    {&discord, FETCH_OK, 429, true, "{\"message\":\"slow\",\"retry_after\":64.57}", 65000,
     WEBHOOK_RETRY, 65000, NULL, "the receiver answered 429: slow"},
    {&discord, FETCH_OK, 429, true, "{\"retry_after\":0.3}", -1, WEBHOOK_RETRY, 300, NULL, NULL},
    {&discord, FETCH_OK, 429, true, "{\"retry_after\":1e300}", -1, WEBHOOK_RETRY, -1, NULL, NULL},
    {&discord, FETCH_OK, 503, true, "", -1, WEBHOOK_RETRY, -1, NULL, NULL},
    {&discord, FETCH_OK, 500, true, "", -1, WEBHOOK_UNKNOWN, -1, NULL, NULL},
    {&discord, FETCH_OK, 404, true, "{\"message\":\"Unknown Webhook\"}", -1, WEBHOOK_DEAD, -1, NULL,
     "the receiver answered 404: Unknown Webhook"},
    {&discord, FETCH_CUT, 0, true, "", -1, WEBHOOK_UNKNOWN, -1, NULL, NULL},
    {&discord, FETCH_TIMEOUT, 0, true, "", -1, WEBHOOK_UNKNOWN, -1, NULL, NULL},
    {&discord, FETCH_TIMEOUT, 0, false, "", -1, WEBHOOK_RETRY, -1, NULL, NULL},
    {&discord, FETCH_CANCELLED, 0, true, "", -1, WEBHOOK_UNKNOWN, -1, NULL, NULL},
    {&discord, FETCH_UNREACHABLE, 0, false, "", -1, WEBHOOK_RETRY, -1, NULL, NULL},
};

static void judge(const struct judge_case *of, struct webhook_judgement *judgement)
{
    struct err err = {.message = "broken"};
    struct fetch_response response = {
        .status = of->status, .retry_after_ms = of->retry_after_ms, .sent = of->sent};
    buf_puts(&response.body, of->body);
    const struct webhook_message message = {&config, of->webhook, secret_url, "e-1", NULL};
    const struct webhook_answer answer = {of->outcome, &response, &err};
    webhook_judge(&message, &answer, &arena, judgement);
    fetch_response_fini(&response);
}

static void answers_are_told_apart(void **state)
{
    for (size_t i = 0; i < sizeof(judge_cases) / sizeof(judge_cases[0]); i++) {
        const struct judge_case *of = &judge_cases[i];
        struct webhook_judgement judgement;
        judge(of, &judgement);
        if (judgement.verdict != of->verdict || judgement.wait_ms != of->wait_ms)
            fail_msg("case %zu: verdict %d, wait %lld", i, (int)judgement.verdict,
                     (long long)judgement.wait_ms);
        assert_true(str_eq(judgement.receiver_id, of->receiver_id));
        assert_int_equal(judgement.reason == NULL, of->verdict == WEBHOOK_CONFIRMED);
        if (of->reason)
            assert_string_equal(judgement.reason, of->reason);
        assert_int_equal(judgement.is_gone, of->webhook == &discord && of->status == 404);
    }
}

static void no_piece_of_the_url_is_told(void **state)
{
    static const char *const pieces[] = {"hooks.example", "1234567", "sEcReTtOkEn", "yyyyyyyy"};
    struct webhook_judgement judgement;
    struct judge_case of = {
        .webhook = &events, .outcome = FETCH_OK, .status = 400, .sent = true, .retry_after_ms = -1};
    of.body = arena_printf(&arena, "{\"message\":\"no %s, host hooks.example, token sEcReTtOkEn\"}",
                           secret_url);
    judge(&of, &judgement);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_null(strstr(judgement.reason, pieces[i]));
    of.body = arena_printf(&arena, "{\"message\":\"%s\"}", repeat("ä", 5000));
    judge(&of, &judgement);
    assert_true(strlen(judgement.reason) <= 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_the_same_every_time, setup, teardown),
        cmocka_unit_test_setup_teardown(an_effect_of_a_workflow_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_text_is_one_message_that_pings_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_url_asks_to_wait_and_bad_names_are_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cut_keeps_words_characters_and_fences, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_text_comes_whole_as_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(no_piece_of_the_url_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
