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

/* Work that a person has stopped until it is resumed: no model call, tool call or delivery of it
 * begins. */
struct pause {
    const char *id;     /* "company", "agent:<id>" or "task:<id>": that task and all below it */
    const char *by;     /* principal */
    const char *reason; /* NULL: none was given */
    bool panic;         /* what was running was broken off, too */
    int64_t at;         /* no two are the same, and a later one is greater: the number of the halt */
    bool lifted;        /* it holds nothing any more; the row goes once who waits for it is awake */
};
extern const struct record pause_record;

struct process {
    const char *name; /* "hub", "gateway:manager" */
    const char *nonce, *version;
    int64_t pid, started_at;
};
extern const struct record process_record;

/* Escrow. A budget has an owner (a task's id, or "company:2026-11-22" for the company's period) and
 * one row per unit: id "<owner>/usd" and "<owner>/tokens". Before a model call its worst price is
 * reserved in the row of the task's owner and in every row above it; after it what was spent is
 * booked in all of them and the rest goes back. So spent + reserved ≤ limit_value at every instant
 * and level. limit_value = -1: no limit of its own. */
struct budget {
    const char *id, *parent;
    const char *unit; /* micro_usd, tokens */
    int64_t limit_value, reserved, spent;
};
extern const struct record budget_record;

/* What model calls cost, summed in the transaction that records each. */
struct usage {
    const char *day; /* UTC, "2026-11-22" */
    const char *agent, *model;
    int64_t calls, tokens_in, tokens_out, tokens_cached, tokens_reasoning;
    int64_t cost_micro_usd, unpriced; /* money of the priced calls; number of the others */
};
extern const struct record usage_record;

#endif
