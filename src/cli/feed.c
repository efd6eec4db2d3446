/* A reader of the feed made from a line, and its outcomes in words and exit codes. */
#include "cli/feed.h"

#include "base/err.h"
#include "base/time.h"
#include "cli/inside.h"
#include "cli/output.h"
#include "config/config.h"
#include "config/secret.h"

enum { PATIENCE_MS = 10000 /* of a command that does not follow */ };

int feed_init(struct operator_line *line, struct feed_reader *reader)
{
    struct err err = {0};
    const struct invocation *invocation = line->invocation;
    if (inside_task()) {
        err_set(&err, "not_allowed", "events are for people, not for an agent's tools");
        return output_fail(invocation, COMMAND_CREDENTIAL, &err);
    }
    const char *token = secret_read(line->config, "operator.token", invocation->arena, &err);
    if (!token)
        return output_fail(invocation, COMMAND_CREDENTIAL, &err);
    reader->fetch = line->fetch;
    reader->state_dir = line->config->state;
    reader->token = token;
    reader->cancel = line->cancel;
    reader->patience_ms = reader->until_now ? PATIENCE_MS : -1;
    if (invocation->timeout_ms >= 0)
        reader->deadline = time_boot_ms() + invocation->timeout_ms;
    return COMMAND_OK;
}

int feed_run(struct operator_line *line, struct feed_reader *reader)
{
    struct err err = {0};
    int status = 0;
    switch (feed_read(reader, &status, &err)) {
    case FEED_CANCELLED:
        return COMMAND_INTERRUPTED;
    case FEED_TIMEOUT:
        return COMMAND_TIMEOUT;
    case FEED_DOWN:
        return output_fail(line->invocation, COMMAND_NOT_RUNNING, &err);
    case FEED_REFUSED:
        return output_fail(line->invocation, operator_exit_code(HUB_REFUSED, status), &err);
    default:
        return COMMAND_OK;
    }
}

int feed_tell_away(void *ctx, bool is_away)
{
    const struct invocation *invocation = *(const struct invocation *const *)ctx;
    if (is_away)
        output_note(invocation, "the hub is away; trying again");
    return 0;
}
