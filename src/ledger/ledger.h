/* The durable core: eight operations over one store. The contract is docs/ledger.md.
 *
 * Threads: every function may be called from any thread. apply and claim block until the group
 * commit that carries them is on disk (fsync); reads block for a read. */
#ifndef HQ_LEDGER_LEDGER_H
#define HQ_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/call.h"
#include "wire/company.h"
#include "wire/effect.h"
#include "wire/flow.h"
#include "wire/task.h"

struct arena;
struct err;
struct ledger;
struct store;

/* Takes the store (closed by ledger_close, and here on failure) and starts the commit thread.
 * Migrates first. All leases found get a full term. Returns NULL with *err: another hub holds it, a
 * newer schema, no disk. */
struct ledger *ledger_open(struct store *store, struct err *err);
void ledger_close(struct ledger *ledger);

/* Money and tokens, together; -1 as a limit: none. */
struct amount {
    int64_t micro_usd, tokens;
};

/* How much is asked of one provider of models at once and per minute, over all agents; 0: no limit.
 * Copied; before the first apply. Whoever meets the limit is parked (rate) and waits its turn. */
struct ledger_provider {
    const char *name;
    int64_t concurrent, per_minute;
};
void ledger_set_providers(struct ledger *ledger, const struct ledger_provider *list, size_t count);

/* What is left for a task: the least of its budget's levels; -1: no limit. 0, or -1 with *err. */
int ledger_budget_left(struct ledger *ledger, const struct task *task, struct amount *left,
                       struct err *err);

/* How an agent's breaker stands. It opens after LIMIT_BREAKER_FAILURES ends in a row that were its
 * failures; while it is open, delegations to it are to be refused (code breaker) and routing looks
 * elsewhere; what people ask still runs, and a success closes it. */
struct breaker {
    int64_t failures; /* in a row */
    int64_t opened;   /* how often since the last success */
    int64_t until;    /* when it may be asked again; 0: it never opened */
    char reason[200]; /* of the last failure; "" without one */
};
/* Fills *breaker from agent->breaker (NULL: closed); true while it is open at `now`. */
bool breaker_look(const struct agent *agent, int64_t now, struct breaker *breaker);

/* The ledger's clock: max(newest stored, wall at start) + boot time since; never goes back. */
int64_t ledger_now(struct ledger *ledger);

/* ---- 1. apply ---- */

