/* A graph that people wrote asks whom it names: no `delegates` binds it. A capability goes to the
 * best of those that have it. */
#include "hub/engine_router.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "hub/api.h"
#include "hub/routing.h"
#include "hub/routing_snapshot.h"

/* Somebody has the capability and is only held for now. */
static bool may_come_back(const struct route_decision *decision)
{
    for (size_t i = 0; i < decision->count; i++) {
        const struct route_candidate *candidate = &decision->candidates[i];
        if (candidate->matched[0] && (candidate->agent->paused || candidate->agent->breaker_open))
            return true;
    }
    return false;
}

static int by_capability(struct hub *hub, const char *capability, struct arena *arena,
                         struct engine_choice *choice, struct err *err)
{
    struct route_decision decision;
    struct route_query query = {
        .config = hub->config, .capability = capability, .micro_usd_left = -1};
    if (routing_decide(hub, &query, arena, &decision, err) < 0)
        return err_set(err, "unreachable", "nobody could be chosen: %.300s", err->message);
    if (decision.able == 0)
        return err_set(err, may_come_back(&decision) ? "unreachable" : "no_candidate", "%s",
                       route_refusal(&query, &decision, arena));
    choice->agent = decision.candidates[0].agent->config->id;
    choice->routing = route_event(&query, &decision, arena);
    return 0;
}

static int route(void *ctx, const char *agent, const char *capability, struct arena *arena,
                 struct engine_choice *choice, struct err *err)
{
    struct hub *hub = ctx;
    *choice = (struct engine_choice){0};
    if (!agent)
        return by_capability(hub, capability ? capability : "", arena, choice, err);
    const struct config_agent *found = config_agent(hub->config, agent);
    if (!found)
        return err_set(err, "unknown_agent", "there is no agent \"%.60s\" (any more)", agent);
    choice->agent = found->id;
    return 0;
}

struct engine_router engine_router_of(struct hub *hub)
{
    return (struct engine_router){route, hub};
}
