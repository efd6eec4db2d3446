/* Tokens × price. */
#include "model/price.h"
#include "config/config.h"

enum { PER_TOKENS = 1000000 };

/* Counts come from outside: this keeps the products within 63 bits at up to 1,000 USD per million.
 */
static int64_t sane(int64_t tokens)
{
    const int64_t most = 1000000000;
    if (tokens < 0)
        return 0;
    return tokens < most ? tokens : most;
}

int64_t price_of(const struct config_model *config, const struct model_usage *usage)
{
    if (!config->priced)
        return -1;
    int64_t in = sane(usage->in), cached = sane(usage->cached), out = sane(usage->out);
    if (cached > in)
        cached = in;
    int64_t sum =
        (in - cached) * config->price_in + cached * config->price_cached + out * config->price_out;
    return (sum + PER_TOKENS - 1) / PER_TOKENS;
}
