/* Sessions leave the ledger last: when the agent that owns their transcripts has removed those. */
#include <string.h>

#include "base/limits.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/rules.h"

struct forgetting {
    const char *agent;
    const char *const *keys;
    size_t count;
    int64_t gone;
};

/* Somebody who came back meanwhile has taken the mark away. */
static int forget(struct tx *tx, void *arg)
{
    struct forgetting *forgetting = arg;
    int rc = 0;
    forgetting->gone = 0;
    for (size_t i = 0; i < forgetting->count && rc >= 0; i++) {
        struct session session = {.agent = forgetting->agent, .key = forgetting->keys[i]};
        rc = tx_get(tx, &session_record, &session);
        if (rc || !session.retired_at || session.open_task)
            continue;
        rc = tx_del(tx, &session_record, &session);
        forgetting->gone++;
    }
    return rc < 0 ? rc : 0;
}

int ledger_forget_sessions(struct ledger *ledger, const char *agent, const char *const *keys,
                           size_t count, int64_t *gone, struct err *err)
{
    struct outcome outcome = {0};
    struct forgetting forgetting = {.agent = agent, .keys = keys, .count = count};
    struct submission submission = {.run = forget,
                                    .arg = &forgetting,
                                    .actor = agent,
                                    .frees = true,
                                    .outcome = &outcome,
                                    .err = err};
    if (forgetting.count > LIMIT_RETIRED_PAGE)
        forgetting.count = LIMIT_RETIRED_PAGE;
    int rc = commit_submit(ledger, &submission);
    *gone = rc == 0 ? forgetting.gone : 0;
    return rc;
}
