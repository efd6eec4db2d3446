/* Looking after delegated work: task_status, task_wait, task_cancel, and agents_list. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "tool/asking.h"
#include "tool/builtin.h"
#include "wire/task.h"

enum { WAIT_TASKS_MAX = 64, SILENT_MS = 15000 };

static const char *task_path(struct arena *arena, const char *id, const char *action)
{
    return arena_printf(arena, "/v1/tasks/%s%s", asking_encode(arena, id), action);
}

/* What an agent is told of a task: {"task","agent","state",…} and, once ended, its result. */
static json_t *summary_of(const json_t *answer)
{
    static const char *const of_task[] = {"agent", "name", "failure_class", "failure_message",
                                          NULL};
    static const char *const of_handoff[] = {"status", "result",    "confidence",
                                             "notes",  "artefacts", NULL};
    const json_t *task = json_object_get(answer, "task");
    const json_t *handoff = json_object_get(answer, "handoff");
    json_t *summary = json_pack("{s:s,s:s}", "task", json_get_text(task, "id", ""), "state",
                                json_get_text(task, "state", ""));
    for (const char *const *key = of_task; *key; key++)
        if (json_object_get(task, *key))
            json_object_set(summary, *key, json_object_get(task, *key));
    for (const char *const *key = of_handoff; *key; key++)
        if (json_object_get(handoff, *key))
            json_object_set(summary, *key, json_object_get(handoff, *key));
    json_set_text(summary, "doing", json_get_text(answer, "note", NULL));
    return summary;
}

static bool has_ended(const json_t *summary)
{
    return task_state_is_terminal(json_get_text(summary, "state", ""));
}

static int status_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                      struct tool_result *result, struct err *unused)
{
    struct asking asking = {place, arguments, arena, result};
    const char *path = task_path(arena, json_get_text(arguments, "task", ""), "");
    json_t *answer = asking_hub(&asking, "GET", path, NULL);
    if (answer)
        asking_result(arena, result, summary_of(answer));
    json_decref(answer);
    return 0;
}

/* A new array of summaries; NULL: the result says which task cannot be seen. */
static json_t *look_at_all(const struct asking *asking)
{
    const json_t *ids = json_object_get(asking->arguments, "tasks");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        json_t *answer = asking_hub(asking, "GET", task_path(asking->arena, id, ""), NULL);
        if (!answer) {
            asking->result->text = arena_printf(asking->arena, "%s: %s", id, asking->result->text);
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, summary_of(answer));
        json_decref(answer);
    }
    return list;
}

/* For the tasks that still run, and the time: whatever wakes it, it looks again. */
static json_t *park_for(const json_t *list, bool any, int64_t left_ms)
{
    size_t i;
    const json_t *summary;
    json_t *waits = json_array();
    json_array_foreach (list, i, summary)
        if (!has_ended(summary))
            json_array_append_new(waits, json_pack("{s:s,s:O}", "kind", "task", "id",
                                                   json_object_get(summary, "task")));
    if (left_ms > 0)
        json_array_append_new(
            waits, json_pack("{s:s,s:I}", "kind", "timer", "in_ms", (json_int_t)left_ms));
    return json_pack("{s:s,s:o}", "mode", any || left_ms > 0 ? "any" : "all", "waits", waits);
}

static void wait_look(const struct asking *asking, int64_t timeout_ms)
{
    const struct tool_place *place = asking->place;
    bool any = str_eq(json_get_text(asking->arguments, "mode", "all"), "any");
    json_t *list = look_at_all(asking);
    size_t i, ended = 0;
    const json_t *summary;
    if (!list)
        return;
    json_array_foreach (list, i, summary)
        ended += has_ended(summary);
    int64_t since = place->intended_at > 0 ? place->intended_at : place->now;
    int64_t left_ms = timeout_ms > 0 ? since + timeout_ms - place->now : 0;
    bool enough = ended == json_array_size(list) || (any && ended > 0);
    if (!enough && (timeout_ms == 0 || left_ms > 0)) {
        asking->result->park = park_for(list, any, left_ms);
        json_decref(list);
        return;
    }
    asking_result(asking->arena, asking->result,
                  json_pack("{s:b,s:o}", "timed_out", !enough, "tasks", list));
}

static int wait_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                    struct tool_result *result, struct err *unused)
{
    struct err err;
    int64_t timeout_ms;
    struct asking asking = {place, arguments, arena, result};
    size_t count = json_array_size(json_object_get(arguments, "tasks"));
    if (asking_span(arguments, "timeout", &timeout_ms, &err) < 0)
        result_err(arena, result, &err);
    else if (count == 0 || count > WAIT_TASKS_MAX)
        result_error(arena, result, "tasks must name 1 to %d tasks, not %zu.", WAIT_TASKS_MAX,
                     count);
    else
        wait_look(&asking, timeout_ms);
    return 0;
}

