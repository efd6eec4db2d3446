/* Sends what has ended as traces to a receiver of OTLP over HTTP (config: telemetry), behind the
 * work and never in its way: a thread follows the ledger's events with a cursor on disk that moves
 * when the receiver has taken what is before it. */
#ifndef HQ_HUB_TRACES_H
#define HQ_HUB_TRACES_H

struct config;
struct counters;
struct ledger;
struct traces;

/* NULL where hq.yaml names no receiver, or no thread can be started (which is logged). All are
 * borrowed. The first time, what was before it is left alone. */
struct traces *traces_open(const struct config *config, struct ledger *ledger,
                           struct counters *counters);

/* Something was committed. Any thread; never blocks. Takes NULL, too. */
void traces_wake(struct traces *traces);

/* Ends a post that is on its way; it is sent again by the next hub. Takes NULL, too. */
void traces_close(struct traces *traces);

#endif
