/* A monitor: address → failures since the window began. */
#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/auth_throttle.h"

struct failures {
    int64_t since_ms;
    int count;
};

struct auth_throttle {
    pthread_mutex_t mutex;
    struct map addresses; /* address → struct failures */
};

struct auth_throttle *auth_throttle_open(void)
{
    struct auth_throttle *throttle = mem_zalloc(sizeof(*throttle));
    pthread_mutex_init(&throttle->mutex, NULL);
    return throttle;
}

void auth_throttle_close(struct auth_throttle *throttle)
{
    if (!throttle)
        return;
    map_free(&throttle->addresses);
    pthread_mutex_destroy(&throttle->mutex);
    free(throttle);
}

int auth_throttle_fail(struct auth_throttle *throttle, const char *address)
{
    int64_t now = time_boot_ms();
    pthread_mutex_lock(&throttle->mutex);
    struct failures *failures = map_get(&throttle->addresses, address);
    if (!failures) {
        if (throttle->addresses.count >= LIMIT_AUTH_ADDRESSES)
            map_free(&throttle->addresses);
        failures = mem_zalloc(sizeof(*failures));
        map_put(&throttle->addresses, address, failures);
    }
    if (!failures->count || now - failures->since_ms >= LIMIT_AUTH_WINDOW_MS)
        *failures = (struct failures){.since_ms = now};
    failures->count++;
    int64_t left = failures->since_ms + LIMIT_AUTH_WINDOW_MS - now;
    int wait = failures->count > LIMIT_AUTH_FAILURES ? (int)((left + 999) / 1000) : 0;
    pthread_mutex_unlock(&throttle->mutex);
    return wait;
}

void auth_throttle_good(struct auth_throttle *throttle, const char *address)
{
    pthread_mutex_lock(&throttle->mutex);
    free(map_take(&throttle->addresses, address));
    pthread_mutex_unlock(&throttle->mutex);
}
