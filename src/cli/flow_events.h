/* A run's stream: facts and decisions, from the hub or from a file that was saved. */
#ifndef HQ_CLI_FLOW_EVENTS_H
#define HQ_CLI_FLOW_EVENTS_H

#include <jansson.h>
#include <stddef.h>

#include "cli/operator.h"
#include "flow/simulate.h"

struct flow_stream {
    char run[64]; /* id; "": the file does not say */
    json_t *items;
    struct sim_event *events; /* borrow from items */
    size_t count;
};

/* All events of the run with that id (whole or short). COMMAND_OK, or the exit code after saying
 * what failed. */
int flow_stream_fetch(struct operator_line *line, const char *id, struct flow_stream *stream);

/* JSON lines, as `hq --json flow show RUN --events` prints them. The same. */
int flow_stream_read(const struct invocation *invocation, const char *path,
                     struct flow_stream *stream);
void flow_stream_fini(struct flow_stream *stream);

#endif
