/* One workflow file on its way from YAML to struct flow: what the parts of the compiler share. */
#ifndef HQ_FLOW_COMPILE_H
#define HQ_FLOW_COMPILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "config/yaml.h"
#include "flow/bundle.h"
#include "flow/expr.h"
#include "flow/spec.h"

/* What an expression may see. */
enum flow_sight {
    SIGHT_TASK,    /* inputs and run */
    SIGHT_STEP,    /* and the steps upstream of `step` */
    SIGHT_FAILURE, /* and all steps, and how the run failed */
    SIGHT_OUTPUT,  /* inputs, run and all steps */
};

/* An expression or a value with some in it, to be checked when all steps are known. */
struct flow_use {
    const struct expr *expr; /* or */
    const struct flow_value *value;
    enum flow_sight sight;
    size_t step;
    struct expr_source source;
};

struct flow_compile {
    struct flow_bundle *bundle;
    const char *name; /* of the file in the bundle */
    const struct yaml_document *document;
    struct findings *findings;
    struct arena *arena;
    struct flow *flow;
    struct flow_step *steps; /* flow->steps, writable */
    struct map ids;          /* of steps → &steps[i] */
    struct flow_use *uses;   /* grows in the arena */
    size_t use_count, use_cap;
    const char *const *names; /* of all steps, for near misses; made when first needed */
    const size_t *order;      /* indexes of steps, needs first */
    uint64_t *upstream;       /* a row of bits for each step; made when first needed, malloc */
    size_t row;               /* words in a row */
    bool has_cycle;
};

/* Fills `flow` from the document; findings say what is wrong. Values of a wrong form (check_table()
 * has refused them) count as absent. */
void flow_compile(struct flow_compile *compile);

/* One step of `steps`, or `on_failure`. */
void flow_compile_step(struct flow_compile *compile, struct flow_step *step, const json_t *value,
                       const char *pointer);

/* Joins the steps by their needs; finds cycles. */
void flow_order_steps(struct flow_compile *compile);

/* Is step `above` among what `below` needs, directly or through others? Only where there is no
 * cycle. */
bool flow_is_upstream(struct flow_compile *compile, size_t above, size_t below);

/* Checks all uses: references, types. */
void flow_check_uses(struct flow_compile *compile);

/* What a kind of step asks beyond the form of its keys. */
void flow_check_kind(struct flow_compile *compile, const struct flow_step *step,
                     const json_t *value, const char *pointer);

/* The step that changes_requested runs again stands upstream of the one that asks. */
void flow_check_reruns(struct flow_compile *compile);

/* Agents, capabilities, webhooks, people: are they in the company? */
struct config;
void flow_check_company(struct flow_compile *compile, const struct config *config);

/* Index of the step, or -1 after an error at `at` that names `what`. */
int64_t flow_step_named(struct flow_compile *compile, const char *id, struct place at,
                        const char *what);

/* The step's name that is nearest to `id`, or NULL; where many have been looked for in vain, none is
 * looked for any more. */
const char *flow_step_near(struct flow_compile *compile, const char *id);

/* Adds a use; `pointer` is where its text stands. NULL where the value is absent or wrong. */
struct expr *flow_compile_expr(struct flow_compile *compile, const json_t *value,
                               const char *pointer, const struct flow_use *use);
struct flow_value *flow_compile_value(struct flow_compile *compile, const json_t *value,
                                      const char *pointer, const struct flow_use *use);

/* Another workflow, as a step names it: the entry that it is in the bundle; NULL with errors. */
const char *flow_compile_reference(struct flow_compile *compile, const char *path,
                                   const char *pointer);

/* The bundle drops the value when it is closed. */
void flow_bundle_keep(struct flow_bundle *bundle, json_t *value);

/* A schema, inline or in a file: kept by the bundle; NULL with errors. */
json_t *flow_compile_schema(struct flow_compile *compile, const json_t *value, const char *pointer,
                            const char *what);

/* Numbers (whole, durations in ms, amounts, micro-USD), flags and texts by the table of keys:
 * `path` is the key's path there, its last part the member's name. The table's default, else -1 or
 * NULL, where the value is absent or of a wrong form. */
int64_t flow_number(const json_t *object, const char *path);
bool flow_flag(const json_t *object, const char *path);
const char *flow_text(struct flow_compile *compile, const json_t *object, const char *path);

/* The place of the value at a pointer, and of its key. */
struct place flow_place(const struct flow_compile *compile, const char *pointer);
struct place flow_key_place(const struct flow_compile *compile, const char *pointer);

/* pointer/name, in the arena. */
const char *flow_below(const struct flow_compile *compile, const char *pointer, const char *name);

/* "/steps/fix/needs/0" → "steps.fix.needs". */
const char *flow_what(const struct flow_compile *compile, const char *pointer);

#endif
