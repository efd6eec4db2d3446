/* Streams of Chat Completions servers, cut at every offset: hand-made ones of this repository and,
 * where HQ_FIXTURES names their folder, those recorded from the real providers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/openai_stream.h"
#include "model/surrogate.h"

struct parsed {
    enum model_outcome outcome;
    char *text; /* message and usage as JSON, or the error's sentence */
    struct buf heard;
};

static void hear(void *ctx, const char *text, size_t len)
{
    buf_put(ctx, text, len);
}

static char *describe(const struct model_answer *answer)
{
    struct arena arena = {0};
    const struct model_usage *usage = &answer->usage;
    char *message = json_print(&arena, answer->message);
    char *text = mem_strdup(arena_printf(&arena, "%s in=%lld out=%lld cached=%lld reasoning=%lld%s",
                                         message, (long long)usage->in, (long long)usage->out,
                                         (long long)usage->cached, (long long)usage->reasoning,
                                         usage->estimated ? " estimated" : ""));
    arena_fini(&arena);
    return text;
}

/* Feeds `bytes` in two pieces, cut at `at`. */
static struct parsed parse_cut(const char *bytes, size_t len, size_t at)
{
    struct openai_stream *stream = mem_zalloc(sizeof(*stream));
    struct parsed parsed = {0};
    struct model_answer answer = {0};
    struct err err = {0};
    openai_stream_init(stream, hear, &parsed.heard);
    stream->provider = "p";
    if (openai_stream_feed(stream, bytes, at) == 0)
        openai_stream_feed(stream, bytes + at, len - at);
    parsed.outcome = openai_stream_finish(stream, &answer, &err);
    parsed.text = parsed.outcome == MODEL_OK ? describe(&answer) : mem_strdup(err.message);
    json_decref(answer.message);
    openai_stream_fini(stream);
    free(stream);
    return parsed;
}

static void parsed_fini(struct parsed *parsed)
{
    free(parsed->text);
    buf_fini(&parsed->heard);
}

static char *read_whole(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("no file %s", path);
    struct buf bytes = {0};
    for (size_t got = 1; got > 0;) {
        got = fread(buf_room(&bytes, 65536), 1, 65536, file);
        buf_grow(&bytes, got);
    }
    fclose(file);
    *len = bytes.len;
    return buf_take(&bytes);
}

/* The whole file and every cut of it (each `step`th offset) must give the same. */
static struct parsed parse_every_cut(const char *path, size_t step)
{
    size_t len;
    char *bytes = read_whole(path, &len);
    struct parsed whole = parse_cut(bytes, len, len);
    for (size_t at = 0; at < len; at += step) {
        struct parsed cut = parse_cut(bytes, len, at);
        if (cut.outcome != whole.outcome || !str_eq(cut.text, whole.text) ||
            !str_eq(buf_text(&cut.heard), buf_text(&whole.heard)))
            fail_msg("%s cut at %zu gives %s, whole it is %s", path, at, cut.text, whole.text);
        parsed_fini(&cut);
    }
    free(bytes);
    return whole;
}

