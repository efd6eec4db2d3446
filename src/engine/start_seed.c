/* From the rows of an ended run to the results that a new one begins with. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/start_seed.h"
#include "flow/spec.h"

/* Marks what is to run again: the step, and with `downstream` all that it feeds. */
static bool *mark(const struct flow *flow, size_t first, bool downstream)
{
    bool *marked = mem_zalloc(flow->step_count + 1);
    size_t *left = mem_zalloc((flow->step_count + 1) * sizeof(*left)), count = 0;
    marked[first] = true;
    left[count++] = first;
    while (downstream && count > 0) {
        const struct flow_step *step = &flow->steps[left[--count]];
        for (size_t i = 0; i < step->feed_count; i++)
            if (!marked[step->feeds[i]]) {
                marked[step->feeds[i]] = true;
                left[count++] = step->feeds[i];
            }
    }
    free(left);
    return marked;
}

/* The row's output, from its blob where it is large; *output is new, or NULL without one. */
static int output_of(struct ledger *ledger, const struct step *row, struct arena *arena,
                     json_t **output, struct err *err)
{
    char *bytes = NULL;
    size_t len;
    const char *text = row->output;
    if (!text && row->output_blob) {
        if (ledger_blob_get(ledger, row->output_blob, arena, &bytes, &len, err) != 0)
            return -1;
        text = bytes;
    }
    *output = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return 0;
}

static int add(struct ledger *ledger, const struct step *row, json_t *seed, struct arena *arena,
               struct err *err)
{
    static const char *const taken_over[] = {"done", "skipped", NULL};
    json_t *output;
    json_object_del(seed, row->path); /* rounds come in order: the last one counts */
    if (!str_in(row->state, taken_over))
        return 0;
    if (output_of(ledger, row, arena, &output, err) < 0)
        return -1;
    json_t *entry = json_pack("{s:s}", "state", row->state);
    if (output)
        json_object_set_new(entry, "output", output);
    json_object_set_new(seed, row->path, entry);
    return 0;
}

int seed_of(struct ledger *ledger, const struct engine_start *start, const struct flow *flow,
            struct arena *arena, const char **seed, struct err *err)
{
    void *rows;
    size_t count;
    bool *again = NULL;
    json_t *results = json_object();
    int64_t step = start->retry_step ? flow_step_index(flow, start->retry_step) : -1;
    int rc = 0;
    if (start->retry_step && step < 0)
        rc = err_set(err, "no_step", "workflow %s has no step \"%.60s\"", flow->name,
                     start->retry_step);
    if (rc == 0)
        rc = ledger_query(ledger, LIST_STEPS, start->retry_of, NULL, 0,
                          (flow->step_count + 1) * (LIMIT_FLOW_ROUNDS + 1), arena, &rows, &count,
                          err);
    if (rc == 0 && step >= 0)
        again = mark(flow, (size_t)step, start->downstream);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct step *row = &((const struct step *)rows)[i];
        int64_t index = flow_step_index(flow, row->path);
        if (index >= 0 && !(again && again[index]))
            rc = add(ledger, row, results, arena, err);
    }
    *seed = rc == 0 ? json_print(arena, results) : NULL;
    free(again);
    json_decref(results);
    return rc;
}
