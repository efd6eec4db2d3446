/* binary/version, agent/…: the processes of the company, one by one. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "supervise/runfiles.h"
#include "sys/lock.h"
#include "sys/spawn.h"

/* ---- versions ---- */

/* The same version, but a file that is newer than the process: built anew in between. */
static bool is_older_than_file(const struct lock_info *info)
{
    struct stat file;
    return stat(spawn_self(), &file) == 0 && info->started_at > 0 &&
           (int64_t)file.st_mtime * 1000 > info->started_at;
}

/* Returns whether it told something. */
static bool check_version(struct doctor *doctor, const char *lock)
{
    struct lock_info info = {0};
    if (!control_look(doctor->config, lock, &info) || info.pid == 0)
        return false;
    bool differs = info.version[0] && !str_eq(info.version, HQ_VERSION);
    if (!differs && !is_older_than_file(&info))
        return false;
    bool is_supervisor = str_eq(lock, "supervisor");
    const char *name = str_starts(lock, "gateway-") ? lock + strlen("gateway-") : lock;
    struct doctor_finding *finding =
        differs ? found(doctor, DOCTOR_WARN, "binary/version", "%s runs %s, this is " HQ_VERSION,
                        name, info.version)
                : found(doctor, DOCTOR_INFO, "binary/version",
                        "%s began before the file %s was written", name, spawn_self());
    finding->subject = arena_strdup(doctor->arena, name);
    if (is_supervisor)
        found_fix(doctor, finding, "%s down, then %s up -d", doctor->hq, doctor->hq);
    else
        found_fix(doctor, finding, "%s restart %s", doctor->hq, name);
    return true;
}

void check_versions(struct doctor *doctor)
{
    const char *const *workers = control_workers(doctor->config, doctor->arena);
    size_t told = check_version(doctor, "supervisor") + check_version(doctor, "hub"), count = 0;
    for (; workers[count]; count++)
        told += check_version(doctor, workers[count]);
    if (!company_lives(doctor))
        found(doctor, DOCTOR_SKIP, "binary/version", "the company is not running");
    else if (!told)
        found(doctor, DOCTOR_OK, "binary/version", HQ_VERSION);
}

/* ---- agents ---- */

struct agents {
    struct doctor *doctor;
    json_t *board;        /* of the supervisor that lives, or NULL */
    const json_t *status; /* of the hub, or NULL */
};

static const json_t *item_by(const json_t *list, const char *key, const char *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item)
        if (str_eq(json_get_text(item, key, NULL), value))
            return item;
    return NULL;
}

/* There is no process of it. */
static void tell_down(const struct agents *agents, const char *agent, const char *id,
                      const json_t *child)
{
    struct doctor *doctor = agents->doctor;
    const char *state = json_get_text(child, "state", "down");
    const char *reason = json_get_text(child, "reason", NULL);
    bool by_hand = runfile_is_there(doctor->config, agent, RUNFILE_DOWN);
    bool is_held = str_eq(state, "held");
    const char *seen = arena_printf(doctor->arena, "%s%s%s", by_hand ? "stopped by hand" : state,
                                    reason ? ": " : "", reason ? reason : "");
    struct doctor_finding *finding = found(doctor,
                                           by_hand   ? DOCTOR_INFO
                                           : is_held ? DOCTOR_FAIL
                                                     : DOCTOR_WARN,
                                           id, "%s", seen);
    if (by_hand)
        found_fix(doctor, finding, "%s start %s", doctor->hq, agent);
    else if (is_held)
        found_fix(doctor, finding, "%s logs %s -n 20 says why; then %s up -d", doctor->hq, agent,
                  doctor->hq);
    else if (agents->board)
        found_fix(doctor, finding, "%s logs %s -n 20", doctor->hq, agent);
    else
        found_fix(doctor, finding, "%s up -d", doctor->hq);
}

/* Its last failures are in the words of whoever failed. */
static void tell_breaker(const struct agents *agents, const char *agent, const char *id,
                         const json_t *breaker)
{
    struct doctor *doctor = agents->doctor;
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, id, "its breaker is open until %s: %s",
              json_get_text(breaker, "until", "?"),
              json_get_text(breaker, "reason", "its work failed too often"));
    finding->quotes = true;
    found_fix(doctor, finding, "%s task list --agent %s --state failed", doctor->hq, agent);
}

/* Its process lives; what does the hub know of it? */
static void tell_alive(const struct agents *agents, const char *agent, const char *id,
                       const json_t *known)
{
    struct doctor *doctor = agents->doctor;
    const json_t *breaker = json_object_get(known, "breaker");
    int64_t seen_ms = json_get_int(known, "seen_ms", -1);
    if (json_get_bool(breaker, "open", false))
        tell_breaker(agents, agent, id, breaker);
    else if (known && seen_ms < 0)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, id, "runs, but the hub has not heard of it yet"),
                  "%s logs %s -n 20", doctor->hq, agent);
    else if (seen_ms > LIMIT_LEASE_MS)
        found_fix(
            doctor,
            found(doctor, DOCTOR_WARN, id, "no sign of life for %s", check_age(doctor, seen_ms)),
            "%s logs %s -n 20; %s restart %s", doctor->hq, agent, doctor->hq, agent);
    else if (json_get_bool(known, "paused", false))
        found_fix(doctor, found(doctor, DOCTOR_INFO, id, "is paused"), "%s resume %s", doctor->hq,
                  agent);
    else
        found(doctor, DOCTOR_OK, id, "serves");
}

static void check_agent(const struct agents *agents, const char *agent)
{
    struct doctor *doctor = agents->doctor;
    const char *id = check_id(doctor, "agent", agent);
    const char *lock = arena_printf(doctor->arena, "gateway-%s", agent);
    const json_t *child = item_by(json_object_get(agents->board, "children"), "name", agent);
    if (control_look(doctor->config, lock, NULL))
        tell_alive(agents, agent, id,
                   item_by(json_object_get(agents->status, "agents"), "id", agent));
    else
        tell_down(agents, agent, id, child);
}

/* Held like an agent, and as important to runs of workflows. */
static void check_runner(const struct agents *agents)
{
    struct doctor *doctor = agents->doctor;
    const char *id = check_id(doctor, "agent", RUNNER_NAME);
    if (control_look(doctor->config, RUNNER_NAME, NULL))
        found(doctor, DOCTOR_OK, id, "serves");
    else
        tell_down(agents, RUNNER_NAME, id,
                  item_by(json_object_get(agents->board, "children"), "name", RUNNER_NAME));
}

/* Where hq.yaml is broken the hub says who there is. */
void check_agents(struct doctor *doctor)
{
    size_t i;
    const json_t *item;
    struct agents agents = {.doctor = doctor, .status = hub_status(doctor)};
    if (!company_lives(doctor)) {
        found(doctor, DOCTOR_SKIP, "agent/<id>", "the company is not running");
        return;
    }
    if (control_look(doctor->config, "supervisor", NULL))
        agents.board = runfile_board_get(doctor->config);
    else
        agents.board = check_service_board(doctor);
    for (size_t a = 0; a < doctor->config->agent_count; a++)
        check_agent(&agents, doctor->config->agents[a].id);
    if (doctor->is_bad)
        json_array_foreach (json_object_get(agents.status, "agents"), i, item)
            check_agent(&agents, json_get_text(item, "id", "?"));
    if (doctor->config->runner)
        check_runner(&agents);
    json_decref(agents.board);
}