enum op_type {
    OP_SUBMIT,      /* task (id, agent, caller, kind, session … set by the caller) */
    OP_DELEGATE,    /* a tool call that another task answers, needs fence: see struct delegation */
    OP_CALL_INTEND, /* call, needs fence; of a model also `reserve`. Where the budget has too little
                     * left the task ends here as `budget`; where the provider is at its limit the
                     * task is parked (rate): OK both times, outcome.state says so */
    OP_CALL_DROP,   /* call: task, step, idx of an intended model call that the provider turned away:
                     * its reservation goes back; needs fence */
    OP_CALL_RECORD, /* call: task, step, idx, response …, needs fence */
    OP_PARK,        /* wait_mode + waits, or `of_step`; needs fence */
    OP_FINISH,      /* handoff (+ failure), needs fence */
    OP_FAIL_TRY, /* the work failed: counts a try, queues again at retry_at or fails, needs fence */
    OP_RELEASE,  /* gives the lease back (drain): no try, no death, needs fence */
    OP_CANCEL,   /* reason; reaches the whole tree below the task */
    OP_REASSIGN, /* task_id's work goes to reassign.task (a new task with retry_of, taking its place
                  * in the tree: whoever waits for the old one waits for it); the old tree is
                  * cancelled. Needs id and agent; an instruction, data, name, kind, deliver, retry,
                  * result_schema or deadline that is not given is the old one's. CONFLICT
                  * "already_ended", REFUSED "same_agent" or "loop" */
    OP_EFFECT,   /* effect put in the outbox */
    OP_EFFECT_STATE, /* effect: id, state, receiver_id, reason, ready_at; expects effect->fence */
    OP_EVENT,        /* event: stream (NULL: the task's), type, body. In a stream "approval:ID",
                      * "job:ID" or "signal:ID" it satisfies the waits (kind, ID), also those that
                      * are parked only later */
    OP_INBOX,        /* inbox: source, message_id, task; DUP when seen */
    OP_REGISTER,     /* agent: id, nonce, version, pid, port, card. What it still holds is told by a
                      * ledger_extend behind it: LOST are those that it lost */
    OP_PROJECTED,    /* session: agent, key, projected */
    OP_DEFINE,       /* definition: kept under its hash; a repeat changes nothing */
    OP_RUN_START,    /* start: a task of kind flow, `waiting`, its run, and the fact run.started.
                      * DUP exists: `existing` is the run's id */
    OP_RUN_DECIDE,   /* decision: what the interpreter made of the facts; see struct run_decision.
                      * CONFLICT "decided" where another decision was faster, "ended" */
    OP_SIGNAL,       /* signal: a fact of an open run; NONE no_run, CONFLICT ended */
    OP_ASK,          /* approval: a tool call (task_id, fence, approval->call_step, call_idx, intended
                      * in this batch or before) asks people: it becomes `waiting` with the
                      * approval's id as its child, and the decision records it */
    OP_DECIDE,       /* decide: a person's word on an approval, first one wins; see struct decide */
    OP_PAUSE,        /* pause: id, by, reason, panic (of "company" only); people only. Of that scope
                      * nothing begins any more: no claim, no model or tool call, no delegation, no
                      * delivery, no decision of a run; who would begin is parked (wait "pause").
                      * outcome.existing: its id. DUP "paused" where it is so already; a panic on top
                      * of a pause takes its place. CONFLICT already_ended, NONE no_task */
    OP_RESUME,       /* pause: id, by. Whom no other pause holds goes on behind the last record.
                      * NONE "not_paused" */
    OP_JOB_STATE,    /* job: id, state, note, result, archived; job->updated_at, where it is not 0, is
                      * what it must be. A job that has ended stays as it is: CONFLICT ended */
};

/* The start of a run. With `task->parent` it is a sub-workflow (only inside a decision). */
struct run_start {
    struct task *task; /* id, caller, name, deadline_at … ; kind, agent and state are the ledger's */
    struct run *run;   /* name, definition, entry, inputs, key, retry_of, parent_run, parent_step */
    const char *seed;  /* JSON {step: {"state","output"}}: results of an earlier run that are taken
                        * over; NULL: none */
};

/* A task of a step: child of the run's task. The rules of the tree that guard against models that
 * run away (path, same question, fan_out, live) do not bind a graph that a person wrote; depth,
 * tasks, deadline and budget do. What is refused becomes the fact step.ended (failed, refused |
 * budget), not a failure of the decision. */
struct run_task {
    struct task *task; /* id, agent or RUNNER_AGENT, instruction, data, ready_at, … ; `run`, `step`,
                        * `step_round`, `step_try` say whose it is */
    struct amount limit;
};

/* What was to start and cannot (an agent that is gone, inputs that do not fit, no folder of jobs):
 * becomes the fact step.ended (failed) in the decision's transaction. */
struct run_refusal {
    const char *step;
    int64_t round, try;
    const char *failure_class, *failure_message;
};

/* What one decision of the interpreter changes, in one transaction. The order of the arrays is the
 * order in which they are carried out. */
