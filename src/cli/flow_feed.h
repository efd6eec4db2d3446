/* A run that is followed by the hub's feed: looked at when something happened to it, whatever
 * happens to the hub meanwhile. */
#ifndef HQ_CLI_FLOW_FEED_H
#define HQ_CLI_FLOW_FEED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/operator.h"
#include "client/feed_reader.h"

/* The functions get `ctx`, are called on the calling thread, and may be NULL. on_run ends
 * flow_feed_run() with FLOW_FEED_STOP. */
struct flow_feed {
    struct operator_line *line;
    int (*on_run)(void *ctx, const json_t *run);  /* it stands otherwise than at the call before */
    void (*on_away)(void *ctx, bool is_away);     /* NULL: said as a note */
    void (*on_gap)(void *ctx, const json_t *gap); /* {why, cursor}; the same */
    void (*on_tick)(void *ctx);                   /* each second or so */
    void *ctx;

    json_t *run; /* as it stands; NULL before flow_feed_open(); flow_feed_close() lets go of it */
    const char *id;
    struct feed_reader reader;
    bool is_stale, is_away;
    int64_t looked_at, ticked_at; /* time_boot_ms() */
    int code;
};

enum { FLOW_FEED_GO_ON, FLOW_FEED_STOP };

/* The first look; Ctrl-C is caught from now on. `given` is any id that names one run. COMMAND_OK,
 * or the exit code after saying what failed. `feed` has its line and functions; on_run is not
 * called yet. */
int flow_feed_open(struct flow_feed *feed, const char *given);

/* Follows until the run has ended or on_run says stop (COMMAND_OK both), --timeout (COMMAND_PERSON
 * where only people are waited for, else COMMAND_TIMEOUT), Ctrl-C (COMMAND_INTERRUPTED), or what
 * failed. May be called again behind a stop. Blocks; a hub that is away is waited for. */
int flow_feed_run(struct flow_feed *feed);

void flow_feed_close(struct flow_feed *feed);

#endif
