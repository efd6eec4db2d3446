/* Questions to whoever sits at the terminal: asked on standard error, answered on standard input.
 */
#ifndef HQ_CLI_PROMPT_H
#define HQ_CLI_PROMPT_H

#include <stdbool.h>

#include "cli/command.h"

/* Whether somebody can be asked: standard input and error are terminals, and none of --no-input, -q
 * and --json was given. */
bool prompt_can_ask(const struct invocation *invocation);

/* Asks for one line; shows `fallback` (may be NULL: none) as what Enter means. Returns the trimmed
 * answer in the arena, or NULL where the input ended. Blocks. Call only where prompt_can_ask(). */
const char *prompt_line(const struct invocation *invocation, const char *question,
                        const char *fallback);

/* The same without showing what is typed: for secrets. NULL also after Ctrl-C. The terminal is as
 * before in any case. The caller wipes the answer (explicit_bzero). */
char *prompt_secret(const struct invocation *invocation, const char *question);

/* Before something is lost or changed for good. COMMAND_OK: --yes was given, or the person said
 * yes; COMMAND_USAGE after naming --yes where nobody can be asked; COMMAND_FAILED after
 * saying that nothing was changed. */
int prompt_confirm(const struct invocation *invocation, const char *question);

#endif