struct run_decision {
    const char *run;
    int64_t expect;   /* run.decided as it was read */
    int64_t upto;     /* the newest fact that was looked at */
    const char *hash; /* chain hash behind this decision */
    const char *body; /* JSON: the event run.decided {"n","upto","time_at"?,"hash","actions"};
                       * one over LIMIT_INLINE becomes {"blob":…}, as facts do */
    struct run row;   /* state, ready_at, waiting, output, failure_*: what it becomes */
    struct step *steps; /* written as they are (started_at and finished_at are the ledger's) */
    size_t step_count;
    const char **cancel_steps; /* paths: what their newest round started is stopped: tasks, child
                                * runs, approvals, jobs; effects that were not yet sent are dead */
    size_t cancel_count;
    struct run_task *tasks;
    size_t task_count;
    struct run_start *runs; /* sub-workflows */
    size_t run_count;
    struct approval *approvals;
    size_t approval_count;
    struct effect *effects; /* `run`, `step`, `step_round` say whose it is */
    size_t effect_count;
    struct job *jobs;
    size_t job_count;
    const struct run_refusal *refusals;
    size_t refusal_count;
    const char *stuck; /* not NULL: this is no decision. The run cannot be followed, and this is why:
                        * `waiting` becomes that sentence, `ready_at` 0, and where it was another one
                        * before, the event run.stuck {"message"} says so. All else stays */
};

/* A person's word. The ledger looks, in this order: it is pending; its time is not over (else it
 * expires here and now: OK with outcome.state "expired"); the same bytes (subject_hash, where one is
 * given); the person is among the deciders; four_eyes; it has not voted yet; the form fits; a
 * rejection and changes_requested have a reason. outcome.state: "pending" while votes are missing,
 * else what it became. One rejection rejects. CONFLICT "decided" names who was first. */
struct decide {
    const char *approval;
    const char *person;       /* principal: "person:ceo"; "operator" is the owner of the folder */
    const char *const *roles; /* NULL-terminated; "*": every role */
    const char *decision;     /* approved rejected changes_requested answered */
    const char *subject_hash; /* NULL: not compared */
    const char *feedback;
    const char *answer; /* JSON */
    const char *via;
};

struct signal_op {
    const char *run, *name;
    const char *payload; /* JSON, NULL: null */
};

struct held {
    const char *task;
    int64_t fence;
    const char *note; /* progress, for status; may be NULL */
};

/* What a root may spend, and the company's budget above it (NULL: none). The company's row is made
 * when it is not there and takes the limit that is given. */
struct root_budget {
    struct amount limit;
    const char *company; /* "company:2026-11-22" */
    struct amount company_limit;
};

/* A delegation. `child` has id, agent, instruction …; parent, root, depth, path, caller, budget and
 * ask_hash are the ledger's. The rules of the tree are looked at before anything is written, and a
 * refusal is no failure of the batch: it becomes the call's result, {"text","is_error":true,
 * "failure_class","code"}, and an event `delegation.refused`. With `sync` the call is then
 * `waiting` and the child's end records it; with `async` it is recorded at once with the child's
 * id. */
struct delegation {
    int64_t step, idx;
    struct task *child; /* borrowed; NULL only with a refusal */
    const char *mode;   /* sync, async */
    int64_t patience_ms; /* sync: so long at most; then the call is recorded, the child goes on; 0: no
                          * limit but the deadline */
    struct amount limit; /* the child's own budget inside its parent's; -1: none of its own */
    bool may_revisit;    /* the child's agent may be on the path already */
    const char *routing; /* JSON of the decision, becomes the event `task.routed`; NULL: none */
    const char *refused_class, *refused_code, *refused_message; /* the caller's own refusal */
};

struct op {
    enum op_type type;
    const char *task_id; /* the task the op is about (all ops that need a fence; CANCEL) */
    int64_t fence;
    const char *root_limits; /* SUBMIT without a parent: JSON {"depth","tasks","live","fan_out",
                              * "wall_ms"} */
    const struct root_budget *root_budget; /* SUBMIT without a parent; NULL: nothing is counted */
    bool may_revisit; /* SUBMIT with a parent: its agent may be on the path already */
    union {
        /* SUBMIT; with a parent the rules of its tree hold, and a refusal is REFUSED with the code of
         * a delegation's; `fence`, where one is given, is the parent's, and root_budget->limit its
         * own budget */
        struct task *task;
        struct delegation *delegation;
        struct {
            struct call *call;
            struct amount reserve;
        };
        struct {
            const char *mode; /* "all" or "any" */
            const struct wait *waits;
            size_t count;
            bool of_step;  /* instead of waits: for the children of every waiting call of `step`; */
            int64_t step;  /* where none waits any more, the task is ready again at once */
        } park;
        struct {
            struct task *task;
        } reassign;
        struct {
            struct handoff *handoff;
            const char *failure_class, *failure_message; /* NULL unless blocked or failed */
        } finish;
        struct {
            const char *failure_class, *failure_message;
            int64_t retry_at; /* 0: the ledger's own back-off (1 s, doubling, ≤ 5 min) */
        } fail;
        struct {
            const char *reason; /* "cancelled" or "timeout" */
        } cancel;
        struct effect *effect;
        struct event *event;
        struct inbox *inbox;
        struct {
            struct agent *agent;
            const struct held *held;
            size_t held_count;
        } reg;
        struct session *session;
        struct definition *definition;
        struct run_start *start;
        struct run_decision *decision;
        struct signal_op *signal;
        struct approval *approval;
        struct decide *decide;
        struct job *job;
        const struct pause *pause;
    };
};

