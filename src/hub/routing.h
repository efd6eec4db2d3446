/* Which agent gets a piece of work that names none: filter, then score. Pure: a function of what is
 * asked and of a snapshot of the agents. */
#ifndef HQ_HUB_ROUTING_H
#define HQ_HUB_ROUTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct config;
struct config_agent;

/* One agent as it is now. */
struct route_agent {
    const struct config_agent *config;
    bool paused, breaker_open;
    int64_t seen_ms; /* since it was last heard of; -1: never, by no hub */
    int64_t queued, working, waiting;
    int64_t price;        /* micro-USD of 1,000 tokens in and 1,000 out; -1: no price is known */
    int64_t done, failed; /* how its tasks ended lately */
};

/* What is looked for: `capability`, or `text` whose words are matched; and on whose behalf. */
struct route_query {
    const struct config *config;
    const char *capability, *text;
    const char *caller;     /* id of the agent that asks; NULL: a person, who may ask all */
    const json_t *path;     /* array of the agents above; NULL: none */
    int64_t micro_usd_left; /* -1: no limit */
};

struct route_candidate {
    const struct route_agent *agent;
    int64_t score;
    const char *const *matched; /* NULL-terminated, never NULL: the words of its own that matched */
    const char *excluded;       /* why it cannot be; NULL: it can */
};

struct route_decision {
    struct route_candidate *candidates; /* best first, then the excluded ones in the file's order */
    size_t count, able;                 /* of all; of those that can */
};

/* Fills *decision, in the arena. Equal scores keep the order of `agents`, which is the file's. The
 * chosen one is the first, if any is able. */
void route_decide(const struct route_query *query, const struct route_agent *agents, size_t count,
                  struct arena *arena, struct route_decision *decision);

/* {"chosen","candidates":[{"agent","score","matched","queued","working","price","done","failed",
 * "excluded"?}]} with at most `max` candidates; "left_out" says how many more there were. */
json_t *route_to_json(const struct route_decision *decision, size_t max);

/* The decision as the body of an event: what was looked for, the best candidates; in the arena. */
const char *route_event(const struct route_query *query, const struct route_decision *decision,
                        struct arena *arena);

/* Why nobody was chosen: a sentence that names those who would have matched; in the arena. */
const char *route_refusal(const struct route_query *query, const struct route_decision *decision,
                          struct arena *arena);

/* The words of `text` that stand for a term: all of its words must be in the text (case-folded,
 * whole words, simple English stems). For a term of several words *part says whether one of four
 * letters or more is there. */
struct route_words;
struct route_words *route_words_open(const char *text);
void route_words_close(struct route_words *words);
bool route_words_have(const struct route_words *words, const char *term, bool *part);

#endif
