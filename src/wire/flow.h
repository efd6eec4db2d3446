/* Workflows as rows: what a run is pinned to, how far it has come, what it waits for.
 *
 * A run belongs to a task of kind "flow" (agent FLOW_AGENT), which is `waiting` for as long as the
 * run is open and ends with it: so a request's tree, limits, budget, deadline, cancellation and
 * history are those of any task. The steps' tasks are its children. Nothing here is written by
 * anyone but the ledger's rules (ledger.h, OP_RUN_START … OP_SIGNAL). */
#ifndef HQ_WIRE_FLOW_H
#define HQ_WIRE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"

/* Queues that no agent of hq.yaml can be called (agents' ids have no dot). */
#define FLOW_AGENT "hq.flow"     /* the tasks that runs are; claimed by nobody */
#define RUNNER_AGENT "hq.runner" /* commands of `run` steps; claimed by the runner's process */

/* Run states; those from done on are terminal. */
#define RUN_RUNNING "running"
#define RUN_WAITING "waiting" /* all that is open waits for people, time, signals or jobs */
#define RUN_DONE "done"
#define RUN_FAILED "failed"
#define RUN_REJECTED "rejected"
#define RUN_CANCELLED "cancelled"
#define RUN_TIMED_OUT "timed_out"

struct definition {
    const char *sha256; /* of `text` */
    const char *name;   /* of its entry workflow */
    const char *text;   /* the bundle, canonical JSON (flow/bundle.h); */
    const char *text_blob; /* or, where it is large, its blob */
    int64_t created_at;
};
extern const struct record definition_record;

struct run {
    const char *id;   /* "r-" + the 26 characters of its task's id */
    const char *task; /* of kind flow */
    const char *root;
    const char *parent_run, *parent_step; /* of a sub-workflow */
    const char *name;       /* the workflow's */
    const char *definition; /* sha256: a run pins its definition */
    const char *entry;      /* which workflow of the bundle it runs */
    const char *caller;     /* principal who started it */
    const char *key;        /* of its start: the same key is the same run */
    const char *inputs;     /* JSON, as checked, defaults filled in; or */
    const char *inputs_blob;
    const char *state;
    int64_t decided;     /* how many decisions were committed: what the next one expects */
    int64_t upto;        /* facts of the stream up to this seq were looked at by the last decision */
    int64_t facts;       /* seq of the newest fact */
    int64_t steps_open;  /* steps that are running or waiting */
    const char *hash;    /* chain of decision hashes (flow/interpret.h) */
    int64_t ready_at;    /* the interpreter is to look at it then; 0: only when a fact comes */
    const char *waiting; /* for people: "approval g-7K2M (gate)"; NULL: nothing is waited for */
    int64_t deadline_at; /* of its task */
    const char *output, *output_blob; /* JSON */
    const char *failure_class, *failure_message, *failure_step;
    const char *retry_of; /* the run whose results it began with */
    int64_t created_at, finished_at;
};
extern const struct record run_record;

/* Step states: running waiting, then done skipped not_run failed rejected cancelled. A step that has
 * no row yet is pending. */
struct step {
    const char *run, *path; /* its name in the workflow */
    int64_t round;          /* from 0; goes up when changes were requested */
    const char *kind;       /* agent approve effect run wait job workflow */
    const char *state;
    const char *reason;  /* why it was skipped or not run, what it waits for */
    const char *task;    /* of its newest try; NULL: none */
    const char *child_run, *approval, *effect, *job;
    int64_t tries;       /* how many were started */
    int64_t ready_at;    /* of a retry or a timer */
    const char *output, *output_blob;
    const char *feedback; /* of the round before */
    const char *failure_class, *failure_message;
    int64_t started_at, finished_at;
};
extern const struct record step_record;

#define APPROVAL_PENDING "pending"
#define APPROVAL_APPROVED "approved"
#define APPROVAL_REJECTED "rejected"
#define APPROVAL_EXPIRED "expired"
#define APPROVAL_CHANGES "changes_requested"
#define APPROVAL_ANSWERED "answered"
#define APPROVAL_CANCELLED "cancelled" /* who asked has ended */

