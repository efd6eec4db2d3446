/* A whole answer of a Chat Completions server: however its bytes are cut into pieces, the same text
 * is heard and the same answer or failure comes of it; a key that the server echoes is never in what
 * is said about it. The first byte says how it is cut. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/openai_error.h"
#include "model/openai_stream.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "sk-0123456789abcdef"

struct heard {
    struct buf text;
    enum model_outcome outcome;
    char *answer;
    struct model_usage usage;
};

static void hear(void *ctx, const char *text, size_t len)
{
    buf_put(ctx, text, len);
}

static void read_error(struct openai_stream *stream)
{
    struct openai_failure failure = {.provider = "p", .model = "m", .secret = KEY, .retry_after_ms = -1};
    int64_t wait = -1;
    struct err err = {0};
    enum model_outcome outcome = openai_stream_failure(&failure, stream->error, &wait, &err);
    PROPERTY(outcome != MODEL_OK && *err.message, "an error is a failure with a sentence");
    PROPERTY(!strstr(err.message, KEY) && !strstr(err.hint, KEY), "no key in an error");
}

/* Calls that came without an id get one made up, which is another each time. */
static char *print_answer(const json_t *message)
{
    size_t i;
    json_t *call;
    json_array_foreach (json_object_get(message, "tool_calls"), i, call) {
        const char *id = json_get_text(call, "id", "");
        if (str_starts(id, "call_") && strlen(id) == 21)
            json_set_text(call, "id", "call_");
    }
    return message ? json_dumps(message, JSON_SORT_KEYS) : NULL;
}

/* `piece` 0: all at once. */
static void feed(const char *bytes, size_t len, size_t piece, struct heard *heard)
{
    struct openai_stream *stream = mem_zalloc(sizeof(*stream));
    struct model_answer answer = {0};
    struct err err = {0};
    openai_stream_init(stream, hear, &heard->text);
    for (size_t at = 0, step; at < len; at += step) {
        step = piece && piece < len - at ? piece : len - at;
        if (openai_stream_feed(stream, bytes + at, step) != 0)
            break;
    }
    if (stream->error)
        read_error(stream);
    heard->outcome = openai_stream_finish(stream, &answer, &err);
    PROPERTY((heard->outcome == MODEL_OK) == (answer.message != NULL), "an answer or a failure");
    PROPERTY(heard->outcome == MODEL_OK || *err.message, "a failure has a sentence");
    heard->answer = print_answer(answer.message);
    heard->usage = answer.usage;
    json_decref(answer.message);
    openai_stream_fini(stream);
    free(stream);
}

static void fini(struct heard *heard)
{
    buf_fini(&heard->text);
    free(heard->answer);
}

static void read_failure(const char *bytes, size_t len, int status)
{
    struct arena arena = {0};
    struct err err = {0};
    int64_t wait = -1;
    const char *body = arena_memdup(&arena, bytes, len);
    struct openai_failure failure = {"p", "m", KEY, status, body, len, 5000};
    PROPERTY(openai_failure(&failure, &wait, &err) != MODEL_OK && *err.message, "a failure has a sentence");
    PROPERTY(!strstr(err.message, KEY) && !strstr(err.hint, KEY), "no key in an error");
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {400, 401, 403, 404, 408, 413, 429, 500, 503, 529};
    struct heard whole = {0}, parts = {0};
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    feed(bytes, size - 1, 0, &whole);
    feed(bytes, size - 1, 1 + data[0] % 64, &parts);
    PROPERTY(whole.outcome == parts.outcome, "cut anywhere, the same outcome");
    PROPERTY(whole.text.len == parts.text.len && strcmp(buf_text(&whole.text), buf_text(&parts.text)) == 0,
             "cut anywhere, the same text");
    PROPERTY(!whole.answer == !parts.answer && (!whole.answer || strcmp(whole.answer, parts.answer) == 0),
             "cut anywhere, the same answer");
    PROPERTY(memcmp(&whole.usage, &parts.usage, sizeof(whole.usage)) == 0, "cut anywhere, the same usage");
    read_failure(bytes, size - 1, statuses[data[0] % 10]);
    fini(&whole);
    fini(&parts);
    return 0;
}
