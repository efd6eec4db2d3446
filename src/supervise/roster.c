/* Keeps the children and carries out what their state table orders. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "supervise/roster.h"
#include "supervise/runfiles.h"

static struct slot *add_slot(struct roster *roster, const char *name)
{
    struct slot *slot = mem_zalloc(sizeof(*slot));
    snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->child.is_hub = str_eq(name, "hub");
    slot->since_wall = time_wall_ms();
    life_init(&slot->life);
    roster->slots = mem_realloc(roster->slots, (roster->count + 1) * sizeof(*roster->slots));
    roster->slots[roster->count++] = slot;
    roster->is_changed = true;
    return slot;
}

struct slot *roster_find(const struct roster *roster, const char *name)
{
    for (size_t i = 0; i < roster->count; i++)
        if (str_eq(roster->slots[i]->name, name))
            return roster->slots[i];
    return NULL;
}

static void log_change(const struct slot *slot)
{
    const struct child *child = &slot->child;
    const char *state = child_state_name(child->state);
    if (child->reason[0])
        log_warn("%s is %s: %s", slot->name, state, child->reason);
    else if (child_is_alive(child))
        log_info("%s is %s (pid %d)", slot->name, state, (int)slot->life.pid);
    else
        log_info("%s is %s", slot->name, state);
}

static void note_change(struct roster *roster, struct slot *slot)
{
    slot->since_wall = time_wall_ms();
    roster->is_changed = true;
    log_change(slot);
    if (roster->on_change)
        roster->on_change(roster->ctx, slot);
}

static void launch(struct roster *roster, struct slot *slot)
{
    struct err err = {0};
    if (life_start(&slot->life, roster->config, slot->name, &err) == 0)
        return;
    struct child_end end = {.known = true, .exited = true, .code = 127};
    snprintf(slot->child.said, sizeof(slot->child.said), "%.239s", err.message);
    roster_event(roster, slot, CHILD_ON_DIED, &end);
}

void roster_event(struct roster *roster, struct slot *slot, enum child_event event,
                  const struct child_end *end)
{
    struct child *child = &slot->child;
    enum child_state before = child->state;
    enum child_order order = child_step(child, event, end, time_boot_ms());
    if (event == CHILD_ON_DIED)
        life_fini(&slot->life);
    if (order == CHILD_LAUNCH)
        launch(roster, slot);
    else if (order == CHILD_TERM)
        life_signal(&slot->life, SIGTERM);
    else if (order == CHILD_KILL)
        life_signal(&slot->life, SIGKILL);
    if (child->state != before)
        note_change(roster, slot);
}

void roster_event_workers(struct roster *roster, enum child_event event)
{
    for (size_t i = 1; i < roster->count; i++)
        roster_event(roster, roster->slots[i], event, NULL);
}

/* A supervisor that died in a reload has not told everybody: a hub that knows nothing of a new
 * agent would never let it in. */
static void adopt_if_running(struct roster *roster, struct slot *slot)
{
    bool is_ready;
    if (!life_find(&slot->life, roster->config, slot->name, &is_ready))
        return;
    log_info("%s runs already (pid %d): adopted", slot->name, (int)slot->life.pid);
    roster_event(roster, slot, CHILD_ON_FOUND, NULL);
    if (is_ready)
        roster_event(roster, slot, CHILD_ON_READY, NULL);
    if (!life_reads_other(roster->config, slot->name))
        return;
    log_info("%s runs with another hq.yaml: restarted", slot->name);
    roster_event(roster, slot, CHILD_ON_RESTART, NULL);
}

static struct slot *add_worker(struct roster *roster, const char *name)
{
    struct slot *slot = add_slot(roster, name);
    if (runfile_is_there(roster->config, name, RUNFILE_DOWN))
        roster_event(roster, slot, CHILD_ON_STOP, NULL);
    return slot;
}

