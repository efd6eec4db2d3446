/* A result as one message of Discord's incoming webhooks (source: channel/webhook.h). */
#ifndef HQ_CHANNEL_DISCORD_H
#define HQ_CHANNEL_DISCORD_H

#include "channel/webhook.h"

enum { DISCORD_CONTENT = 2000 }; /* characters of a message, counted in UTF-16 units to be sure */

/* JSON where the text fits into one message, else multipart with the whole text as answer.md. */
void discord_post(const struct webhook_message *message, struct arena *arena,
                  struct webhook_post *post);

/* The beginning of a text that has at most `max` UTF-16 units, cut behind a paragraph, line or word
 * where there is one in its second half, a code fence that is open there closed. *cut: it is not
 * whole. */
const char *discord_cut(const char *text, size_t max, struct arena *arena, bool *cut);

#endif
