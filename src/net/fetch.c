/* The pool of handles. A handle that spoke to the same server last is taken first, for its open
 * connection. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/fetch_call.h"

enum { FETCH_KEPT = 16, FETCH_CONNECTIONS = 2 };

struct fetch {
    pthread_mutex_t mutex;
    struct fetch_handle *idle;
    int idle_count;
};

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch_init_library(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

struct fetch *fetch_open(void)
{
    pthread_once(&fetch_once, fetch_init_library);
    struct fetch *fetch = mem_zalloc(sizeof(*fetch));
    pthread_mutex_init(&fetch->mutex, NULL);
    return fetch;
}

static struct fetch_handle *handle_open(void)
{
    struct fetch_handle *handle = mem_zalloc(sizeof(*handle));
    handle->easy = curl_easy_init();
    handle->multi = curl_multi_init();
    if (!handle->easy || !handle->multi)
        abort();
    curl_multi_setopt(handle->multi, CURLMOPT_MAXCONNECTS, (long)FETCH_CONNECTIONS);
    return handle;
}

static void handle_close(struct fetch_handle *handle)
{
    curl_easy_cleanup(handle->easy);
    curl_multi_cleanup(handle->multi);
    free(handle->origin);
    free(handle);
}

void fetch_close(struct fetch *fetch)
{
    if (!fetch)
        return;
    for (struct fetch_handle *next; fetch->idle; fetch->idle = next) {
        next = fetch->idle->next;
        handle_close(fetch->idle);
    }
    pthread_mutex_destroy(&fetch->mutex);
    free(fetch);
}

/* What a connection can be reused for: everything before the path, and the socket. */
static char *origin_of(const struct fetch_request *request)
{
    const char *host = strstr(request->url, "://");
    size_t len = host ? strcspn(host + 3, "/?#") + (size_t)(host + 3 - request->url) : 0;
    struct buf origin = {0};
    buf_put(&origin, request->url, len);
    if (request->unix_dir)
        buf_printf(&origin, " %s/%s", request->unix_dir, request->unix_name);
    return buf_take(&origin);
}

static struct fetch_handle *handle_take(struct fetch *fetch, const char *origin)
{
    pthread_mutex_lock(&fetch->mutex);
    struct fetch_handle **link = &fetch->idle;
    while (*link && !str_eq((*link)->origin, origin))
        link = &(*link)->next;
    if (!*link && fetch->idle_count == FETCH_KEPT)
        link = &fetch->idle;
    struct fetch_handle *handle = *link;
    if (handle) {
        *link = handle->next;
        fetch->idle_count--;
    }
    pthread_mutex_unlock(&fetch->mutex);
    return handle ? handle : handle_open();
}

static void handle_put(struct fetch *fetch, struct fetch_handle *handle)
{
    pthread_mutex_lock(&fetch->mutex);
    bool keep = fetch->idle_count < FETCH_KEPT;
    if (keep) {
        handle->next = fetch->idle;
        fetch->idle = handle;
        fetch->idle_count++;
    }
    pthread_mutex_unlock(&fetch->mutex);
    if (!keep)
        handle_close(handle);
}

enum fetch_outcome fetch_run(struct fetch *fetch, const struct fetch_request *request,
                             struct fetch_response *response, struct err *err)
{
    *response = (struct fetch_response){.retry_after_ms = -1};
    char *origin = origin_of(request);
    struct fetch_handle *handle = handle_take(fetch, origin);
    free(handle->origin);
    handle->origin = origin;
    enum fetch_outcome outcome = fetch_call_run(handle, request, response, err);
    handle_put(fetch, handle);
    return outcome;
}

void fetch_response_fini(struct fetch_response *response)
{
    buf_fini(&response->body);
}
