/* task/stuck: tasks that wait for what will never come, or in a queue that nobody serves. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "doctor/check.h"
#include "doctor/task_pages.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "wire/flow.h"
#include "wire/task.h"

enum {
    LATE_MS = 60000,  /* the hub itself acts within seconds */
    IDLE_MS = 600000, /* ready for so long while its agent works on nothing */
    TOLD_MAX = 10,
    WAITS_MAX = 500, /* tasks whose waits are looked at: a request each */
    ASK_MS = 3000,
    QUEUES_MAX = 4096,
};

struct queue { /* of one agent */
    const char *agent;
    size_t count;
    int64_t oldest; /* ready since */
};

struct stuck {
    struct doctor *doctor;
    int64_t now;
    size_t looked_at, told, waits;
    struct queue *queues;
    size_t queue_count;
    bool is_paused; /* something is: what stands still there does so on purpose */
};

static struct doctor_finding *tell(struct stuck *stuck, const char *id, const char *seen)
{
    struct doctor *doctor = stuck->doctor;
    if (stuck->told++ >= TOLD_MAX)
        return &doctor->spare;
    struct doctor_finding *finding = found(doctor, DOCTOR_WARN, "task/stuck", "%s", seen);
    finding->subject = arena_strdup(doctor->arena, id);
    return finding;
}

static void tell_task(struct stuck *stuck, const json_t *task, const char *what)
{
    struct doctor *doctor = stuck->doctor;
    const char *id = json_get_text(task, "id", "?");
    const char *seen = arena_printf(doctor->arena, "%.10s of %s %s", id,
                                    json_get_text(task, "agent", "nobody"), what);
    struct doctor_finding *finding = tell(stuck, id, seen);
    if (finding != &doctor->spare)
        found_fix(doctor, finding, "%s task show %.10s; %s task cancel %.10s ends it", doctor->hq,
                  id, doctor->hq, id);
}

/* Its deadline is over, and the hub's sweep has not ended it. */
static bool is_overdue(struct stuck *stuck, const json_t *task)
{
    int64_t deadline = check_time(task, "deadline_at");
    if (!deadline || stuck->now - deadline < LATE_MS || stuck->is_paused)
        return false;
    tell_task(stuck, task,
              arena_printf(stuck->doctor->arena, "is %s although its deadline passed %s ago",
                           json_get_text(task, "state", "open"),
                           check_age(stuck->doctor, stuck->now - deadline)));
    return true;
}

/* ---- waits ---- */

/* Whether the thing behind a wait is there and may still come: 1, or 0 with *why. */
static bool may_come(struct stuck *stuck, const char *path, const char *part, const char **why)
{
    struct doctor *doctor = stuck->doctor;
    int status = 0;
    json_t *answer = hub_ask(doctor, "GET", path, ASK_MS, &status, NULL);
    const char *state = json_get_text(json_object_get(answer, part), "state", "");
    bool ended = str_eq(part, "task") ? task_state_is_terminal(state)
                                      : str_eq(part, "item") && !str_eq(state, APPROVAL_PENDING);
    *why = status == 404     ? "is not there"
           : answer && ended ? arena_printf(doctor->arena, "is %s already", state)
                             : NULL;
    json_decref(answer);
    return *why == NULL;
}

static bool is_over(struct stuck *stuck, const char *due_ms, const char **why)
{
    int64_t due;
    const char *colon = strchr(due_ms, ':');
    const char *digits =
        colon ? arena_memdup(stuck->doctor->arena, due_ms, (size_t)(colon - due_ms)) : due_ms;
    if (!str_to_int(digits, 0, INT64_MAX, &due) || stuck->now - due < LATE_MS)
        return false;
    *why = arena_printf(stuck->doctor->arena, "was due %s ago",
                        check_age(stuck->doctor, stuck->now - due));
    return true;
}

/* What is wrong with one wait, or NULL. */
static const char *wrong_wait(struct stuck *stuck, const json_t *wait)
{
    struct arena *arena = stuck->doctor->arena;
    const char *kind = json_get_text(wait, "kind", ""), *id = json_get_text(wait, "id", "");
    const char *why = NULL;
    if (str_eq(kind, "task"))
        may_come(stuck, arena_printf(arena, "/v1/tasks/%s", id), "task", &why);
    else if (str_eq(kind, "approval"))
        may_come(stuck, arena_printf(arena, "/v1/inbox/%s", id), "item", &why);
    else if (str_eq(kind, "job"))
        may_come(stuck, arena_printf(arena, "/v1/jobs/%s", id), "job", &why);
    else if (str_eq(kind, "timer") || str_eq(kind, "rate") || str_eq(kind, "patience"))
        is_over(stuck, id, &why);
    return why ? arena_printf(arena, "waits for %s %.12s, which %s", kind, id, why) : NULL;
}

/* The first thing that is wrong with what the task waits for, or NULL. Where any one wait would do,
 * all must be wrong. */
static const char *wrong_waits(struct stuck *stuck, const json_t *answer)
{
    size_t i, open = 0, wrong = 0;
    const json_t *wait;
    const char *first = NULL;
    const char *mode = json_get_text(json_object_get(answer, "task"), "wait_mode", "all");
    json_array_foreach (json_object_get(answer, "waits"), i, wait) {
        if (json_get_bool(wait, "satisfied", false))
            continue;
        const char *what = wrong_wait(stuck, wait);
        open++;
        wrong += what != NULL;
        first = first ? first : what;
    }
    if (!open)
        return "waits, but for nothing";
    return str_eq(mode, "any") && wrong < open ? NULL : first;
}

static json_t *look_at_task(struct stuck *stuck, const char *id)
{
    return hub_ask(stuck->doctor, "GET", arena_printf(stuck->doctor->arena, "/v1/tasks/%s", id),
                   ASK_MS, NULL, NULL);
}