enum ledger_outcome {
    LEDGER_OK = 0,
    LEDGER_CONFLICT, /* a precondition failed: state changed, approval decided … */
    LEDGER_LOST,     /* the fence is not current: somebody else has the task, or nobody may */
    LEDGER_DUP,      /* it exists already: for SUBMIT `existing` is the task's id */
    LEDGER_REFUSED,  /* a limit or rule says no: code + message */
    LEDGER_NONE,     /* what the op speaks of does not exist */
    LEDGER_BUSY,     /* queue full or the disk is: try later; nothing was changed */
};

struct batch {
    const char *request_id; /* a repeat within 1 h by the same actor gets the first OK again (what
                             * changed nothing is looked at anew); NULL: no memory */
    const char *actor;      /* principal named by the events */
    const char *owner;      /* the agent whose tasks all ops must be about, else REFUSED with
                             * "not_allowed"; NULL: anybody's */
    struct op *ops;
    size_t count; /* ≤ LIMIT_BATCH_OPS */
};

struct outcome {
    enum ledger_outcome status;
    size_t index;      /* which op said so */
    char existing[64]; /* DUP: id of what exists */
    char code[40];     /* REFUSED: "key_reused", "queue_full", "budget" … */
    char message[320];
    int64_t incarnation; /* after REGISTER */
    char state[24];      /* after OK: of the task of the last op with a fence: "working", or what the
                          * batch made of it ("waiting", "queued", "failed" …); "" without one */
};

/* Applies the batch whole or not at all, and returns only when that is on disk. Where an op takes its
 * task out of the worker's hands (it ended for its budget, was parked by the gate, had been told to
 * stop …), the ops behind it in this batch that show the same fence for the same task are not done,
 * and the batch is OK: outcome.state says what became of the task. Returns 0 with
 * *outcome, or -1 with *err when the store failed (nothing changed; the caller answers 503). */
int ledger_apply(struct ledger *ledger, const struct batch *batch, struct outcome *outcome,
                 struct err *err);

/* ---- 2. claim ---- */

struct claim {
    const char *request_id; /* a repeat gets the same tasks again */
    const char *agent;
    const char *nonce; /* the worker; must be the agent's registered one, else LOST */
    size_t max;
    struct session **sessions; /* NULL, or gets an array in the arena: each task's session */
    int64_t *halt; /* NULL, or gets the number of the newest pause that the claim looked at; 0 for a
                    * repeat, which was looked at before */
};

/* Leases up to `max` ready tasks of the agent. *tasks (in the arena) is an array of *count.
 * outcome: OK (count may be 0) or LOST. */
int ledger_claim(struct ledger *ledger, const struct claim *claim, struct arena *arena,
                 struct task **tasks, size_t *count, struct outcome *outcome, struct err *err);

/* ---- 3. extend: in memory, not fsynced ---- */

enum extend_result {
    EXTEND_OK,
    EXTEND_LOST,
    EXTEND_CANCEL,
    EXTEND_PAUSE, /* renewed; but nothing more is to begin: the turn parks (wait "pause") */
    EXTEND_HALT,  /* panic: what runs is to end now, the task is given back; not renewed */
};

