/* Asks locks, board and hub; none of them has to be there. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/census.h"
#include "cli/service.h"
#include "cli/task_text.h"
#include "client/hub_client.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/fetch.h"
#include "service/systemd.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "supervise/runfiles.h"
#include "sys/halt_mark.h"
#include "sys/lock.h"

enum { HUB_PATIENCE_MS = 1000 };

struct census {
    struct arena *arena;
    const struct config *config;
    struct lock_info supervisor, hub;
    bool has_supervisor, has_hub;
    json_t *board;   /* or NULL */
    json_t *answer;  /* of the hub, or NULL */
    const char *why; /* it did not answer, where it was asked */
    json_t *known;    /* the hub's agents by id; looked up for each of thousands */
    json_t *children; /* the board's by name */
    int64_t pss_kb;  /* of everything that told */
    size_t alive, wrong;
};

static json_t *ask_hub(const struct config *config, struct arena *arena, const char **why)
{
    struct err err = {0};
    json_t *answer = NULL;
    char *token = secret_read(config, "operator.token", arena, &err);
    if (!token) {
        *why = arena_strdup(arena, err.message);
        return NULL;
    }
    struct fetch *fetch = fetch_open();
    struct hub_client *hub = hub_client_open(fetch, config->state, token);
    hub_call(hub, "GET", "/v1/status", NULL, HUB_PATIENCE_MS, NULL, &answer, NULL, &err);
    if (!answer)
        *why = arena_strdup(arena, err.message);
    hub_client_close(hub);
    fetch_close(fetch);
    return answer;
}

static const json_t *item_by(const json_t *list, const char *key, const char *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item)
        if (str_eq(json_get_text(item, key, NULL), value))
            return item;
    return NULL;
}

/* The items of a list by the text at `key`. */
static json_t *index_by(const json_t *list, const char *key)
{
    size_t i;
    json_t *item, *index = json_object();
    json_array_foreach (list, i, item)
        json_object_set(index, json_get_text(item, key, ""), item);
    return index;
}

static void add_memory(struct census *census, int64_t pss_kb)
{
    if (pss_kb > 0)
        census->pss_kb += pss_kb;
}

static json_t *number_or_null(int64_t value, int64_t absent)
{
    return value == absent ? json_null() : json_integer(value);
}

/* Who is meant by a wait: the agent of a task that the hub has told us of, or NULL. */
static const char *agent_of_task(const struct census *census, const char *task)
{
    size_t i;
    const json_t *agent;
    json_array_foreach (json_object_get(census->answer, "agents"), i, agent)
        if (item_by(json_object_get(agent, "open"), "id", task))
            return json_get_text(agent, "id", NULL);
    return NULL;
}

/* ", 14s left" of a wait whose id is its due time. */
static const char *time_left(const char *due_ms, struct arena *arena)
{
    int64_t due;
    char text[TIME_TEXT];
    if (!str_to_int(due_ms, 0, INT64_MAX, &due))
        return "";
    int64_t left = due - time_wall_ms();
    time_print_duration(left > 0 ? left : 0, text);
    return arena_printf(arena, ", %s left", text);
}

/* "you (g-7k2m release report)": an id is cut to what tells it from others. */
static const char *approval_text(const json_t *wait, struct arena *arena)
{
    return arena_printf(arena, "%s (%.6s %s)", json_get_text(wait, "who", "you"),
                        json_get_text(wait, "id", ""), json_get_text(wait, "title", ""));
}

static void describe_wait(struct census *census, const json_t *wait, json_t *out)
{
    const char *kind = json_get_text(wait, "kind", ""), *id = json_get_text(wait, "id", "");
    const char *who = str_eq(kind, "task") ? agent_of_task(census, id) : NULL;
    const char *text = kind;
    if (str_eq(kind, "task") || str_eq(kind, "session"))
        text = arena_printf(census->arena, "%s (%.6s)", who ? who : kind, id);
    else if (str_eq(kind, "pause"))
        text = "hq resume";
    else if (str_eq(kind, "approval"))
        text = approval_text(wait, census->arena);
    else if (str_eq(kind, "rate") || str_eq(kind, "timer"))
        text = arena_printf(census->arena, "%s%s", kind[0] == 'r' ? "rate limit" : "timer",
                            time_left(id, census->arena));
    json_set_text(out, "waiting_for", text);
    json_set_text(out, "waiting_on",
                  str_eq(kind, "approval") ? json_get_text(wait, "who", "you") : who);
}

