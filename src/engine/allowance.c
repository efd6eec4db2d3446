/* From the company's config to the limits and the budget of one request. */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/allowance.h"

const char *allowance_limits(const struct config *config, struct arena *arena)
{
    return arena_printf(
        arena, "{\"depth\":%lld,\"fan_out\":%lld,\"live\":%lld,\"tasks\":%lld,\"wall_ms\":%lld}",
        (long long)config->limit_depth, (long long)config->limit_fan_out,
        (long long)config->limit_live, (long long)config->limit_tasks,
        (long long)config->limit_wall_ms);
}

const char *allowance_period(const struct config *config, int64_t now, struct arena *arena)
{
    struct tm tm;
    time_t seconds = (time_t)(now / 1000);
    gmtime_r(&seconds, &tm);
    if (str_eq(config->budget_per, "week")) {
        seconds -= (time_t)((tm.tm_wday + 6) % 7) * 24 * 3600;
        gmtime_r(&seconds, &tm);
    }
    int year = tm.tm_year + 1900, month = tm.tm_mon + 1;
    if (str_eq(config->budget_per, "hour"))
        return arena_printf(arena, "company:%04d-%02d-%02dT%02d", year, month, tm.tm_mday,
                            tm.tm_hour);
    if (str_eq(config->budget_per, "month"))
        return arena_printf(arena, "company:%04d-%02d", year, month);
    return arena_printf(arena, "company:%04d-%02d-%02d", year, month, tm.tm_mday);
}

/* The less of two limits, -1 being none. */
static int64_t least(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

bool allowance_budget(const struct config *config, int64_t now, const struct amount *asked,
                      struct arena *arena, struct root_budget *budget)
{
    *budget = (struct root_budget){
        .limit = {.micro_usd = least(config->limit_micro_usd, asked->micro_usd),
                  .tokens = least(config->limit_tokens, asked->tokens)},
        .company_limit = {.micro_usd = config->budget_micro_usd, .tokens = -1},
    };
    if (config->budget_micro_usd >= 0)
        budget->company = allowance_period(config, now, arena);
    return budget->company || budget->limit.micro_usd >= 0 || budget->limit.tokens >= 0;
}
