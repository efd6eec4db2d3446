/* Takes requests out of the socket, each with two pipes, a thread for each. It lives in this room and
 * not in the gateway's because exec opens and closes it, and tool may see client and sys
 * (src/rooms.txt) but nothing above itself. All that arrives is hostile: descriptors are looked at
 * and opened anew, so that nothing the command does to its own can block us. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/fetch.h"
#include "tool/task_door.h"
#include "tool/tool.h"

enum { PIECE = 65536, ENDS = 2 };

struct task_door {
    struct door_caller caller;
    int ours;   /* the accepting thread's */
    int theirs; /* the command's end; -1 once handed over */
    int stop;         /* an eventfd, readable once the door closes */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int running; /* requests being served */
    bool stopping;
    int64_t requests, misfits; /* the accepting thread's */
    pthread_t acceptor;
};

struct door_request {
    struct task_door *door;
    int in, out; /* opened by us, non-blocking */
    bool too_many;
};

enum arrival { ARRIVED, MISFIT, GONE };

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Until `fd` is ready. False: the deadline (0: none) has passed, or the door closes. */
static bool door_wait(struct task_door *door, int fd, short events, int64_t deadline)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = door->stop, .events = POLLIN}};
    for (;;) {
        int64_t left = deadline ? deadline - time_boot_ms() : -1;
        if (deadline && left <= 0)
            return false;
        int rc = poll(fds, 2, (int)left);
        if (rc < 0 && errno == EINTR)
            continue;
        return rc > 0 && !fds[1].revents;
    }
}

/* The same pipe with flags of our own: the command can change those of what it sent. -1 where it is
 * no pipe, or not open for what is wanted (opening it anew must grant nothing). */
static int open_anew(int fd, int mode)
{
    char path[32];
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || (flags & O_PATH) ||
        ((flags & O_ACCMODE) != mode && (flags & O_ACCMODE) != O_RDWR))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, mode | O_NONBLOCK | O_CLOEXEC);
}

/* ---- one request ---- */

/* 0 with the text, or the status of the refusal with *err; -1: nobody is there to be answered. */
static int read_request(struct door_request *request, struct buf *text, struct err *err)
{
    int64_t deadline = time_boot_ms() + LIMIT_DOOR_MS;
    size_t total = 0;
    for (;;) {
        ssize_t got = read(request->in, buf_room(text, PIECE), PIECE);
        if (got == 0)
            break;
        if (got < 0 && errno == EAGAIN && door_wait(request->door, request->in, POLLIN, deadline))
            continue;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            err_set(err, "channel_late", "the request was not whole within %d s",
                    LIMIT_DOOR_MS / 1000);
            return time_boot_ms() >= deadline ? 408 : -1;
        }
        total += (size_t)got;
        if (total <= LIMIT_DOOR_BODY)
            buf_grow(text, (size_t)got); /* the rest is read and dropped: the sender is to see why */
    }
    if (total <= LIMIT_DOOR_BODY)
        return 0;
    err_set(err, "request_too_large",
            "the request has %zu bytes; at most %d pass through a task's channel", total,
            LIMIT_DOOR_BODY);
    return 413;
}

static void write_answer(struct door_request *request, const json_t *answer)
{
    int64_t deadline = time_boot_ms() + LIMIT_DOOR_MS;
    struct buf text = {0};
    json_put(&text, answer, 0);
    for (size_t at = 0; at < text.len;) {
        ssize_t put = write(request->out, text.bytes + at, text.len - at);
        if (put > 0)
            at += (size_t)put;
        else if (errno == EAGAIN ? !door_wait(request->door, request->out, POLLOUT, deadline)
                                 : errno != EINTR)
            break; /* it has left or does not read: its own affair */
    }
    buf_fini(&text);
}

static void serve(struct door_request *request)
{
    struct buf text = {0};
    struct err err = {0};
    json_t *answer = NULL;
    int refused = read_request(request, &text, &err);
    crash_point("door.request.after");
    if (refused == 0 && request->too_many) {
        err_set(&err, "too_many_requests", "one command may send %d requests, not more",
                LIMIT_DOOR_REQUESTS);
        refused = 429;
    }
    if (refused > 0)
        answer = door_refusal(refused, &err);
    else if (refused == 0)
        answer = door_answer(&request->door->caller, buf_text(&text), text.len);
    crash_point("door.answer.before");
    if (answer)
        write_answer(request, answer);
    json_decref(answer);
    buf_fini(&text);
}

static void request_end(struct door_request *request)
{
    struct task_door *door = request->door;
    drop(&request->in);
    drop(&request->out);
    free(request);
    crash_point("door.answer.after");
    pthread_mutex_lock(&door->mutex);
    door->running--;
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->mutex);
}

static void *request_thread(void *arg)
{
    serve(arg);
    request_end(arg);
    return NULL;
}

/* ---- all of them ---- */