/* Renews leases of `agent` held by `nonce`. results[i] answers held[i]; for EXTEND_CANCEL
 * reasons[i] is "cancelled" or "timeout" (static text): the lease is not renewed any more, so who
 * does not stop is stopped by its end. A lease that expired while nobody claimed is taken up again
 * (that blocks for a commit). Also the agent's sign of life. Returns 0, or -1 when the ledger is
 * broken (then nothing is known to be lost). */
int ledger_extend(struct ledger *ledger, const char *agent, const char *nonce,
                  const struct held *held, size_t count, enum extend_result *results,
                  const char **reasons);

/* ---- pauses: kept in memory, too ---- */

/* What is paused, oldest first, in the arena. */
void ledger_pauses(struct ledger *ledger, struct arena *arena, struct pause **list, size_t *count);
bool ledger_is_paused(struct ledger *ledger); /* the company */

/* What holds the task back, the widest first: held->id NULL: nothing. 0, or -1 with *err. */
int ledger_pause_of(struct ledger *ledger, const struct task *task, struct arena *arena,
                    struct pause *held, struct err *err);

/* The number (`at`) of the newest pause there ever was; 0: there was none. A process that has seen
 * it and starts nothing of what is paused says so with ledger_acknowledge(). */
int64_t ledger_halt(struct ledger *ledger);
void ledger_acknowledge(struct ledger *ledger, const char *agent, const char *nonce, int64_t halt);

/* The processes that hold leases and have not acknowledged `halt`: of `agent`, or (NULL) of all. In
 * the arena. */
struct holder {
    const char *agent, *nonce;
    size_t tasks;
};
void ledger_unacknowledged(struct ledger *ledger, const char *agent, int64_t halt,
                           struct arena *arena, struct holder **list, size_t *count);

/* ---- 4. read and 5. query ---- */

/* Events of a stream from from_seq on, oldest first. */
int ledger_read(struct ledger *ledger, const char *stream, int64_t from_seq, size_t max,
                struct arena *arena, struct event **events, size_t *count, struct err *err);

/* The same of several streams, in one stand between two commits: who reads one by one waits for a
 * commit each time. At most `max` events of each, and LIMIT_LOOKS streams. */
struct ledger_look {
    const char *stream;
    int64_t from_seq;
    struct event *events; /* filled, in the arena */
    size_t count;
};
enum { LIMIT_LOOKS = 64 /* some 2 ms: nobody holds the store for longer */ };
int ledger_read_many(struct ledger *ledger, struct ledger_look *looks, size_t count, size_t max,
                     struct arena *arena, struct err *err);

/* The events of all streams in one order, that of their commits: those with a number above `after`,
 * oldest first, at most `max`. */
struct ledger_feed {
    struct event *events; /* in the arena */
    size_t count;
    int64_t newest;  /* number of the newest event of all; 0: there is none */
    int64_t retired; /* up to this number events may be missing: retention has taken some away */
};
int ledger_feed(struct ledger *ledger, int64_t after, size_t max, struct arena *arena,
                struct ledger_feed *feed, struct err *err);

/* 32 hex digits, made with the ledger and kept with it; a ledger that was restored from a backup has
 * another one. A cursor of the feed is worth nothing without it: after a restore the same number is
 * another event. Borrowed, never changes while the ledger is open. */
const char *ledger_id(const struct ledger *ledger);

/* One row by its key: `row` is zeroed but for its key fields and is filled. 0 found, LEDGER_NONE
 * absent, -1 the store failed. */
int ledger_get(struct ledger *ledger, const struct record *record, void *row, struct arena *arena,
               struct err *err);

/* Rows by one of the fixed lists below, in the arena; `a`, `b` as the list says (NULL: any). A
 * page of runs ends between two milliseconds, so it may have more than `max`. */
