/* Fetches a run's definition and compiles it again. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/flow_definition.h"
#include "cli/output.h"
#include "flow/bundle.h"

static int compile(struct operator_line *line, const json_t *answer, struct flow_bundle **bundle,
                   const struct flow **flow)
{
    struct err err = {0};
    char *text = json_dumps(json_object_get(answer, "bundle"), JSON_SORT_KEYS | JSON_COMPACT);
    *bundle = text ? flow_bundle_parse(text, strlen(text), NULL, &err) : NULL;
    free(text);
    *flow = *bundle ? flow_bundle_find(*bundle, json_get_text(answer, "entry", "")) : NULL;
    if (*flow)
        return COMMAND_OK;
    if (*bundle)
        flow_bundle_close(*bundle);
    *bundle = NULL;
    if (!*err.message)
        err_set(&err, "bad_definition", "this version cannot read the run's definition");
    return output_fail(line->invocation, COMMAND_FAILED, &err);
}

int flow_definition(struct operator_line *line, const char *id, struct flow_bundle **bundle,
                    const struct flow **flow)
{
    json_t *answer = NULL;
    *bundle = NULL;
    *flow = NULL;
    int code = operator_call(line, "GET",
                             arena_printf(line->invocation->arena, "/v1/runs/%s/definition", id),
                             NULL, 0, &answer);
    if (code == COMMAND_OK)
        code = compile(line, answer, bundle, flow);
    json_decref(answer);
    return code;
}
