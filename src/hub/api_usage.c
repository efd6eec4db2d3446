/* What model calls cost: by agent, model or day from the sums of each day, by task from the trees.
 */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "hub/api.h"

enum {
    USAGE_ROWS = 50000, /* a year of 8 agents with 17 models */
    ROOTS_SHOWN = 50,
};

static bool day_is_well_formed(const char *day)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof(form); i++)
        if (form[i] == 'd' ? day[i] < '0' || day[i] > '9' : day[i] != form[i])
            return false;
    return true;
}

/* The rows of one key, summed into the first. */
static void add(struct usage *sum, const struct usage *row)
{
    sum->calls += row->calls;
    sum->tokens_in += row->tokens_in;
    sum->tokens_out += row->tokens_out;
    sum->tokens_cached += row->tokens_cached;
    sum->tokens_reasoning += row->tokens_reasoning;
    sum->cost_micro_usd += row->cost_micro_usd;
    sum->unpriced += row->unpriced;
}

static json_t *usage_item(const char *key, const struct usage *sum)
{
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "key", key, "calls",
                     (json_int_t)sum->calls, "tokens_in", (json_int_t)sum->tokens_in, "tokens_out",
                     (json_int_t)sum->tokens_out, "tokens_cached", (json_int_t)sum->tokens_cached,
                     "tokens_reasoning", (json_int_t)sum->tokens_reasoning, "cost_micro_usd",
                     (json_int_t)sum->cost_micro_usd, "unpriced", (json_int_t)sum->unpriced);
}

static const char *key_of(const struct usage *row, const char *by)
{
    return str_eq(by, "agent") ? row->agent : str_eq(by, "model") ? row->model : row->day;
}

/* In the order in which the keys first come: the rows are sorted by day. */
static json_t *sums(struct usage *rows, size_t count, const char *by)
{
    struct map first = {0};
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        struct usage *sum = map_get(&first, key_of(&rows[i], by));
        if (sum)
            add(sum, &rows[i]);
        else
            map_put(&first, key_of(&rows[i], by), &rows[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const char *key = key_of(&rows[i], by);
        if (map_get(&first, key) == &rows[i])
            json_array_append_new(items, usage_item(key, &rows[i]));
    }
    map_fini(&first);
    return items;
}

static int add_root(struct hub *hub, const char *id, json_t *items, struct arena *arena,
                    struct err *err)
{
    struct root root = {.id = id};
    int rc = ledger_get(hub->ledger, &root_record, &root, arena, err);
    if (rc)
        return rc < 0 ? -1 : 0;
    struct usage sum = {.calls = root.model_calls,
                        .tokens_in = root.tokens_in,
                        .tokens_out = root.tokens_out,
                        .tokens_cached = root.tokens_cached,
                        .cost_micro_usd = root.cost_micro_usd,
                        .unpriced = root.unpriced};
    json_array_append_new(items, usage_item(root.id, &sum));
    return 0;
}

/* The newest requests, each with its whole tree. */
static json_t *by_task(struct hub *hub, struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    struct map seen = {0};
    json_t *items = json_array();
    if (ledger_query(hub->ledger, LIST_TASKS, NULL, NULL, 0, LIMIT_LIST, arena, &rows, &count,
                     err) < 0)
        goto fail;
    for (size_t i = 0; i < count && json_array_size(items) < ROOTS_SHOWN; i++) {
        const char *root = ((struct task *)rows)[i].root;
        if (map_get(&seen, root))
            continue;
        map_put(&seen, root, hub);
        if (add_root(hub, root, items, arena, err) < 0)
            goto fail;
    }
    map_fini(&seen);
    return items;
fail:
    map_fini(&seen);
    json_decref(items);
    return NULL;
}

static json_t *by_sum(struct hub *hub, const char *by, struct http_request *request,
                      struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(hub->ledger, LIST_USAGE, http_query(request, "from"),
                     http_query(request, "to"), 0, USAGE_ROWS, &request->arena, &rows, &count,
                     err) < 0)
        return NULL;
    return sums(rows, count, by);
}

enum http_verdict api_usage(void *ctx, struct http_request *request, struct http_response *response)
{
    static const char *const ways[] = {"agent", "model", "task", "day", NULL};
    static const char *const bounds[] = {"from", "to"};
    struct hub *hub = ctx;
    struct err err;
    const char *by = http_query(request, "by");
    by = by ? by : "agent";
    if (!principal_is_person(api_caller(request)))
        return api_forbid(hub, request, response, NULL, "usage is for people");
    if (!str_in(by, ways))
        return api_refuse(request, response, 400, "bad_request",
                          "usage is by agent, model, task or day, not by \"%.40s\"", by);
    for (size_t i = 0; i < 2; i++) {
        const char *day = http_query(request, bounds[i]);
        if (day && !day_is_well_formed(day))
            return api_refuse(request, response, 400, "bad_request",
                              "\"%s\" is a day like 2026-11-22, not \"%.40s\"", bounds[i], day);
    }
    json_t *items =
        str_eq(by, "task") ? by_task(hub, &request->arena, &err) : by_sum(hub, by, request, &err);
    return items ? http_json(request, response, 200, json_pack("{s:o}", "items", items))
                 : api_unavailable(request, response, &err);
}