enum ledger_list {
    LIST_TASKS,            /* newest first; a = agent, b = state; cursor = seq to go on below */
    LIST_TASKS_OPEN,       /* not terminal, oldest first; a = agent */
    LIST_TASKS_BY_PREFIX,  /* ids that start with a */
    LIST_TASKS_OF_SESSION, /* a = agent, b = session key; terminal ones with finish number > cursor,
                            * in the order in which they ended */
    LIST_CHILDREN,         /* a = parent task id; oldest first; cursor = seq to go on above */
    LIST_TREE,             /* a = root id; oldest first; cursor = seq to go on above */
    LIST_CALLS,            /* a = task id; by step, idx */
    LIST_WAITS,            /* a = task id */
    LIST_WAITERS,          /* a = kind, b = id: the waits for that */
    LIST_EFFECTS,          /* a = task id */
    LIST_EFFECTS_BY_STATE, /* a = state, b = destination; by ready_at, cursor = go on above */
    LIST_SESSIONS,         /* a = agent; newest first */
    LIST_SESSIONS_RETIRED, /* a = agent: those that wait for their transcripts to go; oldest first */
    LIST_AGENTS,
    LIST_USAGE,            /* a = first day, b = last day (NULL: no bound); by day, agent, model */
    LIST_RUNS,             /* newest first; a = name, b = state; cursor = created_at to go on below */
    LIST_RUNS_DUE,         /* open ones whose ready_at is not 0 and not after `cursor` */
    LIST_RUNS_BY_PREFIX,   /* ids that start with a */
    LIST_STEPS,            /* a = run; all rounds, by path and round */
    LIST_APPROVALS,        /* a = state, oldest first, cursor = created_at to go on above; NULL: the
                            * pending ones, oldest first, then the newest of the others; no cursor */
    LIST_APPROVALS_BY_PREFIX,
    LIST_APPROVALS_OF_RUN, /* a = run */
    LIST_VOTES,            /* a = approval */
    LIST_JOBS,             /* a = state (NULL: any), newest first */
    LIST_JOBS_TO_ARCHIVE,  /* ended and not archived */
};
int ledger_query(struct ledger *ledger, enum ledger_list list, const char *a, const char *b,
                 int64_t cursor, size_t max, struct arena *arena, void **rows, size_t *count,
                 struct err *err);

/* Counts for status: tasks by state of one agent, from memory or an index; cheap. */
struct ledger_counts {
    int64_t queued, working, waiting;
};
int ledger_count(struct ledger *ledger, const char *agent, struct ledger_counts *counts,
                 struct err *err);

/* How many runs are in the state, sub-workflows' runs too; from an index. */
int ledger_count_runs(struct ledger *ledger, const char *state, int64_t *count, struct err *err);

/* What metrics show of the ledger: counted in memory since it was opened, or read from the ends of
 * indexes. Nothing here grows with the number of tasks or events; what is counted grows with open
 * approvals, effects that are not confirmed, and open runs: some 2 ms for 100,000. */
enum { LEDGER_COMMIT_BUCKETS = 12, LEDGER_EFFECT_STATES = 5 };
extern const int64_t ledger_commit_bounds_us[LEDGER_COMMIT_BUCKETS]; /* inclusive upper ends */
struct ledger_figures {
    int64_t newest_event;
    int64_t commits, batches, commit_us; /* groups, what they carried, the time they took together */
    int64_t commit_buckets[LEDGER_COMMIT_BUCKETS]; /* how many groups took how long */
    int64_t oldest_queued_at, oldest_asked_at;     /* creation; 0: there is none */
    int64_t asked;                                 /* approvals that are pending */
    struct {
        const char *state;
        int64_t count;
    } effects[LEDGER_EFFECT_STATES]; /* but for confirmed ones */
    int64_t runs_running, runs_waiting;
};
int ledger_read_figures(struct ledger *ledger, struct ledger_figures *figures, struct err *err);

/* Signs of life and progress kept by extend: ms since the agent was last heard (-1: never), and the
 * note of a task ("" when none). */
int64_t ledger_agent_seen_ms(struct ledger *ledger, const char *agent);
void ledger_task_note(struct ledger *ledger, const char *task, char note[128]);

/* ---- 6. blobs ---- */

