/* Puts the three sources together; the state words are those of surface.md. */
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/board.h"
#include "cli/status_facts.h"
#include "cli/task_text.h"
#include "client/hub_client.h"
#include "config/config.h"
#include "config/secret.h"
#include "supervise/control.h"
#include "supervise/runfiles.h"
#include "sys/lock.h"

enum { HUB_PATIENCE_MS = 2000 };

struct sources {
    const struct invocation *invocation;
    const struct config *config;
    json_t *board; /* NULL: no supervisor */
    json_t *hub;   /* GET /v1/status, NULL: no answer */
    bool stale;    /* somebody runs with another hq.yaml than the one on disk */
    int alive;
    int64_t pss_kb;
};

static json_t *ask_hub(const struct invocation *invocation, const struct config *config,
                       struct fetch *fetch)
{
    struct err err;
    json_t *answer = NULL;
    char *token = secret_read(config, "operator.token", invocation->arena, &err);
    if (!token || !control_look(config, "hub", NULL))
        return NULL;
    struct hub_client *hub = hub_client_open(fetch, config->state, token);
    hub_call(hub, "GET", "/v1/status", NULL, HUB_PATIENCE_MS, NULL, &answer, NULL, &err);
    hub_client_close(hub);
    return answer;
}

/* Looks at one lock and adds what its holder says of itself. */
static bool look(struct sources *sources, const char *lock, struct lock_info *info)
{
    if (!control_look(sources->config, lock, info))
        return false;
    sources->alive++;
    if (info->pss_kb > 0)
        sources->pss_kb += info->pss_kb;
    if (*info->config_hash && !str_eq(info->config_hash, sources->config->hash))
        sources->stale = true;
    return true;
}

static const json_t *hub_agent(const struct sources *sources, const char *id)
{
    size_t i;
    const json_t *agent;
    json_array_foreach (json_object_get(sources->hub, "agents"), i, agent)
        if (str_eq(json_get_text(agent, "id", ""), id))
            return agent;
    return NULL;
}

/* Which agent has this task, when it is open. */
static const char *owner_of(const struct sources *sources, const char *task)
{
    size_t i, k;
    const json_t *agent, *open;
    json_array_foreach (json_object_get(sources->hub, "agents"), i, agent)
        json_array_foreach (json_object_get(agent, "open"), k, open)
            if (str_eq(json_get_text(open, "id", ""), task))
                return json_get_text(agent, "id", "");
    return NULL;
}

static const char *seconds_until(const char *due_ms, struct arena *arena)
{
    int64_t due;
    char text[TIME_TEXT];
    if (!str_to_int(due_ms, 0, INT64_MAX, &due))
        return "";
    int64_t left = due - time_wall_ms();
    time_print_duration(left > 0 ? left : 0, text);
    return arena_printf(arena, ", %s left", text);
}

static const char *describe_wait(const struct sources *sources, const json_t *task,
                                 struct arena *arena)
{
    const json_t *wait = json_array_get(json_object_get(task, "waits"), 0);
    const char *kind = json_get_text(wait, "kind", "");
    const char *id = json_get_text(wait, "id", "");
    if (str_eq(kind, "task")) {
        const char *owner = owner_of(sources, id);
        return arena_printf(arena, "%s (%s)", owner ? owner : "a task", task_short_id(id, arena));
    }
    if (str_eq(kind, "rate"))
        return arena_printf(arena, "rate limit%s", seconds_until(id, arena));
    if (str_eq(kind, "timer"))
        return arena_printf(arena, "timer%s", seconds_until(id, arena));
    return *kind ? arena_printf(arena, "%s %s", kind, id) : NULL;
}

/* The open task that says most about the agent: one that works, else waits, else is queued. */
static const json_t *leading_task(const json_t *agent)
{
    static const char *const order[] = {"working", "waiting", "queued"};
    size_t i;
    const json_t *task;
    for (size_t rank = 0; rank < 3; rank++)
        json_array_foreach (json_object_get(agent, "open"), i, task)
            if (str_eq(json_get_text(task, "state", ""), order[rank]))
                return task;
    return NULL;
}

static const char *state_of(const struct sources *sources, const json_t *agent, bool alive)
{
    if (!alive)
        return "down";
    if (!agent || json_get_int(agent, "pid", 0) == 0)
        return sources->hub ? "idle" : "unknown";
    if (json_get_bool(agent, "paused", false))
        return "paused";
    if (json_get_int(agent, "working", 0) > 0)
        return "working";
    return json_get_int(agent, "waiting", 0) > 0 ? "waiting" : "idle";
}

/* Why nobody is there: the supervisor's word, or its absence. */
static void add_down_reason(const struct sources *sources, const char *id, json_t *item)
{
    const json_t *child = board_child(sources->board, id);
    const char *reason = json_get_text(child, "reason", NULL);
    const char *state = json_get_text(child, "state", sources->board ? "unknown" : "not started");
    json_set_text(item, "reason", reason ? reason : state);
    json_set_text(item, "child_state", state);
}

