/* Sums by agent and provider: models of one provider are one series, because their names come from
 * tasks. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "hub/spending.h"
#include "ledger/ledger.h"
#include "net/exposition.h"

struct sum {
    int64_t calls, in, out, cached, micro_usd, unpriced;
};

struct spending {
    const struct config *config;
    struct ledger *ledger;
    pthread_mutex_t mutex;
    struct map past; /* "agent\tprovider" → struct sum, of all days before `recent` */
    char recent[TIME_TEXT];
    bool is_loaded;
};

struct spending *spending_open(const struct config *config, struct ledger *ledger)
{
    struct spending *spending = mem_zalloc(sizeof(*spending));
    spending->config = config;
    spending->ledger = ledger;
    pthread_mutex_init(&spending->mutex, NULL);
    return spending;
}

void spending_close(struct spending *spending)
{
    if (!spending)
        return;
    map_free(&spending->past);
    pthread_mutex_destroy(&spending->mutex);
    free(spending);
}

static void add_row(const struct spending *spending, struct map *sums, const struct usage *row)
{
    struct arena arena = {0};
    const char *slash = strchr(row->model, '/');
    size_t len = slash ? (size_t)(slash - row->model) : strlen(row->model);
    const char *provider = arena_memdup(&arena, row->model, len);
    const char *key = arena_printf(
        &arena, "%s\t%s", config_agent(spending->config, row->agent) ? row->agent : "other",
        config_model(spending->config, provider) ? provider : "other");
    struct sum *sum = map_get(sums, key);
    if (!sum) {
        sum = mem_zalloc(sizeof(*sum));
        map_put(sums, key, sum);
    }
    sum->calls += row->calls;
    sum->in += row->tokens_in;
    sum->out += row->tokens_out;
    sum->cached += row->tokens_cached;
    sum->micro_usd += row->cost_micro_usd;
    sum->unpriced += row->unpriced;
    arena_fini(&arena);
}

/* Days in [from, to]; NULL: no bound. */
static int add_days(const struct spending *spending, const char *from, const char *to,
                    struct map *sums, struct err *err)
{
    struct arena arena = {0};
    void *rows;
    size_t count;
    int rc = ledger_query(spending->ledger, LIST_USAGE, from, to, 0, INT32_MAX, &arena, &rows,
                          &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        add_row(spending, sums, &((const struct usage *)rows)[i]);
    arena_fini(&arena);
    return rc;
}

/* Where a day has passed, what is past is read anew: once a day. A call of a few minutes ago may
 * still be booked to yesterday, which is why the day before today counts as today. */
static int look_at_day(struct spending *spending, struct err *err)
{
    char now[TIME_TEXT], before[TIME_TEXT];
    int64_t day = INT64_C(86400000), at = ledger_now(spending->ledger);
    time_rfc3339(at - day, now);
    time_rfc3339(at - 2 * day, before);
    now[strlen("2026-11-22")] = before[strlen("2026-11-22")] = '\0';
    if (spending->is_loaded && str_eq(now, spending->recent))
        return 0;
    map_free(&spending->past);
    spending->is_loaded = add_days(spending, NULL, before, &spending->past, err) == 0;
    memcpy(spending->recent, now, sizeof(now));
    return spending->is_loaded ? 0 : -1;
}

static void add_past(const struct spending *spending, struct map *sums)
{
    const char *key;
    void *value;
    for (size_t at = 0; map_next(&spending->past, &at, &key, &value);) {
        struct sum *sum = mem_zalloc(sizeof(*sum));
        *sum = *(struct sum *)value;
        map_put(sums, key, sum);
    }
}

static const struct {
    const char *name, *help;
    size_t offset;
    double unit;
} families[] = {
    {"hq_usage_calls_total", "Model calls that were booked.", offsetof(struct sum, calls), 1},
    {"hq_tokens_in_total", "Tokens that were sent.", offsetof(struct sum, in), 1},
    {"hq_tokens_out_total", "Tokens that were answered.", offsetof(struct sum, out), 1},
    {"hq_tokens_cached_total", "Of the tokens sent, those that the provider had cached.",
     offsetof(struct sum, cached), 1},
    {"hq_cost_usd_total", "Money that the priced calls cost.", offsetof(struct sum, micro_usd),
     1e6},
    {"hq_unpriced_calls_total", "Model calls that have no price.", offsetof(struct sum, unpriced),
     1},
};

static void print_sums(const struct map *sums, struct buf *out)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const char *key;
        void *value;
        exposition_family(out, families[i].name, "counter", families[i].help);
        for (size_t at = 0; map_next(sums, &at, &key, &value);) {
            struct arena arena = {0};
            char *agent = arena_strdup(&arena, key), *provider = strchr(agent, '\t');
            int64_t number;
            *provider++ = '\0';
            memcpy(&number, (char *)value + families[i].offset, sizeof(number));
            exposition_number(out, families[i].name,
                              (const char *[]){"agent", agent, "provider", provider, NULL},
                              (double)number / families[i].unit);
            arena_fini(&arena);
        }
    }
}

int spending_print(struct spending *spending, struct buf *out, struct err *err)
{
    struct map sums = {0};
    pthread_mutex_lock(&spending->mutex);
    int rc = look_at_day(spending, err);
    if (rc == 0)
        add_past(spending, &sums);
    if (rc == 0)
        rc = add_days(spending, spending->recent, NULL, &sums, err);
    pthread_mutex_unlock(&spending->mutex);
    if (rc == 0)
        print_sums(&sums, out);
    map_free(&sums);
    return rc;
}
