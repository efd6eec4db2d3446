/* A wait that can be cancelled. */
#include <time.h>

#include "base/time.h"
#include "model/pause.h"
#include "net/fetch.h"

enum { LOOK_EVERY_MS = 20 };

bool pause_ms(int64_t ms, const struct fetch_cancel *cancel)
{
    int64_t end = time_boot_ms() + ms;
    for (;;) {
        int64_t left = end - time_boot_ms();
        if (cancel && fetch_is_cancelled(cancel))
            return false;
        if (left <= 0)
            return true;
        int64_t nap = cancel && left > LOOK_EVERY_MS ? LOOK_EVERY_MS : left;
        struct timespec time = {nap / 1000, nap % 1000 * 1000000};
        nanosleep(&time, NULL);
    }
}
