/* GET /metrics: what an owner's graphs are drawn from, in some milliseconds, whatever the ledger
 * holds. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/str.h"
#include "hub/api.h"
#include "hub/counters.h"
#include "hub/sample.h"
#include "hub/spending.h"
#include "hub/tail.h"
#include "net/exposition.h"

static void one(struct buf *out, const char *name, const char *help, int64_t value)
{
    exposition_family(out, name, "gauge", help);
    exposition_int(out, name, NULL, value);
}

static void put_tasks_of(struct hub *hub, const char *agent, struct buf *out)
{
    struct err err;
    struct ledger_counts counts = {0};
    if (ledger_count(hub->ledger, agent, &counts, &err) < 0)
        return;
    const struct {
        const char *state;
        int64_t count;
    } states[] = {
        {"queued", counts.queued}, {"working", counts.working}, {"waiting", counts.waiting}};
    for (size_t s = 0; s < 3; s++)
        exposition_int(out, "hq_tasks",
                       (const char *[]){"agent", agent, "state", states[s].state, NULL},
                       states[s].count);
}

static void put_tasks(struct hub *hub, struct buf *out)
{
    exposition_family(out, "hq_tasks", "gauge",
                      "Open tasks, by agent and state; hq.flow's are runs of workflows.");
    for (size_t i = 0; i < hub->config->agent_count; i++)
        put_tasks_of(hub, hub->config->agents[i].id, out);
    put_tasks_of(hub, FLOW_AGENT, out);
    put_tasks_of(hub, RUNNER_AGENT, out);
}

static double age_s(struct hub *hub, int64_t at)
{
    int64_t age = ledger_now(hub->ledger) - at;
    return at > 0 && age > 0 ? (double)age / 1000 : 0;
}

static void put_commits(const struct ledger_figures *figures, struct buf *out)
{
    static const char name[] = "hq_commit_seconds";
    int64_t below = 0;
    char bound[32];
    exposition_family(out, name, "histogram",
                      "Time of a commit: waiting for readers, rules, fsync.");
    for (size_t i = 0; i < LEDGER_COMMIT_BUCKETS; i++) {
        below += figures->commit_buckets[i];
        if (i + 1 < LEDGER_COMMIT_BUCKETS)
            snprintf(bound, sizeof(bound), "%g", (double)ledger_commit_bounds_us[i] / 1e6);
        else
            snprintf(bound, sizeof(bound), "+Inf");
        exposition_int(out, "hq_commit_seconds_bucket", (const char *[]){"le", bound, NULL}, below);
    }
    exposition_number(out, "hq_commit_seconds_sum", NULL, (double)figures->commit_us / 1e6);
    exposition_int(out, "hq_commit_seconds_count", NULL, below);
    exposition_family(
        out, "hq_commit_batches_total", "counter",
        "Batches that were committed; by the number of commits it is their group size.");
    exposition_int(out, "hq_commit_batches_total", NULL, figures->batches);
}

static void put_states(const struct ledger_figures *figures, struct buf *out)
{
    exposition_family(out, "hq_effects", "gauge", "Deliveries that are not confirmed, by state.");
    for (size_t i = 0; i < LEDGER_EFFECT_STATES; i++)
        exposition_int(out, "hq_effects",
                       (const char *[]){"state", figures->effects[i].state, NULL},
                       figures->effects[i].count);
    exposition_family(out, "hq_runs", "gauge", "Open runs of workflows, by state.");
    exposition_int(out, "hq_runs", (const char *[]){"state", "running", NULL},
                   figures->runs_running);
    exposition_int(out, "hq_runs", (const char *[]){"state", "waiting", NULL},
                   figures->runs_waiting);
}

static int put_ledger(struct hub *hub, struct buf *out, struct err *err)
{
    struct ledger_figures figures;
    if (ledger_read_figures(hub->ledger, &figures, err) < 0)
        return -1;
    exposition_family(out, "hq_queue_oldest_age_seconds", "gauge",
                      "Age of the oldest task that is queued; 0: none is.");
    exposition_number(out, "hq_queue_oldest_age_seconds", NULL,
                      age_s(hub, figures.oldest_queued_at));
    one(out, "hq_inbox_pending", "Items of the inbox that wait for people.", figures.asked);
    exposition_family(out, "hq_inbox_oldest_age_seconds", "gauge",
                      "Age of the oldest item of the inbox that waits; 0: none does.");
    exposition_number(out, "hq_inbox_oldest_age_seconds", NULL,
                      age_s(hub, figures.oldest_asked_at));
    one(out, "hq_event_number", "Number of the newest event.", figures.newest_event);
    put_states(&figures, out);
    put_commits(&figures, out);
    return 0;
}

static void put_pauses(struct hub *hub, struct buf *out, struct arena *arena)
{
    struct pause *list;
    size_t count;
    int64_t company = 0, agents = 0, tasks = 0;
    ledger_pauses(hub->ledger, arena, &list, &count);
    for (size_t i = 0; i < count; i++) {
        company += str_eq(list[i].id, "company");
        agents += str_starts(list[i].id, "agent:");
        tasks += str_starts(list[i].id, "task:");
    }
    exposition_family(out, "hq_paused", "gauge", "What people have paused, by scope.");
    exposition_int(out, "hq_paused", (const char *[]){"scope", "company", NULL}, company);
    exposition_int(out, "hq_paused", (const char *[]){"scope", "agent", NULL}, agents);
    exposition_int(out, "hq_paused", (const char *[]){"scope", "task", NULL}, tasks);
}

static int64_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : 0;
}

static void put_disk(struct hub *hub, struct buf *out, struct arena *arena)
{
    struct statvfs disk;
    const char *state = hub->config->state;
    one(out, "hq_ledger_bytes", "Size of the ledger's file.",
        size_of(arena_printf(arena, "%s/ledger.db", state)));
    one(out, "hq_wal_bytes", "Size of the ledger's write-ahead log.",
        size_of(arena_printf(arena, "%s/ledger.db-wal", state)));
    if (statvfs(state, &disk) == 0)
        one(out, "hq_disk_free_bytes", "Room left where the state is.",
            (int64_t)(disk.f_bavail * disk.f_frsize));
}

static void put_hub(struct hub *hub, struct http_request *request, struct buf *out)
{
    exposition_family(out, "hq_build_info", "gauge", "1; the label says which build the hub is.");
    exposition_int(out, "hq_build_info", (const char *[]){"version", HQ_VERSION, NULL}, 1);
    exposition_family(out, "hq_hub_start_time_seconds", "gauge",
                      "When the hub began, as Unix time; counters of events begin there.");
    exposition_number(out, "hq_hub_start_time_seconds", NULL, (double)hub->started_at / 1000);
    one(out, "hq_parked_requests", "Requests that wait without a thread.",
        (int64_t)http_parked(request->server));
    one(out, "hq_feed_followers", "Clients of the feed.", tail_follow(hub->tail, 0));
}

enum http_verdict api_metrics(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct hub *hub = ctx;
    struct buf out = {0};
    struct err err;
    put_hub(hub, request, &out);
    put_tasks(hub, &out);
    put_pauses(hub, &out, &request->arena);
    put_disk(hub, &out, &request->arena);
    counters_print(hub->counters, &out);
    sample_print(hub->sample, &out);
    if (put_ledger(hub, &out, &err) < 0 || spending_print(hub->spending, &out, &err) < 0) {
        buf_fini(&out);
        return api_unavailable(request, response, &err);
    }
    response->status = 200;
    response->content_type = EXPOSITION_TYPE;
    response->body = arena_memdup(&request->arena, buf_text(&out), out.len);
    response->body_len = out.len;
    buf_fini(&out);
    return HTTP_ANSWER;
}
