/* hq task handoff: the record of what a task came to, as docs/handoff.md describes it. */
#include "base/err.h"
#include "base/json.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "wire/call.h"
#include "wire/handoff.h"

/* NULL with *err: it has not ended, or what the hub sent is no handoff. */
static json_t *document_of(const json_t *answer, struct arena *arena, struct err *err)
{
    struct handoff handoff = {0};
    const json_t *task = json_object_get(answer, "task"), *row = json_object_get(answer, "handoff");
    if (!row) {
        err_set(err, "not_ended", "task %s is %s: it has no handoff yet",
                json_get_text(task, "id", ""), json_get_text(task, "state", ""));
        err_hint(err, "hq task wait %s", json_get_text(task, "id", ""));
        return NULL;
    }
    if (record_from_json(&handoff_record, row, &handoff, arena, err) < 0)
        return NULL;
    json_t *document = handoff_to_json(&handoff, json_get_text(task, "failure_class", NULL),
                                       json_get_text(task, "failure_message", NULL));
    if (handoff_check(document, err) == 0)
        return document;
    json_decref(document);
    return NULL;
}

static int handoff_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err = {0};
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/tasks/%s", invocation->args[0]);
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    if (code == COMMAND_OK) {
        json_t *document = document_of(answer, invocation->arena, &err);
        code = document ? output_json(document) : output_fail(invocation, COMMAND_FAILED, &err);
    }
    json_decref(answer);
    operator_close(&line);
    return code;
}

const struct command command_task_handoff = {
    .name = "task handoff",
    .group = "WORK",
    .usage = "ID",
    .summary = "the handoff of an ended task, as JSON",
    .examples = "hq task handoff t-7f4a\n",
    .min_args = 1,
    .max_args = 1,
    .run = handoff_run,
    .reads = true,
    .in_task = true,
};
