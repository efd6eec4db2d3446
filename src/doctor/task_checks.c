/* task/lost, run/unfollowed: work whose worker is gone, runs that nothing can move. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "doctor/check.h"
#include "doctor/task_pages.h"
#include "wire/task.h"

enum {
    LATE_MS = 60000, /* the hub itself acts within seconds */
    TOLD_MAX = 10,
    RUNS_MS = 5000,
};

struct lost {
    struct doctor *doctor;
    int64_t now;
    size_t looked_at, lost;
};

static void look_at_worker(void *ctx, const json_t *task)
{
    struct lost *lost = ctx;
    struct doctor *doctor = lost->doctor;
    int64_t until = check_time(task, "ready_at"); /* of a working task: the end of its lease */
    lost->looked_at++;
    if (!until || lost->now - until < LATE_MS || lost->lost++ >= TOLD_MAX)
        return;
    const char *id = json_get_text(task, "id", "?");
    struct doctor_finding *finding =
        found(doctor, DOCTOR_FAIL, "task/lost",
              "%.10s of %s: its lease ended %s ago and nobody took over", id,
              json_get_text(task, "agent", "?"), check_age(doctor, lost->now - until));
    finding->subject = arena_strdup(doctor->arena, id);
    found_fix(doctor, finding, "%s restart hub; where it stays so: %s task cancel %.10s",
              doctor->hq, doctor->hq, id);
}

void check_lost_tasks(struct doctor *doctor)
{
    struct err err = {0};
    struct lost lost = {.doctor = doctor, .now = time_wall_ms()};
    struct task_pages pages = {TASK_WORKING, look_at_worker, &lost};
    if (task_pages_read(doctor, &pages, &err) < 0)
        found(doctor, DOCTOR_SKIP, "task/lost", "%s", err.message);
    else if (lost.lost > TOLD_MAX)
        found(doctor, DOCTOR_FAIL, "task/lost", "and %zu more", lost.lost - TOLD_MAX);
    else if (!lost.lost)
        found(doctor, DOCTOR_OK, "task/lost", "%zu tasks at work", lost.looked_at);
}

/* ---- runs ---- */

static void tell_run(struct doctor *doctor, const json_t *run)
{
    const char *id = json_get_text(run, "id", "?");
    struct doctor_finding *finding =
        found(doctor, DOCTOR_FAIL, "run/unfollowed", "%.10s (%s) %s", id,
              json_get_text(run, "name", "?"), json_get_text(run, "waiting", ""));
    finding->subject = arena_strdup(doctor->arena, id);
    found_fix(doctor, finding, "%s flow replay %.10s shows where; %s flow cancel %.10s ends it",
              doctor->hq, id, doctor->hq, id);
}

static size_t look_at_runs(struct doctor *doctor, const char *state, struct err *err)
{
    size_t i, told = 0;
    const json_t *run;
    const char *path = arena_printf(doctor->arena, "/v1/runs?state=%s&limit=200", state);
    json_t *answer = hub_ask(doctor, "GET", path, RUNS_MS, NULL, err);
    json_array_foreach (json_object_get(answer, "items"), i, run) {
        if (!str_starts(json_get_text(run, "waiting", ""), "cannot be followed"))
            continue;
        if (told++ < TOLD_MAX)
            tell_run(doctor, run);
    }
    json_decref(answer);
    return told;
}

void check_runs(struct doctor *doctor)
{
    struct err err = {0};
    size_t told = look_at_runs(doctor, "running", &err) + look_at_runs(doctor, "waiting", &err);
    if (*err.message)
        found(doctor, DOCTOR_SKIP, "run/unfollowed", "%s", err.message);
    else if (!told)
        found(doctor, DOCTOR_OK, "run/unfollowed", "all open runs can go on");
}
