/* Holds final words to the task's result schema. */
#include <string.h>

#include "agent/verdict.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"

static const char *finding_of(const json_t *schema, const json_t *result, struct arena *arena)
{
    struct buf findings = {0};
    const char *text = NULL;
    if (json_schema_fits(schema, result, &findings) != 0) {
        struct buf lines = {0};
        json_put(&lines, schema, JSON_SORT_KEYS);
        text =
            arena_printf(arena,
                         "The result does not fit the schema that this task asks for:\n%sThe "
                         "schema: %.*s%s",
                         buf_text(&findings), (int)str_utf8_cut(buf_text(&lines), lines.len, 2000),
                         buf_text(&lines), lines.len > 2000 ? "…" : "");
        buf_fini(&lines);
    }
    buf_fini(&findings);
    return text;
}

/* The text between a ``` line (```json) and a ``` line, where that is all there is; in the arena.
 */
static char *without_fence(struct arena *arena, const char *text)
{
    char *inner = str_trim(arena, text);
    size_t len = strlen(inner);
    char *line_end = strchr(inner, '\n');
    if (!str_starts(inner, "```") || !str_ends(inner, "```") || !line_end || len < 7)
        return inner;
    inner[len - 3] = '\0';
    return line_end + 1;
}

json_t *verdict_answer(const json_t *schema, const json_t *answer, struct arena *arena,
                       const char **finding)
{
    const char *text = json_get_text(answer, "text", "");
    json_t *plain = json_text(text, strlen(text)), *parsed = NULL;
    *finding = NULL;
    if (!schema || str_eq(json_get_text(answer, "stop", ""), "refused") ||
        !(*finding = finding_of(schema, plain, arena)))
        return plain;
    const char *inner = without_fence(arena, text);
    parsed = json_parse(inner, strlen(inner), NULL);
    if (parsed)
        *finding = finding_of(schema, parsed, arena);
    json_decref(plain);
    if (!*finding)
        return parsed;
    json_decref(parsed);
    return NULL;
}

const char *verdict_report(const json_t *schema, const json_t *handoff, struct arena *arena)
{
    const char *status = json_get_text(handoff, "status", "");
    bool has_result = str_eq(status, "complete") || str_eq(status, "partial");
    return schema && has_result ? finding_of(schema, json_object_get(handoff, "result"), arena)
                                : NULL;
}

const char *verdict_message(const json_t *schema, const json_t *answer, struct arena *arena)
{
    const char *finding = NULL;
    if (schema && json_array_size(json_object_get(answer, "tool_calls")) == 0)
        json_decref(verdict_answer(schema, answer, arena, &finding));
    return finding
               ? arena_printf(arena,
                              "[hq] %s\nAnswer with the JSON alone, or hand it over with the tool "
                              "report.",
                              finding)
               : NULL;
}
