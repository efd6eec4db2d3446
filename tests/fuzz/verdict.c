/* What an agent said, as the result of its task: a result that fits the schema, or a sentence that says
 * why there is none. {"schema","text"}, or a report's {"schema","status","result"}. */
#include <stdint.h>
#include <string.h>

#include "agent/verdict.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fit(const json_t *schema, const json_t *value)
{
    struct buf findings = {0};
    PROPERTY(!schema || json_schema_fits(schema, value, &findings) == 0, "a result fits its schema");
    buf_fini(&findings);
}

static void check_text(const char *text)
{
    PROPERTY(!text || (*text && str_is_utf8(text, strlen(text))), "a finding is text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *finding;
    json_t *given = json_parse((const char *)data, size, NULL);
    const json_t *schema = json_object_get(given, "schema");
    if (schema && json_schema_check(schema, NULL) < 0)
        schema = NULL;
    json_t *result = verdict_answer(schema, given, &arena, &finding);
    PROPERTY(!result == !!finding, "a result or a finding");
    if (result && !str_eq(json_get_text(given, "stop", ""), "refused"))
        check_fit(schema, result);
    check_text(finding);
    check_text(verdict_report(schema, given, &arena));
    check_text(verdict_message(schema, given, &arena));
    json_decref(result);
    json_decref(given);
    arena_fini(&arena);
    return 0;
}
