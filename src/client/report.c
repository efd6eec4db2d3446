/* JSON operations as docs/protocol.md names them. */

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "client/report.h"

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

void report_intend(struct report *report, json_t *call, const char *prompt, json_t *reserve)
{
    json_t *op = add(report, "call_intend");
    json_object_set_new(op, "call", call);
    json_set_text(op, "prompt", prompt);
    if (reserve)
        json_object_set_new(op, "reserve", reserve);
}

void report_drop(struct report *report, int64_t step)
{
    json_object_set_new(add(report, "call_drop"), "call",
                        json_pack("{s:I,s:i}", "step", (json_int_t)step, "idx", 0));
}

/* An operation on the call (step, idx) that somebody else answers. */
static void hand_over(struct report *report, const char *name, const json_t *call, json_t *body)
{
    json_t *op = add(report, name);
    json_object_update_missing(op, body);
    json_object_update(op, (json_t *)call);
    json_decref(body);
}

void report_delegate(struct report *report, int64_t step, int64_t idx, json_t *body)
{
    json_t *call = json_pack("{s:I,s:I}", "step", (json_int_t)step, "idx", (json_int_t)idx);
    hand_over(report, "delegate", call, body);
    json_decref(call);
    report->delegates = true;
}

void report_ask(struct report *report, int64_t step, int64_t idx, json_t *body)
{
    json_t *call = json_pack("{s:I,s:I}", "step", (json_int_t)step, "idx", (json_int_t)idx);
    hand_over(report, "ask", call, body);
    json_decref(call);
    report->asks = true;
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
    json_object_set_new(add(report, "park"), "waits",
                        json_pack("[{s:s,s:I}]", "kind", kind, "in_ms", (json_int_t)in_ms));
}

void report_park_for_pause(struct report *report)
{
    json_object_set_new(add(report, "park"), "waits",
                        json_pack("[{s:s,s:s}]", "kind", "pause", "id", "company"));
}

void report_park_step(struct report *report, int64_t step)
{
    json_object_set_new(add(report, "park"), "of_step", json_integer(step));
}

void report_park(struct report *report, json_t *park)
{
    json_object_update_missing(add(report, "park"), park);
    json_decref(park);
}

void report_effect(struct report *report, json_t *effect)
{
    json_object_set_new(add(report, "effect"), "effect", effect);
}

void report_release(struct report *report)
{
    add(report, "release");
}

static void read_answer(const json_t *json, struct report_answer *answer)
{
    snprintf(answer->state, sizeof(answer->state), "%s", json_get_text(json, "state", ""));
    snprintf(answer->failure_class, sizeof(answer->failure_class), "%s",
             json_get_text(json, "failure_class", ""));
    snprintf(answer->failure_message, sizeof(answer->failure_message), "%s",
             json_get_text(json, "failure_message", ""));
}

enum hub_outcome report_send(struct report *report, struct hub_client *hub,
                             struct report_answer *answer, struct err *err)
{
    char request[33];
    json_t *json = NULL;
    rand_hex(request, 32);
    json_t *body = json_pack("{s:s,s:O}", "request", request, "ops", report->ops);
    enum hub_outcome outcome =
        hub_call(hub, "POST", "/v1/batch", body, REPORT_PATIENCE_MS, NULL, &json, NULL, err);
    read_answer(json, answer);
    json_decref(json);
    json_decref(body);
    json_array_clear(report->ops);
    report->delegates = report->asks = false;
    return outcome;
}
