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

static const char *const states[] = {RUN_RUNNING,  RUN_WAITING,   RUN_DONE,      RUN_FAILED,
                                     RUN_REJECTED, RUN_CANCELLED, RUN_TIMED_OUT, NULL};

static int check_state(const struct invocation *invocation, const char *state)
{
    struct err err;
    if (!state || str_in(state, states))
        return COMMAND_OK;
    const char *near = str_nearest(state, states);
    err_set(&err, "usage", "there is no run state \"%s\"", state);
    if (near)
        err_hint(&err, "did you mean %s?", near);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int show(const struct invocation *invocation, const json_t *answer)
{
    struct arena *arena = invocation->arena;
    const json_t *run, *items = json_object_get(answer, "items");
    size_t i;
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
    struct operator_line line;
    struct err err;
    int64_t limit;
    json_t *answer = NULL;
    const char *state = invocation_value(invocation, "state");
    const char *name = invocation_value(invocation, "name");
    if (invocation_number(invocation, "limit", 20, &limit, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    int code = check_state(invocation, state);
    if (code == COMMAND_OK)
        code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/runs?limit=%lld%s%s%s%s",
                                    (long long)limit, state ? "&state=" : "", state ? state : "",
                                    name ? "&name=" : "", name ? name : "");
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    if (code == COMMAND_OK)
        code = show(invocation, answer);
    json_decref(answer);
    operator_close(&line);
    return code;
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
