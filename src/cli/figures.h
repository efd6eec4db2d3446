/* Money and counts as people read them. */
#ifndef HQ_CLI_FIGURES_H
#define HQ_CLI_FIGURES_H

#include <stdint.h>

#include "base/arena.h"

/* "$3.12"; below ten cents "$0.0042". Micro-USD. In the arena. */
const char *figure_money(int64_t micro_usd, struct arena *arena);

/* What model calls cost, with those that have no price: "$3.12", "$3.12 + 4 unpriced", "unpriced",
 * "nothing" where there were no calls. */
const char *figure_cost(int64_t calls, int64_t micro_usd, int64_t unpriced, struct arena *arena);

/* "940", "12.3k", "4.1M". */
const char *figure_count(int64_t count, struct arena *arena);

/* "940 B", "12.3 kB", "4.1 MB", "1.2 GB": powers of 1,000, as disks are sold. */
const char *figure_bytes(int64_t bytes, struct arena *arena);

#endif