static const struct sample {
    const char *file;
    enum model_outcome outcome;
    const char *want; /* of describe(), or a part of the error's sentence */
    const char *heard;
} samples[] = {
    {"text-nulls.sse", MODEL_OK,
     "{\"stop\":\"stop\",\"text\":\"Grüße, 世界 🙂.\"} in=21 out=7 cached=5 reasoning=0",
     "Grüße, 世界 🙂."},
    {"parallel-calls.sse", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":null,\"tool_calls\":["
     "{\"arguments\":{\"n\":12,\"path\":\"a.txt\"},\"id\":\"call_a\",\"name\":\"read\"},"
     "{\"arguments\":{\"content\":\"x\\n\\\"y\\\"\",\"path\":\"b.txt\"},\"id\":\"call_b\","
     "\"name\":\"write\"}]} in=100 out=40 cached=0 reasoning=0",
     ""},
    {"reasoning-content.sse", MODEL_OK,
     "{\"stop\":\"stop\",\"text\":\"Then say.\",\"thinking\":\"First think.\"} in=9 out=8 cached=4 "
     "reasoning=3",
     "Then say."},
    {"comments-no-done.sse", MODEL_OK,
     "{\"stop\":\"stop\",\"text\":\"Yes.\",\"thinking\":\"Hm.\"} in=5 out=2 cached=0 reasoning=0",
     "Yes."},
    {"split-pairs.sse", MODEL_OK,
     "{\"stop\":\"stop\",\"text\":\"a🙂b \\\\ud83d😀\uFFFDc\uFFFD\"} in=0 out=10 cached=0 "
     "reasoning=0 "
     "estimated",
     "a🙂b \\ud83d😀\uFFFDc\uFFFD"},
    {"split-bytes.sse", MODEL_OK, NULL, NULL},
    {"index-zero.sse", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":\"Both.\",\"tool_calls\":["
     "{\"arguments\":{\"path\":\"a\"},\"id\":\"f-1\",\"name\":\"read\"},"
     "{\"arguments\":{\"path\":\"b\"},\"id\":\"f-2\",\"name\":\"read\"}]} in=10 out=4 cached=0 "
     "reasoning=0",
     "Both."},
    {"no-index-no-id.sse", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":null,\"tool_calls\":["
     "{\"arguments\":{\"command\":\"ls\"},\"id\":\"x\",\"name\":\"exec\"},"
     "{\"arguments\":{},\"id\":\"y\",\"name\":\"now\"}]} in=0 out=9 cached=0 reasoning=0 "
     "estimated",
     ""},
    {"object-arguments.json", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":null,\"tool_calls\":["
     "{\"arguments\":{\"path\":\"c\"},\"id\":\"o\",\"name\":\"read\"}]} in=3 out=1 cached=0 "
     "reasoning=0",
     ""},
    {"bad-arguments.sse", MODEL_OK,
     "{\"stop\":\"length\",\"text\":null,\"tool_calls\":["
     "{\"arguments\":{\"_raw\":\"{\\\"path\\\": "
     "\"},\"bad_arguments\":true,\"id\":\"p\",\"name\":\"read\"},"
     "{\"arguments\":{\"_raw\":\"[\\\"a\\\"]\"},\"bad_arguments\":true,\"id\":\"q\",\"name\":"
     "\"read\"},"
     "{\"arguments\":{},\"id\":\"r\",\"name\":\"read\"}]} in=1 out=2 cached=0 reasoning=0",
     ""},
    {"error-inside.sse", MODEL_UNREACHABLE, "error inside", "Half an ans"},
    {"cut.sse", MODEL_MALFORMED, "not JSON", "Half an answer"},
    {"filtered.sse", MODEL_REFUSED, "content filter", ""},
    {"filtered-late.sse", MODEL_OK,
     "{\"stop\":\"refused\",\"text\":\"I begin\"} in=0 out=3 cached=0 reasoning=0 estimated",
     "I begin"},
    {"extra-content.sse", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":null,\"tool_calls\":[{\"arguments\":{\"path\":\"a\"},"
     "\"extra\":{\"p\":{\"google\":{\"thought_signature\":\"c2ln\"}}},\"id\":\"f-1\",\"name\":"
     "\"read\"}]}"
     " in=10 out=4 cached=0 reasoning=0",
     ""},
    {"ends-in-error.sse", MODEL_UNREACHABLE, "before it was complete", "Half"},
    {"whole.json", MODEL_OK,
     "{\"stop\":\"tool_use\",\"text\":\"Whole.\",\"thinking\":\"r\",\"tool_calls\":["
     "{\"arguments\":{\"path\":\"c\"},\"id\":\"w\",\"name\":\"read\"}]} in=3 out=1 cached=0 "
     "reasoning=0",
     "Whole."},
    {"parts.sse", MODEL_OK,
     "{\"stop\":\"stop\",\"text\":\"Four.\",\"thinking\":\"Let me see.\"} in=6 out=3 cached=0 "
     "reasoning=0",
     "Four."},
};

static void test_our_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *sample = &samples[i];
        char path[4096];
        snprintf(path, sizeof(path), "%s/tests/fixtures/openai-chat/%s", getenv("HQ_SOURCE"),
                 sample->file);
        struct parsed got = parse_every_cut(path, 1);
        bool same = sample->outcome != MODEL_OK ? strstr(got.text, sample->want) != NULL
                    : sample->want              ? str_eq(got.text, sample->want)
                                                : true;
        if (got.outcome != sample->outcome || !same)
            fail_msg("%s gives %d %s", sample->file, got.outcome, got.text);
        if (sample->heard)
            assert_string_equal(buf_text(&got.heard), sample->heard);
        parsed_fini(&got);
    }
}

/* An answer that stops anywhere before its finish_reason is never taken for a whole one. */
static void test_every_truncation_is_noticed(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/fixtures/openai-chat/text-nulls.sse",
             getenv("HQ_SOURCE"));
    size_t len;
    char *bytes = read_whole(path, &len);
    size_t stop = (size_t)(strstr(bytes, "\"stop\"") - bytes);
    for (size_t keep = 0; keep <= stop; keep++) {
        struct parsed got = parse_cut(bytes, keep, keep);
        assert_true(got.outcome == MODEL_UNREACHABLE || got.outcome == MODEL_MALFORMED);
        parsed_fini(&got);
    }
    free(bytes);
}