/* One item of the inbox: a gate of a run, a question of an agent, or something whose outcome nobody
 * knows and that a person is to decide (run it again or not). */
struct approval {
    const char *id;   /* "g-" + 8 Crockford characters, shorter ones are accepted while unambiguous */
    const char *kind; /* gate question ambiguous */
    const char *root;
    const char *run, *path; /* of a gate */
    int64_t round;
    const char *task;      /* whose tool call asks, or, of a gate, the run's task */
    int64_t call_step, call_idx; /* -1: none */
    const char *effect;    /* of an ambiguous delivery */
    const char *requester; /* principal: for a gate who started the run, else agent:… */
    const char *title;     /* one line */
    const char *subject_hash; /* sha256 of the exact bytes that are decided on */
    const char *subject, *subject_blob; /* those bytes: JSON {"title","show","by",…} */
    const char *preview;   /* their beginning, for lists: at most 200 bytes */
    const char *deciders;  /* JSON array of "person:NAME" and "role:NAME"; NULL: anybody with a say */
    int64_t quorum;        /* votes needed, from 1 */
    bool four_eyes;        /* who started it may not decide */
    const char *rerun;     /* the step that changes_requested runs again; NULL: not offered */
    const char *form;      /* JSON Schema (base/json_schema.h) of the answer; NULL: none */
    const char *options;   /* JSON array of texts, of a question; NULL: free text */
    const char *state;
    const char *answer;    /* JSON */
    const char *feedback;
    const char *decided_by; /* principals, comma between them */
    const char *via;        /* cli, http, dashboard, discord */
    const char *on_expire;  /* reject (the only one): expiry never approves */
    int64_t expires_at;     /* 0: never */
    int64_t created_at, decided_at;
};
extern const struct record approval_record;

struct vote {
    const char *approval, *person;
    const char *decision, *subject_hash, *feedback;
    const char *answer; /* JSON */
    const char *via;
    int64_t created_at;
};
extern const struct record vote_record;

/* A job of the batch bridge: its folder goes out, a person or a watcher runs it, its result comes
 * back as a folder. */
#define JOB_INTENDED "intended"   /* its folder is to be written */
#define JOB_SUBMITTED "submitted" /* outbox/ID is there */
#define JOB_RUNNING "running"     /* the other side said so */
#define JOB_COMPLETED "completed"
#define JOB_FAILED "failed"
#define JOB_CANCELLED "cancelled" /* its step or run has ended, or its time was over */

struct job {
    const char *id; /* "job-YYYYMMDD-HHMMSS-<name>-<4 characters>": the folder's name */
    const char *run, *path;
    int64_t round, try;
    const char *task, *root;
    const char *spec;   /* JSON: what job.json says (docs/jobs.md) */
    const char *state;
    const char *note;   /* what the other side says; why it failed */
    const char *result, *result_blob; /* JSON: output of the step */
    bool archived;      /* its folders were put away */
    int64_t deadline_at;
    int64_t created_at, updated_at;
};
extern const struct record job_record;

/* True for done, failed, rejected, cancelled, timed_out. */
bool run_state_is_terminal(const char *state);
/* True for done, skipped, not_run, failed, rejected, cancelled. */
bool step_state_is_terminal(const char *state);
/* True for completed, failed, cancelled. */
bool job_state_is_terminal(const char *state);

enum { RUN_ID_TEXT = 29, APPROVAL_ID_TEXT = 11, EFFECT_ID_TEXT = 29 };

/* "r-…" of a task "t-…". */
void run_id_of_task(const char *task, char id[RUN_ID_TEXT]);

/* "g-" + 8 Crockford characters of SHA-256 over the JSON array of the four parts; `salt` goes up
 * where the id is taken by another. */
void approval_id(const char *of, const char *path, int64_t round, int64_t salt,
                 char id[APPROVAL_ID_TEXT]);

#endif
