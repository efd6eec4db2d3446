/* The gathered pieces of a stream → message and usage. */
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "model/openai_answer.h"
#include "model/surrogate.h"

/* Sets "arguments", or "_raw" and the flag where the text is no JSON object. No text at all is an
 * empty object: that is how calls without parameters come. */
static void set_arguments(json_t *call, const struct buf *text)
{
    json_t *value = text->len ? json_parse(text->bytes, text->len, NULL) : json_object();
    if (json_is_null(value)) {
        json_decref(value);
        value = json_object();
    }
    if (json_is_object(value)) {
        json_object_set_new(call, "arguments", value);
        return;
    }
    json_decref(value);
    json_object_set_new(call, "arguments",
                        json_pack("{s:o}", "_raw", json_text(text->bytes, text->len)));
    json_object_set_new(call, "bad_arguments", json_true());
}

static json_t *call_message(struct openai_call *pieces, const char *provider)
{
    char made_up[32] = "call_";
    const char *id = buf_text(&pieces->id);
    surrogate_end(&pieces->arguments, &pieces->half);
    if (!*id) { /* some local servers send none; results need one to refer to */
        rand_hex(made_up + 5, 16);
        id = made_up;
    }
    json_t *call = json_object();
    json_set_text(call, "id", id);
    json_set_text(call, "name", buf_text(&pieces->name));
    set_arguments(call, &pieces->arguments);
    if (pieces->extra)
        json_object_set_new(call, "extra", json_pack("{s:O}", provider, pieces->extra));
    return call;
}

static json_t *calls_message(struct openai_stream *stream, struct err *err)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < stream->call_count; i++) {
        if (stream->calls[i].name.len == 0) {
            err_set(err, "model_malformed", "tool call %zu of the answer has no name", i);
            json_decref(calls);
            return NULL;
        }
        json_array_append_new(calls, call_message(&stream->calls[i], stream->provider));
    }
    return calls;
}

static void set_usage(const struct openai_stream *stream, struct model_usage *usage)
{
    *usage = stream->usage;
    if (stream->has_usage)
        return;
    usage->estimated = true;
    usage->out = (int64_t)(stream->size + 2) / 3;
}

static const char *stop_word(const struct openai_stream *stream)
{
    bool calls = stream->call_count > 0;
    if (calls && (!stream->stop || str_eq(stream->stop, "stop")))
        return "tool_use"; /* many servers end calls with "stop" */
    return stream->stop ? stream->stop : "stop";
}

static enum model_outcome check_end(const struct openai_stream *stream, const char *stop,
                                    struct err *err)
{
    bool empty = !stream->text.len && !stream->call_count;
    if (empty && str_eq(stop, "refused")) {
        err_set(err, "model_refused", "the provider's content filter stopped the answer");
        return MODEL_REFUSED;
    }
    if (!stream->call_count && str_eq(stop, "tool_use")) {
        err_set(err, "model_malformed", "the answer ends in tool calls but has none");
        return MODEL_MALFORMED;
    }
    return MODEL_OK;
}

enum model_outcome openai_answer(struct openai_stream *stream, struct model_answer *answer,
                                 struct err *err)
{
    const char *stop = stop_word(stream);
    enum model_outcome outcome = check_end(stream, stop, err);
    if (outcome != MODEL_OK)
        return outcome;
    json_t *calls = calls_message(stream, err);
    if (!calls)
        return MODEL_MALFORMED;
    json_t *message = json_object();
    json_object_set_new(message, "text",
                        stream->text.len ? json_text(stream->text.bytes, stream->text.len)
                                         : json_null());
    if (stream->thinking.len)
        json_set_text(message, "thinking", buf_text(&stream->thinking));
    if (stream->call_count)
        json_object_set(message, "tool_calls", calls);
    json_decref(calls);
    json_set_text(message, "stop", stop);
    answer->message = message;
    set_usage(stream, &answer->usage);
    return MODEL_OK;
}
