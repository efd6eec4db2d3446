/* Halves of UTF-16 pairs in JSON: a server that cuts its text by UTF-16 units sends "\ud83d" at the
 * end of one delta and "\ude00" at the start of the next. JSON readers refuse each half; here a
 * half becomes a private-use code point, and two neighbours become the character that was meant. */
#ifndef HQ_MODEL_SURROGATE_H
#define HQ_MODEL_SURROGATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Copies JSON text to `out` with each lone surrogate escape replaced by its stand-in. Returns
 * false, and writes nothing, where there is none: the text can be used as it is. */
bool surrogate_hide(const char *json, size_t len, struct buf *out);

/* Appends text to `out`, joining stand-ins. *half is the pending first half (0: none), kept between
 * pieces; a half without its other is U+FFFD. */
void surrogate_join(struct buf *out, unsigned *half, const char *text, size_t len);

/* The end of a text: a pending half will not be completed. */
void surrogate_end(struct buf *out, unsigned *half);

#endif
