/* The answer of a Chat Completions server, from bytes in any pieces: server-sent events of
 * chat.completion.chunk objects, or one chat.completion object from servers that do not stream.
 * Format: OpenAI API reference, "Chat Completions", "The chat completion chunk object". */
#ifndef HQ_MODEL_OPENAI_STREAM_H
#define HQ_MODEL_OPENAI_STREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "model/model.h"
#include "net/sse.h"

enum openai_form { OPENAI_FORM_OPEN, OPENAI_FORM_EVENTS, OPENAI_FORM_WHOLE };

struct openai_call { /* a tool call while its pieces arrive */
    int64_t index;
    struct buf id, name, arguments;
    unsigned half;
    json_t *extra; /* extra_content: Gemini's thought signature; NULL */
};

struct openai_stream {
    struct sse sse;
    enum openai_form form;
    struct buf whole; /* the body of OPENAI_FORM_WHOLE */
    struct buf text, thinking;
    unsigned text_half, thinking_half; /* surrogate.h */
    struct openai_call calls[LIMIT_TOOL_CALLS_PER_STEP];
    size_t call_count;
    size_t size;      /* of everything gathered, against LIMIT_MODEL_ANSWER */
    const char *stop; /* the neutral word; NULL until a finish_reason came */
    bool done;        /* [DONE] */
    bool has_usage;
    struct model_usage usage;
    json_t *error;        /* an error object that came inside the stream */
    struct err fail;      /* why feeding stopped, when not by `error` */
    const char *provider; /* the name under which a call's extra is kept; NULL: not kept */
    void (*on_text)(void *ctx, const char *text, size_t len);
    void *ctx;
};

/* on_text may be NULL. The stream is large: 64 calls; do not move it once initialised. */
void openai_stream_init(struct openai_stream *stream,
                        void (*on_text)(void *ctx, const char *text, size_t len), void *ctx);
void openai_stream_fini(struct openai_stream *stream);

/* Takes the next bytes of a 2xx body. Returns 0, or -1 when the rest is not wanted: the answer
 * cannot be read, is too large, or an error came (openai_stream_finish says which). */
int openai_stream_feed(struct openai_stream *stream, const char *bytes, size_t len);

/* The end of the bytes. MODEL_OK: the answer is whole, `answer->message` is the caller's. Else *err
 * says why: MODEL_UNREACHABLE (cut), MODEL_MALFORMED, MODEL_REFUSED (filtered before it began).
 * With stream->error set the outcome is MODEL_UNREACHABLE for now: openai_error() tells it apart.
 */
enum model_outcome openai_stream_finish(struct openai_stream *stream, struct model_answer *answer,
                                        struct err *err);

#endif
