/* The records a turn is folded from: model and tool calls, and the result of the task. */
#ifndef HQ_WIRE_CALL_H
#define HQ_WIRE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"

#define CALL_INTENDED "intended"
#define CALL_WAITING "waiting" /* another task answers it: `child` */
#define CALL_RECORDED "recorded"
#define CALL_UNKNOWN "unknown"

/* Keyed by our own counters, never by the provider's id. Step s: idx 0 is the model call, 1..n are
 * the tool calls that its answer asked for. */
struct call {
    const char *task;
    int64_t step, idx;
    const char *kind;         /* "model" or "tool" */
    const char *name;         /* "provider/model" or the tool's name */
    const char *call_id;      /* the provider's id of a tool call; shown, never a key */
    const char *state;
    const char *request;      /* JSON: tool arguments; for a model call a short description */
    const char *request_blob; /* sha256 of what was sent (system prompt and messages) */
    const char *plan;         /* JSON: what a repeat may check ({"sha256": …} for write and edit) */
    const char *response;     /* JSON: a model answer (model/model.h) or {"text","is_error",…} */
    const char *response_blob;
    bool is_error;
    int64_t fence;
    int64_t tokens_in, tokens_out, tokens_cached, tokens_reasoning;
    const char *price_version;
    int64_t cost_micro_usd;   /* -1: unpriced */
    int64_t intended_at, recorded_at;
    const char *child;        /* the task that it delegated to, NULL: none */
};
extern const struct record call_record;

/* The result of a task, immutable, written by the runtime in the batch that finishes it. */
struct handoff {
    const char *task;
    int64_t v;              /* schema version of this record: 1 */
    const char *status;     /* complete partial blocked failed */
    const char *result;     /* any JSON */
    const char *confidence; /* high medium low, or NULL */
    const char *notes;
    const char *artefacts;  /* JSON array of {"name","type","size","sha256"} */
    const char *usage;      /* JSON {"model_calls","tool_calls","tokens_in",…,"cost_micro_usd"} */
    const char *provenance; /* JSON */
    const char *run_id;     /* the attempt that produced it: "<task>/<fence>" */
    const char *agent;
    const char *caller;
    int64_t fence, tries;
    int64_t started_at, finished_at;
};
extern const struct record handoff_record;

#endif
