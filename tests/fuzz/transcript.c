/* Any bytes as a session's transcript: what lacks is appended behind its last whole line, once; nothing
 * of the whole lines is changed; and the conversation that is read back is one that providers take:
 * every tool call has its result. */
#include <stdint.h>
#include <string.h>

#include "agent/transcript.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "folder.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char turn[] =
    "[{\"task\":{\"id\":\"t-1\",\"instruction\":\"look\",\"created_at\":\"2026-11-22T15:04:05.123Z\","
    "\"state\":\"done\"},\"calls\":["
    "{\"step\":0,\"idx\":0,\"name\":\"p/m\",\"response\":{\"text\":null,\"tool_calls\":[{\"id\":\"c1\","
    "\"name\":\"exec\",\"arguments\":{}}],\"stop\":\"tool_use\"}},"
    "{\"step\":0,\"idx\":1,\"name\":\"exec\",\"call_id\":\"c1\",\"response\":{\"text\":\"ok\"}},"
    "{\"step\":1,\"idx\":0,\"name\":\"p/m\",\"response\":{\"text\":\"done\",\"stop\":\"stop\"}}]}]";

static void read_bytes(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (!file)
        abort();
    out->len = 0;
    buf_grow(out, fread(buf_room(out, 1 << 20), 1, 1 << 20, file));
    fclose(file);
}

/* Results stand right behind the message that asked for them. */
static bool is_answered(const json_t *messages, size_t from, const char *id)
{
    for (size_t i = from; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        if (!str_eq(json_get_text(message, "role", ""), "tool"))
            return false;
        if (str_eq(json_get_text(message, "call_id", ""), id))
            return true;
    }
    return false;
}

static void check_conversation(const char *path, size_t most)
{
    struct err err = {0};
    json_t *messages = json_array();
    const json_t *message, *call;
    size_t i, k;
    PROPERTY(transcript_read(path, most, messages, &err) == 0, "any file is a conversation");
    json_array_foreach (messages, i, message) {
        PROPERTY(i > 0 || str_eq(json_get_text(message, "role", ""), "user"), "it begins with the user");
        json_array_foreach (json_object_get(message, "tool_calls"), k, call)
            PROPERTY(is_answered(messages, i + 1, json_get_text(call, "id", "")), "a call has its result");
    }
    json_decref(messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct buf first = {0}, second = {0};
    struct err err = {0};
    json_t *items = json_loads(turn, 0, NULL);
    const char *path = arena_strdup(&arena, fuzz_file("session.jsonl", data, size));
    const struct transcript transcript = {path, "s-1", "/w"};
    const char *end = size ? memrchr(data, '\n', size) : NULL;
    size_t whole = end ? (size_t)(end - (const char *)data) + 1 : 0;
    check_conversation(path, SIZE_MAX);
    PROPERTY(transcript_project(&transcript, items, &err) == 0, "any file is continued");
    read_bytes(path, &first);
    PROPERTY(first.len >= whole && memcmp(first.bytes, data, whole) == 0, "whole lines stay as they are");
    PROPERTY(first.len == 0 || first.bytes[first.len - 1] == '\n', "every line is whole");
    PROPERTY(transcript_project(&transcript, items, &err) == 0, "a file is continued again");
    read_bytes(path, &second);
    PROPERTY(first.len == second.len && memcmp(first.bytes, second.bytes, first.len) == 0,
             "what is there is not appended again");
    check_conversation(path, SIZE_MAX);
    check_conversation(path, size / 2 + 1);
    buf_fini(&first);
    buf_fini(&second);
    json_decref(items);
    arena_fini(&arena);
    return 0;
}
