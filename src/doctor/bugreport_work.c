/* Status, processes, tasks and runs: only fields that are named here leave the machine, so what
 * people and models wrote cannot. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/bugreport_parts.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "supervise/runfiles.h"
#include "sys/lock.h"

enum { TASKS = 200, RUNS = 100, ASK_MS = 5000 };

/* Fields of status, tasks and runs, whatever object they stand in. */
static const char *const known_fields[] = {"agent",      "agents",
                                           "answers",    "attempts",
                                           "blocked",    "breaker",
                                           "budget",     "caller",
                                           "chains",     "children",
                                           "company",    "config_changed",
                                           "counts",     "created_at",
                                           "cycle",      "deadline_at",
                                           "deaths",     "decided",
                                           "depth",      "ends_kind",
                                           "facts",      "failure_class",
                                           "fence",      "finished_at",
                                           "failures",   "hub",
                                           "id",         "inbox",
                                           "inbox_more", "inbox_pending",
                                           "items",      "kind",
                                           "limit",      "listen",
                                           "looks",      "model",
                                           "name",       "open",
                                           "parent",     "parent_run",
                                           "path",       "paused",
                                           "per",        "period",
                                           "pid",        "port",
                                           "priority",   "pss_kb",
                                           "queued",     "ready_at",
                                           "reserved",   "restarts",
                                           "retry_of",   "root",
                                           "run",        "runner",
                                           "runs",       "schema_version",
                                           "seen_ms",    "seq",
                                           "since",      "spent",
                                           "started_at", "state",
                                           "step",       "step_round",
                                           "step_try",   "steps_open",
                                           "store",      "supervised",
                                           "supervisor", "tasks",
                                           "tries",      "until",
                                           "up_ms",      "upto",
                                           "usd",        "version",
                                           "wait_mode",  "waiting_on",
                                           "working",    "ledger_bytes",
                                           "wal_bytes",  "blob_bytes",
                                           "free_bytes", "task",
                                           "age_ms",     NULL};

static json_t *only_known(const json_t *value);

static json_t *known_object(const json_t *value, const char *except)
{
    const char *key;
    json_t *field, *out = json_object();
    json_object_foreach ((json_t *)(uintptr_t)value, key, field)
        if (str_in(key, known_fields) && !str_eq(key, except))
            json_object_set_new(out, key, only_known(field));
    return out;
}

static json_t *only_known(const json_t *value)
{
    size_t i;
    const json_t *item;
    if (json_is_object(value))
        return known_object(value, NULL);
    if (!json_is_array(value))
        return json_incref((json_t *)(uintptr_t)value);
    json_t *out = json_array();
    json_array_foreach (value, i, item)
        json_array_append_new(out, only_known(item));
    return out;
}

void bugreport_add_status(struct bugreport *report)
{
    json_t *status =
        report->status ? only_known(report->status) : json_pack("{s:s}", "state", "not running");
    bugreport_add_json(report, "status.json", "hq status, without titles and notes", status);
}

/* ---- processes ---- */

static void add_process(struct bugreport *report, json_t *items, const char *name)
{
    struct lock_info info = {0};
    if (!control_look(report->doctor->config, name, &info))
        return;
    json_array_append_new(items,
                          json_pack("{s:s, s:i, s:b, s:s, s:I, s:i, s:I, s:b}", "name", name, "pid",
                                    (int)info.pid, "ready", info.ready, "version", info.version,
                                    "started_at", (json_int_t)info.started_at, "port", info.port,
                                    "pss_kb", (json_int_t)info.pss_kb, "config_is_current",
                                    str_eq(info.config_hash, report->doctor->config->hash)));
}

/* Reasons are hq's own words: how a process ended, and what it said last. */
void bugreport_add_processes(struct bugreport *report)
{
    const struct doctor *doctor = report->doctor;
    const char *const *workers = control_workers(doctor->config, doctor->arena);
    json_t *items = json_array(), *board = runfile_board_get(doctor->config);
    add_process(report, items, "supervisor");
    add_process(report, items, "hub");
    for (size_t i = 0; workers[i]; i++)
        add_process(report, items, workers[i]);
    bugreport_add_json(report, "processes.json", "who runs, since when; the supervisor's last word",
                       json_pack("{s:o, s:o?}", "items", items, "board", board));
}

/* ---- tasks and runs ---- */

static json_t *ask_rows(struct bugreport *report, const char *path)
{
    struct err err = {0};
    size_t i;
    const json_t *row;
    json_t *answer = hub_ask(report->doctor, "GET", path, ASK_MS, NULL, &err);
    if (!answer)
        return json_pack("{s:s}", "error", err.message);
    json_t *items = json_array(); /* a task's name is a label that somebody chose */
    json_array_foreach (json_object_get(answer, "items"), i, row)
        json_array_append_new(items, known_object(row, "name"));
    json_decref(answer);
    return items;
}

void bugreport_add_work(struct bugreport *report)
{
    struct arena *arena = report->doctor->arena;
    json_t *tasks = ask_rows(report, arena_printf(arena, "/v1/tasks?limit=%d", TASKS));
    json_t *runs = ask_rows(report, arena_printf(arena, "/v1/runs?limit=%d", RUNS));
    bugreport_add_json(report, "tasks.json", "the newest tasks: ids, states, times, classes",
                       tasks);
    bugreport_add_json(report, "runs.json", "the newest runs, the same", runs);
}
