/* One scan and some look-ups in memory: 1,000 agents take well under 5 ms. */
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/routing.h"
#include "hub/routing_snapshot.h"
#include "hub/track.h"

/* Micro-USD of 1,000 tokens in and as many out, from the primary model's provider; -1: unknown. */
static int64_t price_of(const struct config *config, const struct config_agent *agent)
{
    char provider[128];
    size_t len = agent->model ? strcspn(agent->model, "/") : 0;
    if (len == 0 || len >= sizeof(provider))
        return -1;
    memcpy(provider, agent->model, len);
    provider[len] = '\0';
    const struct config_model *model = config_model(config, provider);
    return model && model->priced ? (model->price_in + model->price_out) / 1000 : -1;
}

static void take_row(struct route_agent *agent, const struct agent *row, int64_t now)
{
    struct breaker breaker;
    agent->paused = row->paused;
    agent->breaker_open = breaker_look(row, now, &breaker);
    agent->seen_ms = row->seen_at > 0 ? now - row->seen_at : -1;
}

static void describe(struct hub *hub, struct route_agent *agent)
{
    struct err err;
    struct ledger_counts counts = {0};
    const char *id = agent->config->id;
    int64_t heard = ledger_agent_seen_ms(hub->ledger, id);
    ledger_count(hub->ledger, id, &counts, &err);
    agent->queued = counts.queued;
    agent->working = counts.working;
    agent->waiting = counts.waiting;
    agent->price = price_of(hub->config, agent->config);
    if (heard >= 0)
        agent->seen_ms = heard;
    track_get(hub->track, id, &agent->done, &agent->failed);
}

struct route_agent *routing_snapshot(struct hub *hub, struct arena *arena, struct err *err)
{
    const struct config *config = hub->config;
    struct map by_id = {0};
    void *rows;
    size_t count;
    int64_t now = ledger_now(hub->ledger);
    if (ledger_query(hub->ledger, LIST_AGENTS, NULL, NULL, 0, config->agent_count + LIMIT_LIST,
                     arena, &rows, &count, err) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        map_put(&by_id, ((struct agent *)rows)[i].id, &((struct agent *)rows)[i]);
    struct route_agent *agents = arena_alloc(arena, (config->agent_count + 1) * sizeof(*agents));
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct agent *row = map_get(&by_id, config->agents[i].id);
        agents[i].config = &config->agents[i];
        agents[i].seen_ms = -1;
        if (row)
            take_row(&agents[i], row, now);
        describe(hub, &agents[i]);
    }
    map_fini(&by_id);
    return agents;
}

int routing_decide(struct hub *hub, const struct route_query *query, struct arena *arena,
                   struct route_decision *decision, struct err *err)
{
    const struct route_agent *agents = routing_snapshot(hub, arena, err);
    if (!agents)
        return -1;
    route_decide(query, agents, hub->config->agent_count, arena, decision);
    return 0;
}
