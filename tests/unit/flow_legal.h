/* Is a run legal? A slow and simple second reading of docs/workflows.md, which shares no code with
 * the interpreter: it sees facts and actions go by and objects to the first action that no rule
 * allows. */
#ifndef HQ_TESTS_FLOW_LEGAL_H
#define HQ_TESTS_FLOW_LEGAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow/spec.h"

/* What a step's `if` says; the checker cannot read expressions. */
enum legal_if { IF_NONE, IF_FALSE, IF_TRUE, IF_FIRST_NEED_DONE };

enum legal_verdict { NO_VERDICT, GOOD, BAD, BAD_FOR_GOOD, REJECTED, CANCELLED, CHANGES };

struct legal_step {
    enum { PENDING, OPEN, ENDED } state;
    const char *end;
    enum legal_verdict verdict; /* of the facts about its try */
    bool stopped, signalled, signalled_next;
    int64_t round, tries, changes, since, until;
};

struct legal {
    const struct flow *flow;
    const enum legal_if *ifs;
    struct legal_step *steps; /* on_failure behind the others */
    bool *changing;           /* gates at which changes were requested */
    bool over;
    const char *end;
    int64_t now;
    char problem[300]; /* "": none so far */
};

void legal_init(struct legal *legal, const struct flow *flow, const enum legal_if *ifs);
void legal_fini(struct legal *legal);
void legal_fact(struct legal *legal, const char *type, const json_t *body, int64_t at);
void legal_decision(struct legal *legal, const json_t *actions);

#endif
