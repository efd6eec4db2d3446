/* Private to net/: one call on one pooled handle. */
#ifndef HQ_NET_FETCH_CALL_H
#define HQ_NET_FETCH_CALL_H

#include <curl/curl.h>

#include "net/fetch.h"

/* A handle has a multi of its own (poll and wake-up belong to it), which keeps the connections. */
struct fetch_handle {
    struct fetch_handle *next;
    CURL *easy;
    CURLM *multi;
    char *origin; /* scheme, host, port and socket of the last call: the next one reuses it */
    char error[CURL_ERROR_SIZE];
};

enum fetch_outcome fetch_call_run(struct fetch_handle *handle, const struct fetch_request *request,
                                  struct fetch_response *response, struct err *err);

/* A running call under a cancel switch. */
struct fetch_running {
    struct fetch_running *next, **link;
    CURLM *multi;
};

void fetch_cancel_enter(struct fetch_cancel *cancel, struct fetch_running *running);
void fetch_cancel_leave(struct fetch_cancel *cancel, struct fetch_running *running);

#endif
