/* One model call with its short retries. */
#include <string.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"
#include "model/model.h"
#include "model/pause.h"

enum {
    TRIES = 3,
    SHORT_WAIT_MS = 2000,    /* longer ones park the turn (ledger.md §3) */
    FIRST_BACKOFF_MS = 400,  /* doubles; the wait is random below it (full jitter) */
    SLOW_TRY_MS = 30000,     /* a try that took longer was no short trouble */
    DEFAULT_RETRY_MS = 10000 /* "later" without a Retry-After */
};

struct listener {
    const struct model_request *request;
    bool given; /* a part of an answer has been shown: no other try may follow */
};

static void listen_text(void *ctx, const char *text, size_t len)
{
    struct listener *listener = ctx;
    if (!listener->given)
        crash_point("model.stream.first");
    listener->given = true;
    listener->request->on_text(listener->request->ctx, text, len);
}

static enum model_outcome try_once(struct model *model, struct listener *listener,
                                   struct model_answer *answer, int64_t *retry_after_ms,
                                   struct err *err)
{
    struct model_request request = *listener->request;
    if (request.on_text) {
        request.on_text = listen_text;
        request.ctx = listener;
    }
    *retry_after_ms = -1;
    crash_point("model.call.before");
    enum model_outcome outcome = model->ops->complete(model, &request, answer, retry_after_ms, err);
    crash_point("model.call.after");
    return outcome;
}

/* How long to wait before the next try; -1: give up. */
static int64_t wait_before_next(enum model_outcome outcome, int tries, int64_t retry_after_ms)
{
    if (tries == TRIES || (outcome != MODEL_UNREACHABLE && outcome != MODEL_RETRY_LATER))
        return -1;
    if (retry_after_ms > SHORT_WAIT_MS)
        return -1;
    int64_t jitter = rand_below(FIRST_BACKOFF_MS << (tries - 1));
    return retry_after_ms >= 0 ? retry_after_ms + jitter / 4 : jitter;
}

static bool fits_deadline(const struct model_request *request, int64_t wait_ms)
{
    return request->deadline_boot_ms == 0 || time_boot_ms() + wait_ms < request->deadline_boot_ms;
}

static enum model_outcome run_tries(struct model *model, struct listener *listener,
                                    struct model_answer *answer, int64_t *retry_after_ms,
                                    struct err *err)
{
    const struct model_request *request = listener->request;
    for (int tries = 1;; tries++) {
        int64_t started = time_boot_ms();
        enum model_outcome outcome = try_once(model, listener, answer, retry_after_ms, err);
        int64_t wait = wait_before_next(outcome, tries, *retry_after_ms);
        if (wait < 0 || listener->given || time_boot_ms() - started > SLOW_TRY_MS ||
            !fits_deadline(request, wait))
            return outcome;
        log_info("model %s/%s: try %d of %d: %s; again in %lld ms", model->provider, request->model,
                 tries, TRIES, err->message, (long long)wait);
        if (!pause_ms(wait, request->cancel) ||
            (request->may_try_again && !request->may_try_again(request->try_ctx))) {
            err_set(err, "model_cancelled", "the call was cancelled");
            return MODEL_CANCELLED;
        }
    }
}

enum model_outcome model_complete(struct model *model, const struct model_request *request,
                                  struct model_answer *answer, int64_t *retry_after_ms,
                                  struct err *err)
{
    struct listener listener = {.request = request};
    struct err own;
    memset(answer, 0, sizeof(*answer));
    enum model_outcome outcome =
        run_tries(model, &listener, answer, retry_after_ms, err ? err : &own);
    if (outcome == MODEL_RETRY_LATER && *retry_after_ms < 0)
        *retry_after_ms = DEFAULT_RETRY_MS;
    return outcome;
}