/* What it waits for may have come between two looks; then a second look sees that the task moved
 * on, since both happen in one commit. */
static void look_at_waiting(void *ctx, const json_t *task)
{
    struct stuck *stuck = ctx;
    const char *id = json_get_text(task, "id", "");
    stuck->looked_at++;
    if (is_overdue(stuck, task) || str_eq(json_get_text(task, "kind", ""), "flow") ||
        stuck->waits++ >= WAITS_MAX)
        return;
    json_t *first = look_at_task(stuck, id);
    bool may_move = first && !json_object_get(first, "paused");
    const char *wrong = may_move ? wrong_waits(stuck, first) : NULL;
    json_t *second = wrong ? look_at_task(stuck, id) : NULL;
    bool still = second &&
                 json_equal(json_object_get(first, "waits"), json_object_get(second, "waits")) &&
                 str_eq(json_get_text(json_object_get(second, "task"), "state", ""), TASK_WAITING);
    if (still)
        tell_task(stuck, task, wrong);
    json_decref(first);
    json_decref(second);
}

/* ---- queues ---- */

static struct queue *queue_of(struct stuck *stuck, const char *agent)
{
    for (size_t i = 0; i < stuck->queue_count; i++)
        if (str_eq(stuck->queues[i].agent, agent))
            return &stuck->queues[i];
    if (stuck->queue_count == QUEUES_MAX)
        return &stuck->queues[0];
    struct queue *queue = &stuck->queues[stuck->queue_count++];
    *queue =
        (struct queue){.agent = arena_strdup(stuck->doctor->arena, agent), .oldest = INT64_MAX};
    return queue;
}

static void look_at_queued(void *ctx, const json_t *task)
{
    struct stuck *stuck = ctx;
    int64_t since = check_time(task, "ready_at");
    stuck->looked_at++;
    if (is_overdue(stuck, task) || json_get_bool(task, "blocked", false) || since > stuck->now)
        return;
    if (!since)
        since = check_time(task, "created_at");
    struct queue *queue = queue_of(stuck, json_get_text(task, "agent", ""));
    queue->count++;
    queue->oldest = since < queue->oldest ? since : queue->oldest;
}

/* Why nobody takes from this queue, or NULL. */
static const char *why_unserved(struct stuck *stuck, const struct queue *queue)
{
    struct doctor *doctor = stuck->doctor;
    bool is_runner = str_eq(queue->agent, RUNNER_AGENT);
    const char *lock =
        is_runner ? RUNNER_NAME : arena_printf(doctor->arena, "gateway-%s", queue->agent);
    size_t i;
    const json_t *agent;
    if (!*queue->agent)
        return stuck->now - queue->oldest > IDLE_MS ? "nobody fits" : NULL;
    if (!is_runner && !doctor->is_bad && !config_agent(doctor->config, queue->agent))
        return "hq.yaml has no such agent";
    if (!control_look(doctor->config, lock, NULL))
        return "it is down";
    json_array_foreach (json_object_get(hub_status(doctor), "agents"), i, agent)
        if (str_eq(json_get_text(agent, "id", ""), queue->agent) &&
            (json_get_int(agent, "working", 0) > 0 || json_get_bool(agent, "paused", false) ||
             json_get_bool(json_object_get(agent, "breaker"), "open", false)))
            return NULL;
    bool is_late = stuck->now - queue->oldest > IDLE_MS && !stuck->is_paused;
    return is_late ? "it works on nothing" : NULL;
}

static void judge_queue(struct stuck *stuck, const struct queue *queue)
{
    struct doctor *doctor = stuck->doctor;
    const char *why = why_unserved(stuck, queue);
    if (!why)
        return;
    const char *who = *queue->agent ? queue->agent : "an agent";
    struct doctor_finding *finding =
        tell(stuck, who,
             arena_printf(doctor->arena, "%zu task%s wait%s for %s, the oldest for %s: %s",
                          queue->count, queue->count == 1 ? "" : "s", queue->count == 1 ? "s" : "",
                          who, check_age(doctor, stuck->now - queue->oldest), why));
    if (finding != &doctor->spare)
        found_fix(doctor, finding,
                  "%s task list --agent %s --state queued; then start %s, or task "
                  "reassign",
                  doctor->hq, who, who);
}

static int look_at_all(struct stuck *stuck, struct err *err)
{
    struct task_pages waiting = {TASK_WAITING, look_at_waiting, stuck};
    struct task_pages queued = {TASK_QUEUED, look_at_queued, stuck};
    if (task_pages_read(stuck->doctor, &waiting, err) < 0 ||
        task_pages_read(stuck->doctor, &queued, err) < 0)
        return -1;
    for (size_t i = 0; i < stuck->queue_count; i++)
        judge_queue(stuck, &stuck->queues[i]);
    return 0;
}

void check_stuck_tasks(struct doctor *doctor)
{
    struct err err = {0};
    struct stuck stuck = {.doctor = doctor, .now = time_wall_ms()};
    stuck.is_paused = json_array_size(hub_pauses(doctor)) > 0;
    stuck.queues = arena_alloc(doctor->arena, QUEUES_MAX * sizeof(*stuck.queues));
    if (look_at_all(&stuck, &err) < 0)
        found(doctor, DOCTOR_SKIP, "task/stuck", "%s", err.message);
    else if (stuck.told > TOLD_MAX)
        found(doctor, DOCTOR_WARN, "task/stuck", "and %zu more", stuck.told - TOLD_MAX);
    else if (!stuck.told)
        found(doctor, DOCTOR_OK, "task/stuck", "%zu tasks wait for something that can come",
              stuck.looked_at);
}
