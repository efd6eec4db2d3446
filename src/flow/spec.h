/* A workflow as it was compiled from its YAML: what the interpreter, the graph and the plan read.
 * Immutable; everything lies in the bundle's arena (flow/bundle.h). */
#ifndef HQ_FLOW_SPEC_H
#define HQ_FLOW_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/finding.h"

struct err;
struct expr;         /* flow/expr.h */
struct flow_value;   /* flow/expr.h: a JSON value with ${{ }} in its texts */
struct json_schema;  /* base/json_schema.h */

enum flow_kind {
    FLOW_TASK,     /* agent or capability */
    FLOW_APPROVE,
    FLOW_EFFECT,
    FLOW_RUN,
    FLOW_WAIT,
    FLOW_JOB,
    FLOW_WORKFLOW, /* a sub-workflow */
};

/* "agent", "approve" …: the word in the file, in rows, in JSON. */
const char *flow_kind_word(enum flow_kind kind);

struct flow_input {
    const char *name;
    const char *type; /* string number integer boolean list object */
    const char *doc;  /* `description` */
    bool required;
    json_t *fallback;  /* `default`; NULL: null */
    json_t *choices;   /* `enum`, an array; NULL: any */
    int64_t max_length; /* of a string, in characters; default 4000 */
};

struct flow_retry {
    int64_t attempts; /* all in all; 1: no retry */
    int64_t initial_ms, max_ms;
    double factor;
    bool jitter; /* ± 20 %, from a hash of (run, step, round, try): no random */
};

struct flow_approve {
    struct flow_value *show, *title;
    const char *const *by; /* "person:x", "role:x"; NULL-terminated; empty: anybody with a say */
    int64_t expires_ms;    /* default 24 h */
    int64_t votes;         /* from 1 */
    bool four_eyes;
    int64_t rerun;  /* index of the step that changes_requested runs again; -1: not offered */
    int64_t rounds; /* how often at most; default 3; then changes_requested rejects */
    json_t *form;   /* JSON Schema of the answer, NULL: none */
};

struct flow_step {
    const char *id;
    const char *title; /* for people; default: the id */
    enum flow_kind kind;
    struct place at; /* of its key in the file */
    const size_t *needs, *feeds; /* indexes of steps: whom it waits for, who waits for it */
    size_t need_count, feed_count;
    struct expr *condition; /* `if`; NULL: always */
    struct flow_value *with; /* an object; NULL: none */
    struct flow_retry retry;
    int64_t timeout_ms; /* of one try; 0: none (approve, effect, wait without it) */
    bool continue_on_error;
    json_t *schema; /* of its output (read in, also from a file); NULL: any */
    /* by kind */
    const char *agent, *capability;
    struct flow_value *task; /* text; only inputs and run may stand in it */
    int64_t micro_usd, tokens; /* its own budget; -1: none */
    struct flow_approve approve;
    const char *effect;  /* message webhook */
    const char *command; /* of `run`: never has ${{ }} */
    struct flow_value *input; /* of `run`: standard input */
    bool output_is_json;      /* of `run`: `output: { format: json }` */
    const char *on_unknown;   /* of `run` and `effect`: ask (default) fail retry */
    int64_t wait_ms;          /* `wait: { for }`; -1: none */
    struct flow_value *wait_until; /* RFC 3339 */
    const char *signal;
    json_t *job;              /* name, script, type, project, files, notify: plain texts */
    struct flow_value *job_args; /* an array */
    const char *workflow;     /* entry of the bundle */
};

struct flow {
    const char *name, *path; /* path: within the bundle */
    const char *doc;
    const struct flow_input *inputs;
    size_t input_count;
    const struct flow_step *steps; /* in the order of the file */
    size_t step_count;
    const size_t *by_id;           /* their indexes, ordered by name */
    const struct flow_step *on_failure; /* an agent step called "on_failure"; NULL: none */
    struct flow_value *output;          /* NULL: see interpret.h */
    int64_t micro_usd, tokens, wall_ms; /* budget; -1: none */
    int64_t limit_depth, limit_tasks, limit_live; /* 0: the company's; live: steps at once, default
                                                   * LIMIT_FLOW_LIVE */
};

/* The time that a run may take whose file has no budget.wall. */
#define FLOW_WALL_MS (INT64_C(31) * 24 * 3600 * 1000)

/* Index of the step of that name, or -1. */
int64_t flow_step_index(const struct flow *flow, const char *id);

/* Checks what was given for the inputs and fills in defaults: a new object, or NULL with *err (code
 * "bad_input"): all misfits in one sentence each. `given` may be NULL. Texts of the command line
 * ("3", "true") are read as the input's type where `is_text`. */
json_t *flow_inputs(const struct flow *flow, const json_t *given, bool is_text, struct err *err);

#endif