/* The task that speaks for the agent: one that works, else waits, else is queued. */
static const json_t *speaking_task(const json_t *open)
{
    static const char *const order[] = {"working", "waiting", "queued"};
    const json_t *task = NULL;
    for (size_t i = 0; i < 3 && !task; i++)
        task = item_by(open, "state", order[i]);
    return task;
}

static void describe_task(struct census *census, const json_t *task, json_t *out)
{
    size_t i;
    const json_t *wait;
    json_t *shown =
        json_pack("{s:s, s:s, s:s, s:I}", "id", json_get_text(task, "id", ""), "state",
                  json_get_text(task, "state", ""), "title", json_get_text(task, "title", ""),
                  "age_ms", (json_int_t)json_get_int(task, "age_ms", 0));
    json_set_text(shown, "note", json_get_text(task, "note", NULL));
    json_object_set_new(out, "task", shown);
    if (!str_eq(json_get_text(out, "state", ""), "waiting"))
        return;
    json_set_text(out, "waiting_for", "its turn");
    json_array_foreach (json_object_get(task, "waits"), i, wait)
        if (!json_get_bool(wait, "satisfied", false)) {
            describe_wait(census, wait, out);
            return;
        }
}

/* What the hub knows of an agent whose process lives. */
static void describe_work(struct census *census, const json_t *known, json_t *out)
{
    const json_t *task = speaking_task(json_object_get(known, "open"));
    int64_t seen_ms = json_get_int(known, "seen_ms", -1);
    const char *state = task ? json_get_text(task, "state", "idle") : "idle";
    if (str_eq(state, "queued"))
        state = "idle";
    if (json_get_bool(known, "paused", false))
        state = "paused";
    if (seen_ms < 0 || seen_ms > LIMIT_LEASE_MS) {
        state = "unknown";
        json_set_text(out, "reason", seen_ms < 0 ? "not heard yet" : "no sign of life");
    }
    json_set_text(out, "state", state);
    json_object_set_new(out, "queued", json_integer(json_get_int(known, "queued", 0)));
    json_object_set_new(out, "working", json_integer(json_get_int(known, "working", 0)));
    if (json_object_get(known, "breaker"))
        json_object_set(out, "breaker", json_object_get(known, "breaker"));
    if (task)
        describe_task(census, task, out);
}

static void describe_process(struct census *census, const char *id, json_t *out)
{
    struct lock_info info = {.pss_kb = -1};
    const char *lock = arena_printf(census->arena, "gateway-%s", id);
    const json_t *child = json_object_get(census->children, id);
    const json_t *known = json_object_get(census->known, id);
    bool alive = control_look(census->config, lock, &info);
    census->alive += alive;
    add_memory(census, info.pss_kb);
    json_object_set_new(out, "pid", alive ? number_or_null(info.pid, 0) : json_null());
    json_object_set_new(out, "pss_kb", number_or_null(info.pss_kb, -1));
    json_object_set_new(out, "restarts", json_integer(json_get_int(child, "restarts", 0)));
    json_set_text(out, "supervised", json_get_text(child, "state", NULL));
    json_set_text(out, "reason", json_get_text(child, "reason", NULL));
    if (!alive)
        json_set_text(out, "state", "down");
    else if (known && info.ready)
        describe_work(census, known, out);
    else if (alive && !info.ready)
        json_set_text(out, "reason", "starting");
    if (!alive && !str_eq(json_get_text(child, "state", ""), "stopped"))
        census->wrong++;
}

