/* Private to net/: ends connections whose request is not whole in time (slow-loris); the library's
 * own time-out counts idle time only. */
#ifndef HQ_NET_HTTP_WATCH_H
#define HQ_NET_HTTP_WATCH_H

#include <stdint.h>

struct http_watch;
struct http_watched; /* one connection */

/* Starts the thread that watches. NULL when there is none. A request must be whole `request_ms`
 * after its connection was made or its request line came; a connection may idle `idle_ms` in
 * between. */
struct http_watch *http_watch_open(const char *name, int64_t request_ms, int64_t idle_ms);
void http_watch_close(struct http_watch *watch); /* after its connections are gone */

/* All from the event threads: a connection came, its request line is there, its request is whole,
 * its answer is sent, it goes. `fd` stays open until http_watch_drop(). */
struct http_watched *http_watch_add(struct http_watch *watch, int fd);
void http_watch_begin(struct http_watch *watch, struct http_watched *watched);
void http_watch_whole(struct http_watch *watch, struct http_watched *watched);
void http_watch_idle(struct http_watch *watch, struct http_watched *watched);
void http_watch_drop(struct http_watch *watch, struct http_watched *watched);

#endif
