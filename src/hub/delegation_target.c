/* Who is asked: the name, the authority, the health; or the routing of a capability. */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/delegation.h"
#include "hub/routing.h"
#include "hub/routing_snapshot.h"

int delegation_refuse(const struct delegation_ask *ask, struct delegation *plan,
                      const char *failure_class, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    plan->refused_class = failure_class;
    plan->refused_code = code;
    plan->refused_message = arena_vprintf(ask->arena, format, args);
    va_end(args);
    return DELEGATION_REFUSED;
}

/* "manager, tech-lead": those for whom may(config, agent, other) holds; *first is the first's id.
 */
static const char *names_of(const struct delegation_ask *ask, const char *other, bool asking,
                            const char **first)
{
    const struct config *config = ask->hub->config;
    struct buf text = {0};
    *first = NULL;
    for (size_t i = 0; i < config->agent_count; i++) {
        const char *id = config->agents[i].id;
        if (str_eq(id, other) || !(asking ? config_may_delegate(config, id, other)
                                          : config_may_delegate(config, other, id)))
            continue;
        buf_printf(&text, "%s%s", *first ? ", " : "", id);
        if (!*first)
            *first = id;
    }
    const char *names = arena_strdup(ask->arena, *first ? buf_text(&text) : "nobody");
    buf_fini(&text);
    return names;
}

static int refuse_unknown(const struct delegation_ask *ask, struct delegation *plan,
                          const char *name)
{
    const struct config *config = ask->hub->config;
    const char **near = arena_alloc(ask->arena, (config->agent_count + 1) * sizeof(*near));
    const char *first;
    size_t count = 0;
    for (size_t i = 0; i < config->agent_count; i++)
        if (config_may_delegate(config, ask->caller->id, config->agents[i].id))
            near[count++] = config->agents[i].id;
    const char *meant = str_nearest(name, near);
    const char *mine = names_of(ask, ask->caller->id, false, &first);
    return delegation_refuse(ask, plan, "refused", "unknown_agent",
                             "there is no agent \"%.60s\"%s%s%s. You may ask: %s.", name,
                             meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "",
                             mine);
}

static int check_authority(const struct delegation_ask *ask, struct delegation *plan,
                           const struct config_agent *target)
{
    const char *first;
    if (config_may_delegate(ask->hub->config, ask->caller->id, target->id))
        return DELEGATION_PLANNED;
    const char *who = names_of(ask, target->id, true, &first);
    if (!first)
        return delegation_refuse(ask, plan, "refused", "not_allowed",
                                 "%s may not delegate to %s (nobody may).", ask->caller->id,
                                 target->id);
    return delegation_refuse(ask, plan, "refused", "not_allowed",
                             "%s may not delegate to %s (only %s may). Ask: hq ask %s \"…\"",
                             ask->caller->id, target->id, who, first);
}

/* What is held or paused is told at once, instead of waiting in its queue. */
static int check_health(const struct delegation_ask *ask, struct delegation *plan,
                        const struct config_agent *target, struct err *err)
{
    struct agent row = {.id = target->id};
    struct breaker breaker;
    char until[TIME_TEXT];
    int rc = ledger_get(ask->hub->ledger, &agent_record, &row, ask->arena, err);
    if (rc < 0)
        return -1;
    if (rc == 0 && row.paused)
        return delegation_refuse(ask, plan, "unreachable", "paused",
                                 "%s is paused; a person must resume it.", target->id);
    if (rc == 0 && breaker_look(&row, ledger_now(ask->hub->ledger), &breaker)) {
        time_rfc3339(breaker.until, until);
        return delegation_refuse(ask, plan, "unreachable", "breaker",
                                 "%s is held until %s after %lld failures in a row (%.120s); ask "
                                 "another agent, or try again then.",
                                 target->id, until, (long long)breaker.failures, breaker.reason);
    }
    return DELEGATION_PLANNED;
}

/* A repeat goes where the first one went, whatever has changed meanwhile. */
static int known_target(const struct delegation_ask *ask, const char *id,
                        const struct config_agent **target, struct err *err)
{
    struct task known = {.id = id};
    int rc = ledger_get(ask->hub->ledger, &task_record, &known, ask->arena, err);
    *target = rc == 0 ? config_agent(ask->hub->config, known.agent) : NULL;
    return rc < 0 ? -1 : 0;
}

static int route(const struct delegation_ask *ask, struct delegation *plan, const char *capability,
                 const struct config_agent **target, struct err *err)
{
    struct amount left;
    struct route_decision decision;
    if (ledger_budget_left(ask->hub->ledger, ask->parent, &left, err) < 0)
        return -1;
    json_t *path = ask->parent->path ? json_loads(ask->parent->path, 0, NULL) : NULL;
    struct route_query query = {.config = ask->hub->config,
                                .capability = capability,
                                .caller = ask->caller->id,
                                .path = path,
                                .micro_usd_left = left.micro_usd};
    int rc = routing_decide(ask->hub, &query, ask->arena, &decision, err);
    json_decref(path);
    if (rc < 0)
        return -1;
    if (decision.able == 0)
        return delegation_refuse(ask, plan, "refused", "no_candidate", "%s",
                                 route_refusal(&query, &decision, ask->arena));
    plan->routing = route_event(&query, &decision, ask->arena);
    *target = decision.candidates[0].agent->config;
    return DELEGATION_PLANNED;
}

static int named_target(const struct delegation_ask *ask, struct delegation *plan,
                        const struct config_agent **target, struct err *err)
{
    const char *name = json_get_text(ask->json, "agent", "");
    *target = config_agent(ask->hub->config, str_lower(ask->arena, name));
    if (!*target)
        return refuse_unknown(ask, plan, name);
    int rc = check_authority(ask, plan, *target);
    return rc ? rc : check_health(ask, plan, *target, err);
}

int delegation_target(const struct delegation_ask *ask, struct delegation *plan,
                      const struct config_agent **target, char id[TASK_ID_TEXT], struct err *err)
{
    const char *name = json_get_text(ask->json, "agent", NULL);
    const char *capability = json_get_text(ask->json, "capability", NULL);
    const char *caller = arena_printf(ask->arena, "agent:%s", ask->caller->id);
    if (!name == !capability)
        return delegation_refuse(ask, plan, "refused", "bad_request",
                                 "name either the agent or the capability that is to be asked");
    if (name) {
        int rc = named_target(ask, plan, target, err);
        if (rc == DELEGATION_PLANNED)
            task_id("delegation", caller, (*target)->id, ask->key, id);
        return rc;
    }
    const char *wanted = arena_printf(ask->arena, "capability:%s", capability);
    task_id("delegation", caller, wanted, ask->key, id);
    int rc = known_target(ask, id, target, err);
    return rc < 0 || *target ? rc : route(ask, plan, capability, target, err);
}