static void test_recorded_streams(void **state)
{
    (void)state;
    const char *folder = getenv("HQ_FIXTURES");
    if (str_is_empty(folder)) {
        print_message("# HQ_FIXTURES is not set: no recorded streams to read\n");
        return;
    }
    int calls = 0, texts = 0;
    size_t seen[48] = {0};
    for (int number = 1; number <= 48; number++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/provider-streams/openai-chat/%03d.sse", folder, number);
        size_t len;
        free(read_whole(path, &len));
        size_t step = len < 6000 ? 1 : 23;
        for (int i = 0; i < number - 1; i++)
            step = seen[i] == len ? 97 : step; /* nearly the same text as that one */
        seen[number - 1] = len;
        struct parsed got = parse_every_cut(path, step);
        if (got.outcome != MODEL_OK)
            fail_msg("%s gives %s", path, got.text);
        assert_null(strstr(got.text, "bad_arguments"));
        assert_null(strstr(got.text, "estimated"));
        assert_null(strstr(got.text, " in=0 "));
        calls += strstr(got.text, "\"stop\":\"tool_use\"") != NULL;
        texts += strstr(got.text, "\"stop\":\"stop\"") != NULL && got.heard.len > 0;
        parsed_fini(&got);
    }
    assert_int_equal(calls, 34);
    assert_int_equal(texts, 14);
}

static struct parsed parse_text(const char *text)
{
    return parse_cut(text, strlen(text), strlen(text));
}

static void test_unreadable(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum model_outcome want;
    } bodies[] = {
        {"", MODEL_UNREACHABLE},
        {"\n\n", MODEL_UNREACHABLE},
        {"data: [DONE]\n\n", MODEL_OK},
        {"data: 5\n\n", MODEL_MALFORMED},
        {"data: {\"choices\":[{\"delta\":{\"tool_calls\":[7]}}]}\n\n", MODEL_MALFORMED},
        {"data: "
         "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]},\"finish_reason\":\"stop\"}]}"
         "\n\n",
         MODEL_MALFORMED},
        {"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
         MODEL_MALFORMED},
        {"<html><title>Welcome</title></html>", MODEL_MALFORMED},
        {"{\"choices\":", MODEL_MALFORMED},
        {"data: {\"object\":\"error\",\"message\":\"x\"}\n\n", MODEL_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct parsed got = parse_text(bodies[i].body);
        if (got.outcome != bodies[i].want)
            fail_msg("%s gives %d %s", bodies[i].body, got.outcome, got.text);
        parsed_fini(&got);
    }
}

/* 65 calls, and more than LIMIT_MODEL_ANSWER of text. */
static void test_limits(void **state)
{
    (void)state;
    struct buf body = {0};
    for (int i = 0; i < 65; i++)
        buf_printf(
            &body,
            "data: "
            "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"i%d\"}]}}]}\n\n",
            i, i);
    struct parsed got = parse_text(buf_text(&body));
    assert_int_equal(got.outcome, MODEL_MALFORMED);
    assert_non_null(strstr(got.text, "64"));
    parsed_fini(&got);
    buf_clear(&body);
    char *filler = mem_alloc(100001);
    memset(filler, 'x', 100000);
    filler[100000] = '\0';
    for (int i = 0; i < LIMIT_MODEL_ANSWER / 100000 + 1; i++)
        buf_printf(&body, "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n", filler);
    got = parse_text(buf_text(&body));
    assert_int_equal(got.outcome, MODEL_MALFORMED);
    assert_non_null(strstr(got.text, "8 MB"));
    assert_true(got.heard.len <= LIMIT_MODEL_ANSWER);
    parsed_fini(&got);
    free(filler);
    buf_fini(&body);
}

static void test_surrogates_stay_as_they_are(void **state)
{
    (void)state;
    struct buf out = {0};
    static const char whole[] = "{\"a\":\"\\ud83d\\ude42 \\\\ud83d \\u00e9\"}";
    assert_true(surrogate_hide(whole, strlen(whole), &out));
    assert_string_equal(buf_text(&out), whole);
    buf_clear(&out);
    static const char torn[] = "\"\\ud83d\\";
    assert_true(surrogate_hide(torn, strlen(torn), &out));
    assert_false(surrogate_hide("\"plain\"", 7, &out));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_streams),      cmocka_unit_test(test_every_truncation_is_noticed),
        cmocka_unit_test(test_recorded_streams), cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_limits),           cmocka_unit_test(test_surrogates_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
