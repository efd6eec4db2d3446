/* Chat Completions chunks → one answer. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "model/openai_answer.h"
#include "model/openai_stream.h"
#include "model/surrogate.h"

static int stream_fail(struct openai_stream *stream, const char *what)
{
    if (!stream->fail.code[0])
        err_set(&stream->fail, "model_malformed", "%s", what);
    return -1;
}

/* Appends a text value; everything else (null, absent) adds nothing. */
static int put_piece(struct openai_stream *stream, struct buf *out, unsigned *half,
                     const json_t *value)
{
    if (!json_is_string(value))
        return 0;
    stream->size += json_string_length(value);
    if (stream->size > LIMIT_MODEL_ANSWER)
        return stream_fail(stream, "the answer is larger than 8 MB");
    surrogate_join(out, half, json_string_value(value), json_string_length(value));
    return 0;
}

static int put_text(struct openai_stream *stream, const json_t *value)
{
    size_t before = stream->text.len;
    if (put_piece(stream, &stream->text, &stream->text_half, value))
        return -1;
    if (stream->on_text && stream->text.len > before)
        stream->on_text(stream->ctx, stream->text.bytes + before, stream->text.len - before);
    return 0;
}

static int put_thinking(struct openai_stream *stream, const json_t *value)
{
    return put_piece(stream, &stream->thinking, &stream->thinking_half, value);
}

/* Content is a text or, at some servers, a list of parts: text, or thinking made of text parts. */
static int put_content(struct openai_stream *stream, const json_t *content)
{
    if (!json_is_array(content))
        return put_text(stream, content);
    size_t i, k;
    json_t *part, *inner;
    json_array_foreach(content, i, part)
    {
        if (put_text(stream, json_object_get(part, "text")))
            return -1;
        json_array_foreach(json_object_get(part, "thinking"), k, inner)
        {
            if (put_thinking(stream, json_object_get(inner, "text")))
                return -1;
        }
    }
    return 0;
}

/* Some servers repeat id and name in every piece, others cut them: append what is new. */
static int put_word(struct openai_stream *stream, struct buf *word, const json_t *value)
{
    unsigned half = 0;
    if (json_is_string(value) && str_eq(buf_text(word), json_string_value(value)))
        return 0;
    return put_piece(stream, word, &half, value);
}

/* Gemini's server gives every parallel call index 0, each with an id of its own. */
static bool is_another_call(const struct openai_call *call, const json_t *piece)
{
    const char *id = json_get_text(piece, "id", "");
    const json_t *function = json_object_get(piece, "function");
    return *id && call->id.len && !str_eq(id, buf_text(&call->id)) &&
           *json_get_text(function, "name", "") && call->arguments.len;
}

/* The call to which a piece belongs: by index from the newest back; without an index a piece with
 * an id begins a call, one without goes on with the newest. NULL: too many calls. */
static struct openai_call *call_of_piece(struct openai_stream *stream, const json_t *piece)
{
    const json_t *index = json_object_get(piece, "index");
    size_t at = stream->call_count;
    if (json_is_integer(index)) {
        while (at > 0 && stream->calls[at - 1].index != json_integer_value(index))
            at--;
    } else if (*json_get_text(piece, "id", "")) {
        at = 0;
    }
    if (at > 0 && !is_another_call(&stream->calls[at - 1], piece))
        return &stream->calls[at - 1];
    if (stream->call_count == LIMIT_TOOL_CALLS_PER_STEP)
        return NULL;
    struct openai_call *call = &stream->calls[stream->call_count++];
    call->index = json_is_integer(index) ? json_integer_value(index) : -1;
    return call;
}

static int put_arguments(struct openai_stream *stream, struct openai_call *call,
                         const json_t *arguments)
{
    if (!json_is_object(arguments))
        return put_piece(stream, &call->arguments, &call->half, arguments);
    char *text = json_dumps(arguments, JSON_COMPACT);
    json_t *value = json_string(text);
    int rc = put_piece(stream, &call->arguments, &call->half, value);
    json_decref(value);
    free(text);
    return rc;
}

