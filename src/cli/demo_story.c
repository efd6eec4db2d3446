/* Follows the trade study step by step, kills an agent in the middle, and tells what is seen. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/demo_story.h"
#include "cli/flow_gate.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/flow_start.h"
#include "cli/inbox_text.h"
#include "cli/output.h"
#include "flow/bundle.h"
#include "flow/spec.h"
#include "supervise/control.h"
#include "sys/lock.h"
#include "wire/task.h"

#define WORKFLOW "material-trade-study"
#define VICTIM "nx-expert" /* is killed while it works on … */
#define VICTIM_STEP "geometry"
#define LIMITED "webster" /* meets a rate limit (scripts/demo.yaml) at … */
#define LIMITED_STEP "properties"
#define REPORT_STEP "report"
#define REPORT_FILE "report.md"

enum {
    LOOK_MS = 100,
    INTO_WORK_MS = 300, /* how long the victim has worked when it is killed */
    INTO_WORK_FAST_MS = 60,
    STUDY_MS = 120000, /* nothing in it takes so long: something is broken */
    FETCH_MS = 10000,
};

enum mishap { MISHAP_NOT_YET, MISHAP_NOW, MISHAP_OVER };

struct story {
    struct demo *demo;
    const struct flow *flow;
    json_t *run, *seen; /* seen: step → "state round" that was told */
    const char *id;
    enum mishap crash, limit;
    int64_t working_since, killed_at; /* time_boot_ms(); 0: not yet */
    pid_t killed;
    const char *told; /* the gate that was shown */
};

/* ---- steps ---- */

static const struct flow_step *spec_of(const struct story *story, const char *step)
{
    int64_t at = flow_step_index(story->flow, step);
    return at < 0 ? NULL : &story->flow->steps[at];
}

static const json_t *step_of(const struct story *story, const char *step)
{
    return json_object_get(json_object_get(story->run, "steps"), step);
}

/* The heart of a step's output in a sentence. */
static const char *gist(const json_t *output, struct arena *arena)
{
    static const char *const keys[] = {"summary", "reason", "section", "answer"};
    const char *verdict = json_get_text(output, "verdict", NULL), *text = NULL;
    const char *material = json_get_text(output, "material", NULL);
    const json_t *findings = json_object_get(output, "findings");
    if (json_is_string(output))
        return json_string_value(output);
    if (json_is_array(output))
        return arena_printf(arena, "%zu materials, each with source and condition",
                            json_array_size(output));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !text; i++)
        text = json_get_text(output, keys[i], NULL);
    if (json_array_size(findings) > 0)
        text = json_string_value(json_array_get(findings, 0));
    const char *head = verdict ? verdict : material;
    return arena_printf(arena, "%s%s%s", head ? head : "", head && text ? ". " : "",
                        text ? text : "");
}

static const char *words_of(const struct story *story, const char *name, const json_t *step,
                            struct arena *arena)
{
    const struct flow_step *spec = spec_of(story, name);
    const char *state = json_get_text(step, "state", "");
    const char *title = spec ? spec->title : name;
    if (str_eq(state, "running"))
        return title;
    if (str_eq(state, "done") && spec && spec->kind == FLOW_APPROVE)
        return arena_printf(arena, "%s: approved", title);
    if (str_eq(state, "done"))
        return gist(json_object_get(step, "output"), arena);
    return arena_printf(arena, "%s: %s", title, flow_step_words(step, arena));
}

static void tell_step(struct story *story, const char *name)
{
    struct arena arena = {0};
    const json_t *step = step_of(story, name);
    const char *state = json_get_text(step, "state", "pending");
    const char *key = arena_printf(&arena, "%s %d", state, (int)json_get_int(step, "round", 0));
    const struct flow_step *spec = spec_of(story, name);
    bool is_gate = spec && spec->kind == FLOW_APPROVE;
    const char *who = is_gate ? "you" : flow_worker(story->flow, name, &arena);
    if (str_eq(state, "pending") || str_eq(json_get_text(story->seen, name, ""), key))
        goto out;
    json_set_text(story->seen, name, key);
    if (!(is_gate && (str_eq(state, "waiting") || str_eq(state, "running"))))
        demo_line(&story->demo->tell, state, who, words_of(story, name, step, &arena));
    demo_event(&story->demo->tell, "step",
               json_pack("{s:s,s:s,s:s,s:O*}", "step", name, "agent", who, "state", state, "output",
                         json_object_get(step, "output")));
out:
    arena_fini(&arena);
}

