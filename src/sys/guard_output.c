/* A head and a ring. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/guard_output.h"

void output_init(struct output *output, size_t max)
{
    *output = (struct output){.half = max / 2};
    output->head = mem_alloc(output->half);
    output->tail = mem_alloc(output->half);
}

void output_fini(struct output *output)
{
    free(output->head);
    free(output->tail);
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

void output_put(struct output *output, const char *bytes, size_t len)
{
    size_t first = min_of(len, output->half - output->head_len);
    memcpy(output->head + output->head_len, bytes, first);
    output->head_len += first;
    bytes += first;
    len -= first;
    if (output->half == 0 || len > output->half) { /* only its end can be kept */
        size_t skip = len - min_of(len, output->half);
        output->tail_total += skip;
        bytes += skip;
        len -= skip;
    }
    while (len > 0) {
        size_t at = (size_t)(output->tail_total % output->half);
        size_t piece = min_of(len, output->half - at);
        memcpy(output->tail + at, bytes, piece);
        output->tail_total += piece;
        bytes += piece;
        len -= piece;
    }
}

char *output_text(const struct output *output, struct arena *arena, int64_t *dropped)
{
    struct buf all = {0};
    uint64_t total = output->tail_total, kept = min_of(total, output->half);
    size_t start = kept < total ? (size_t)(total % output->half) : 0;
    *dropped = (int64_t)(total - kept);
    buf_put(&all, output->head, output->head_len);
    if (*dropped > 0)
        buf_printf(&all, "\n[... %lld bytes dropped here ...]\n", (long long)*dropped);
    if (kept > 0) {
        buf_put(&all, output->tail + start, (size_t)kept - start);
        buf_put(&all, output->tail, start);
    }
    char *text = str_clean_utf8(arena, buf_text(&all), all.len);
    buf_fini(&all);
    return text;
}
