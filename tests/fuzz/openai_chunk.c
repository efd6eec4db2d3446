/* Bytes of a Chat Completions server, in two pieces: an answer or an outcome, never a crash. The
 * first byte says where to cut. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/openai_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(void *ctx, const char *text, size_t len)
{
    volatile char last = len ? text[len - 1] : 0;
    (void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1, cut = len * data[0] / 255;
    struct openai_stream *stream = mem_zalloc(sizeof(*stream));
    struct model_answer answer = {0};
    struct err err;
    openai_stream_init(stream, hear, NULL);
    if (openai_stream_feed(stream, bytes, cut) == 0)
        openai_stream_feed(stream, bytes + cut, len - cut);
    enum model_outcome outcome = openai_stream_finish(stream, &answer, &err);
    if ((outcome == MODEL_OK) != (answer.message != NULL))
        abort();
    json_decref(answer.message);
    openai_stream_fini(stream);
    free(stream);
    return 0;
}