static int cancel_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                      struct tool_result *result, struct err *unused)
{
    struct asking asking = {place, arguments, arena, result};
    const char *path = task_path(arena, json_get_text(arguments, "task", ""), "/cancel");
    json_t *body = json_object();
    json_set_text(body, "reason", json_get_text(arguments, "reason", NULL));
    json_t *answer = asking_hub(&asking, "POST", path, body);
    const json_t *task = json_object_get(answer, "task");
    if (answer)
        asking_result(arena, result,
                      json_pack("{s:s,s:s,s:s}", "task", json_get_text(task, "id", ""), "state",
                                json_get_text(task, "state", ""), "cancel",
                                "it and everything below it is stopped"));
    json_decref(answer);
    return 0;
}

static const json_t *find_row(const json_t *answer, const char *id)
{
    size_t i;
    const json_t *row;
    json_array_foreach (json_object_get(answer, "items"), i, row)
        if (str_eq(json_get_text(row, "id", ""), id))
            return row;
    return NULL;
}

static const char *state_of(const json_t *row)
{
    int64_t seen_ms = json_get_int(row, "seen_ms", -1);
    if (json_get_bool(row, "paused", false))
        return "paused";
    if (seen_ms < 0 || seen_ms > SILENT_MS)
        return "down";
    return json_get_int(row, "working", 0) > 0 ? "busy" : "idle";
}

static json_t *agent_item(const struct config_agent *agent, const json_t *row)
{
    json_t *capabilities = json_array();
    for (size_t i = 0; agent->capabilities[i]; i++)
        json_array_append_new(capabilities, json_string(agent->capabilities[i]));
    json_t *item = json_pack("{s:s,s:s?,s:b,s:o,s:s,s:I}", "id", agent->id, "name", agent->name,
                             "configured", 1, "capabilities", capabilities, "state", state_of(row),
                             "queued", (json_int_t)json_get_int(row, "queued", 0));
    if (json_object_get(row, "breaker"))
        json_object_set(item, "breaker", json_object_get(row, "breaker"));
    return item;
}

static int agents_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                      struct tool_result *result, struct err *unused)
{
    struct asking asking = {place, arguments, arena, result};
    json_t *agents = json_array();
    json_t *answer = asking_hub(&asking, "GET", "/v1/agents", NULL);
    for (size_t i = 0; answer && i < place->config->agent_count; i++) {
        const struct config_agent *agent = &place->config->agents[i];
        if (config_may_delegate(place->config, place->agent, agent->id))
            json_array_append_new(agents, agent_item(agent, find_row(answer, agent->id)));
    }
    if (answer)
        asking_result(arena, result,
                      json_pack("{s:s,s:O}", "requester", place->agent, "agents", agents));
    json_decref(agents);
    json_decref(answer);
    return 0;
}

const struct tool tool_task_status = {
    .name = "task_status",
    .group = "delegate",
    .description = "How a delegated task is, and its result once it has ended.",
    .parameters = "{\"type\":\"object\",\"properties\":{\"task\":{\"type\":\"string\"}},"
                  "\"required\":[\"task\"]}",
    .repeat = REPEAT_FREELY,
    .foreign = true,
    .run = status_run,
};

const struct tool tool_task_wait = {
    .name = "task_wait",
    .group = "delegate",
    .description = "Wait until delegated tasks have ended (all, or any of them) and get their "
                   "results. Waiting costs nothing.",
    .parameters = "{\"type\":\"object\",\"properties\":{"
                  "\"tasks\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
                  "\"mode\":{\"type\":\"string\",\"enum\":[\"all\",\"any\"]},"
                  "\"timeout\":{\"type\":[\"number\",\"string\"],\"description\":\"Seconds or "
                  "\\\"5m\\\"; then "
                  "you get what is there\"}},\"required\":[\"tasks\"]}",
    .repeat = REPEAT_FREELY,
    .foreign = true,
    .run = wait_run,
};

const struct tool tool_task_cancel = {
    .name = "task_cancel",
    .group = "delegate",
    .description = "Stop a task that you delegated, and everything that it delegated.",
    .parameters = "{\"type\":\"object\",\"properties\":{\"task\":{\"type\":\"string\"},"
                  "\"reason\":{\"type\":\"string\"}},\"required\":[\"task\"]}",
    .repeat = REPEAT_FREELY, /* cancelling what is cancelled changes nothing */
    .run = cancel_run,
};

const struct tool tool_agents_list = {
    .name = "agents_list",
    .group = "delegate",
    .description = "Whom you may ask: agents with their capabilities and how they are.",
    .parameters = "{\"type\":\"object\",\"properties\":{}}",
    .repeat = REPEAT_FREELY,
    .run = agents_run,
};
