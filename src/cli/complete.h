/* What could stand where somebody presses Tab: words of the table of commands, and values that a
 * company knows. */
#ifndef HQ_CLI_COMPLETE_H
#define HQ_CLI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/command.h"

/* Candidates for one word, as lines "WORD\tDESCRIPTION"; ":files" and ":dirs" ask the shell for its
 * own. */
struct candidates {
    const char *word; /* what stands there already: others are left out */
    struct buf out;
};

/* Adds a candidate where it begins with the word; the description (or NULL) is cut to a line. A
 * name with characters that a shell would take apart is left out. */
void candidates_add(struct candidates *candidates, const char *name, const char *description);

/* Adds what `meaning` stands for, a word of a usage line or of an option's value: AGENT, ID, RUN,
 * JOB, NAME, FILE, …, or a word to be typed as it is. `line` carries folder and state of the
 * company that is meant, and the command. Asks the hub where it must; starts and says nothing. */
void candidates_add_values(struct candidates *candidates, const struct invocation *line,
                           const char *meaning);

/* The words that an option's help lists ("text (the default), dot or mermaid"). */
void candidates_add_listed(struct candidates *candidates, const char *help, struct arena *arena);

#endif
