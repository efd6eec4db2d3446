/* Filter by what is impossible, then score what is left. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "hub/routing.h"

/* What a match, an idle queue, past success and a low price are worth. What fits best wins over
 * what is free; among equals the others decide. */
enum {
    WORTH_CAPABILITY = 100, /* all words of a capability */
    WORTH_NAME = 60,        /* the agent's own id, name or alias */
    WORTH_PART = 30,        /* one word of a capability of several */
    WORTH_QUEUE = 25,
    WORTH_SUCCESS = 25,
    WORTH_PRICE = 15,
    WORTH_DOWN = -200, /* it would wait; better than nobody */
    DOWN_MS = 60000,   /* no sign of life for so long */
    MATCHES_SHOWN = 16,
    CANDIDATES_KEPT = 12, /* in an event */
};

struct matching {
    const struct route_query *query;
    const struct config_agent *caller; /* NULL: a person */
    const struct route_words *words;   /* of the query's text; NULL: a capability is looked for */
};

struct matches {
    const char **names;
    size_t count;
    int64_t worth;
};

static void match_add(struct matches *matches, const char *name, int64_t worth)
{
    matches->worth += worth;
    if (matches->count < MATCHES_SHOWN)
        matches->names[matches->count++] = name;
}

/* A term of the agent's own: worth `whole` where all of its words are in the text. */
static void match_term(const struct matching *matching, struct matches *matches, const char *term,
                       int64_t whole)
{
    bool part;
    if (route_words_have(matching->words, term, &part))
        match_add(matches, term, whole);
    else if (part && whole == WORTH_CAPABILITY)
        match_add(matches, term, WORTH_PART);
}

static void match_agent(const struct matching *matching, const struct config_agent *agent,
                        struct matches *matches)
{
    if (!matching->words) {
        if (str_in(matching->query->capability, agent->capabilities))
            match_add(matches, matching->query->capability, WORTH_CAPABILITY);
        return;
    }
    for (size_t i = 0; agent->capabilities[i]; i++)
        match_term(matching, matches, agent->capabilities[i], WORTH_CAPABILITY);
    size_t before = matches->count;
    match_term(matching, matches, agent->id, WORTH_NAME);
    if (agent->name && matches->count == before)
        match_term(matching, matches, agent->name, WORTH_NAME);
    for (size_t i = 0; agent->aliases[i] && matches->count == before; i++)
        match_term(matching, matches, agent->aliases[i], WORTH_NAME);
}

static bool path_has(const json_t *path, const char *agent)
{
    for (size_t i = 0; i < json_array_size(path); i++)
        if (str_eq(json_string_value(json_array_get(path, i)), agent))
            return true;
    return false;
}

/* May it be asked although it is on the path already? */
static bool may_revisit(const struct config_agent *caller, const char *agent)
{
    return caller && caller->revisits && str_in(agent, caller->revisits);
}

/* Why not, as words for people; NULL: it can be. */
static const char *excluded(const struct matching *matching, const struct route_agent *agent,
                            const struct matches *matches)
{
    const struct route_query *query = matching->query;
    const struct config_agent *caller = matching->caller;
    const char *id = agent->config->id;
    if (matches->count == 0)
        return query->capability ? "it does not have this capability"
                                 : "no word of the text is one of its own";
    if (caller == agent->config)
        return "it is the one that asks";
    if (caller && !config_agent_may_delegate(caller, agent->config))
        return "the caller may not delegate to it";
    if (path_has(query->path, id) && !may_revisit(caller, id))
        return "it is on the path of this request already";
    if (agent->paused)
        return "it is paused";
    if (agent->breaker_open)
        return "it is held after failures";
    if (agent->seen_ms < 0)
        return "it has never been seen";
    if (agent->queued + agent->working + agent->waiting >= LIMIT_QUEUE_PER_AGENT)
        return "its queue is full";
    if (query->micro_usd_left >= 0 && agent->price > query->micro_usd_left)
        return "a call of its model costs more than is left";
    return NULL;
}

static int64_t score(const struct route_agent *agent, const struct matches *matches,
                     int64_t cheapest)
{
    int64_t busy = agent->queued + agent->working;
    int64_t points = matches->worth + WORTH_QUEUE / (1 + busy);
    points += WORTH_SUCCESS * (agent->done + 1) / (agent->done + agent->failed + 2);
    if (agent->price > 0)
        points += WORTH_PRICE * cheapest / agent->price;
    else if (agent->price == 0)
        points += WORTH_PRICE;
    return agent->seen_ms > DOWN_MS ? points + WORTH_DOWN : points;
}

