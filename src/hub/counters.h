/* What happened since this hub began to look, counted from its events for /metrics. */
#ifndef HQ_HUB_COUNTERS_H
#define HQ_HUB_COUNTERS_H

struct buf;
struct config;
struct counters;
struct event;

/* The config is borrowed: labels are its agents and providers and a few words, never what tasks or
 * models say. Close takes NULL, too. */
struct counters *counters_open(const struct config *config);
void counters_close(struct counters *counters);

/* Each event once. Any thread, as the next two. */
void counters_take(struct counters *counters, const struct event *event);

/* One more of a name of its own that has no event: "traces_dropped" … (counters.c lists them). */
void counters_add(struct counters *counters, const char *name, long long by);

/* Appends the families (net/exposition.h). */
void counters_print(struct counters *counters, struct buf *out);

#endif
