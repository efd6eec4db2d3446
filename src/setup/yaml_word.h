/* Text as one word of a YAML file: plain where it may be, else in double quotes. */
#ifndef HQ_SETUP_YAML_WORD_H
#define HQ_SETUP_YAML_WORD_H

#include "base/arena.h"

/* `text` (valid UTF-8) so that a YAML 1.2 reader gives it back as that text, in block and in flow
 * context, whatever is in it; in the arena. */
char *yaml_word(const char *text, struct arena *arena);

#endif