/* One message: exactly one byte and two descriptors. Others' descriptors are closed here. */
static enum arrival receive(struct task_door *door, int ends[ENDS])
{
    char byte[8];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(ENDS * sizeof(int))];
    } control;
    struct iovec piece = {byte, sizeof(byte)};
    struct msghdr head = {.msg_iov = &piece,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control)};
    ends[0] = ends[1] = -1;
    ssize_t got = recvmsg(door->ours, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? MISFIT : GONE;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    size_t count = 0;
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ends, CMSG_DATA(rights), count * sizeof(int)); /* there is no room for a third */
    }
    if (got == 1 && count == ENDS && !(head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return ARRIVED;
    struct pollfd peer = {.fd = door->ours};
    bool gone = got == 0 && count == 0 && poll(&peer, 1, 0) > 0 && (peer.revents & POLLHUP);
    drop(&ends[0]);
    drop(&ends[1]);
    return gone ? GONE : MISFIT;
}

/* A place among those that are served at once; false: the door closes. */
static bool take_place(struct task_door *door)
{
    pthread_mutex_lock(&door->mutex);
    while (!door->stopping && door->running >= LIMIT_DOOR_AT_ONCE)
        thread_cond_wait(&door->changed, &door->mutex, -1);
    bool open = !door->stopping;
    pthread_mutex_unlock(&door->mutex);
    return open;
}

/* Takes the descriptors. */
static bool start_request(struct task_door *door, int ends[ENDS])
{
    pthread_t thread;
    struct door_request *request = mem_zalloc(sizeof(*request));
    *request = (struct door_request){.door = door,
                                     .in = open_anew(ends[0], O_RDONLY),
                                     .out = open_anew(ends[1], O_WRONLY),
                                     .too_many = ++door->requests > LIMIT_DOOR_REQUESTS};
    drop(&ends[0]);
    drop(&ends[1]);
    pthread_mutex_lock(&door->mutex);
    door->running++;
    pthread_mutex_unlock(&door->mutex);
    bool good = request->in >= 0 && request->out >= 0;
    if (good && thread_start(&thread, "door", request_thread, request) == 0)
        pthread_detach(thread);
    else
        request_end(request); /* its end of file tells the command */
    return good;
}

static void *accept_thread(void *arg)
{
    struct task_door *door = arg;
    int ends[ENDS];
    enum arrival arrival = ARRIVED;
    while (arrival != GONE && take_place(door) && door_wait(door, door->ours, POLLIN, 0)) {
        arrival = receive(door, ends);
        if (arrival == MISFIT || (arrival == ARRIVED && !start_request(door, ends)))
            door->misfits++;
        if (door->misfits > LIMIT_DOOR_MISFITS) {
            log_warn("task %s: its command sends what is no request; its channel is closed",
                     door->caller.task);
            arrival = GONE;
        }
    }
    drop(&door->ours); /* closes the pipes of requests that nobody will take up, too */
    return NULL;
}

static int door_descriptors(struct task_door *door, struct err *err)
{
    int pair[2] = {-1, -1};
    door->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
    door->ours = pair[0];
    door->theirs = pair[1];
    return rc < 0 || door->stop < 0
               ? err_errno(err, "no_channel", "Cannot make the channel of a command")
               : 0;
}

static void door_free(struct task_door *door)
{
    drop(&door->ours);
    drop(&door->theirs);
    drop(&door->stop);
    fetch_cancel_close(door->caller.cancel);
    pthread_cond_destroy(&door->changed);
    pthread_mutex_destroy(&door->mutex);
    free(door);
}

struct task_door *task_door_open(const struct tool_place *place, struct err *err)
{
    struct task_door *door = mem_zalloc(sizeof(*door));
    door->caller = (struct door_caller){.hub = place->hub,
                                        .agent = place->agent,
                                        .task = place->task,
                                        .fence = place->fence,
                                        .cancel = fetch_cancel_open()};
    pthread_mutex_init(&door->mutex, NULL);
    thread_cond_init(&door->changed);
    if (door_descriptors(door, err) == 0) {
        if (thread_start(&door->acceptor, "door-accept", accept_thread, door) == 0)
            return door;
        err_set(err, "no_thread", "There is no thread left to serve a command's channel.");
    }
    door_free(door);
    return NULL;
}

int task_door_fd(const struct task_door *door)
{
    return door->theirs;
}

void task_door_hand_over(struct task_door *door)
{
    drop(&door->theirs);
}

void task_door_close(struct task_door *door)
{
    const uint64_t one = 1;
    if (!door)
        return;
    pthread_mutex_lock(&door->mutex);
    door->stopping = true;
    pthread_cond_broadcast(&door->changed);
    pthread_mutex_unlock(&door->mutex);
    (void)!write(door->stop, &one, sizeof(one));
    fetch_cancel(door->caller.cancel);
    pthread_join(door->acceptor, NULL);
    pthread_mutex_lock(&door->mutex);
    while (door->running > 0)
        thread_cond_wait(&door->changed, &door->mutex, -1);
    pthread_mutex_unlock(&door->mutex);
    door_free(door);
}
