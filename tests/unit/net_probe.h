/* A raw HTTP client for the net tests: sends exactly the given bytes, reads what comes. */
#ifndef HQ_TESTS_NET_PROBE_H
#define HQ_TESTS_NET_PROBE_H

#include <stdbool.h>
#include <stddef.h>

enum { PROBE_WAIT_MS = 10000 };

/* A connected loopback socket; fails the test when there is none. */
int probe_connect(int port);
int probe_connect_unix(int dir_fd, const char *name);

/* Sends all; false when the peer closed (never a signal). */
bool probe_send(int fd, const char *text);
bool probe_send_bytes(int fd, const char *bytes, size_t len);

/* Reads one answer (by Content-Length) or until the end; returns how many bytes, -1 after
 * PROBE_WAIT_MS. */
int probe_read(int fd, char *answer, size_t cap);

/* One request on a connection of its own; the answer with its headers in a static buffer. */
const char *probe_ask(int port, const char *request);

/* True as soon as *ask is true; false after PROBE_WAIT_MS. */
bool probe_until(bool (*ask)(void *ctx), void *ctx);

#endif
