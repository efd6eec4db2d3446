/* Reads the lines of journalctl as they come; Ctrl-C reaches it, too, and ends it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/journal.h"
#include "cli/output.h"
#include "config/config.h"
#include "sys/spawn.h"

enum { PIECE = 65536 };

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

/* ---- one entry ---- */

static const char *first_text(const json_t *entry, const char *const *keys)
{
    for (size_t i = 0; keys[i]; i++) {
        const char *text = json_get_text(entry, keys[i], NULL);
        if (text)
            return text;
    }
    return NULL;
}

/* Text; bytes that are none come as an array of numbers (systemd's "Journal JSON Format"). */
static const char *message_of(const json_t *entry, struct arena *arena)
{
    const json_t *message = json_object_get(entry, "MESSAGE");
    size_t len = json_array_size(message);
    if (json_is_string(message))
        return json_string_value(message);
    char *bytes = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)json_integer_value(json_array_get(message, i));
    return str_clean_utf8(arena, bytes, len);
}

bool journal_read(const struct service *service, const json_t *entry, struct arena *arena,
                  struct log_line *line)
{
    /* Of systemd's words about a unit UNIT= says which; the others name who wrote them. */
    static const char *const units[] = {"UNIT", "USER_UNIT", "_SYSTEMD_USER_UNIT", "_SYSTEMD_UNIT",
                                        NULL};
    char stamp[TIME_TEXT];
    int64_t usec = 0, priority = 6;
    const char *unit = first_text(entry, units), *message = message_of(entry, arena);
    const char *who = unit ? service_who(service, unit, arena) : NULL;
    if (!who && !(unit && str_eq(unit, service_target(service, arena))))
        return false;
    str_to_int(json_get_text(entry, "__REALTIME_TIMESTAMP", ""), 0, INT64_MAX, &usec);
    str_to_int(json_get_text(entry, "PRIORITY", ""), 0, 7, &priority);
    time_rfc3339(usec / 1000, stamp);
    bool is_ours = json_get_text(entry, "UNIT", json_get_text(entry, "USER_UNIT", NULL)) == NULL;
    log_line_parse_entry(message, is_ours ? (int)priority : -1, arena, line);
    if (!*line->stamp)
        line->stamp = arena_strdup(arena, stamp);
    if (!is_ours) {
        line->level = LOG_INFO;
        line->name = "systemd";
    } else {
        line->name = who ? who : "systemd";
    }
    return true;
}

/* ---- the stream ---- */

struct stream {
    const struct invocation *invocation;
    const struct service *service;
    const struct journal_wish *wish;
    struct buf rest;
    struct log_page page;
    size_t printed;
};

static void print_entry(struct stream *stream, const char *text, size_t len)
{
    struct arena arena = {0};
    struct log_line line;
    json_t *entry = json_parse(text, len, NULL);
    if (entry && journal_read(stream->service, entry, &arena, &line)) {
        log_page_add_line(&stream->page, &line);
    } else if (!entry && len > 0) { /* journalctl's own complaint */
        output_note(stream->invocation, "%.*s", (int)len, text);
    }
    json_decref(entry);
    arena_fini(&arena);
}

static void print_page(struct stream *stream)
{
    struct arena arena = {0};
    size_t count;
    size_t most = stream->wish->follow ? 0 : stream->wish->lines->most;
    const struct log_line **lines = log_pages_merge(&stream->page, 1, most, &arena, &count);
    for (size_t i = 0; i < count; i++)
        stream->wish->print(stream->invocation, lines[i], &arena);
    stream->printed += count;
    log_page_clear(&stream->page);
    arena_fini(&arena);
    fflush(stdout);
}

static void read_whole_lines(struct stream *stream)
{
    struct buf *rest = &stream->rest;
    char *end;
    size_t at = 0;
    while (at < rest->len && (end = memchr(rest->bytes + at, '\n', rest->len - at))) {
        print_entry(stream, rest->bytes + at, (size_t)(end - rest->bytes) - at);
        at = (size_t)(end - rest->bytes) + 1;
    }
    buf_drop(rest, at);
    if (stream->wish->follow)
        print_page(stream);
}