static json_t *agent_item(struct census *census, const char *id)
{
    const struct config_agent *agent = config_agent(census->config, id);
    const json_t *known = json_object_get(census->known, id);
    json_t *out = json_pack("{s:s, s:s, s:s, s:n, s:n}", "id", id, "name",
                            json_get_text(known, "name", agent ? agent->name : id), "state",
                            "unknown", "waiting_for", "task");
    json_set_text(out, "model", json_get_text(known, "model", agent ? agent->model : NULL));
    json_object_set_new(out, "port",
                        json_integer(json_get_int(known, "port", agent ? agent->port : 0)));
    describe_process(census, id, out);
    return out;
}

/* Who belongs to the company: its file says; where that is broken, the hub, then the board. */
static json_t *all_agents(struct census *census)
{
    static const char *const others[] = {"hub", RUNNER_NAME, NULL};
    size_t i;
    const json_t *item;
    json_t *list = json_array();
    for (size_t a = 0; a < census->config->agent_count; a++)
        json_array_append_new(list, agent_item(census, census->config->agents[a].id));
    if (json_array_size(list))
        return list;
    json_array_foreach (json_object_get(census->answer, "agents"), i, item)
        json_array_append_new(list, agent_item(census, json_get_text(item, "id", "?")));
    if (json_array_size(list))
        return list;
    json_array_foreach (json_object_get(census->board, "children"), i, item)
        if (!str_in(json_get_text(item, "name", "?"), others))
            json_array_append_new(list, agent_item(census, json_get_text(item, "name", "?")));
    return list;
}

/* null where the company has none. */
static json_t *runner_object(struct census *census)
{
    struct lock_info info = {.pss_kb = -1};
    const json_t *child = json_object_get(census->children, RUNNER_NAME);
    bool alive = control_look(census->config, RUNNER_NAME, &info);
    if (!alive && !census->config->runner)
        return json_null();
    const char *supervised = json_get_text(child, "state", NULL);
    json_t *out = json_object();
    census->alive += alive;
    add_memory(census, info.pss_kb);
    json_object_set_new(out, "pid", alive ? number_or_null(info.pid, 0) : json_null());
    json_object_set_new(out, "pss_kb", number_or_null(info.pss_kb, -1));
    json_set_text(out, "state", !alive ? "down" : info.ready ? "ready" : "starting");
    json_object_set_new(out, "restarts", json_integer(json_get_int(child, "restarts", 0)));
    json_set_text(out, "supervised", supervised);
    json_set_text(out, "reason", json_get_text(child, "reason", NULL));
    if (!alive && !str_eq(supervised, "stopped"))
        census->wrong++;
    return out;
}

static json_t *hub_object(struct census *census)
{
    const struct config *config = census->config;
    const json_t *told = json_object_get(census->answer, "hub");
    int64_t port = json_get_int(told, "port", census->has_hub ? census->hub.port : 0);
    const char *address = json_get_text(told, "address", config->hub_address);
    int64_t pss_kb = json_get_int(told, "pss_kb", census->hub.pss_kb);
    json_t *hub = json_object();
    add_memory(census, census->has_hub ? pss_kb : -1);
    json_object_set_new(hub, "pid",
                        census->has_hub ? number_or_null(census->hub.pid, 0) : json_null());
    json_object_set_new(hub, "listen", json_null());
    if (port > 0 && address)
        json_set_text(hub, "listen",
                      arena_printf(census->arena, "%s:%lld", address, (long long)port));
    json_object_set_new(hub, "pss_kb", number_or_null(census->has_hub ? pss_kb : -1, -1));
    json_object_set_new(hub, "answers", json_boolean(census->answer != NULL));
    const json_t *child = json_object_get(census->children, "hub");
    json_set_text(hub, "reason", json_get_text(child, "reason", census->why));
    return hub;
}

/* The supervisor knows best, unless the hub does not answer; without one, what lives decides. */
static const char *company_state(const struct census *census)
{
    const char *told = json_get_text(census->board, "state", NULL);
    bool whole = census->answer && census->wrong == 0;
    if (told && (str_eq(told, "starting") || str_eq(told, "stopping")))
        return told;
    return whole ? "running" : "degraded";
}

