/* Spans of what has ended, made from the ledger's rows, in the JSON mapping of OTLP 1.x
 * (opentelemetry-proto: trace.proto, common.proto; ids in hex, 64-bit numbers as text). Ids are
 * made from ours: the same thing told again is the same span. */
#ifndef HQ_HUB_SPANS_H
#define HQ_HUB_SPANS_H

#include <jansson.h>
#include <stdbool.h>

struct config;
struct err;
struct event;
struct ledger;

struct spans {
    const struct config *config;
    struct ledger *ledger;
    json_t *list; /* array: spans are appended */
};

/* Appends what the event says has ended: a task with its calls, a run with its steps, a delivery, a
 * decision of people; nothing for all other events, and for rows that retention has taken. 0, or -1
 * with *err: the ledger cannot be read. */
int spans_of_event(struct spans *spans, const struct event *event, struct err *err);

/* The list as a whole request (ExportTraceServiceRequest); takes the reference. */
json_t *spans_request(const struct config *config, json_t *list);

#endif
