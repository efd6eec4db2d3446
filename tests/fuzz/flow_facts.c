/* Any JSON lines as facts of a run: taken or refused, never a fault, never more than the run can
 * hold. The first byte chooses the workflow's shape. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "flow/interpret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 7, FACTS = 200 };

/* One step of each kind, in a chain or side by side. */
static void make_flow(struct flow_step *steps, struct flow *flow, unsigned shape)
{
    static const char *const ids[STEPS] = {"a", "b", "c", "d", "e", "f", "g"};
    static const size_t index[STEPS] = {0, 1, 2, 3, 4, 5, 6};
    *flow = (struct flow){
        .name = "any", .steps = steps, .step_count = STEPS, .limit_live = shape >> 4 & 3};
    for (size_t i = 0; i < STEPS; i++) {
        bool needs = i > 0 && shape & 1, feeds = i + 1 < STEPS && shape & 1;
        steps[i] = (struct flow_step){
            .id = ids[i],
            .kind = (enum flow_kind)i,
            .needs = needs ? &index[i - 1] : NULL,
            .need_count = needs,
            .feeds = feeds ? &index[i + 1] : NULL,
            .feed_count = feeds,
            .retry = {.attempts = 1 + (shape >> 1 & 3),
                      .initial_ms = 1000,
                      .factor = 2,
                      .jitter = true},
            .timeout_ms = 5000,
            .continue_on_error = shape >> 3 & 1,
            .approve = {.rerun = shape >> 6 && i ? 0 : -1, .rounds = 3, .expires_ms = 1},
            .wait_ms = -1,
            .signal = i == FLOW_WAIT && shape & 128 ? "s" : NULL,
        };
    }
}

static void tell(struct flow_run *run, const json_t *fact, int64_t seq)
{
    struct err err;
    bool more = true;
    const char *type = json_get_text(fact, "type", "step.ended");
    struct flow_fact told = {seq, json_get_int(fact, "at", 0), type, fact};
    flow_run_tell(run, &told, &err);
    for (int i = 0; more && i < 10 && !json_is_true(json_object_get(fact, "hold")); i++)
        json_decref(flow_run_decide(run, &more));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_step steps[STEPS];
    struct flow flow;
    struct flow_step_view view;
    const char *text = (const char *)data + 1, *end = (const char *)data + size;
    if (size < 2)
        return 0;
    make_flow(steps, &flow, data[0]);
    struct flow_run *run = flow_run_open(&flow, "r-fuzz");
    for (int64_t seq = 1; text < end && seq < FACTS; seq++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((stop ? stop : end) - text);
        json_t *fact = json_parse(text, len, NULL);
        if (fact)
            tell(run, fact, seq);
        json_decref(fact);
        text += len + 1;
    }
    for (size_t i = 0; i < STEPS; i++)
        flow_run_step(run, i, &view);
    flow_run_close(run);
    return 0;
}
