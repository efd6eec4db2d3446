/* Records → entries → model messages; both ways of one format. */
#include <stdio.h>
#include <string.h>

#include "agent/entries.h"
#include "agent/fold.h"
#include "agent/verdict.h"
#include "agent/quote.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"

enum { ENTRY_ID = 9 };

static void entry_id(const char *task, int64_t step, int64_t idx, char id[ENTRY_ID])
{
    char text[96], hex[HASH_HEX];
    int len = snprintf(text, sizeof(text), "%s/%lld/%lld", task, (long long)step, (long long)idx);
    hash_hex(text, (size_t)len, hex);
    memcpy(id, hex, ENTRY_ID - 1);
    id[ENTRY_ID - 1] = '\0';
}

/* Takes the reference to `message`. */
static json_t *new_entry(const char *task, int64_t step, int64_t idx, const char *timestamp,
                         json_t *message)
{
    char id[ENTRY_ID];
    int64_t ms = 0;
    entry_id(task, step, idx, id);
    if (!timestamp || !time_parse_rfc3339(timestamp, &ms))
        ms = 0;
    json_object_set_new(message, "timestamp", json_integer(ms));
    return json_pack("{s:s,s:s,s:n,s:s,s:s,s:o}", "type", "message", "id", id, "parentId",
                     "timestamp", timestamp ? timestamp : "1970-01-01T00:00:00.000Z", "turn", task,
                     "message", message);
}

static json_t *text_block(const char *text)
{
    return json_pack("{s:s,s:o}", "type", "text", "text", json_text(text, strlen(text)));
}

/* The task's instruction and data, as its model read them. */
static json_t *user_message(const json_t *task)
{
    struct arena arena = {0};
    const char *text = quote_instruction(&arena, json_get_text(task, "instruction", ""),
                                         json_object_get(task, "data"));
    json_t *message = json_pack("{s:s,s:[o]}", "role", "user", "content", text_block(text));
    arena_fini(&arena);
    return message;
}

static void add_tool_calls(const json_t *answer, json_t *content)
{
    size_t i;
    const json_t *call;
    json_array_foreach (json_object_get(answer, "tool_calls"), i, call) {
        json_t *arguments = json_object_get(call, "arguments");
        json_array_append_new(
            content, json_pack("{s:s,s:s,s:s,s:O}", "type", "toolCall", "id",
                               json_get_text(call, "id", ""), "name",
                               json_get_text(call, "name", ""), "arguments",
                               arguments ? arguments : json_null()));
    }
}

static const char *stop_reason(const json_t *answer)
{
    const char *stop = json_get_text(answer, "stop", "stop");
    if (str_eq(stop, "tool_use"))
        return "toolUse";
    return str_eq(stop, "length") ? "length" : str_eq(stop, "stop") ? "stop" : "error";
}

static json_t *usage_of(const json_t *call)
{
    json_int_t in = json_get_int(call, "tokens_in", 0), out = json_get_int(call, "tokens_out", 0);
    json_int_t cached = json_get_int(call, "tokens_cached", 0);
    int64_t micro = json_get_int(call, "cost_micro_usd", 0);
    double total = micro > 0 ? (double)micro / 1e6 : 0;
    return json_pack("{s:I,s:I,s:I,s:i,s:I,s:{s:f,s:f,s:f,s:f,s:f}}", "input", in, "output", out,
                     "cacheRead", cached, "cacheWrite", 0, "totalTokens", in + out, "cost", "input",
                     0.0, "output", 0.0, "cacheRead", 0.0, "cacheWrite", 0.0, "total", total);
}

/* The record's name is "provider/model". */
static json_t *assistant_message(const json_t *call)
{
    const json_t *answer = json_object_get(call, "response");
    const char *name = json_get_text(call, "name", "");
    const char *slash = strchr(name, '/');
    json_t *content = json_array();
    const char *thinking = json_get_text(answer, "thinking", NULL);
    const char *text = json_get_text(answer, "text", NULL);
    if (thinking)
        json_array_append_new(
            content, json_pack("{s:s,s:s}", "type", "thinking", "thinking", thinking));
    if (text)
        json_array_append_new(content, text_block(text));
    add_tool_calls(answer, content);
    return json_pack("{s:s,s:o,s:s,s:s%,s:s,s:o,s:s}", "role", "assistant", "content", content,
                     "api", "hq", "provider", name,
                     slash ? (size_t)(slash - name) : strlen(name), "model",
                     slash ? slash + 1 : name, "usage", usage_of(call), "stopReason",
                     stop_reason(answer));
}

/* A call that the turn's end left without an answer has one here: providers refuse a conversation
 * in which a tool call is not answered. */
static json_t *tool_message(const json_t *call)
{
    struct arena arena = {0};
    const json_t *response = json_object_get(call, "response");
    json_t *details = json_object_get(response, "details");
    const char *text = response ? quote_answer(&arena, call)
                                : "No result: the turn ended before this call was answered.";
    json_t *message = json_pack(
        "{s:s,s:s,s:s,s:[o],s:b}", "role", "toolResult", "toolCallId",
        json_get_text(call, "call_id", ""), "toolName", json_get_text(call, "name", ""), "content",
        text_block(text), "isError", !response || json_get_bool(call, "is_error", false));
    arena_fini(&arena);
    if (details)
        json_object_set(message, "details", details);
    return message;
}