static void tell_steps(struct story *story)
{
    for (size_t i = 0; i < story->flow->step_count; i++)
        tell_step(story, story->flow->steps[i].id);
    if (step_of(story, "on_failure"))
        tell_step(story, "on_failure");
}

/* ---- the crash ---- */

/* The task of a step that is open, with its waits: new reference or NULL. */
static json_t *look_at_task(struct story *story, const char *step)
{
    const json_t *one = step_of(story, step);
    const char *task = json_get_text(one, "task", NULL);
    const char *state = json_get_text(one, "state", "");
    if (!task || (!str_eq(state, "running") && !str_eq(state, "waiting")))
        return NULL;
    return operator_look(&story->demo->line,
                         arena_printf(story->demo->invocation->arena, "/v1/tasks/%s", task));
}

static const char *state_of(const json_t *answer)
{
    return json_get_text(json_object_get(answer, "task"), "state", "");
}

static void kill_victim(struct story *story)
{
    struct demo *demo = story->demo;
    struct lock_info info = {0};
    if (!control_look(demo->company.config, "gateway-" VICTIM, &info) ||
        !control_signal(demo->company.config, "gateway-" VICTIM, SIGKILL, NULL))
        return;
    story->crash = MISHAP_NOW;
    story->killed = info.pid;
    story->killed_at = time_boot_ms();
    demo_line(&demo->tell, "failed", VICTIM,
              arena_printf(demo->invocation->arena, "killed in the middle of its work: kill -9 %d",
                           (int)info.pid));
    demo_event(&demo->tell, "killed",
               json_pack("{s:s,s:I}", "agent", VICTIM, "pid", (json_int_t)info.pid));
}

/* It is back once another process holds its lock and is ready. */
static void await_victim(struct story *story)
{
    struct demo *demo = story->demo;
    struct lock_info info = {0};
    if (!control_look(demo->company.config, "gateway-" VICTIM, &info) ||
        info.pid == story->killed || !info.ready)
        return;
    int64_t took = time_boot_ms() - story->killed_at;
    story->crash = MISHAP_OVER;
    demo_line(&demo->tell, "running", VICTIM,
              arena_printf(demo->invocation->arena, "back after %.1f s as pid %d; nothing was lost",
                           (double)took / 1000, (int)info.pid));
    demo_event(&demo->tell, "back",
               json_pack("{s:s,s:I,s:I}", "agent", VICTIM, "pid", (json_int_t)info.pid, "after_ms",
                         (json_int_t)took));
}

static void watch_victim(struct story *story)
{
    int64_t into = story->demo->fast ? INTO_WORK_FAST_MS : INTO_WORK_MS;
    if (story->crash == MISHAP_NOW) {
        await_victim(story);
        return;
    }
    json_t *answer = look_at_task(story, VICTIM_STEP);
    if (str_eq(state_of(answer), TASK_WORKING) && !story->working_since)
        story->working_since = time_boot_ms();
    else if (story->working_since && time_boot_ms() - story->working_since >= into && answer)
        kill_victim(story);
    json_decref(answer);
}

/* ---- the rate limit ---- */

/* When the wait is over, wall ms; 0: it does not wait for a provider. */
static int64_t rate_until(const json_t *answer)
{
    size_t i;
    const json_t *wait;
    int64_t at;
    json_array_foreach (json_object_get(answer, "waits"), i, wait)
        if (str_eq(json_get_text(wait, "kind", ""), "rate") &&
            !json_get_bool(wait, "satisfied", false))
            return str_to_int(json_get_text(wait, "id", ""), 0, INT64_MAX, &at) ? at : 1;
    return 0;
}

