/* From the hub's records to the form that scripts read. */
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/handoff_text.h"

static void copy(json_t *form, const char *key, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(form, key, value);
    else
        json_object_set_new(form, key, json_null());
}

static void set_failure(json_t *form, const json_t *task)
{
    const char *class = json_get_text(task, "failure_class", NULL);
    if (!class)
        return;
    json_object_set_new(form, "failure",
                        json_pack("{s:s,s:s}", "class", class, "message",
                                  json_get_text(task, "failure_message", "")));
}

json_t *handoff_form(const json_t *answer, const struct handoff_labels *labels)
{
    const json_t *task = json_object_get(answer, "task");
    const json_t *handoff = json_object_get(answer, "handoff");
    const char *class = json_get_text(task, "failure_class", NULL);
    const char *id = json_get_text(task, "id", "");
    json_t *form = json_pack("{s:i,s:s,s:s,s:i}", "schemaVersion", 1, "runId",
                             labels->run_id ? labels->run_id : id, "task", id, "attempt",
                             labels->attempt);
    json_set_text(form, "workflowId", labels->workflow_id);
    json_set_text(form, "stepId", labels->step_id);
    copy(form, "agent", task, "agent");
    copy(form, "caller", task, "caller");
    json_set_text(form, "status",
                  json_get_text(handoff, "status", str_eq(class, "blocked") ? "blocked" : "failed"));
    copy(form, "result", handoff, "result");
    copy(form, "confidence", handoff, "confidence");
    copy(form, "notes", handoff, "notes");
    copy(form, "artifacts", handoff, "artefacts");
    if (json_is_null(json_object_get(form, "artifacts")))
        json_object_set_new(form, "artifacts", json_array());
    set_failure(form, task);
    copy(form, "usage", handoff, "usage");
    copy(form, "startedAt", task, "started_at");
    copy(form, "finishedAt", task, "finished_at");
    return form;
}

int handoff_form_check(const json_t *form, struct err *err)
{
    static const char *const statuses[] = {"complete", "partial", "blocked", "failed", NULL};
    static const char *const texts[] = {"runId", "agent", "caller", "status"};
    const char *status = json_get_text(form, "status", "");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (str_is_empty(json_get_text(form, texts[i], NULL)))
            return err_set(err, "malformed", "the handoff is malformed: %s is missing", texts[i]);
    if (!str_in(status, statuses))
        return err_set(err, "malformed", "the handoff is malformed: status \"%s\"", status);
    if ((str_eq(status, "complete") || str_eq(status, "partial")) &&
        json_is_null(json_object_get(form, "result")))
        return err_set(err, "malformed", "the handoff is malformed: %s without a result", status);
    return 0;
}
