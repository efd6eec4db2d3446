/* What the guard left for us in the environment, and which commands it is for. */
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/inside.h"
#include "cli/output.h"

bool inside_task(void)
{
    return !str_is_empty(getenv("HQ_TASK_FD"));
}

int inside_task_fd(struct err *err)
{
    const char *text = getenv("HQ_TASK_FD");
    int64_t fd;
    int type = 0;
    socklen_t len = sizeof(type);
    if (str_to_int(text, 0, INT_MAX, &fd) &&
        getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
        return (int)fd;
    err_set(err, "no_channel", "HQ_TASK_FD=\"%.20s\" is not the channel of a task", text);
    err_hint(err, "a program that starts hq must pass this descriptor on");
    return -1;
}

int inside_refuse(const struct invocation *invocation)
{
    struct err err;
    struct buf list = {0};
    for (const struct command *const *c = invocation->commands; *c; c++)
        if ((*c)->in_task)
            buf_printf(&list, "%s%s", list.len ? ", " : "", (*c)->name);
    err_set(&err, "not_allowed", "%s is for people, not for a command that an agent runs",
            command_shown(invocation, invocation->command));
    err_hint(&err, "here work: %s", buf_text(&list));
    buf_fini(&list);
    return output_fail(invocation, COMMAND_CREDENTIAL, &err);
}
