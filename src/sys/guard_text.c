/* Prints and parses the two records of the guard. */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "sys/guard_text.h"

static json_t *list_json(const char *const *words)
{
    json_t *list = json_array();
    for (size_t i = 0; words && words[i]; i++)
        json_array_append_new(list, json_text(words[i], strlen(words[i])));
    return list;
}

static const char *const *list_read(struct arena *arena, const json_t *list)
{
    size_t count = json_array_size(list);
    const char **words = arena_alloc(arena, (count + 1) * sizeof(*words));
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        words[i] = arena_strdup(arena, word ? word : "");
    }
    return words;
}

static char *line_print(struct arena *arena, json_t *json)
{
    char *line = arena_printf(arena, "%s\n", json_print(arena, json));
    json_decref(json);
    return line;
}

char *guard_command_print(struct arena *arena, const struct guard_command *command)
{
    json_t *json = json_object();
    json_set_text(json, "command", command->command);
    json_set_text(json, "workdir", command->workdir);
    json_set_text(json, "input", command->input);
    json_object_set_new(json, "split", json_boolean(command->split));
    json_object_set_new(json, "errors_max", json_integer((json_int_t)command->errors_max));
    json_set_text(json, "lock_path", command->lock_path);
    json_object_set_new(json, "env", list_json(command->env));
    json_object_set_new(json, "writable", list_json(command->writable));
    json_object_set_new(json, "readable", list_json(command->readable));
    json_object_set_new(json, "writable_files", list_json(command->writable_files));
    json_set_text(json, "programs", command->programs);
    json_object_set_new(json, "channel", json_boolean(command->channel_fd > STDERR_FILENO));
    json_object_set_new(json, "network", json_boolean(command->network));
    json_object_set_new(json, "timeout_ms", json_integer(command->timeout_ms));
    json_object_set_new(json, "output_max", json_integer((json_int_t)command->output_max));
    json_object_set_new(json, "disk_max", json_integer(command->disk_max));
    json_object_set_new(json, "processes_max", json_integer(command->processes_max));
    return line_print(arena, json);
}

int guard_command_parse(struct arena *arena, const char *text, size_t len,
                        struct guard_command *command, struct err *err)
{
    json_t *json = json_parse(text, len, err);
    if (!json)
        return -1;
    *command = (struct guard_command){
        .command = arena_strdup(arena, json_get_text(json, "command", NULL)),
        .workdir = arena_strdup(arena, json_get_text(json, "workdir", "/")),
        .input = arena_strdup(arena, json_get_text(json, "input", NULL)),
        .split = json_get_bool(json, "split", false),
        .errors_max = (size_t)json_get_int(json, "errors_max", 0),
        .lock_path = arena_strdup(arena, json_get_text(json, "lock_path", NULL)),
        .env = list_read(arena, json_object_get(json, "env")),
        .writable = list_read(arena, json_object_get(json, "writable")),
        .readable = list_read(arena, json_object_get(json, "readable")),
        .writable_files = list_read(arena, json_object_get(json, "writable_files")),
        .programs = arena_strdup(arena, json_get_text(json, "programs", NULL)),
        .channel_fd = json_get_bool(json, "channel", false) ? GUARD_PASSED_FD : -1,
        .network = json_get_bool(json, "network", false),
        .timeout_ms = json_get_int(json, "timeout_ms", 0),
        .output_max = (size_t)json_get_int(json, "output_max", 0),
        .disk_max = json_get_int(json, "disk_max", 0),
        .processes_max = (int)json_get_int(json, "processes_max", 0),
    };
    json_decref(json);
    if (!command->command)
        return err_set(err, "bad_request", "The guard's request has no command.");
    return 0;
}

static const char *const ends[] = {"exited", "signalled", "timeout", "too_many",
                                   "disk",   "cancelled", "refused", NULL};

char *guard_report_print(struct arena *arena, const struct guard_report *report)
{
    json_t *json = json_object();
    json_set_text(json, "end", ends[report->end]);
    json_object_set_new(json, "code", json_integer(report->code));
    json_set_text(json, "output", report->output ? report->output : "");
    json_object_set_new(json, "dropped", json_integer(report->dropped));
    json_set_text(json, "errors", report->errors ? report->errors : "");
    json_object_set_new(json, "took_ms", json_integer(report->took_ms));
    json_set_text(json, "message", report->message);
    return line_print(arena, json);
}

int guard_report_parse(struct arena *arena, const char *text, size_t len,
                       struct guard_report *report, struct err *err)
{
    json_t *json = json_parse(text, len, err);
    if (!json)
        return -1;
    size_t end = 0;
    while (ends[end] && !str_eq(ends[end], json_get_text(json, "end", "")))
        end++;
    *report = (struct guard_report){
        .end = (enum guard_end)end,
        .code = (int)json_get_int(json, "code", 0),
        .output = arena_strdup(arena, json_get_text(json, "output", "")),
        .dropped = json_get_int(json, "dropped", 0),
        .errors = arena_strdup(arena, json_get_text(json, "errors", "")),
        .took_ms = json_get_int(json, "took_ms", 0),
        .message = arena_strdup(arena, json_get_text(json, "message", "")),
    };
    json_decref(json);
    return ends[end] ? 0 : err_set(err, "bad_report", "The guard's report has no known end.");
}
