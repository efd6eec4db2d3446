/* Who is there: agents and processes; and what may be spent: budgets. */
#ifndef HQ_WIRE_COMPANY_H
#define HQ_WIRE_COMPANY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"

struct agent {
    const char *id;
    const char *card;    /* JSON: name, capabilities, model, price class, tools */
    const char *nonce;   /* of the process that serves it now */
    const char *version; /* hq version of that process */
    int64_t incarnation; /* goes up with every new process */
    int64_t pid, port;
    int64_t seen_at;     /* last register (signs of life in between are kept in memory) */
    bool paused;
    const char *breaker; /* JSON, NULL: closed */
};
extern const struct record agent_record;

struct process {
    const char *name; /* "hub", "gateway:manager" */
    const char *nonce, *version;
    int64_t pid, started_at;
};
extern const struct record process_record;

/* Escrow: a child's limit is a reservation in its parent. limit = -1: none. */
struct budget {
    const char *id, *parent;
    const char *unit; /* micro_usd, tokens, ms, calls */
    int64_t limit_value, reserved, spent;
};
extern const struct record budget_record;

#endif
