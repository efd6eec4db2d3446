/* Reads files and small grammars (money, lists, targets) into the fields of a task. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/inside.h"
#include "cli/question.h"

enum { MICRO_DIGITS = 6, LARGEST_USD_DIGITS = 9, LOWEST_PRIORITY = 2 };

const char *question_text(const struct invocation *invocation, const char *text, struct err *err)
{
    struct buf input = {0};
    if (!str_eq(text, "-"))
        return text;
    int rc = file_read(STDIN_FILENO, LIMIT_INSTRUCTION, &input);
    bool whole = input.len <= LIMIT_INSTRUCTION;
    text = str_clean_utf8(invocation->arena, buf_text(&input), input.len);
    buf_fini(&input);
    if (rc == 0 && whole)
        return text;
    if (rc < 0)
        err_errno(err, "no_input", "standard input cannot be read");
    else
        err_set(err, "instruction_too_large", "standard input has more than %d bytes",
                LIMIT_INSTRUCTION);
    return NULL;
}

/* The file's text in `out`, at most `max` bytes. */
static int read_file(const char *option, const char *path, size_t max, struct buf *out,
                     struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "no_file", "--%s: %s cannot be read", option, path);
    int rc = file_read(fd, max, out);
    int saved = errno;
    close(fd);
    errno = saved;
    if (rc < 0)
        return err_errno(err, "no_file", "--%s: %s cannot be read", option, path);
    if (out->len > max) {
        err_set(err, "too_large", "--%s: %s has more than %zu bytes", option, path, max);
        err_hint(err, "put large data into a file of the agent's workspace and name it");
        return -1;
    }
    if (!str_is_utf8(buf_text(out), out->len))
        return err_set(err, "not_text", "--%s: %s is not text (UTF-8)", option, path);
    return 0;
}

static int add_context(const char *path, size_t *room, json_t *parts, struct err *err)
{
    struct buf text = {0};
    const char *slash = strrchr(path, '/');
    int rc = read_file("context", path, *room, &text, err);
    if (rc == 0) {
        *room -= text.len;
        json_array_append_new(parts, json_pack("{s:o,s:o,s:o}", "name",
                                               json_text(slash ? slash + 1 : path,
                                                         strlen(slash ? slash + 1 : path)),
                                               "text", json_text(buf_text(&text), text.len), "from",
                                               json_text(path, strlen(path))));
    }
    buf_fini(&text);
    return rc;
}

json_t *question_context(const struct invocation *invocation, struct err *err)
{
    size_t at = 0, room = LIMIT_INSTRUCTION;
    json_t *parts = json_array();
    const char *path;
    while ((path = invocation_next(invocation, "context", &at))) {
        if (add_context(path, &room, parts, err) < 0) {
            json_decref(parts);
            return NULL;
        }
    }
    return parts;
}

static json_t *schema_of(const char *path, struct err *err)
{
    struct buf text = {0};
    struct err bad = {0};
    json_t *schema = NULL;
    if (read_file("schema", path, LIMIT_INLINE, &text, err) == 0) {
        schema = json_parse(buf_text(&text), text.len, &bad);
        if (!schema)
            err_set(err, "bad_schema", "--schema: %s: %s", path, bad.message);
        else if (!json_is_object(schema))
            err_set(err, "bad_schema", "--schema: %s holds no JSON object", path);
    }
    buf_fini(&text);
    if (json_is_object(schema))
        return schema;
    json_decref(schema);
    return NULL;
}

/* "0.25" → 250000; -1: no amount above nothing. */
static int64_t micro_usd(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    const char *rest = text + whole;
    size_t part = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
    if (whole == 0 || whole > LARGEST_USD_DIGITS || part > MICRO_DIGITS || (*rest == '.' && !part) ||
        rest[part ? part + 1 : 0])
        return -1;
    int64_t micro = strtoll(text, NULL, 10);
    for (size_t i = 1; i <= MICRO_DIGITS; i++)
        micro = micro * 10 + (i <= part ? rest[i] - '0' : 0);
    return micro > 0 ? micro : -1;
}

