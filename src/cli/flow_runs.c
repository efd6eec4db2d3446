/* hq flow runs: the newest runs of workflows. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/flow_look.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "wire/flow.h"

static const struct command_option runs_options[] = {
    {"state", 0, "STATE", "running, waiting, done, failed, rejected, cancelled or timed_out"},
    {"name", 0, "NAME", "only this workflow's"},
    {"limit", 'n', "N", "how many at most (20)"},
    {0},
};

enum { SHOWN = 20 };

static const char *const states[] = {RUN_RUNNING,  RUN_WAITING,   RUN_DONE,      RUN_FAILED,
                                     RUN_REJECTED, RUN_CANCELLED, RUN_TIMED_OUT, NULL};

static size_t wanted(const struct invocation *invocation)
{
    struct err err;
    int64_t limit = 0;
    invocation_number(invocation, "limit", SHOWN, &limit, &err);
    return limit ? (size_t)limit : SIZE_MAX;
}

static int show(const struct invocation *invocation, const json_t *answer)
{
    struct arena *arena = invocation->arena;
    json_t *run, *items = json_object_get(answer, "items");
    size_t i = json_array_size(items), most = wanted(invocation);
    while (i > most) /* a page of the hub may have a few more */
        json_array_remove(items, --i);
    if (invocation->json)
        return output_json(json_pack("{s:O}", "items", items));
    if (json_array_size(items) == 0) {
        output_note(invocation, "no runs");
        return COMMAND_OK;
    }
    printf("%-11s %-9s %-22s %8s  %s\n", "RUN", "STATE", "WORKFLOW", "AGE", "WAITS FOR");
    json_array_foreach (items, i, run) {
        int room = output_columns() - 56;
        printf("%-11s %-9s %-22s %8s  %s\n", flow_short_id(json_get_text(run, "id", ""), arena),
               json_get_text(run, "state", ""), json_get_text(run, "name", ""),
               task_age(json_get_text(run, "created_at", NULL), arena),
               task_title(json_get_text(run, "waiting", ""), room > 20 ? room : 20, arena));
    }
    return COMMAND_OK;
}

static int runs_run(const struct invocation *invocation)
{
    struct err err;
    int64_t limit;
    const char *state, *name = invocation_value(invocation, "name");
    if (invocation_number(invocation, "limit", SHOWN, &limit, &err) < 0 ||
        invocation_word(invocation, "state", "run state", states, &state, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    const char *path = arena_printf(invocation->arena, "/v1/runs?limit=%lld%s%s%s%s",
                                    (long long)limit, state ? "&state=" : "", state ? state : "",
                                    name ? "&name=" : "", name ? name : "");
    return operator_show(invocation, path, show);
}

const struct command command_flow_runs = {
    .name = "flow runs",
    .group = "WORK",
    .usage = "",
    .summary = "the newest runs of workflows",
    .examples = "hq flow runs\n",
    .options = runs_options,
    .run = runs_run,
    .reads = true,
};
