/* Neutral messages and tools → a Chat Completions body. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "model/openai_request.h"

static json_t *call_out(const json_t *call, const char *provider)
{
    const json_t *extra = json_object_get(json_object_get(call, "extra"), provider);
    const json_t *arguments = json_object_get(call, "arguments");
    char *text = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);
    json_t *out = json_pack("{s:O?, s:s, s:{s:O?, s:s}}", "id", json_object_get(call, "id"), "type",
                            "function", "function", "name", json_object_get(call, "name"),
                            "arguments", text ? text : "{}");
    free(text);
    if (extra)
        json_object_set(out, "extra_content", (json_t *)extra);
    return out;
}

static json_t *assistant_out(const json_t *message, const char *provider)
{
    const char *text = json_get_text(message, "text", NULL);
    const json_t *calls = json_object_get(message, "tool_calls");
    json_t *out = json_pack("{s:s}", "role", "assistant");
    if (json_array_size(calls) == 0) {
        json_object_set_new(out, "content", json_string(text ? text : ""));
        return out;
    }
    json_t *list = json_array(), *call;
    size_t i;
    json_array_foreach(calls, i, call) json_array_append_new(list, call_out(call, provider));
    json_object_set_new(out, "content", text ? json_string(text) : json_null());
    json_object_set_new(out, "tool_calls", list);
    return out;
}

static json_t *message_out(const json_t *message, const char *provider)
{
    const char *role = json_get_text(message, "role", "");
    const char *text = json_get_text(message, "text", "");
    if (str_eq(role, "user") || str_eq(role, "system"))
        return json_pack("{s:s, s:s}", "role", role, "content", text);
    if (str_eq(role, "assistant"))
        return assistant_out(message, provider);
    if (str_eq(role, "tool"))
        return json_pack("{s:s, s:s, s:s}", "role", "tool", "tool_call_id",
                         json_get_text(message, "call_id", ""), "content", text);
    return NULL;
}

/* A note of the runtime goes to the end of the message before it: many servers refuse a system message
 * that is not the first. False: there is none that could take it. */
static bool add_note(json_t *list, const json_t *note)
{
    struct buf text = {0};
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    const char *role = json_get_text(last, "role", "");
    const char *before = json_get_text(last, "content", NULL);
    if (!before || (!str_eq(role, "user") && !str_eq(role, "tool")))
        return false;
    buf_printf(&text, "%s\n\n%s", before, json_get_text(note, "text", ""));
    json_object_set_new(last, "content", json_text(text.bytes, text.len));
    buf_fini(&text);
    return true;
}

static json_t *messages_out(const struct model_request *request, const char *provider,
                            struct err *err)
{
    json_t *list = json_array(), *message;
    size_t i;
    if (!str_is_empty(request->system))
        json_array_append_new(list, json_pack("{s:s, s:o}", "role", "system", "content",
                                              json_text(request->system, strlen(request->system))));
    json_array_foreach(request->messages, i, message)
    {
        if (str_eq(json_get_text(message, "role", ""), "system") && add_note(list, message))
            continue;
        json_t *out = message_out(message, provider);
        if (!out) {
            err_set(err, "bad_message",
                    "message %zu has the role \"%s\", not user, assistant or tool", i,
                    json_get_text(message, "role", ""));
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, out);
    }
    return list;
}

static json_t *tools_out(const json_t *tools)
{
    json_t *list = json_array(), *tool;
    size_t i;
    json_array_foreach(tools, i, tool)
    {
        json_t *function = json_deep_copy(tool); /* the catalogue belongs to all threads */
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "type", "function", "function", function));
    }
    return list;
}

/* OpenAI's levels: its highest is high, and "off" asks for the least there is. NULL for a word that
 * is no level: the provider's default, as OpenClaw does. */
static const char *reasoning_effort(const char *thinking)
{
    static const char *const levels[] = {"minimal", "low", "medium", "high", NULL};
    if (str_eq(thinking, "off"))
        return "minimal";
    if (str_eq(thinking, "xhigh"))
        return "high";
    return thinking && str_in(thinking, levels) ? thinking : NULL;
}

json_t *openai_request(const struct model_request *request, const struct openai_dialect *dialect,
                       struct err *err)
{
    json_t *messages = messages_out(request, dialect->provider, err);
    if (!messages)
        return NULL;
    json_t *body = json_pack("{s:s, s:b, s:{s:b}, s:o, s:I}", "model", request->model, "stream", 1,
                             "stream_options", "include_usage", 1, "messages", messages,
                             dialect->is_openai ? "max_completion_tokens" : "max_tokens",
                             (json_int_t)dialect->max_tokens);
    if (json_array_size(request->tools) > 0) {
        json_object_set_new(body, "tools", tools_out(request->tools));
        json_object_set_new(body, "tool_choice", json_string("auto"));
    }
    json_set_text(body, "reasoning_effort", reasoning_effort(request->thinking));
    if (dialect->is_openai && request->session)
        json_set_text(body, "prompt_cache_key", request->session);
    return body;
}
