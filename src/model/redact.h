/* Keeps a key out of what a server echoes. */
#ifndef HQ_MODEL_REDACT_H
#define HQ_MODEL_REDACT_H

#include "base/arena.h"

/* Returns a copy of `text` in which each whole occurrence of `secret` is "[key]". A NULL secret, or
 * one shorter than 6 bytes (a placeholder such as "none"), hides nothing. */
char *redact(struct arena *arena, const char *text, const char *secret);

#endif