/* The lowest price above nothing; 0 where something costs nothing. */
static int64_t cheapest_of(const struct route_agent *agents, size_t count)
{
    int64_t cheapest = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (agents[i].price >= 0 && agents[i].price < cheapest)
            cheapest = agents[i].price;
    return cheapest == INT64_MAX ? 0 : cheapest;
}

/* Able before excluded, then by score, then by the file's order. */
static int compare(const void *left, const void *right)
{
    const struct route_candidate *a = left, *b = right;
    if (!a->excluded != !b->excluded)
        return a->excluded ? 1 : -1;
    if (!a->excluded && a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->agent < b->agent ? -1 : a->agent > b->agent;
}

void route_decide(const struct route_query *query, const struct route_agent *agents, size_t count,
                  struct arena *arena, struct route_decision *decision)
{
    struct matching matching = {.query = query,
                                .caller = config_agent(query->config, query->caller)};
    int64_t cheapest = cheapest_of(agents, count);
    if (!query->capability)
        matching.words = route_words_open(query->text ? query->text : "");
    *decision = (struct route_decision){.count = count};
    decision->candidates = arena_alloc(arena, (count + 1) * sizeof(*decision->candidates));
    const char *names[MATCHES_SHOWN + 1];
    for (size_t i = 0; i < count; i++) {
        struct route_candidate *candidate = &decision->candidates[i];
        struct matches matches = {.names = names};
        match_agent(&matching, agents[i].config, &matches);
        names[matches.count] = NULL;
        candidate->agent = &agents[i];
        candidate->matched = arena_alloc(arena, (matches.count + 1) * sizeof(*names));
        memcpy((void *)candidate->matched, names, (matches.count + 1) * sizeof(*names));
        candidate->excluded = excluded(&matching, &agents[i], &matches);
        candidate->score = candidate->excluded ? 0 : score(&agents[i], &matches, cheapest);
        decision->able += !candidate->excluded;
    }
    route_words_close((struct route_words *)matching.words);
    if (count > 0)
        qsort(decision->candidates, count, sizeof(*decision->candidates), compare);
}

static json_t *candidate_to_json(const struct route_candidate *candidate)
{
    const struct route_agent *agent = candidate->agent;
    json_t *matched = json_array();
    for (size_t i = 0; candidate->matched[i]; i++)
        json_array_append_new(matched, json_string(candidate->matched[i]));
    json_t *item = json_pack("{s:s,s:I,s:o,s:I,s:I,s:I,s:I}", "agent", agent->config->id, "score",
                             (json_int_t)candidate->score, "matched", matched, "queued",
                             (json_int_t)agent->queued, "working", (json_int_t)agent->working,
                             "done", (json_int_t)agent->done, "failed", (json_int_t)agent->failed);
    if (agent->price >= 0)
        json_object_set_new(item, "price", json_integer(agent->price));
    json_set_text(item, "excluded", candidate->excluded);
    return item;
}

json_t *route_to_json(const struct route_decision *decision, size_t max)
{
    json_t *items = json_array();
    for (size_t i = 0; i < decision->count && i < max; i++)
        json_array_append_new(items, candidate_to_json(&decision->candidates[i]));
    json_t *json = json_pack("{s:o}", "candidates", items);
    json_object_set_new(json, "chosen",
                        decision->able > 0 ? json_string(decision->candidates[0].agent->config->id)
                                           : json_null());
    if (decision->count > max)
        json_object_set_new(json, "left_out", json_integer((json_int_t)(decision->count - max)));
    return json;
}

const char *route_event(const struct route_query *query, const struct route_decision *decision,
                        struct arena *arena)
{
    json_t *json = route_to_json(decision, CANDIDATES_KEPT);
    json_set_text(json, "capability", query->capability);
    const char *text = json_print(arena, json);
    json_decref(json);
    return text;
}

const char *route_refusal(const struct route_query *query, const struct route_decision *decision,
                          struct arena *arena)
{
    struct buf why = {0};
    for (size_t i = decision->able; i < decision->count; i++) {
        const struct route_candidate *candidate = &decision->candidates[i];
        if (*candidate->matched)
            buf_printf(&why, "%s%s: %s", why.len ? "; " : "", candidate->agent->config->id,
                       candidate->excluded);
    }
    const char *what = query->capability
                           ? arena_printf(arena, "the capability \"%.60s\"", query->capability)
                           : "capabilities that the text speaks of";
    const char *sentence =
        why.len ? arena_printf(arena, "nobody with %s can be asked (%.300s)", what, buf_text(&why))
                : arena_printf(arena, "no agent has %s", what);
    buf_fini(&why);
    return sentence;
}
