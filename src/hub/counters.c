/* A table of families; the numbers by family and label values behind one mutex. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "hub/counters.h"
#include "net/exposition.h"
#include "wire/effect.h"

struct family {
    const char *key; /* of counters_add(), and before the label values in the map */
    const char *name, *help;
    const char *labels[2];
};

static const struct family families[] = {
    {"submitted", "hq_tasks_submitted_total", "Tasks that were accepted, by agent.", {"agent"}},
    {"ended",
     "hq_tasks_ended_total",
     "Tasks that ended, by agent and how: done, or the class of the failure.",
     {"agent", "class"}},
    {"claims", "hq_claims_total", "Tasks that a worker took up.", {0}},
    {"tries", "hq_task_retries_total", "Tries that failed and were put back into the queue.", {0}},
    {"leases",
     "hq_lease_expiries_total",
     "Leases that ended because their worker fell silent.",
     {0}},
    {"models",
     "hq_model_calls_total",
     "Calls of models, by provider and outcome: answered, refused (turned away), deferred (the "
     "limit of the provider), unknown (nobody knows whether it arrived).",
     {"provider", "outcome"}},
    {"tools", "hq_tool_calls_total", "Calls of tools, by outcome.", {"outcome"}},
    {"refusals", "hq_delegations_refused_total", "Delegations that the rules refused.", {0}},
    {"effects",
     "hq_effect_changes_total",
     "Steps of deliveries, by the state they led to.",
     {"state"}},
    {"runs", "hq_runs_ended_total", "Runs of workflows that ended, by state.", {"state"}},
    {"decided", "hq_approvals_decided_total", "Items of the inbox that were decided.", {0}},
    {"breakers", "hq_breaker_openings_total", "Breakers that opened, by agent.", {"agent"}},
    {"access", "hq_access_refused_total", "Refused reaches for what is not the caller's.", {0}},
    {"spans", "hq_trace_spans_total", "Spans that the receiver of traces took.", {0}},
    {"spans_dropped", "hq_trace_spans_dropped_total", "Spans that were given up.", {0}},
    {"trace_failures", "hq_trace_export_failures_total", "Posts of traces that failed.", {0}},
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

struct counters {
    const struct config *config;
    pthread_mutex_t mutex;
    struct map values; /* "key\tlabel\tlabel" → long long */
};

static void add(struct counters *counters, const char *key, long long by)
{
    pthread_mutex_lock(&counters->mutex);
    long long *value = map_get(&counters->values, key);
    if (!value) {
        value = mem_zalloc(sizeof(*value));
        map_put(&counters->values, key, value);
    }
    *value += by;
    pthread_mutex_unlock(&counters->mutex);
}

struct counters *counters_open(const struct config *config)
{
    struct counters *counters = mem_zalloc(sizeof(*counters));
    counters->config = config;
    pthread_mutex_init(&counters->mutex, NULL);
    for (size_t i = 0; i < FAMILIES; i++)
        if (!families[i].labels[0])
            add(counters, families[i].key, 0);
    return counters;
}

void counters_close(struct counters *counters)
{
    if (!counters)
        return;
    map_free(&counters->values);
    pthread_mutex_destroy(&counters->mutex);
    free(counters);
}

void counters_add(struct counters *counters, const char *name, long long by)
{
    add(counters, name, by);
}

/* ---- from events ---- */

/* An event being counted. */
struct counting {
    struct counters *counters;
    struct arena arena;
    const struct event *event;
    json_t *body;
};

static const char *agent_label(const struct counting *counting)
{
    const char *id = json_get_text(counting->body, "agent", "");
    const struct config_agent *agent = config_agent(counting->counters->config, id);
    return agent ? agent->id : str_starts(id, "hq.") ? id : "other";
}

static const char *provider_label(struct counting *counting, const char *name)
{
    const char *slash = strchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) : strlen(name);
    const char *provider = arena_memdup(&counting->arena, name, len);
    return config_model(counting->counters->config, provider) ? provider : "other";
}

static void count(struct counting *counting, const char *key, const char *a, const char *b)
{
    const char *full = a && b ? arena_printf(&counting->arena, "%s\t%s\t%s", key, a, b)
                       : a    ? arena_printf(&counting->arena, "%s\t%s", key, a)
                              : key;
    add(counting->counters, full, 1);
}

static const char *one_of(const char *word, const char *const *words)
{
    return str_in(word ? word : "", words) ? word : "other";
}

/* A run ends with its task. */
static void count_run(struct counting *counting)
{
    static const char *const states[] = {"done", "failed", "cancelled", "timed_out", NULL};
    bool rejected = str_eq(json_get_text(counting->body, "failure_class", NULL), "rejected");
    const char *state = json_get_text(counting->body, "state", "");
    count(counting, "runs", rejected ? "rejected" : one_of(state, states), NULL);
}

