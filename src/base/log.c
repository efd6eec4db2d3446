/* Formats a line on the stack and writes it whole: nothing here takes memory or a lock. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"

enum {
    MESSAGE = 1800, /* bytes; as JSON at most twice as many, */
    LINE = 4096,    /* so that a line is one write that pipes keep whole, too (PIPE_BUF) */
    ABOUT = 64,
};

static char log_who[64] = "hq";
static enum log_level log_least = LOG_INFO;
static enum log_form log_form = LOG_TEXT;
static bool log_to_journal;
static _Thread_local char log_id[ABOUT];

/* sd-daemon(3) and systemd.exec(5): $JOURNAL_STREAM is "device:inode" of what the journal reads. */
static bool is_journal(int fd)
{
    struct stat info;
    uintmax_t device, inode;
    char end;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%ju:%ju%c", &device, &inode, &end) == 2 &&
           fstat(fd, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

void log_init(const char *who, enum log_level least)
{
    snprintf(log_who, sizeof(log_who), "%s", who);
    log_least = least;
    log_to_journal = is_journal(STDERR_FILENO);
}

void log_use(enum log_form form)
{
    log_form = form;
}

void log_about(const char *id)
{
    size_t len = 0;
    for (; id && id[len] && len < ABOUT - 1; len++)
        log_id[len] = id[len] > ' ' && id[len] < 0x7f && !strchr("\"\\:", id[len]) ? id[len] : '_';
    log_id[len] = '\0';
}

/* Would it end a line, move a terminal's cursor, or turn what follows around? C0, C1, line and
 * paragraph separators, marks of direction. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Length of the well-formed character at `text`, 0 where there is none. */
static size_t character(const char *text, uint32_t *c)
{
    for (size_t len = 1, left = strnlen(text, 4); len <= left; len++)
        if (str_is_utf8(text, len))
            return str_utf8_next(text, c);
    return 0;
}

void log_clean(const char *text, char *out, size_t room)
{
    size_t put = 0;
    while (*text) {
        uint32_t c = 0xfffd;
        size_t len = character(text, &c);
        const char *piece = !len ? "\xEF\xBF\xBD" : is_control(c) ? " " : text;
        size_t bytes = !len ? 3 : is_control(c) ? 1 : len;
        if (put + bytes + sizeof("…") > room) {
            memcpy(out + put, "…", sizeof("…") - 1);
            put += sizeof("…") - 1;
            break;
        }
        memcpy(out + put, piece, bytes);
        put += bytes;
        text += len ? len : 1;
    }
    out[put] = '\0';
}

struct line {
    char bytes[LINE];
    size_t len;
};

static void put(struct line *line, const char *text)
{
    size_t len = strlen(text), room = LINE - 1 - line->len;
    len = len < room ? len : room;
    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

/* `,"name":"text"`; the text is clean. */
static void put_member(struct line *line, const char *name, const char *text)
{
    char one[3] = "";
    put(line, line->bytes[line->len - 1] == '{' ? "\"" : ",\"");
    put(line, name);
    put(line, "\":\"");
    for (; *text; text++) {
        bool is_special = *text == '"' || *text == '\\';
        one[0] = is_special ? '\\' : *text;
        one[1] = is_special ? *text : '\0';
        put(line, one);
    }
    put(line, "\"");
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static void put_text(struct line *line, enum log_level level, const char *stamp, const char *message)
{
    char head[TIME_TEXT + sizeof(log_who) + ABOUT + 16];
    if (log_to_journal)
        snprintf(head, sizeof(head), "%s%s%s: ", log_who, *log_id ? " " : "", log_id);
    else
        snprintf(head, sizeof(head), "%s %-5s %s%s%s: ", stamp, level_names[level], log_who,
                 *log_id ? " " : "", log_id);
    put(line, head);
    put(line, message);
}

static void put_json(struct line *line, enum log_level level, const char *stamp, const char *message,
                     const char *code)
{
    char number[48];
    put(line, "{");
    if (!log_to_journal)
        put_member(line, "time", stamp);
    put_member(line, "level", level_names[level]);
    put_member(line, "who", log_who);
    snprintf(number, sizeof(number), ",\"pid\":%d", (int)getpid());
    put(line, number);
    put_member(line, "msg", message);
    if (*log_id)
        put_member(line, str_starts(log_id, "r-") ? "run" : "task", log_id);
    if (*code)
        put_member(line, "code", code);
    put(line, "}");
}

static void write_line(enum log_level level, const char *text, const char *code)
{
    static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
    struct line line = {.len = 0};
    char message[MESSAGE], stamp[TIME_TEXT];
    time_rfc3339(time_wall_ms(), stamp);
    log_clean(text, message, sizeof(message));
    if (log_to_journal)
        put(&line, priorities[level]);
    if (log_form == LOG_JSON)
        put_json(&line, level, stamp, message, code);
    else
        put_text(&line, level, stamp, message);
    line.bytes[line.len++] = '\n';
    (void)!write(STDERR_FILENO, line.bytes, line.len);
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[MESSAGE * 2];
    va_list args;
    if (level < log_least)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_line(level, text, "");
}

void log_err(enum log_level level, const struct err *err)
{
    char text[sizeof(err->message) + sizeof(err->hint) + 4];
    if (level < log_least)
        return;
    snprintf(text, sizeof(text), "%s%s%s", err->message, *err->hint ? ". " : "", err->hint);
    write_line(level, text, err->code);
}