static void watch_limited(struct story *story)
{
    struct demo *demo = story->demo;
    json_t *answer = look_at_task(story, LIMITED_STEP);
    int64_t until = str_eq(state_of(answer), TASK_WAITING) ? rate_until(answer) : 0;
    if (until && story->limit == MISHAP_NOT_YET) {
        int64_t left = until - time_wall_ms();
        story->limit = MISHAP_NOW;
        demo_line(&demo->tell, "waiting", LIMITED,
                  arena_printf(demo->invocation->arena,
                               "rate limit: 429, again in %.1f s. The task waits as a row on disk, "
                               "no thread does",
                               left > 0 ? (double)left / 1000 : 0.0));
        demo_event(
            &demo->tell, "rate_limit",
            json_pack("{s:s,s:I}", "agent", LIMITED, "wait_ms", (json_int_t)(left > 0 ? left : 0)));
    } else if (story->limit == MISHAP_NOW && str_eq(state_of(answer), TASK_WORKING)) {
        story->limit = MISHAP_OVER;
        demo_line(&demo->tell, "running", LIMITED, "asks again, by itself");
    }
    json_decref(answer);
}

/* ---- the gate ---- */

static int stop_at_gate(struct story *story, const json_t *item)
{
    struct demo *demo = story->demo;
    const char *dir = demo->company.dir;
    demo_text(&demo->tell,
              "\nNobody sits at a terminal here, so nobody decides: the demo ends at its gate.\n");
    if (demo->company.kept)
        demo_text(&demo->tell, "  hq -C %s up -d\n  hq -C %s inbox approve %s\n", dir, dir,
                  json_get_text(item, "id", ""));
    else
        demo_text(&demo->tell,
                  "  hq demo                  in a terminal: you decide\n"
                  "  hq demo --auto-approve   it is approved for you\n"
                  "  hq demo --keep DIR       the company stays, with its open gate\n");
    return COMMAND_PERSON;
}

static int decide(struct story *story, const json_t *item)
{
    struct demo *demo = story->demo;
    if (demo->auto_approve) {
        demo_text(&demo->tell, "    --auto-approve: approved for you\n\n");
        return flow_gate_decide(&demo->line, item, "approved", NULL, NULL);
    }
    if (!flow_gate_can_ask(demo->invocation))
        return stop_at_gate(story, item);
    demo_text(&demo->tell, "\n  or in another terminal:\n");
    if (!demo->tell.json)
        flow_gate_teach(item, arena_printf(demo->invocation->arena, "hq -C %s", demo->company.dir),
                        stdout);
    int code = flow_gate_ask(&demo->line, item, 0);
    demo_text(&demo->tell, "\n");
    return code == COMMAND_PERSON ? stop_at_gate(story, item) : code;
}

static int meet_gate(struct story *story)
{
    struct demo *demo = story->demo;
    const json_t *gate = flow_gate(story->run);
    const char *id = json_get_text(gate, "id", "");
    json_t *item = NULL;
    if (!gate || str_eq(id, story->told))
        return COMMAND_OK;
    story->told = arena_strdup(demo->invocation->arena, id);
    int code = flow_gate_look(&demo->line, id, &item);
    if (code != COMMAND_OK)
        return code;
    demo_line(
        &demo->tell, "waiting", "you",
        arena_printf(demo->invocation->arena, "%s: %s", id, json_get_text(item, "title", "")));
    if (!demo->tell.json)
        flow_gate_show(item, stdout);
    demo_event(&demo->tell, "gate",
               json_pack("{s:s,s:O*,s:O*,s:O*}", "approval", id, "title",
                         json_object_get(item, "title"), "subject",
                         json_object_get(item, "subject"), "subject_hash",
                         json_object_get(item, "subject_hash")));
    code = decide(story, item);
    json_decref(item);
    return code;
}

/* ---- the report ---- */

static const char *sha_of_report(const json_t *answer)
{
    size_t i;
    const json_t *artefact;
    json_array_foreach (json_object_get(json_object_get(answer, "handoff"), "artefacts"), i,
                        artefact)
        if (str_eq(json_get_text(artefact, "name", ""), REPORT_FILE))
            return json_get_text(artefact, "sha256", NULL);
    return NULL;
}

