/* The hub's feed for commands: whose it is, what its outcomes mean as exit codes. */
#ifndef HQ_CLI_FEED_H
#define HQ_CLI_FEED_H

#include "cli/operator.h"
#include "client/feed_reader.h"

/* Fills in who asks and where, from an open line of a person (not one inside an agent's exec). With
 * --timeout the deadline is set. Returns COMMAND_OK, or the exit code after saying what is wrong.
 */
int feed_init(struct operator_line *line, struct feed_reader *reader);

/* Reads until an end. Returns COMMAND_OK where all was given or a function stopped the reading,
 * else the exit code, after saying what failed (not after Ctrl-C and --timeout). Blocks. */
int feed_run(struct operator_line *line, struct feed_reader *reader);

/* An on_away whose ctx begins with a `const struct invocation *`: says it once, on standard error.
 */
int feed_tell_away(void *ctx, bool is_away);

#endif
