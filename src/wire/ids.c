/* Ids and hashes that make the same request the same task. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "wire/task.h"

void task_id(const char *kind, const char *caller, const char *target, const char *key,
             char id[TASK_ID_TEXT])
{
    struct arena arena = {0};
    json_t *parts = json_array();
    const char *const texts[] = {kind, caller, target, key};
    for (size_t i = 0; i < 4; i++)
        json_array_append_new(parts, json_text(texts[i], strlen(texts[i])));
    const char *text = json_print(&arena, parts);
    memcpy(id, "t-", 2);
    hash_crockford(text, strlen(text), 26, id + 2);
    json_decref(parts);
    arena_fini(&arena);
}

void task_body_hash(const struct task *task, char hex[65])
{
    struct arena arena = {0};
    json_t *body = json_object();
    json_set_text(body, "agent", task->agent);
    json_set_text(body, "capability", task->capability);
    json_set_text(body, "name", task->name);
    json_set_text(body, "instruction", task->instruction);
    json_set_text(body, "instruction_blob", task->instruction_blob);
    json_set_text(body, "data", task->data);
    json_set_text(body, "deliver", task->deliver);
    json_set_text(body, "model", task->model);
    json_set_text(body, "thinking", task->thinking);
    json_set_text(body, "result_schema", task->result_schema);
    const char *text = json_print(&arena, body);
    hash_hex(text, strlen(text), hex);
    json_decref(body);
    arena_fini(&arena);
}

bool task_state_is_terminal(const char *state)
{
    static const char *const terminal[] = {TASK_DONE, TASK_FAILED, TASK_CANCELLED, TASK_TIMED_OUT,
                                           NULL};
    return str_in(state, terminal);
}