static json_t *budget_of(const char *text, struct err *err)
{
    int64_t micro = micro_usd(*text == '$' ? text + 1 : text);
    if (micro > 0)
        return json_pack("{s:I}", "micro_usd", (json_int_t)micro);
    err_set(err, "bad_budget", "--budget: \"%s\" is not an amount of dollars above 0", text);
    err_hint(err, "Write 0.50 or 3.");
    return NULL;
}

static json_t *tools_of(const struct invocation *invocation, const char *list, struct err *err)
{
    json_t *tools = json_array();
    while (*list) {
        size_t len = strcspn(list, ",");
        const char *name =
            str_trim(invocation->arena, arena_memdup(invocation->arena, list, len));
        if (*name)
            json_array_append_new(tools, json_text(name, strlen(name)));
        list += len + (list[len] == ',');
    }
    return tools;
}

json_t *question_deliver(const char *target, struct err *err)
{
    size_t len = strcspn(target, ":");
    if (len == 0 || (target[len] == ':' && !target[len + 1])) {
        err_set(err, "bad_target", "--deliver: \"%s\" is no target", target);
        err_hint(err, "Write webhook:NAME or CHANNEL:ID.");
        return NULL;
    }
    json_t *deliver = json_object();
    json_object_set_new(deliver, "channel", json_text(target, len));
    json_set_text(deliver, "to", target[len] ? target + len + 1 : NULL);
    return deliver;
}

/* Sets the key to what an option made; a NULL value is the maker's error. */
static int put(json_t *body, const char *key, json_t *value)
{
    return value ? json_object_set_new(body, key, value) : -1;
}

static int put_files(const struct invocation *invocation, json_t *body, struct err *err)
{
    const char *schema = invocation_value(invocation, "schema");
    json_t *parts = question_context(invocation, err);
    if (!parts || (json_array_size(parts) && json_object_set(body, "data", parts) < 0)) {
        json_decref(parts);
        return -1;
    }
    json_decref(parts);
    return schema ? put(body, "result_schema", schema_of(schema, err)) : 0;
}

static int put_numbers(const struct invocation *invocation, json_t *body, struct err *err)
{
    int64_t deadline, priority;
    if (invocation_duration(invocation, "deadline", 0, &deadline, err) < 0 ||
        invocation_number(invocation, "priority", 0, &priority, err) < 0)
        return -1;
    if (priority > LOWEST_PRIORITY)
        return err_set(err, "usage", "--priority: %lld is not from 0 (first) to %d (last)",
                       (long long)priority, LOWEST_PRIORITY);
    if (invocation_has(invocation, "deadline"))
        json_object_set_new(body, "deadline_ms", json_integer(deadline));
    if (invocation_has(invocation, "priority"))
        json_object_set_new(body, "priority", json_integer(priority));
    return 0;
}

/* The task's channel drops these: better to say so than to ask for something else than was meant. */
static int check_inside(const struct invocation *invocation, struct err *err)
{
    static const char *const closed[] = {"session", "model", "budget", "tools", "priority"};
    for (size_t i = 0; inside_task() && i < sizeof(closed) / sizeof(closed[0]); i++) {
        if (!invocation_has(invocation, closed[i]))
            continue;
        err_set(err, "not_allowed", "--%s is not open to a command that an agent runs", closed[i]);
        err_hint(err, "the agent's own delegate tool knows more");
        return -1;
    }
    return 0;
}

int question_options(const struct invocation *invocation, json_t *body, struct err *err)
{
    const char *budget = invocation_value(invocation, "budget");
    const char *tools = invocation_value(invocation, "tools");
    const char *deliver = invocation_value(invocation, "deliver");
    json_set_text(body, "session", invocation_value(invocation, "session"));
    json_set_text(body, "model", invocation_value(invocation, "model"));
    if (check_inside(invocation, err) < 0 || put_numbers(invocation, body, err) < 0 ||
        put_files(invocation, body, err) < 0)
        return -1;
    if (budget && put(body, "budget", budget_of(budget, err)) < 0)
        return -1;
    if (tools && put(body, "tools", tools_of(invocation, tools, err)) < 0)
        return -1;
    return deliver ? put(body, "deliver", question_deliver(deliver, err)) : 0;
}
