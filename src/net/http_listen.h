/* Private to net/: the TCP listener (the unix one is public). */
#ifndef HQ_NET_HTTP_LISTEN_H
#define HQ_NET_HTTP_LISTEN_H

#include "net/http_server.h"

/* Returns a listening, non-blocking, close-on-exec socket and its port, or -1 with *err. */
int http_tcp_listen(const struct http_config *config, int *port, struct err *err);

#endif