void roster_init(struct roster *roster, struct config *config, roster_watch *on_change, void *ctx)
{
    *roster = (struct roster){.config = config, .on_change = on_change, .ctx = ctx};
    adopt_if_running(roster, add_slot(roster, "hub"));
    for (size_t i = 0; i < config->agent_count; i++)
        adopt_if_running(roster, add_worker(roster, config->agents[i].id));
    if (config->runner)
        adopt_if_running(roster, add_worker(roster, RUNNER_NAME));
}

void roster_fini(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        life_fini(&roster->slots[i]->life);
        free(roster->slots[i]);
    }
    free(roster->slots);
    *roster = (struct roster){0};
}

static const struct config_agent *agent_by_id(const struct config *config, const char *id)
{
    for (size_t i = 0; i < config->agent_count; i++)
        if (str_eq(config->agents[i].id, id))
            return &config->agents[i];
    return NULL;
}

static bool is_wanted(const struct config *config, const char *name)
{
    return str_eq(name, RUNNER_NAME) ? config->runner : agent_by_id(config, name) != NULL;
}

static bool settings_equal(const struct config *was, const struct config *now, const char *name)
{
    return str_eq(name, RUNNER_NAME) ? config_runner_equal(was, now)
                                     : config_gateway_equal(was, now, name);
}

static void apply_to_slot(struct roster *roster, struct slot *slot, const struct config *old)
{
    slot->is_leaving = !is_wanted(roster->config, slot->name);
    if (slot->is_leaving)
        roster_event(roster, slot, CHILD_ON_STOP, NULL);
    else if (!settings_equal(old, roster->config, slot->name))
        roster_event(roster, slot, CHILD_ON_RESTART, NULL);
}

void roster_apply(struct roster *roster, struct config *config)
{
    struct config *old = roster->config;
    roster->config = config;
    if (!str_eq(old->hash, config->hash))
        roster_event(roster, roster->slots[0], CHILD_ON_RESTART, NULL);
    size_t before = roster->count;
    for (size_t i = 1; i < before; i++)
        if (roster->slots[i]->child.state != CHILD_STOPPED ||
            !is_wanted(config, roster->slots[i]->name))
            apply_to_slot(roster, roster->slots[i], old);
    for (size_t i = 0; i < config->agent_count; i++)
        if (!roster_find(roster, config->agents[i].id))
            add_worker(roster, config->agents[i].id);
    if (config->runner && !roster_find(roster, RUNNER_NAME))
        add_worker(roster, RUNNER_NAME);
}

void roster_sweep(struct roster *roster)
{
    size_t kept = 0;
    for (size_t i = 0; i < roster->count; i++) {
        struct slot *slot = roster->slots[i];
        if (slot->is_leaving && slot->child.state == CHILD_STOPPED) {
            life_fini(&slot->life);
            free(slot);
            roster->is_changed = true;
        } else {
            roster->slots[kept++] = slot;
        }
    }
    roster->count = kept;
}

size_t roster_count_alive_workers(const struct roster *roster)
{
    size_t alive = 0;
    for (size_t i = 1; i < roster->count; i++)
        alive += child_is_alive(&roster->slots[i]->child);
    return alive;
}

bool roster_is_ready(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        enum child_state state = roster->slots[i]->child.state;
        if (state != CHILD_READY && state != CHILD_STOPPED)
            return false;
    }
    return true;
}

bool roster_has_trouble(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        enum child_state state = roster->slots[i]->child.state;
        if (state == CHILD_BACKOFF || state == CHILD_HELD)
            return true;
    }
    return false;
}

static json_t *slot_to_json(const struct slot *slot)
{
    char since[TIME_TEXT];
    const struct child *child = &slot->child;
    time_rfc3339(slot->since_wall, since);
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:s}", "name", slot->name, "state",
                  child_state_name(child->state), "restarts", child->restarts, "since", since);
    if (child_is_alive(child))
        json_object_set_new(json, "pid", json_integer(slot->life.pid));
    json_set_text(json, "reason", child->reason[0] ? child->reason : NULL);
    return json;
}

json_t *roster_to_json(const struct roster *roster)
{
    json_t *list = json_array();
    for (size_t i = 0; i < roster->count; i++)
        json_array_append_new(list, slot_to_json(roster->slots[i]));
    return list;
}