/* A turn that ended without an answer leaves a note, so that the next one knows. */
static json_t *failure_entry(const json_t *task)
{
    const char *state = json_get_text(task, "state", "");
    if (!*state || str_eq(state, "done"))
        return NULL;
    const char *why = json_get_text(task, "failure_message", state);
    json_t *message = json_pack("{s:s,s:[],s:s,s:s,s:s,s:s,s:s}", "role", "assistant", "content",
                                "api", "hq", "provider", "hq", "model", "none", "stopReason",
                                str_eq(state, "cancelled") ? "aborted" : "error", "errorMessage",
                                why);
    return new_entry(json_get_text(task, "id", ""), -2, 0,
                     json_get_text(task, "finished_at", NULL), message);
}

/* Why the turn went on behind an answer that asked for no tool. */
static void add_finding(const json_t *task, const json_t *call, json_t *entries)
{
    struct arena arena = {0};
    const char *text = verdict_message(json_object_get(task, "result_schema"),
                                       json_object_get(call, "response"), &arena);
    if (text)
        json_array_append_new(
            entries, new_entry(json_get_text(task, "id", ""), json_get_int(call, "step", 0), -1,
                               json_get_text(call, "recorded_at", NULL),
                               json_pack("{s:s,s:[o]}", "role", "user", "content", text_block(text))));
    arena_fini(&arena);
}

json_t *entries_of_turn(const json_t *item)
{
    const json_t *task = json_object_get(item, "task");
    const char *id = json_get_text(task, "id", "");
    json_t *entries = json_array();
    json_array_append_new(
        entries, new_entry(id, -1, 0, json_get_text(task, "created_at", NULL),
                           user_message(task)));
    size_t i;
    const json_t *call, *calls = json_object_get(item, "calls");
    json_array_foreach (calls, i, call) {
        int64_t step = json_get_int(call, "step", 0), idx = json_get_int(call, "idx", 0);
        if (idx == 0 && !json_object_get(call, "response"))
            continue;
        json_t *message = idx == 0 ? assistant_message(call) : tool_message(call);
        json_array_append_new(
            entries, new_entry(id, step, idx, json_get_text(call, "recorded_at", NULL), message));
        if (idx == 0 && i + 1 < json_array_size(calls))
            add_finding(task, call, entries);
    }
    json_t *failure = failure_entry(task);
    if (failure)
        json_array_append_new(entries, failure);
    return entries;
}

/* Text of a content that is a string or a list of blocks; in the arena. */
static char *content_text(const json_t *message, const char *type, struct arena *arena)
{
    const json_t *content = json_object_get(message, "content");
    char *text = NULL;
    size_t i;
    const json_t *block;
    if (json_is_string(content))
        return arena_strdup(arena, json_string_value(content));
    json_array_foreach (content, i, block) {
        if (!str_eq(json_get_text(block, "type", ""), type))
            continue;
        const char *piece = json_get_text(block, type, "");
        text = text ? arena_printf(arena, "%s\n%s", text, piece) : arena_strdup(arena, piece);
    }
    return text;
}

static void calls_from_content(const json_t *message, json_t *out)
{
    size_t i;
    const json_t *block;
    json_t *calls = json_array();
    json_array_foreach (json_object_get(message, "content"), i, block)
        if (str_eq(json_get_text(block, "type", ""), "toolCall"))
            json_array_append_new(
                calls, json_pack("{s:s,s:s,s:O*}", "id", json_get_text(block, "id", ""), "name",
                                 json_get_text(block, "name", ""), "arguments",
                                 json_object_get(block, "arguments")));
    if (json_array_size(calls) > 0)
        json_object_set(out, "tool_calls", calls);
    json_decref(calls);
}

json_t *entry_to_message(const json_t *entry)
{
    struct arena arena = {0};
    const json_t *message = json_object_get(entry, "message");
    const char *role = json_get_text(message, "role", "");
    json_t *out = NULL;
    if (str_eq(role, "user")) {
        const char *text = content_text(message, "text", &arena);
        out = json_pack("{s:s,s:s}", "role", "user", "text", text ? text : "");
    } else if (str_eq(role, "assistant")) {
        out = json_pack("{s:s}", "role", "assistant");
        const char *text = content_text(message, "text", &arena);
        const char *error = json_get_text(message, "errorMessage", NULL);
        calls_from_content(message, out);
        if (!text && error && !json_object_get(out, "tool_calls"))
            text = arena_printf(&arena, "(this turn ended without an answer: %s)", error);
        json_set_text(out, "text", text);
    } else if (str_eq(role, "toolResult")) {
        const char *text = content_text(message, "text", &arena);
        out = json_pack("{s:s,s:s,s:s,s:s,s:b}", "role", "tool", "call_id",
                        json_get_text(message, "toolCallId", ""), "name",
                        json_get_text(message, "toolName", ""), "text", text ? text : "",
                        "is_error", json_get_bool(message, "isError", false));
    }
    arena_fini(&arena);
    return out;
}
