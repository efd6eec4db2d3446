/* Rounds to what a glance can take in. */
#include "cli/figures.h"

enum { CENT = 10000, THOUSAND = 1000, MILLION = 1000000 };

const char *figure_money(int64_t micro_usd, struct arena *arena)
{
    const char *sign = micro_usd < 0 ? "-" : "";
    double usd = (double)(micro_usd < 0 ? -micro_usd : micro_usd) / 1e6;
    return arena_printf(arena, micro_usd && usd < 10.0 * CENT / 1e6 ? "%s$%.4f" : "%s$%.2f", sign,
                        usd);
}

const char *figure_cost(int64_t calls, int64_t micro_usd, int64_t unpriced, struct arena *arena)
{
    if (calls == 0)
        return "nothing";
    if (unpriced >= calls)
        return "unpriced";
    const char *money = figure_money(micro_usd, arena);
    return unpriced ? arena_printf(arena, "%s + %lld unpriced", money, (long long)unpriced) : money;
}

const char *figure_count(int64_t count, struct arena *arena)
{
    if (count < 10 * THOUSAND)
        return arena_printf(arena, "%lld", (long long)count);
    if (count < MILLION)
        return arena_printf(arena, "%.1fk", (double)count / THOUSAND);
    return arena_printf(arena, "%.1fM", (double)count / MILLION);
}

const char *figure_bytes(int64_t bytes, struct arena *arena)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes / 1000;
    size_t at = 0;
    if (bytes < 1000)
        return arena_printf(arena, "%lld B", (long long)bytes);
    for (; value >= 999.95 && at + 1 < sizeof(units) / sizeof(units[0]); at++)
        value /= 1000;
    return arena_printf(arena, "%.1f %s", value, units[at]);
}