static void count_end(struct counting *counting)
{
    static const char *const classes[] = {
        "timeout",   "refused", "unreachable", "malformed", "budget",    "loop", "crashed",
        "cancelled", "failed",  "blocked",     "rejected",  "timed_out", NULL};
    const char *state = json_get_text(counting->body, "state", "");
    const char *class = json_get_text(counting->body, "failure_class", state);
    count(counting, "ended", agent_label(counting),
          str_eq(state, "done") ? "done" : one_of(class, classes));
    if (str_eq(json_get_text(counting->body, "kind", ""), "flow"))
        count_run(counting);
}

static void count_call(struct counting *counting, const char *outcome)
{
    const char *name = json_get_text(counting->body, "name", "");
    if (str_eq(json_get_text(counting->body, "kind", ""), "model"))
        count(counting, "models", provider_label(counting, name), outcome);
    else if (str_eq(json_get_text(counting->body, "kind", ""), "tool"))
        count(counting, "tools", outcome, NULL);
}

static void count_deferred(struct counting *counting)
{
    const char *provider = json_get_text(counting->body, "provider", "");
    count(counting, "models", provider_label(counting, provider), "deferred");
}

static void count_state(struct counting *counting)
{
    static const char *const states[] = {EFFECT_INTENDED,
                                         EFFECT_IN_FLIGHT,
                                         EFFECT_CONFIRMED,
                                         EFFECT_UNKNOWN,
                                         EFFECT_HELD,
                                         EFFECT_DEAD,
                                         NULL};
    const char *state = strchr(counting->event->type, '.') + 1;
    if (str_in(state, states))
        count(counting, "effects", state, NULL);
}

/* Ends and approvals stand in two streams: one of them counts. */
static void count_event(struct counting *counting)
{
    static const struct {
        const char *type, *stream, *key;
    } plain[] = {
        {"task.claimed", NULL, "claims"},       {"task.retry", NULL, "tries"},
        {"lease.expired", NULL, "leases"},      {"delegation.refused", NULL, "refusals"},
        {"access.refused", "system", "access"}, {"approval.decided", "inbox", "decided"},
    };
    const struct event *event = counting->event;
    const char *type = event->type;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (str_eq(type, plain[i].type) &&
            (!plain[i].stream || str_eq(event->stream, plain[i].stream)))
            count(counting, plain[i].key, NULL, NULL);
    if (str_eq(type, "task.submitted"))
        count(counting, "submitted", agent_label(counting), NULL);
    else if (str_eq(type, "task.completed") && str_eq(event->stream, "chronicle"))
        count_end(counting);
    else if (str_eq(type, "call.recorded"))
        count_call(counting, "answered");
    else if (str_eq(type, "call.dropped"))
        count_call(counting, "refused");
    else if (str_eq(type, "call.unknown"))
        count_call(counting, "unknown");
    else if (str_eq(type, "call.deferred"))
        count_deferred(counting);
    else if (str_eq(type, "agent.breaker_opened"))
        count(counting, "breakers", agent_label(counting), NULL);
    else if (str_starts(type, "effect."))
        count_state(counting);
}

void counters_take(struct counters *counters, const struct event *event)
{
    struct counting counting = {.counters = counters, .event = event};
    counting.body = event->body ? json_parse(event->body, strlen(event->body), NULL) : NULL;
    count_event(&counting);
    json_decref(counting.body);
    arena_fini(&counting.arena);
}

/* ---- printing ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys in order: the same families and samples at the same place in every answer. */
static const char **sorted_keys(struct counters *counters, struct arena *arena, size_t *keys)
{
    const char *key;
    void *value;
    const char **list = arena_alloc(arena, (counters->values.count + 1) * sizeof(*list));
    *keys = 0;
    for (size_t at = 0; map_next(&counters->values, &at, &key, &value);)
        list[(*keys)++] = key;
    qsort(list, *keys, sizeof(*list), compare_keys);
    return list;
}

static bool is_of(const char *key, const char *family)
{
    size_t len = strlen(family);
    return strncmp(key, family, len) == 0 && (key[len] == '\0' || key[len] == '\t');
}

static void print_sample(const struct family *family, const char *key, int64_t value,
                         struct buf *out)
{
    struct arena arena = {0};
    const char *labels[5] = {NULL};
    char *at = strchr(arena_strdup(&arena, key), '\t');
    for (size_t i = 0; i < 2 && at; i++) {
        *at++ = '\0';
        labels[2 * i] = family->labels[i];
        labels[2 * i + 1] = at;
        at = strchr(at, '\t');
    }
    exposition_int(out, family->name, labels, value);
    arena_fini(&arena);
}

void counters_print(struct counters *counters, struct buf *out)
{
    struct arena arena = {0};
    size_t keys;
    pthread_mutex_lock(&counters->mutex);
    const char **list = sorted_keys(counters, &arena, &keys);
    for (size_t i = 0; i < FAMILIES; i++) {
        exposition_family(out, families[i].name, "counter", families[i].help);
        for (size_t k = 0; k < keys; k++)
            if (is_of(list[k], families[i].key))
                print_sample(&families[i], list[k],
                             *(long long *)map_get(&counters->values, list[k]), out);
    }
    pthread_mutex_unlock(&counters->mutex);
    arena_fini(&arena);
}