/* What the provider wants back with the call; it comes whole, in one of the pieces. */
static int put_extra(struct openai_stream *stream, struct openai_call *call, const json_t *extra)
{
    if (!json_is_object(extra) || !stream->provider)
        return 0;
    stream->size += json_dumpb(extra, NULL, 0, 0);
    if (stream->size > LIMIT_MODEL_ANSWER)
        return stream_fail(stream, "the answer is larger than 8 MB");
    json_decref(call->extra);
    call->extra = json_deep_copy(extra);
    return 0;
}

static int put_calls(struct openai_stream *stream, const json_t *pieces)
{
    size_t i;
    json_t *piece;
    json_array_foreach(pieces, i, piece)
    {
        if (!json_is_object(piece))
            return stream_fail(stream, "a tool call in the answer is not an object");
        struct openai_call *call = call_of_piece(stream, piece);
        if (!call)
            return stream_fail(stream, "the answer has more than 64 tool calls");
        const json_t *function = json_object_get(piece, "function");
        if (put_word(stream, &call->id, json_object_get(piece, "id")) ||
            put_word(stream, &call->name, json_object_get(function, "name")) ||
            put_arguments(stream, call, json_object_get(function, "arguments")) ||
            put_extra(stream, call, json_object_get(piece, "extra_content")))
            return -1;
    }
    return 0;
}

/* OpenRouter ends with "error" where its upstream broke; the error object comes with it or not. */
static void put_stop(struct openai_stream *stream, const char *reason)
{
    static const char *const words[][2] = {
        {"tool_calls", "tool_use"}, {"function_call", "tool_use"}, {"length", "length"},
        {"max_tokens", "length"},   {"content_filter", "refused"},
    };
    if (str_is_empty(reason) || str_eq(reason, "error"))
        return;
    stream->stop = "stop";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_eq(reason, words[i][0]))
            stream->stop = words[i][1];
    }
}

static int64_t tokens(const json_t *object, const char *key)
{
    int64_t count = json_get_int(object, key, 0);
    return count < 0 ? 0 : count;
}

static void put_usage(struct openai_stream *stream, const json_t *usage)
{
    if (!json_is_object(usage) || !json_object_get(usage, "prompt_tokens"))
        return;
    const json_t *in = json_object_get(usage, "prompt_tokens_details");
    const json_t *out = json_object_get(usage, "completion_tokens_details");
    stream->has_usage = true;
    stream->usage.in = tokens(usage, "prompt_tokens");
    stream->usage.out = tokens(usage, "completion_tokens");
    stream->usage.cached = tokens(in, "cached_tokens");
    if (!stream->usage.cached) /* DeepSeek's name for it */
        stream->usage.cached = tokens(usage, "prompt_cache_hit_tokens");
    stream->usage.reasoning = tokens(out, "reasoning_tokens");
}

/* `delta` of a chunk or `message` of a whole answer: the same members. */
static int put_delta(struct openai_stream *stream, const json_t *delta)
{
    const json_t *thinking = json_object_get(delta, "reasoning_content");
    if (!json_is_string(thinking))
        thinking = json_object_get(delta, "reasoning");
    if (put_thinking(stream, thinking) || put_content(stream, json_object_get(delta, "content")) ||
        put_text(stream, json_object_get(delta, "refusal")))
        return -1;
    return put_calls(stream, json_object_get(delta, "tool_calls"));
}

/* {"error":{…}}, {"error":"text"}, or the older {"object":"error","message":…}. */
static const json_t *error_of_chunk(const json_t *chunk)
{
    const json_t *error = json_object_get(chunk, "error");
    if (json_is_object(error) || json_is_string(error))
        return error;
    return str_eq(json_get_text(chunk, "object", ""), "error") ? chunk : NULL;
}

static int put_chunk(struct openai_stream *stream, const json_t *chunk)
{
    const json_t *error = error_of_chunk(chunk);
    const json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0);
    if (!json_is_object(chunk))
        return stream_fail(stream, "a chunk of the answer is not a JSON object");
    if (error) {
        stream->error = json_deep_copy(error);
        return -1;
    }
    put_usage(stream, json_object_get(chunk, "usage"));
    const json_t *delta = json_object_get(choice, "delta");
    if (!json_is_object(delta))
        delta = json_object_get(choice, "message");
    if (put_delta(stream, delta))
        return -1;
    put_stop(stream, json_get_text(choice, "finish_reason", NULL));
    return 0;
}