static int64_t up_ms(const struct census *census)
{
    int64_t since = census->has_supervisor ? census->supervisor.started_at : census->hub.started_at;
    return since > 0 ? time_wall_ms() - since : 0;
}

static json_t *document(struct census *census)
{
    json_t *agents = all_agents(census);
    json_t *hub = hub_object(census);
    json_t *runner = runner_object(census);
    json_t *supervisor = json_object();
    add_memory(census, census->has_supervisor ? census->supervisor.pss_kb : -1);
    json_object_set_new(supervisor, "pid",
                        census->has_supervisor ? number_or_null(census->supervisor.pid, 0)
                                               : json_null());
    bool changed = census->has_hub && census->hub.config_hash[0] &&
                   !str_eq(census->hub.config_hash, census->config->hash);
    const char *company = json_get_text(census->answer, "company", census->config->company);
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:b}", "company", company, "state",
        company_state(census), "supervisor", supervisor, "hub", hub, "agents", agents, "inbox",
        (json_int_t)json_get_int(census->answer, "inbox", 0), "pss_kb", (json_int_t)census->pss_kb,
        "up_ms", (json_int_t)up_ms(census), "config_changed", changed);
    json_object_set_new(out, "runner", runner);
    json_t *store = json_object_get(census->answer, "store");
    if (store)
        json_object_set(out, "store", store);
    json_t *held = json_object_get(census->answer, "held_effects");
    if (json_array_size(held))
        json_object_set(out, "held_effects", held);
    static const char *const told[] = {"chains", "budget", "inbox_pending", "inbox_more", "paused"};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        if (json_object_get(census->answer, told[i]))
            json_object_set(out, told[i], json_object_get(census->answer, told[i]));
    if (halt_mark_get(census->config->state, census->arena))
        json_object_set_new(out, "panic_written", json_true());
    json_t *usd = json_object_get(json_object_get(out, "budget"), "usd");
    json_set_text(usd, "per", usd ? census->config->budget_per : NULL);
    return out;
}

/* Whether systemd holds, starts or ends somebody: then there is something to see. */
static bool is_minded(const json_t *board)
{
    static const char *const quiet[] = {"down", "stopped", NULL};
    size_t i;
    const json_t *child;
    json_array_foreach (json_object_get(board, "children"), i, child)
        if (!str_in(json_get_text(child, "state", "down"), quiet))
            return true;
    return false;
}

static void tell_manager(const struct service *service, json_t *out)
{
    struct arena arena = {0};
    json_t *supervisor = json_object_get(out, "supervisor");
    json_set_text(supervisor, "kind", "systemd");
    json_set_text(supervisor, "scope", service_scope_name(service->scope));
    json_set_text(supervisor, "unit", service_target(service, &arena));
    arena_fini(&arena);
}

json_t *census_take(const struct invocation *invocation, const struct config *config)
{
    struct census census = {.arena = invocation->arena, .config = config};
    json_t *out = NULL;
    census.has_supervisor = control_look(config, "supervisor", &census.supervisor);
    census.has_hub = control_look(config, "hub", &census.hub);
    struct service service;
    struct err ignored;
    bool managed =
        !census.has_supervisor && service_is_managed(config, &service, invocation->arena);
    if (census.has_supervisor)
        census.board = runfile_board_get(config);
    else if (managed)
        census.board = systemd_board(&service, invocation->arena, &ignored);
    if (census.has_hub)
        census.answer = ask_hub(config, invocation->arena, &census.why);
    census.known = index_by(json_object_get(census.answer, "agents"), "id");
    census.children = index_by(json_object_get(census.board, "children"), "name");
    out = document(&census);
    if (managed)
        tell_manager(&service, out);
    if (!census.has_supervisor && !census.has_hub && census.alive == 0 &&
        !is_minded(census.board)) {
        json_decref(out);
        out = NULL;
    }
    json_decref(census.known);
    json_decref(census.children);
    json_decref(census.board);
    json_decref(census.answer);
    return out;
}
