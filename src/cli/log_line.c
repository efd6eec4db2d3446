/* Takes lines of logs apart and puts them together again. */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/log_line.h"

enum { STAMP = 24, LEVEL = 5 };

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static int level_of(const char *word)
{
    for (int i = 0; levels[i]; i++)
        if (str_eq(levels[i], word))
            return i;
    return LOG_NO_LEVEL;
}

static bool is_stamp(const char *text)
{
    int64_t at;
    return strlen(text) == STAMP && time_parse_rfc3339(text, &at);
}

static const char *cleaned(const char *bytes, size_t len, struct arena *arena)
{
    const char *text = str_clean_utf8(arena, bytes, len);
    size_t room = strlen(text) + sizeof("…") + 1;
    char *out = arena_alloc(arena, room);
    log_clean(text, out, room);
    return out;
}

/* "who: message" or "who id: message". False where it is neither. */
static bool parse_sentence(const char *text, struct arena *arena, struct log_line *line)
{
    const char *end = strstr(text, ": ");
    if (!end || memchr(text, '"', (size_t)(end - text)))
        return false;
    char *head = arena_memdup(arena, text, (size_t)(end - text));
    char *about = strchr(head, ' ');
    if (!*head || (about && strchr(about + 1, ' ')))
        return false;
    line->about = about ? about + 1 : "";
    line->message = end + 2;
    return true;
}

/* "2026-11-22T15:04:05.123Z info  …" */
static bool parse_text(const char *text, struct arena *arena, struct log_line *line)
{
    size_t head = STAMP + 1 + LEVEL + 1;
    if (strlen(text) <= head || text[STAMP] != ' ' || text[head - 1] != ' ')
        return false;
    const char *stamp = arena_memdup(arena, text, STAMP);
    int level = level_of(str_trim(arena, arena_memdup(arena, text + STAMP + 1, LEVEL)));
    if (!is_stamp(stamp) || level == LOG_NO_LEVEL || !parse_sentence(text + head, arena, line))
        return false;
    line->stamp = stamp;
    line->level = level;
    return true;
}

static const char *member(const json_t *json, const char *key, struct arena *arena)
{
    const char *text = json_get_text(json, key, "");
    return cleaned(text, strlen(text), arena);
}

/* An id is one word: another could pass for the rest of a line. */
static const char *id_of(const json_t *json, struct arena *arena)
{
    const char *id = member(json, json_object_get(json, "run") ? "run" : "task", arena);
    return strpbrk(id, " :\"") ? "" : id;
}

static bool parse_json(const char *bytes, size_t len, struct arena *arena, struct log_line *line)
{
    json_t *json = len > 0 && *bytes == '{' ? json_parse(bytes, len, NULL) : NULL;
    const char *stamp = json_get_text(json, "time", "");
    int level = level_of(json_get_text(json, "level", ""));
    bool is_ours = level != LOG_NO_LEVEL && json_is_string(json_object_get(json, "msg")) &&
                   (!*stamp || is_stamp(stamp));
    if (is_ours) {
        line->stamp = arena_strdup(arena, stamp);
        line->level = level;
        line->pid = json_get_int(json, "pid", 0);
        line->about = id_of(json, arena);
        line->code = member(json, "code", arena);
        line->message = member(json, "msg", arena);
    }
    json_decref(json);
    return is_ours;
}

void log_line_parse(const char *bytes, size_t len, struct arena *arena, struct log_line *line)
{
    *line = (struct log_line){
        .name = line->name, .stamp = "", .level = LOG_NO_LEVEL, .about = "", .code = "", .message = ""};
    if (parse_json(bytes, len, arena, line))
        return;
    const char *text = cleaned(bytes, len, arena);
    if (!parse_text(text, arena, line))
        line->message = text;
}

void log_line_parse_entry(const char *text, int priority, struct arena *arena, struct log_line *line)
{
    log_line_parse(text, strlen(text), arena, line);
    if (line->level != LOG_NO_LEVEL || priority < 0)
        return;
    const char *whole = line->message;
    line->level = priority <= 3   ? LOG_ERROR
                  : priority == 4 ? LOG_WARN
                  : priority <= 6 ? LOG_INFO
                                  : LOG_DEBUG;
    if (!parse_sentence(whole, arena, line))
        line->message = whole;
}

const char *log_line_text(const struct log_line *line, struct arena *arena)
{
    if (line->level == LOG_NO_LEVEL)
        return line->message;
    return arena_printf(arena, "%s%s%-5s %s%s%s: %s", line->stamp, *line->stamp ? " " : "",
                        levels[line->level], line->name, *line->about ? " " : "", line->about,
                        line->message);
}

json_t *log_line_json(const struct log_line *line, struct arena *arena)
{
    json_t *json = json_object();
    json_set_text(json, "process", line->name);
    json_set_text(json, "at", line->stamp);
    if (line->level != LOG_NO_LEVEL)
        json_set_text(json, "level", levels[line->level]);
    if (line->pid)
        json_object_set_new(json, "pid", json_integer(line->pid));
    if (*line->about)
        json_set_text(json, str_starts(line->about, "r-") ? "run" : "task", line->about);
    if (*line->code)
        json_set_text(json, "code", line->code);
    json_set_text(json, "message", line->message);
    json_set_text(json, "line", log_line_text(line, arena));
    return json;
}