static void read_stream(struct stream *stream, int fd)
{
    int64_t timeout = stream->wish->follow ? stream->invocation->timeout_ms : -1;
    int64_t until = timeout >= 0 ? time_boot_ms() + timeout : INT64_MAX;
    ssize_t got = 1;
    while (got != 0 && !is_interrupted && time_boot_ms() < until && !ferror(stdout)) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int64_t left = until - time_boot_ms();
        if (poll(&one, 1, left < 1000 ? (int)left : 1000) <= 0)
            continue;
        got = read(fd, buf_room(&stream->rest, PIECE), PIECE);
        if (got < 0 && errno != EINTR)
            return;
        if (got > 0)
            buf_grow(&stream->rest, (size_t)got);
        read_whole_lines(stream);
    }
}

static const char *const *arguments(const struct stream *stream)
{
    const struct journal_wish *wish = stream->wish;
    const struct service *service = stream->service;
    struct arena *arena = stream->invocation->arena;
    const char **argv = arena_alloc(arena, (wish->count + 24) * sizeof(*argv));
    size_t used = 0;
    bool is_user = service->scope == SERVICE_USER;
    argv[used++] = "/usr/bin/env";
    argv[used++] = "journalctl";
    argv[used++] = "--output=json";
    argv[used++] = "--no-pager";
    argv[used++] = "--quiet";
    argv[used++] = "--output-fields=MESSAGE,UNIT,USER_UNIT,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT,PRIORITY";
    if (!wish->is_all || (wish->follow && !wish->lines->since_ms))
        argv[used++] = arena_printf(arena, "--lines=%zu", wish->lines->most);
    if (wish->lines->since_ms)
        argv[used++] = arena_printf(arena, "--since=@%lld", (long long)wish->lines->since_ms / 1000);
    if (wish->follow)
        argv[used++] = "--follow";
    for (size_t i = 0; i < wish->count; i++)
        argv[used++] = arena_printf(arena, "--%sunit=%s", is_user ? "user-" : "",
                                    service_unit(service, wish->names[i], arena));
    if (wish->count == 0) {
        argv[used++] =
            arena_printf(arena, "--%sunit=hq-%s-*", is_user ? "user-" : "", service->name);
        argv[used++] =
            arena_printf(arena, "--%sunit=hq-%s@*", is_user ? "user-" : "", service->name);
        argv[used++] = arena_printf(arena, "--%sunit=%s", is_user ? "user-" : "",
                                    service_target(service, arena));
    }
    return argv;
}

int journal_show(const struct invocation *invocation, const struct service *service,
                 const struct journal_wish *wish)
{
    struct err err = {0};
    int ends[2], status = 0;
    struct sigaction action = {.sa_handler = on_interrupt};
    struct stream stream = {.invocation = invocation,
                            .service = service,
                            .wish = wish,
                            .page = {.name = "systemd", .wish = wish->lines}};
    if (pipe2(ends, O_CLOEXEC) < 0) {
        err_errno(&err, "no_pipe", "journalctl cannot be started");
        return output_fail(invocation, COMMAND_FAILED, &err);
    }
    struct spawn spawn = {.argv = arguments(&stream),
                          .in = -1,
                          .out = ends[1],
                          .err = ends[1],
                          .pass = {-1, -1, -1, -1}};
    sigaction(SIGINT, &action, NULL);
    pid_t pid = spawn_start(&spawn, &err);
    close(ends[1]);
    if (pid > 0) {
        read_stream(&stream, ends[0]);
        print_page(&stream);
        kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    buf_fini(&stream.rest);
    if (pid < 0)
        return output_fail(invocation, COMMAND_FAILED, &err);
    if (stream.printed == 0 && !wish->follow)
        output_note(invocation,
                    "the journal shows nothing of it to this user: try as root, or join "
                    "the group systemd-journal");
    return is_interrupted ? COMMAND_INTERRUPTED : COMMAND_OK;
}
