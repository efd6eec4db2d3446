/* JSON operations as docs/protocol.md names them. */

#include "agent/report.h"
#include "base/hash.h"
#include "base/json.h"

enum { REPORT_PATIENCE_MS = 600000 };

void report_init(struct report *report, const char *task, int64_t fence)
{
    *report = (struct report){.ops = json_array(), .task = task, .fence = fence};
}

void report_fini(struct report *report)
{
    json_decref(report->ops);
    report->ops = NULL;
}

/* Appends {"op","task","fence"} and returns it, borrowed. */
static json_t *add(struct report *report, const char *op)
{
    json_t *object = json_pack("{s:s,s:s,s:I}", "op", op, "task", report->task, "fence",
                               (json_int_t)report->fence);
    json_array_append_new(report->ops, object);
    return object;
}

void report_intend(struct report *report, json_t *call, const char *prompt)
{
    json_t *op = add(report, "call_intend");
    json_object_set_new(op, "call", call);
    json_set_text(op, "prompt", prompt);
}

void report_record(struct report *report, json_t *call)
{
    json_object_set_new(add(report, "call_record"), "call", call);
}

void report_finish(struct report *report, json_t *handoff, const char *failure_class,
                   const char *failure_message)
{
    json_t *op = add(report, "finish");
    json_object_set_new(op, "handoff", handoff);
    json_set_text(op, "failure_class", failure_class);
    json_set_text(op, "failure_message", failure_message);
}

void report_fail(struct report *report, const char *failure_class, const char *message)
{
    json_t *op = add(report, "fail");
    json_set_text(op, "failure_class", failure_class);
    json_set_text(op, "failure_message", message);
}

void report_park_for(struct report *report, const char *kind, int64_t in_ms)
{
    json_object_set_new(
        add(report, "park"), "waits",
        json_pack("[{s:s,s:I}]", "kind", kind, "in_ms", (json_int_t)in_ms));
}

void report_effect(struct report *report, json_t *effect)
{
    json_object_set_new(add(report, "effect"), "effect", effect);
}

void report_release(struct report *report)
{
    add(report, "release");
}

enum hub_outcome report_send(struct report *report, struct hub_client *hub,
                             struct fetch_cancel *cancel, struct err *err)
{
    char request[33];
    json_t *answer = NULL;
    rand_hex(request, 32);
    json_t *body = json_pack("{s:s,s:O}", "request", request, "ops", report->ops);
    enum hub_outcome outcome = hub_call(hub, "POST", "/v1/batch", body, REPORT_PATIENCE_MS, cancel,
                                        &answer, NULL, err);
    json_decref(answer);
    json_decref(body);
    json_array_clear(report->ops);
    return outcome;
}
