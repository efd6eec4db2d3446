/* {{placeholders}} of a script and the conversation they stand for. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "model/model.h"
#include "model/script_text.h"

static const char *const names[] = {"user", "tool_result", "last_line", "model", NULL};

void script_talk_init(struct script_talk *talk, const struct model_request *request)
{
    size_t i;
    json_t *message;
    *talk = (struct script_talk){.model = request->model,
                                 .system = request->system ? request->system : "",
                                 .user = "",
                                 .result = ""};
    json_array_foreach(request->messages, i, message)
    {
        const char *role = json_get_text(message, "role", "");
        if (str_eq(role, "user")) {
            talk->user = json_get_text(message, "text", "");
            talk->tool = NULL;
            talk->result = "";
            talk->failed = false;
            talk->step = 0;
        } else if (str_eq(role, "assistant")) {
            talk->step++;
        } else if (str_eq(role, "tool")) {
            talk->tool = json_get_text(message, "name", "");
            talk->result = json_get_text(message, "text", "");
            talk->failed = json_get_bool(message, "is_error", false);
        }
    }
}

/* The name between braces at `at` ("{{ name }}"), in the arena; *end is behind the braces. NULL
 * where they are not closed. */
static char *name_at(struct arena *arena, const char *at, const char **end)
{
    const char *close = strstr(at + 2, "}}");
    if (!close)
        return NULL;
    *end = close + 2;
    return str_trim(arena, arena_memdup(arena, at + 2, (size_t)(close - at - 2)));
}

static bool is_group(const char *name)
{
    return name[0] >= '0' && name[0] <= '9' && !name[1];
}

static int check_name(const char *name, bool has_groups, struct err *err)
{
    if (!name)
        return err_set(err, "bad_script", "a {{ has no }} behind it; {{{{ writes {{");
    if (is_group(name) && !has_groups)
        return err_set(err, "bad_script", "{{%s}} needs a regular expression in \"user\"", name);
    if (!is_group(name) && !str_in(name, names))
        return err_set(err, "bad_script",
                       "{{%s}} is no placeholder (user, tool_result, last_line, model, 0 to 9)",
                       name);
    return 0;
}

int script_text_check(const char *text, bool has_groups, struct err *err)
{
    struct arena arena = {0};
    int rc = 0;
    for (const char *at = text; rc == 0 && (at = strstr(at, "{{"));) {
        const char *end = at + 4;
        if (!str_starts(at, "{{{{"))
            rc = check_name(name_at(&arena, at, &end), has_groups, err);
        at = end;
    }
    arena_fini(&arena);
    return rc;
}

static void put_last_line(struct buf *out, const char *text)
{
    const char *blank = " \t\r\n";
    size_t end = strlen(text);
    while (end && strchr(blank, text[end - 1]))
        end--;
    size_t start = end;
    while (start && text[start - 1] != '\n')
        start--;
    buf_put(out, text + start, end - start);
}

static void put_value(struct buf *out, const char *name, const struct script_talk *talk)
{
    if (is_group(name))
        buf_puts(out, talk->groups[name[0] - '0'] ? talk->groups[name[0] - '0'] : "");
    else if (str_eq(name, "user"))
        buf_puts(out, talk->user);
    else if (str_eq(name, "tool_result"))
        buf_puts(out, talk->result);
    else if (str_eq(name, "last_line"))
        put_last_line(out, talk->tool ? talk->result : talk->user);
    else
        buf_puts(out, talk->model);
}

char *script_text_fill(struct arena *arena, const char *text, const struct script_talk *talk)
{
    struct buf out = {0};
    for (const char *at; (at = strstr(text, "{{"));) {
        const char *end = at + 4;
        buf_put(&out, text, (size_t)(at - text));
        if (str_starts(at, "{{{{"))
            buf_puts(&out, "{{");
        else
            put_value(&out, name_at(arena, at, &end), talk);
        text = end;
    }
    buf_puts(&out, text);
    char *filled = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return filled;
}

json_t *script_json_fill(struct arena *arena, const json_t *value, const struct script_talk *talk)
{
    const char *key;
    json_t *member, *copy;
    size_t i;
    if (json_is_string(value)) {
        const char *text = script_text_fill(arena, json_string_value(value), talk);
        return json_text(text, strlen(text));
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, member)
            json_array_append_new(copy, script_json_fill(arena, member, talk));
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach((json_t *)value, key, member)
        json_object_set_new(copy, key, script_json_fill(arena, member, talk));
    return copy;
}
