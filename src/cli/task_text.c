/* Shapes for scripts, words for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/output.h"
#include "cli/task_text.h"

static json_t *or_null(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return value ? json_incref(value) : json_null();
}

static json_t *result_object(const json_t *handoff)
{
    if (!handoff)
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "status", or_null(handoff, "status"), "result",
                     or_null(handoff, "result"), "confidence", or_null(handoff, "confidence"),
                     "notes", or_null(handoff, "notes"), "artefacts",
                     or_null(handoff, "artefacts"));
}

static json_t *failure_object(const json_t *task)
{
    const char *class = json_get_text(task, "failure_class", NULL);
    if (!class)
        return json_null();
    return json_pack("{s:s,s:s}", "class", class, "message",
                     json_get_text(task, "failure_message", ""));
}

/* The ledger counts failures of the work; people count tries, the good and the cut one too. */
int64_t task_tries(const json_t *task)
{
    int64_t tries =
        json_get_int(task, "tries", 0) + str_eq(json_get_text(task, "state", ""), "done");
    return tries == 0 && json_get_text(task, "started_at", NULL) ? 1 : tries;
}

json_t *task_object(const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    const json_t *handoff = json_object_get(answer, "handoff");
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:I,s:o,s:o,s:o}", "id", json_get_text(task, "id", ""), "agent",
        json_get_text(task, "agent", ""), "state", json_get_text(task, "state", ""), "tries",
        (json_int_t)task_tries(task), "result", result_object(handoff), "failure",
        failure_object(task), "usage", handoff ? or_null(handoff, "usage") : json_null());
    static const char *const more[] = {"kind",       "caller",     "session",     "name",
                                       "created_at", "started_at", "finished_at", "retry_of"};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (json_object_get(task, more[i]))
            json_object_set(object, more[i], json_object_get(task, more[i]));
    static const char *const lists[] = {"effects",  "waits",    "note",  "calls",
                                        "children", "refusals", "notes", "routings", "paused"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (json_object_get(answer, lists[i]))
            json_object_set(object, lists[i], json_object_get(answer, lists[i]));
    return object;
}

json_t *task_document(const json_t *answer)
{
    return json_pack("{s:o}", "task", task_object(answer));
}

int task_exit_code(const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    return str_eq(json_get_text(task, "state", ""), "done") ? COMMAND_OK : COMMAND_FAILED;
}

static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        puts(json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text)
        puts(text);
    free(text);
}

int task_print_result(const struct invocation *invocation, const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    const json_t *handoff = json_object_get(answer, "handoff");
    int code = task_exit_code(answer);
    if (code == COMMAND_OK) {
        print_value(json_object_get(handoff, "result"));
        if (str_eq(json_get_text(handoff, "status", ""), "partial"))
            fprintf(stderr, "hq: the answer is partial: %s\n",
                    json_get_text(handoff, "notes", "no reason was given"));
        return code;
    }
    const char *id = json_get_text(task, "id", "");
    const char *state = json_get_text(task, "state", "");
    int tries = (int)task_tries(task);
    fprintf(stderr, "hq: %s gave no result: %s (%s after %d %s). No result was made up.\n",
            json_get_text(task, "agent", ""), json_get_text(task, "failure_message", "no reason"),
            str_eq(state, "timed_out") ? "timed out" : state, tries, tries == 1 ? "try" : "tries");
    fprintf(stderr, "    see: hq task show %s --full · again: hq task retry %s\n",
            task_short_id(id, invocation->arena), task_short_id(id, invocation->arena));
    return code;
}

const char *task_short_id(const char *id, struct arena *arena)
{
    return arena_memdup(arena, id, strlen(id) < 10 ? strlen(id) : 10);
}

const char *task_age(const char *since, struct arena *arena)
{
    int64_t at;
    char text[TIME_TEXT];
    if (!since || !time_parse_rfc3339(since, &at))
        return "";
    int64_t ms = time_wall_ms() - at;
    time_print_duration(ms > 0 ? ms : 0, text);
    return arena_strdup(arena, text);
}

const char *task_title(const char *text, int columns, struct arena *arena)
{
    size_t max = columns > 8 ? (size_t)columns : 8;
    size_t len = strlen(text), keep = str_utf8_cut(text, len, max);
    char *title = arena_memdup(arena, text, keep);
    for (char *c = title; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return keep < len && keep > 1
               ? arena_printf(arena, "%.*s…", (int)str_utf8_cut(title, keep, max - 1), title)
               : title;
}
