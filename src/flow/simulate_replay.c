/* A recorded stream, run through the interpreter again. */
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/interpret.h"
#include "flow/simulate.h"

struct replay {
    struct flow_run *run;
    const struct sim_event *events;
    size_t count, told; /* events before `told` were told where they are facts */
};

static int tell(struct replay *replay, const struct sim_event *event, struct err *err)
{
    struct flow_fact fact = {event->seq, event->at, event->type, event->body};
    return flow_is_fact(event->type) ? flow_run_tell(replay->run, &fact, err) : 0;
}

/* What the decision had looked at: facts up to a seq, then the time. */
static int tell_before(struct replay *replay, const json_t *decision, struct err *err)
{
    int64_t upto = json_get_int(decision, "upto", 0),
            time_at = json_get_int(decision, "time_at", 0);
    while (replay->told < replay->count && replay->events[replay->told].seq <= upto)
        if (tell(replay, &replay->events[replay->told++], err) < 0)
            return -1;
    struct flow_fact time = {.seq = upto, .at = time_at, .type = "time.passed"};
    return time_at ? flow_run_tell(replay->run, &time, err) : 0;
}

static int follow(struct replay *replay, const struct sim_event *event, struct err *err)
{
    bool more;
    const char *hash = json_get_text(event->body, "hash", NULL);
    if (tell_before(replay, event->body, err) < 0 ||
        flow_run_follow(replay->run, json_object_get(event->body, "actions"), &more, err) < 0)
        return -1;
    if (hash && !str_eq(hash, flow_run_hash(replay->run)))
        return err_set(err, "diverged", "the chain of hashes was %.16s… and is now %.16s…", hash,
                       flow_run_hash(replay->run));
    return 0;
}

int sim_replay(struct flow_run *run, const struct sim_event *events, size_t count,
               int64_t *decisions, int64_t *at, struct err *err)
{
    struct replay replay = {.run = run, .events = events, .count = count};
    *decisions = 0;
    for (size_t i = 0; i < count; i++) {
        *at = events[i].seq;
        if (!str_eq(events[i].type, "run.decided"))
            continue;
        if (follow(&replay, &events[i], err) < 0)
            return -1;
        (*decisions)++;
    }
    return 0;
}