/* Stores bytes under their sha256, fsynced before return; a repeat is free. */
int ledger_blob_put(struct ledger *ledger, const void *bytes, size_t len, char hex[65],
                    struct err *err);
/* 0 found (bytes in the arena, NUL behind), LEDGER_NONE, or -1. */
int ledger_blob_get(struct ledger *ledger, const char *hex, struct arena *arena, char **bytes,
                    size_t *len, struct err *err);

/* ---- 7. wait ---- */

/* Blocks until something was committed or became due, at most `ms`; *keys (in the arena) then names
 * what was touched since the last call: "queue:<agent>", "task:<id>", "run:<id>", "stream:<id>",
 * "agents", "effects", "jobs", or "*" (too much to name: look at everything). A hint: the listener
 * looks again. One listener only. Returns false when the ledger is closing, or broken: after a commit whose outcome
 * is not known every call fails with "store_failed" and the process is to end. */
bool ledger_wait(struct ledger *ledger, int64_t ms, struct arena *arena, const char ***keys,
                 size_t *count);

/* Asks the commit thread and the store for a transaction that changes nothing, and blocks until it
 * is over: whoever waits long knows that nobody's work gets on. 0, or -1 with *err. */
int ledger_ping(struct ledger *ledger, struct err *err);

/* Ends the waiting for good: ledger_wait() returns false, now and from then on. For who closes; all else
 * goes on. Any thread. */
void ledger_end_wait(struct ledger *ledger);

/* ---- 8. admin ---- */

enum admin { ADMIN_CHECK, ADMIN_CHECK_BLOBS, ADMIN_BACKUP, ADMIN_VACUUM };

/* CHECK_BLOBS: reads every blob, a whole one at a time: for copies. CHECK: integrity of the store, hash chains, lanes, counters: *findings (arena) is an array of
 * sentences, empty when clean. BACKUP: writes a consistent copy to `path`. Sliced: nothing holds
 * the store longer than 5 ms at a time. */
int ledger_admin(struct ledger *ledger, enum admin what, const char *path, struct arena *arena,
                 const char ***findings, size_t *count, struct err *err);

/* Retention: requests that ended `keep_ms` ago, with nothing of them open, undelivered or in no
 * transcript yet, are written to DIR/YYYY-MM.jsonl (the month of their end), synced, and taken out of
 * the ledger; likewise the old ends of the streams chronicle, system and inbox. Some of them per
 * call, nothing held for more than 5 ms: call again while done->more. Zero *done before the first. 0,
 * or -1 with *err ("disk_full", "archive_failed", "closing" after
 * ledger_end_wait()): what was not archived stays. One caller only. */
struct ledger_retention {
    int64_t keep_ms;
    const char *archive; /* DIR; made where it is not there */
    const char *blobs;   /* the store's folder of large blobs, in the same file system; NULL: none */
};
struct ledger_retired {
    int64_t roots; /* how many went, in all calls */
    bool more;
    int64_t after_at; /* how far they were looked through */
    char after_id[64];
};
int ledger_retire(struct ledger *ledger, const struct ledger_retention *how,
                  struct ledger_retired *done, struct err *err);

/* The agent has removed the transcripts of these of its sessions, keys of LIST_SESSIONS_RETIRED:
 * they leave the ledger, but for those that somebody has come back to. At most LIMIT_RETIRED_PAGE of
 * them. *gone: how many. A repeat does no harm. 0, or -1 with *err. */
int ledger_forget_sessions(struct ledger *ledger, const char *agent, const char *const *keys,
                           size_t count, int64_t *gone, struct err *err);

/* Takes away blobs that no row names and that were put more than a day ago. Reads everything, a page
 * at a time. *removed: how many. One caller only, and not while ledger_retire() works. */
int ledger_drop_blobs(struct ledger *ledger, int64_t *removed, struct err *err);

/* Gives the ledger another id, on disk: for a copy that goes on as a ledger of its own. Before anybody
 * else uses it. 0, or -1 with *err. */
int ledger_renew_id(struct ledger *ledger, struct err *err);

#endif
