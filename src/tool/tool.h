/* What an agent can do besides talking: named functions with JSON arguments. */
#ifndef HQ_TOOL_TOOL_H
#define HQ_TOOL_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct config;
struct err;
struct hub_client;
struct guard_switch;

/* The file of the shared folder that the gatekeeper keeps, and those that only the runtime writes.
 */
#define SHARED_STATUS_FILE "PROJECT_STATUS.md"
#define SHARED_LOG_FILE "project_log.md"
#define SHARED_ORCHESTRATION_FILE "orchestration-log.md"

/* Where a tool acts: one turn of one agent. */
struct tool_place {
    const char *task;        /* id of the running task */
    int64_t fence;           /* of the attempt that runs it */
    int64_t step, idx;       /* which call this is */
    const char *workspace;   /* absolute; the only writable folder */
    const char *shared;      /* absolute or NULL; readable */
    const char *lock_dir;    /* where the task's lock file lies */
    const char *bin_dir;     /* hq and its links, for the PATH of commands; NULL: none */
    const char *gatekeeper;  /* agent that may write in `shared`, for sentences; NULL: nobody */
    const char *shared_file; /* the one file below `shared` that this agent's tools may write (the
                              * gatekeeper's PROJECT_STATUS.md), relative; NULL: none */
    bool exec_network;
    int64_t exec_timeout_ms;
    struct guard_switch *cancel; /* the turn's: sys/guard_switch.h */
    struct hub_client *hub;      /* speaks as the agent */
    const char *agent;           /* its id */
    const char *session;         /* key of the session that the turn runs in */
    int64_t intended_at; /* when this call was intended, the hub's clock in ms; 0: just now */
    int64_t now;         /* the hub's clock in ms */
    const struct config *config; /* of the company: whom the agent may ask */
};

struct tool_result {
    char *text; /* what the model reads, valid UTF-8, in the arena */
    bool is_error;
    json_t *details; /* new reference or NULL: for transcripts ({"exitCode":…}) */
    json_t *handoff; /* new reference or NULL: what `report` hands over, recorded with the response:
                      * {"status","result","confidence"?,"notes"?,"artefacts"} */
    json_t *park;    /* new reference or NULL: no result yet, the turn is to wait without a thread:
                      * {"mode":"all|any","waits":[{"kind","id"|"in_ms"}]}; the tool runs again then
                      * (only with REPEAT_FREELY) */
};

/* What is to be done about a call that was intended and never recorded (a crash in between). */
enum tool_repeat {
    REPEAT_FREELY,    /* reading: run again */
    REPEAT_IF_UNDONE, /* done if the plan's check holds, else run again */
    REPEAT_NEVER,     /* declared unknown; the model is told it may have run in part */
};

struct tool {
    const char *name;
    const char
        *group; /* the word of `tools.allow` that brings it, where that is not its own name */
    const char *description;
    const char *parameters; /* JSON Schema as text */
    enum tool_repeat repeat;
    bool always;  /* every agent has it, whatever `tools.allow` and the task's grant say */
    bool foreign; /* its results are other agents' words: the turn quotes them as data */
    /* Computes what a repeat may check, before the call is intended: JSON text in the arena, or
     * NULL. Never changes anything. */
    char *(*plan)(const struct tool_place *, const json_t *arguments, struct arena *);
    /* For REPEAT_IF_UNDONE: true where the plan's outcome is already there; fills *result. */
    bool (*is_done)(const struct tool_place *, const json_t *arguments, const json_t *plan,
                    struct arena *, struct tool_result *result);
    /* Of a tool that hands its work to another task, instead of run: the body of the batch's
     * `delegate` operation but for "op", "task", "fence", "step", "idx" (docs/protocol.md); new
     * reference. NULL with *err (a sentence for the model) where the arguments make no sense. */
    json_t *(*delegate)(const struct tool_place *, const json_t *arguments, struct err *);
    /* Of a tool that people answer, instead of run: the body of the batch's `ask` operation,
     * likewise.
     */
    json_t *(*ask)(const struct tool_place *, const json_t *arguments, struct err *);
    /* Of a delegated call's record (wire/call.h): what the model reads of its answer, as JSON, new
     * reference; NULL: as every delegation reads. */
    json_t *(*answer)(const json_t *call);
    /* Runs; blocks. A failure of the work is a result with is_error; 0 always, -1 with *err only
     * where the call's outcome cannot be known (the guard died): recorded as unknown. */
    int (*run)(const struct tool_place *, const json_t *arguments, struct arena *,
               struct tool_result *result, struct err *);
};

/* The tool of that name (aliases included: bash → exec), or NULL. */
const struct tool *tool_find(const char *name);

/* Do these words (NULL-terminated: names, groups, "*") bring the tool? */
bool tool_is_allowed(const struct tool *tool, const char *const *allow);

/* Names that exist in the product but not in this build's registry (message, browser): a model
 * that calls one is told so. */
bool tool_is_reserved(const char *name);

/* A new array of {"name","description","parameters"} for those of `allow` (NULL-terminated, "*" =
 * all) that exist. */
json_t *tool_catalogue(const char *const *allow);

/* Checks arguments against the tool's schema (types, required, unknown keys tolerated, OpenClaw's
 * parameter aliases renamed in place). Returns 0, or -1 with *err as a sentence for the model. */
int tool_check(const struct tool *tool, json_t *arguments, struct err *err);

#endif
