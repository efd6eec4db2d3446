/* The rules of a script, read and checked (docs/script-model.md). */
#ifndef HQ_MODEL_SCRIPT_RULES_H
#define HQ_MODEL_SCRIPT_RULES_H

#include <jansson.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/finding.h"
#include "model/model.h"

struct script_pattern {
    const char *text; /* NULL: not asked for */
    bool is_regex;
    regex_t regex; /* where is_regex */
};

struct script_fault {
    const char *kind; /* NULL: none */
    enum model_outcome outcome;
    bool is_cut;
    int64_t after_ms; /* Retry-After; -1 */
    int64_t times;    /* -1: always */
};

struct script_rule {
    const char *model; /* NULL: any, as all of `when` */
    struct script_pattern system, user, contains;
    const json_t *tools; /* array of names */
    int64_t step;        /* -1: any */
    int failed;          /* -1: any */

    const char *say, *think; /* NULL: none */
    const json_t *calls;     /* array of {tool, with?} */
    int64_t delay_ms, pause_ms, pieces;
    int64_t usage_in, usage_out; /* -1: estimated */
    struct script_fault fault;
    atomic_llong faults_done;
};

enum { SCRIPT_PARTS = 8 /* files that `also` names */ };

struct script_rules {
    struct arena arena;
    struct yaml_document *document;
    struct script_rule *rules;
    size_t count;
    double pace; /* by which delays and pauses are multiplied */
    const char
        *also[SCRIPT_PARTS + 1]; /* files whose rules follow, beside this one; NULL-terminated */
};

/* Which place a text has among the files of one script. */
enum script_part {
    SCRIPT_WHOLE,  /* the file that the company names */
    SCRIPT_MIDDLE, /* named by its `also`: others follow */
    SCRIPT_LAST,   /* the last of those */
};

/* Reads the text of a script's file. Returns the rules (script_rules_close() them), or NULL with at
 * least one error in `findings`. The last rule of all matches anything. */
struct script_rules *script_rules_read(const char *bytes, size_t len, enum script_part part,
                                       struct findings *findings);
void script_rules_close(struct script_rules *rules);

#endif
