/* One exchange over the task's channel: two fresh pipes, our ends of them never block. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "client/task_channel.h"
#include "net/fetch.h"

enum { CANCEL_LOOK_MS = 200, PIECE = 65536 };

struct pipes {
    int ask_theirs, ask_ours;       /* the request: they read, we write */
    int answer_ours, answer_theirs; /* the answer: we read, they write */
};

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static void pipes_close(struct pipes *pipes)
{
    close_end(&pipes->ask_theirs);
    close_end(&pipes->ask_ours);
    close_end(&pipes->answer_ours);
    close_end(&pipes->answer_theirs);
}

static int pipes_open(struct pipes *pipes, struct err *err)
{
    int ask[2], answer[2];
    *pipes = (struct pipes){-1, -1, -1, -1};
    if (pipe2(ask, O_CLOEXEC) < 0)
        return err_errno(err, "no_pipe", "a pipe to the task's channel cannot be made");
    pipes->ask_theirs = ask[0];
    pipes->ask_ours = ask[1];
    if (pipe2(answer, O_CLOEXEC) < 0) {
        pipes_close(pipes);
        return err_errno(err, "no_pipe", "a pipe from the task's channel cannot be made");
    }
    pipes->answer_ours = answer[0];
    pipes->answer_theirs = answer[1];
    fcntl(pipes->ask_ours, F_SETFL, O_NONBLOCK);
    fcntl(pipes->answer_ours, F_SETFL, O_NONBLOCK);
    return 0;
}

static enum task_channel_outcome closed(struct err *err)
{
    err_set(err, "channel_closed", "the channel of this task is closed");
    err_hint(err, "it lives as long as the turn that runs this command");
    return TASK_CHANNEL_CLOSED;
}

/* Waits until the descriptor is ready; TASK_CHANNEL_OK: it is. */
static enum task_channel_outcome wait_ready(int fd, short events, const struct task_message *message,
                                            struct err *err)
{
    struct pollfd look = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = message->deadline - time_boot_ms();
        if (message->cancel && fetch_is_cancelled(message->cancel))
            return TASK_CHANNEL_CANCELLED;
        if (left <= 0) {
            err_set(err, "channel_late", "the gateway gave no answer through the task's channel");
            return TASK_CHANNEL_LATE;
        }
        int64_t turn = message->cancel && left > CANCEL_LOOK_MS ? CANCEL_LOOK_MS : left;
        if (poll(&look, 1, turn > 60000 ? 60000 : (int)turn) > 0)
            return TASK_CHANNEL_OK;
    }
}

static enum task_channel_outcome send_pipes(int fd, const struct pipes *pipes,
                                            const struct task_message *message, struct err *err)
{
    int ends[2] = {pipes->ask_theirs, pipes->answer_theirs};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(ends))];
    } control = {0};
    char byte = 'q';
    struct iovec piece = {&byte, 1};
    struct msghdr head = {.msg_iov = &piece,
                          .msg_iovlen = 1,
                          .msg_control = control.space,
                          .msg_controllen = sizeof(control.space)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(ends));
    memcpy(CMSG_DATA(rights), ends, sizeof(ends));
    for (;;) {
        if (sendmsg(fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
            return TASK_CHANNEL_OK;
        if (errno != EAGAIN && errno != EINTR)
            return closed(err);
        enum task_channel_outcome outcome = wait_ready(fd, POLLOUT, message, err);
        if (outcome != TASK_CHANNEL_OK)
            return outcome;
    }
}

static enum task_channel_outcome write_all(int fd, const char *bytes, size_t len,
                                           const struct task_message *message, struct err *err)
{
    for (size_t at = 0; at < len;) {
        ssize_t put = write(fd, bytes + at, len - at);
        if (put > 0) {
            at += (size_t)put;
            continue;
        }
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return errno == EPIPE ? TASK_CHANNEL_OK : closed(err); /* the answer says why */
        enum task_channel_outcome outcome = wait_ready(fd, POLLOUT, message, err);
        if (outcome != TASK_CHANNEL_OK)
            return outcome;
    }
    return TASK_CHANNEL_OK;
}

static enum task_channel_outcome read_all(int fd, struct buf *out,
                                          const struct task_message *message, struct err *err)
{
    for (;;) {
        ssize_t got = read(fd, buf_room(out, PIECE), PIECE);
        if (got == 0)
            return out->len ? TASK_CHANNEL_OK : closed(err);
        if (got > 0) {
            buf_grow(out, (size_t)got);
            if (out->len <= LIMIT_BLOB)
                continue;
            err_set(err, "bad_answer", "the answer has more than %d bytes", LIMIT_BLOB);
            return TASK_CHANNEL_BAD;
        }
        if (errno != EAGAIN && errno != EINTR)
            return closed(err);
        enum task_channel_outcome outcome = wait_ready(fd, POLLIN, message, err);
        if (outcome != TASK_CHANNEL_OK)
            return outcome;
    }
}

static enum task_channel_outcome read_answer(int fd, const struct task_message *message,
                                             json_t **answer, struct err *err)
{
    struct buf text = {0};
    enum task_channel_outcome outcome = read_all(fd, &text, message, err);
    if (outcome == TASK_CHANNEL_OK) {
        *answer = json_parse(buf_text(&text), text.len, err);
        if (!*answer || !json_is_integer(json_object_get(*answer, "status"))) {
            err_set(err, "bad_answer", "the task's channel answered with no status");
            json_decref(*answer);
            *answer = NULL;
            outcome = TASK_CHANNEL_BAD;
        }
    }
    buf_fini(&text);
    return outcome;
}

static const char *request_text(const struct task_message *message, struct arena *arena)
{
    json_t *request = json_pack("{s:s,s:s}", "method", message->method, "path", message->path);
    if (message->body)
        json_object_set(request, "body", (json_t *)message->body);
    const char *text = json_print(arena, request);
    json_decref(request);
    return text;
}

enum task_channel_outcome task_channel_call(int fd, const struct task_message *message,
                                            json_t **answer, struct err *err)
{
    struct arena arena = {0};
    struct pipes pipes;
    *answer = NULL;
    if (pipes_open(&pipes, err) < 0)
        return TASK_CHANNEL_CLOSED;
    const char *text = request_text(message, &arena);
    crash_point("client.channel.before");
    enum task_channel_outcome outcome = send_pipes(fd, &pipes, message, err);
    close_end(&pipes.ask_theirs);
    close_end(&pipes.answer_theirs);
    if (outcome == TASK_CHANNEL_OK)
        outcome = write_all(pipes.ask_ours, text, strlen(text), message, err);
    close_end(&pipes.ask_ours);
    if (outcome == TASK_CHANNEL_OK)
        outcome = read_answer(pipes.answer_ours, message, answer, err);
    crash_point("client.channel.after");
    pipes_close(&pipes);
    arena_fini(&arena);
    return outcome;
}