static void add_task(const struct sources *sources, const json_t *agent, const char *state,
                     json_t *item)
{
    struct arena *arena = sources->invocation->arena;
    const json_t *task = leading_task(agent);
    bool waits = str_eq(state, "waiting");
    const char *what = waits && task ? describe_wait(sources, task, arena) : NULL;
    json_object_set_new(item, "waiting_for", what ? json_string(what) : json_null());
    if (!task) {
        json_object_set_new(item, "task", json_null());
        return;
    }
    json_object_set_new(
        item, "task",
        json_pack("{s:s,s:s,s:s,s:I}", "id", json_get_text(task, "id", ""), "state",
                  json_get_text(task, "state", ""), "title", json_get_text(task, "title", ""),
                  "age_ms", (json_int_t)json_get_int(task, "age_ms", 0)));
    json_set_text(json_object_get(item, "task"), "note", json_get_text(task, "note", NULL));
}

static json_t *agent_facts(struct sources *sources, const struct config_agent *config)
{
    struct lock_info info = {0};
    struct arena *arena = sources->invocation->arena;
    bool alive = look(sources, arena_printf(arena, "gateway-%s", config->id), &info);
    const json_t *agent = hub_agent(sources, config->id);
    const json_t *child = board_child(sources->board, config->id);
    const char *state = state_of(sources, agent, alive);
    json_t *item = json_pack(
        "{s:s,s:s?,s:s,s:o,s:i,s:o,s:s?,s:I,s:I,s:I}", "id", config->id, "name", config->name,
        "state", state, "pid", alive ? json_integer(info.pid) : json_null(), "port", config->port,
        "pss_kb", alive && info.pss_kb > 0 ? json_integer(info.pss_kb) : json_null(), "model",
        config->model, "restarts", (json_int_t)json_get_int(child, "restarts", 0), "queued",
        (json_int_t)json_get_int(agent, "queued", 0), "working",
        (json_int_t)json_get_int(agent, "working", 0));
    add_task(sources, agent, state, item);
    if (!alive)
        add_down_reason(sources, config->id, item);
    return item;
}

static json_t *hub_facts(struct sources *sources)
{
    struct lock_info info = {0};
    const struct config *config = sources->config;
    bool alive = look(sources, "hub", &info);
    json_t *hub = json_pack(
        "{s:o,s:o,s:o}", "pid", alive ? json_integer(info.pid) : json_null(), "listen",
        config->hub_port > 0 ? json_sprintf("%s:%d", config->hub_address, config->hub_port)
                             : json_null(),
        "pss_kb", alive && info.pss_kb > 0 ? json_integer(info.pss_kb) : json_null());
    json_object_set_new(hub, "answers", json_boolean(sources->hub != NULL));
    const json_t *child = board_child(sources->board, "hub");
    if (!alive)
        json_set_text(hub, "reason", json_get_text(child, "reason", NULL));
    return hub;
}

static json_t *supervisor_facts(struct sources *sources)
{
    struct lock_info info = {0};
    bool alive = look(sources, "supervisor", &info);
    json_t *facts = json_pack("{s:o}", "pid", alive ? json_integer(info.pid) : json_null());
    json_set_text(facts, "started_at", json_get_text(sources->board, "started_at", NULL));
    return facts;
}

/* running: the supervisor says so and the hub answers; degraded: something that should be is not. */
static const char *company_state(const struct sources *sources)
{
    const char *said = json_get_text(sources->board, "state", NULL);
    if (sources->alive == 0)
        return "down";
    if (!said || (!sources->hub && str_eq(said, "running")))
        return "degraded";
    return said;
}

json_t *status_facts(const struct invocation *invocation, const struct config *config,
                     struct fetch *fetch)
{
    struct sources sources = {.invocation = invocation, .config = config};
    if (control_look(config, "supervisor", NULL))
        sources.board = runfile_board_get(config);
    sources.hub = ask_hub(invocation, config, fetch);
    json_t *supervisor = supervisor_facts(&sources), *hub = hub_facts(&sources);
    json_t *agents = json_array();
    for (size_t i = 0; i < config->agent_count; i++)
        json_array_append_new(agents, agent_facts(&sources, &config->agents[i]));
    json_t *facts = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:I,s:I,s:b}", "company", config->company, "state",
        company_state(&sources), "supervisor", supervisor, "hub", hub, "agents", agents, "inbox",
        (json_int_t)json_get_int(sources.hub, "inbox", 0), "pss_kb", (json_int_t)sources.pss_kb,
        "config_changed", sources.stale);
    json_t *held = json_object_get(sources.hub, "held_effects");
    if (held)
        json_object_set(facts, "held_effects", held);
    json_decref(sources.board);
    json_decref(sources.hub);
    return facts;
}