static int print_report(struct story *story)
{
    struct demo *demo = story->demo;
    struct arena *arena = demo->invocation->arena;
    const char *task = json_get_text(step_of(story, REPORT_STEP), "task", "");
    struct buf bytes = {0}, text = {0};
    struct err err = {0};
    json_t *answer = operator_look(&demo->line, arena_printf(arena, "/v1/tasks/%s", task));
    const char *sha = sha_of_report(answer);
    int code = COMMAND_OK;
    if (!sha)
        err_set(&err, "no_report", "the report's task %s handed over no %s", task, REPORT_FILE);
    if (!sha || hub_get_bytes(demo->line.hub, arena_printf(arena, "/v1/blobs/%s", sha), FETCH_MS,
                              &bytes, &err) != HUB_OK) {
        code = output_fail(demo->invocation, COMMAND_FAILED, &err);
    } else {
        inbox_put_foreign(&text, buf_text(&bytes), "    ");
        demo_text(&demo->tell, "\n%s, handed over by Secretary (hq task artefact %s %s):\n\n%s\n",
                  REPORT_FILE, flow_short_id(task, arena), REPORT_FILE, buf_text(&text));
        demo_event(&demo->tell, "report",
                   json_pack("{s:s,s:s,s:s}", "name", REPORT_FILE, "task", task, "text",
                             buf_text(&bytes)));
    }
    json_decref(answer);
    buf_fini(&bytes);
    buf_fini(&text);
    return code;
}

/* ---- from the start to the end ---- */

static int end_story(struct story *story)
{
    struct demo *demo = story->demo;
    int code = flow_exit_code(story->run);
    const json_t *failure = json_object_get(story->run, "failure");
    demo_event(&demo->tell, "run",
               json_pack("{s:s,s:s,s:O*}", "run", story->id, "state",
                         json_get_text(story->run, "state", ""), "output",
                         json_object_get(story->run, "output")));
    if (code == COMMAND_OK)
        return print_report(story);
    if (code == COMMAND_REJECTED)
        demo_text(&demo->tell, "\nRejected: the run ended there, and no report was written.\n");
    else
        demo_text(&demo->tell, "\nThe study failed: %s\n",
                  json_get_text(failure, "message", "no reason was given"));
    return code;
}

static int follow(struct story *story)
{
    struct demo *demo = story->demo;
    int64_t decided = 0, wait = 0, until = time_boot_ms() + STUDY_MS;
    struct err err = {0};
    for (;;) {
        json_decref(story->run);
        int code = flow_look(&demo->line, story->id, decided, wait, &story->run);
        if (code != COMMAND_OK)
            return code;
        tell_steps(story);
        if (flow_has_ended(story->run))
            return end_story(story);
        if (story->crash != MISHAP_OVER)
            watch_victim(story);
        if (story->limit != MISHAP_OVER)
            watch_limited(story);
        code = meet_gate(story);
        if (code != COMMAND_OK)
            return code;
        if (flow_gate(story->run)) /* a person took their time */
            until = time_boot_ms() + STUDY_MS;
        if (time_boot_ms() > until) {
            err_set(&err, "stuck", "the study does not come to its end");
            return output_fail(demo->invocation, COMMAND_FAILED, &err);
        }
        decided = json_get_int(story->run, "decided", 0);
        wait = demo->fast ? LOOK_MS / 5 : LOOK_MS;
    }
}

int demo_story(struct demo *demo)
{
    struct story story = {.demo = demo, .seen = json_object()};
    struct flow_bundle *bundle = NULL;
    json_t *inputs = json_object();
    demo_text(&demo->tell, "\n$ hq flow run %s -i part=bracket\n", WORKFLOW);
    int code = flow_read(&demo->company.inside, demo->company.config, WORKFLOW, &bundle);
    if (code == COMMAND_OK) {
        struct flow_order order = {.bundle = bundle, .inputs = inputs};
        story.flow = flow_bundle_entry(bundle);
        code = flow_start(&demo->line, &order, &story.run);
    }
    if (code == COMMAND_OK) {
        story.id = arena_strdup(demo->invocation->arena, json_get_text(story.run, "id", ""));
        demo_event(&demo->tell, "started",
                   json_pack("{s:s,s:s}", "run", story.id, "workflow", WORKFLOW));
        code = follow(&story);
    }
    if (bundle)
        flow_bundle_close(bundle);
    json_decref(inputs);
    json_decref(story.run);
    json_decref(story.seen);
    return code;
}
