/* hq flow replay: does this version come to the decisions that were recorded? */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/flow_definition.h"
#include "cli/flow_events.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "flow/bundle.h"
#include "flow/interpret.h"

static const struct command_option replay_options[] = {
    {"workflow", 'w', "FILE", "this workflow instead of the definition that the run is pinned to"},
    {0},
};

struct replay {
    const struct invocation *invocation;
    struct flow_stream stream;
    struct flow_bundle *bundle;
    const struct flow *flow; /* borrowed from it */
};

/* "task cte, task mesh, wake": a decision in a line. */
static const char *words_of(const json_t *decision, struct arena *arena)
{
    size_t i;
    const json_t *action;
    struct buf text = {0};
    json_array_foreach (json_object_get(decision, "actions"), i, action) {
        const char *step = json_get_text(action, "step", NULL);
        const char *state = json_get_text(action, "state", NULL);
        buf_printf(&text, "%s%s%s%s%s%s", i ? ", " : "", json_get_text(action, "do", "?"),
                   step ? " " : "", step ? step : "", state ? " " : "", state ? state : "");
    }
    const char *words = task_title(buf_text(&text), output_columns() - 8, arena);
    buf_fini(&text);
    return words;
}

static void print_decisions(const struct replay *replay, int64_t before)
{
    for (size_t i = 0; i < replay->stream.count && replay->stream.events[i].seq < before; i++)
        if (str_eq(replay->stream.events[i].type, "run.decided"))
            printf("%5lld  %s\n", (long long)replay->stream.events[i].seq,
                   words_of(replay->stream.events[i].body, replay->invocation->arena));
}

static int show(const struct replay *replay, int64_t decisions, const char *hash, int64_t at,
                const struct err *diverged)
{
    const struct invocation *invocation = replay->invocation;
    if (invocation->json) {
        json_t *document =
            json_pack("{s:b, s:I, s:I}", "ok", !diverged, "decisions", (json_int_t)decisions,
                      "events", (json_int_t)replay->stream.count);
        json_set_text(document, "run", replay->stream.run);
        json_set_text(document, "hash", hash);
        if (diverged)
            json_object_set_new(
                document, "diverged",
                json_pack("{s:I, s:s}", "seq", (json_int_t)at, "message", diverged->message));
        int printed = output_json(document);
        return printed != COMMAND_OK ? printed : diverged ? COMMAND_FAILED : COMMAND_OK;
    }
    if (!invocation->quiet)
        print_decisions(replay, diverged ? at : INT64_MAX);
    if (diverged)
        return output_fail(invocation, COMMAND_FAILED, diverged);
    printf("OK: %lld decisions\nhash %s\n", (long long)decisions, hash);
    return COMMAND_OK;
}

static int replay_stream(const struct replay *replay)
{
    struct err err = {0}, told = {0};
    int64_t decisions, at;
    struct flow_run *run = flow_run_open(replay->flow, replay->stream.run);
    int rc = sim_replay(run, replay->stream.events, replay->stream.count, &decisions, &at, &err);
    if (rc < 0) {
        err_set(&told, err.code, "event %lld: %s", (long long)at, err.message);
        err_hint(&told, "%s", err.hint);
    }
    int code = show(replay, decisions, flow_run_hash(run), at, rc < 0 ? &told : NULL);
    flow_run_close(run);
    return code;
}

/* ---- where the definition comes from ---- */

static int read_workflow(struct replay *replay, const char *path)
{
    struct err err = {0};
    replay->bundle = flow_bundle_read(path, NULL);
    replay->flow = flow_bundle_errors(replay->bundle) ? NULL : flow_bundle_entry(replay->bundle);
    if (replay->flow)
        return COMMAND_OK;
    err_set(&err, "bad_workflow", "%s has errors", path);
    err_hint(&err, "hq flow check %s", path);
    return output_fail(replay->invocation, COMMAND_USAGE, &err);
}

static int fetch(struct replay *replay, const char *id, bool has_events)
{
    struct operator_line line;
    const char *workflow = invocation_value(replay->invocation, "workflow");
    int code = operator_open(replay->invocation, &line);
    if (code != COMMAND_OK)
        return code;
    if (!has_events)
        code = flow_stream_fetch(&line, id, &replay->stream);
    if (code == COMMAND_OK && !workflow)
        code = flow_definition(&line, id, &replay->bundle, &replay->flow);
    operator_close(&line);
    return code;
}

static int no_run(const struct replay *replay)
{
    struct err err = {0};
    err_set(&err, "no_run", "the file does not say whose events these are");
    err_hint(&err, "give the workflow: --workflow FILE");
    return output_fail(replay->invocation, COMMAND_USAGE, &err);
}

static int gather(struct replay *replay, const char *what)
{
    const char *workflow = invocation_value(replay->invocation, "workflow");
    int code = COMMAND_OK;
    if (!str_ends(what, ".jsonl")) {
        code = fetch(replay, what, false);
    } else {
        code = flow_stream_read(replay->invocation, what, &replay->stream);
        if (code == COMMAND_OK && !workflow && !*replay->stream.run)
            code = no_run(replay);
        else if (code == COMMAND_OK && !workflow)
            code = fetch(replay, replay->stream.run, true);
    }
    return code == COMMAND_OK && workflow ? read_workflow(replay, workflow) : code;
}

static int replay_run(const struct invocation *invocation)
{
    struct replay replay = {.invocation = invocation};
    int code = gather(&replay, invocation->args[0]);
    if (code == COMMAND_OK)
        code = replay_stream(&replay);
    flow_stream_fini(&replay.stream);
    flow_bundle_close(replay.bundle);
    return code;
}

const struct command command_flow_replay = {
    .name = "flow replay",
    .group = "WORK",
    .usage = "RUN|FILE.jsonl",
    .summary = "run a run's events through the interpreter again",
    .details = "Compares every decision, and the chain of their hashes, with what was recorded. "
               "FILE.jsonl is what\n"
               "`hq --json flow show RUN --events` printed. Exit 1 at the first decision that "
               "differs.",
    .examples = "hq flow replay r-1qqk\n",
    .options = replay_options,
    .min_args = 1,
    .max_args = 1,
    .run = replay_run,
    .reads = true,
};
