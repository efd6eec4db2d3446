/* The piece of work: task, the root of its tree, the session it talks in, what it waits for. */
#ifndef HQ_WIRE_TASK_H
#define HQ_WIRE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"

/* Task states; a task in one of the last four is terminal and never changes again. */
#define TASK_QUEUED "queued"
#define TASK_WORKING "working"
#define TASK_WAITING "waiting"
#define TASK_DONE "done"
#define TASK_FAILED "failed"
#define TASK_CANCELLED "cancelled"
#define TASK_TIMED_OUT "timed_out"

struct task {
    const char *id;         /* "t-" + 26 Crockford characters, see task_id() */
    int64_t seq;            /* order of creation, given by the store, from 1 */
    const char *root;       /* task id of the tree's first task */
    const char *parent;     /* NULL for a root */
    int64_t parent_step;    /* which call of the parent this task answers (-1: none) */
    int64_t parent_index;
    const char *caller;     /* principal: "operator", "agent:manager", "outside:manager", "person:ceo" */
    const char *agent;      /* target; NULL until routed */
    const char *capability; /* what routing looks for, when no agent is named */
    const char *kind;       /* chat hook wake ask delegation step flow run heartbeat cron job */
    const char *name;       /* a short label for people; may be NULL */
    const char *instruction;      /* inline up to LIMIT_INLINE, else */
    const char *instruction_blob; /* sha256 of the text */
    const char *data;       /* JSON array of data parts, never instruction */
    const char *session;    /* session key within the agent: "main", "hook:<id>" … */
    const char *deliver;    /* JSON {"channel","to"}, "webhook:NAME" or true (the agent's default):
                             * where the answer goes; NULL: nowhere */
    const char *model;      /* override, NULL: the agent's */
    const char *thinking;   /* override, NULL: the agent's */
    const char *state;
    int64_t priority;       /* smaller is sooner: 0 people, 1 hooks and delegations, 2 heartbeat, cron */
    int64_t ready_at;       /* not before; also retry time and lease expiry (store's clock, ms) */
    int64_t fence;          /* goes up with every claim; what a write must show */
    int64_t tries;          /* failures of the work */
    int64_t max_tries;
    int64_t deaths;         /* workers that died on it */
    bool blocked;           /* its session's lane belongs to another task */
    const char *worker;     /* nonce of the process that holds the lease, NULL: none */
    int64_t deadline_at;    /* 0: none */
    int64_t depth;
    const char *path;          /* JSON array of agent ids from the root to here */
    const char *retry;         /* JSON retry policy, NULL: default */
    const char *result_schema; /* JSON Schema, NULL: any result */
    const char *retry_of;      /* the task that a person retried */
    const char *body_hash;     /* sha256 of what was asked: same id + other body = key_reused */
    const char *cancel;        /* why it is to stop: "cancelled" or "timeout"; NULL: it is not */
    const char *wait_mode;     /* "all" or "any" while waiting */
    const char *failure_class; /* timeout refused unreachable malformed budget loop crashed cancelled
                                * failed blocked rejected */
    const char *failure_message;
    int64_t finish_no;      /* its place among the ended tasks of its session, from 1; 0: not ended */
    int64_t created_at, started_at, finished_at;
    const char *grant;    /* JSON {"tools":[…]}: what it may use at most; only narrows down the tree;
                           * NULL: all that its agent may */
    const char *ask_hash; /* sha256 of agent, instruction and data: the same question twice */
    int64_t children;     /* tasks delegated by it so far */
    int64_t rank;         /* place among the ready tasks of its agent and priority: fair by root */
    const char *budget;   /* owner of the budget that it spends from (wire/company.h); NULL: none */
    int64_t reserved_micro_usd, reserved_tokens; /* set aside for its open model call */
    const char *provider; /* whose model it is asking right now; NULL: none */
    const char *run, *step; /* of a workflow's step: the run and the step's name; NULL: none */
    int64_t step_round, step_try;
};
extern const struct record task_record;

/* The tree of one request. */
struct root {
    const char *id;     /* = id of its first task */
    const char *owner;  /* principal */
    int64_t deadline_at;
    const char *limits; /* JSON {"depth","tasks","live","fan_out","wall_ms"} */
    const char *budget; /* owner of its budget, NULL: none */
    int64_t tasks_total, tasks_live;
    int64_t created_at;
    int64_t model_calls, tokens_in, tokens_out, tokens_cached; /* of the whole tree */
    int64_t cost_micro_usd; /* of the priced calls */
    int64_t unpriced;       /* model calls without a price */
    int64_t ended_at;       /* when its last open task ended; 0: one is open */
    int64_t retired_at;     /* it is in the archive, and its rows are being taken away */
};
extern const struct record root_record;

/* A lane: one open task at a time. */
struct session {
    const char *agent, *key;
    const char *id;        /* uuid: names the transcript file */
    const char *open_task; /* the task that owns the lane, NULL: free */
    const char *head;      /* last finished task */
    int64_t projected;     /* all its tasks finished up to this finish number are in the transcript */
    int64_t finished;      /* how many of its tasks have ended (the newest finish number) */
    int64_t created_at, updated_at;
    int64_t retired_at; /* its one task has left the ledger: it goes once its transcript is gone */
};
extern const struct record session_record;

/* What a parked turn waits for. */
struct wait {
    const char *task;
    const char *kind; /* task approval timer rate job signal; patience: the time ("<ms>:<task id>")
                       * after which the wait for that task is given up, the task goes on */
    const char *id;   /* task id, approval id, due time in ms as text … */
    bool satisfied;
    int64_t created_at;
};
extern const struct record wait_record;

enum { TASK_ID_TEXT = 29 };

/* Writes "t-" + 26 Crockford characters of SHA-256 over the JSON array [kind, caller, target, key]:
 * sending the same thing twice is one task (ledger.md, "Ids"). */
void task_id(const char *kind, const char *caller, const char *target, const char *key,
             char id[TASK_ID_TEXT]);

/* Writes the sha256 of what is asked (agent, instruction, data, session, deliver, model …). */
void task_body_hash(const struct task *task, char hex[65]);

/* True for done, failed, cancelled, timed_out. */
bool task_state_is_terminal(const char *state);

#endif
