/* Private to net/: the request target: decoding, query parameters, routes. */
#ifndef HQ_NET_HTTP_TARGET_H
#define HQ_NET_HTTP_TARGET_H

#include "net/http_exchange.h"

/* Decodes path and query of exchange->raw_target (RFC 3986, section 2.1; in the query + is a
 * space). Returns 0, or -1 with *err when it is not origin-form, an escape is broken, or the
 * decoded bytes are not UTF-8 free of NUL (in the path: free of all control characters). */
int http_target_parse(struct http_exchange *exchange, struct err *err);

/* Finds the route: literal segments are compared decoded, {x} matches one segment that is not
 * empty, "*" the rest. HEAD falls back to GET. Sets route and params, else allow. */
void http_target_route(struct http_exchange *exchange, const struct http_route *routes);

#endif