/* Parses with lone surrogates hidden and ill-formed UTF-8 replaced. */
static json_t *parse_chunk(const char *data, size_t len, struct err *err)
{
    struct buf hidden = {0};
    struct arena arena = {0};
    if (surrogate_hide(data, len, &hidden)) {
        data = hidden.bytes;
        len = hidden.len;
    }
    if (!str_is_utf8(data, len)) {
        data = str_clean_utf8(&arena, data, len);
        len = strlen(data);
    }
    json_t *chunk = json_parse(data, len, err);
    arena_fini(&arena);
    buf_fini(&hidden);
    return chunk;
}

static int put_body(struct openai_stream *stream, const char *data, size_t len)
{
    struct err why;
    json_t *chunk = parse_chunk(data, len, &why);
    if (!chunk) {
        err_set(&stream->fail, "model_malformed", "a chunk of the answer is %s", why.message);
        return -1;
    }
    int rc = put_chunk(stream, chunk);
    json_decref(chunk);
    return rc;
}

static int on_event(void *ctx, const char *name, const char *data, size_t len)
{
    struct openai_stream *stream = ctx;
    while (len && (data[len - 1] == ' ' || data[len - 1] == '\t'))
        len--;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
        stream->done = true;
        return 0;
    }
    return stream->done ? 0 : put_body(stream, data, len);
}

void openai_stream_init(struct openai_stream *stream,
                        void (*on_text)(void *ctx, const char *text, size_t len), void *ctx)
{
    memset(stream, 0, sizeof(*stream));
    stream->on_text = on_text;
    stream->ctx = ctx;
    sse_init(&stream->sse, on_event, stream);
}

void openai_stream_fini(struct openai_stream *stream)
{
    for (size_t i = 0; i < stream->call_count; i++) {
        buf_fini(&stream->calls[i].id);
        buf_fini(&stream->calls[i].name);
        buf_fini(&stream->calls[i].arguments);
        json_decref(stream->calls[i].extra);
    }
    buf_fini(&stream->whole);
    buf_fini(&stream->text);
    buf_fini(&stream->thinking);
    json_decref(stream->error);
    sse_fini(&stream->sse);
}

/* An event stream never begins with a brace or an angle bracket; a JSON body or a page does. */
static void find_form(struct openai_stream *stream, const char **bytes, size_t *len)
{
    while (*len && strchr(" \t\r\n", **bytes) && **bytes) {
        (*bytes)++;
        (*len)--;
    }
    if (*len)
        stream->form = strchr("{[<", **bytes) && **bytes ? OPENAI_FORM_WHOLE : OPENAI_FORM_EVENTS;
}

int openai_stream_feed(struct openai_stream *stream, const char *bytes, size_t len)
{
    if (stream->form == OPENAI_FORM_OPEN)
        find_form(stream, &bytes, &len);
    if (stream->form == OPENAI_FORM_WHOLE) {
        if (stream->whole.len + len > LIMIT_MODEL_ANSWER)
            return stream_fail(stream, "the answer is larger than 8 MB");
        buf_put(&stream->whole, bytes, len);
        return 0;
    }
    if (len == 0 || sse_feed(&stream->sse, bytes, len) == 0)
        return 0;
    return stream->error ? -1 : stream_fail(stream, "a line of the answer is longer than 4 MB");
}

static void take_rest(struct openai_stream *stream)
{
    if (stream->fail.code[0] || stream->error)
        return;
    if (stream->form == OPENAI_FORM_EVENTS)
        sse_end(&stream->sse);
    else if (stream->form == OPENAI_FORM_WHOLE)
        stream->done = put_body(stream, stream->whole.bytes, stream->whole.len) == 0;
}

enum model_outcome openai_stream_finish(struct openai_stream *stream, struct model_answer *answer,
                                        struct err *err)
{
    take_rest(stream);
    if (stream->error) {
        err_set(err, "model_unreachable", "the provider sent an error inside its answer");
        return MODEL_UNREACHABLE;
    }
    if (stream->fail.code[0]) {
        if (err)
            *err = stream->fail;
        return MODEL_MALFORMED;
    }
    if (!stream->stop && !stream->done) {
        err_set(err, "model_cut", "the answer ended before it was complete");
        return MODEL_UNREACHABLE;
    }
    surrogate_end(&stream->text, &stream->text_half);
    surrogate_end(&stream->thinking, &stream->thinking_half);
    return openai_answer(stream, answer, err);
}
