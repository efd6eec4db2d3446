/* What a command of a `run` step printed: a result that fits the step's schema, or a sentence that says
 * why there is none. {"schema","text","errors","end","code"}. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "property.h"
#include "runner/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fit(const json_t *schema, const json_t *value)
{
    struct buf findings = {0};
    PROPERTY(!schema || json_schema_fits(schema, value, &findings) == 0, "a result fits its schema");
    buf_fini(&findings);
}

static void judge(const json_t *given, const json_t *schema, bool is_json, struct arena *arena)
{
    struct command command = {.is_json = is_json, .timeout_ms = 1000};
    struct guard_report report = {
        .end = (enum guard_end)(json_get_int(given, "end", 0) & 3),
        .code = (int)(json_get_int(given, "code", 0) & 63),
        .output = arena_strdup(arena, json_get_text(given, "text", "")),
        .errors = arena_strdup(arena, json_get_text(given, "errors", "")),
        .message = arena_strdup(arena, ""),
    };
    struct outcome_of_command outcome = outcome_judge(&command, schema, &report, arena);
    PROPERTY(!outcome.result == !!outcome.failure_message, "a result or a failure");
    PROPERTY(json_is_string(json_object_get(outcome.response, "text")), "the call is answered");
    if (outcome.result)
        check_fit(schema, outcome.result);
    else
        PROPERTY(outcome.failure_class && str_is_utf8(outcome.failure_message, strlen(outcome.failure_message)),
                 "a failure is text");
    json_decref(outcome.result);
    json_decref(outcome.response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    json_t *given = json_parse((const char *)data, size, NULL);
    const json_t *schema = json_object_get(given, "schema");
    if (schema && json_schema_check(schema, NULL) < 0)
        schema = NULL;
    judge(given, schema, false, &arena);
    judge(given, schema, true, &arena);
    json_decref(given);
    arena_fini(&arena);
    return 0;
}
