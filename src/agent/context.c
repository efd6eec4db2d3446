/* One line, made anew for every request and never recorded: it would age in the transcript. */
#include "agent/context.h"
#include "base/buf.h"
#include "base/time.h"
#include "wire/task.h"

enum { MICRO = 1000000, HURRY_MS = 30000 };

static void put_time(const struct context *context, struct buf *out)
{
    char left[TIME_TEXT];
    if (context->task->deadline_at <= 0)
        return;
    int64_t ms = context->task->deadline_at - context->now;
    time_print_duration(ms > 0 ? ms : 0, left);
    buf_printf(out, " Time left: %s%s.", left,
               ms < HURRY_MS ? ", so finish with what you have" : "");
}

static void put_budget(const struct context *context, struct buf *out)
{
    int64_t micro = context->money_left;
    if (micro >= 0)
        buf_printf(out, " Money left: %lld.%04lld USD.", (long long)(micro / MICRO),
                   (long long)(micro % MICRO / 100));
    if (context->tokens_left >= 0)
        buf_printf(out, " Tokens left: %lld.", (long long)context->tokens_left);
}

json_t *context_note(const struct context *context)
{
    struct buf out = {0};
    buf_puts(&out, "[runtime]");
    put_time(context, &out);
    put_budget(context, &out);
    if (context->depth_limit > 0)
        buf_printf(&out, " Delegation depth: %lld of %lld.", (long long)context->task->depth,
                   (long long)context->depth_limit);
    json_t *message = json_pack("{s:s,s:s}", "role", "system", "text", buf_text(&out));
    buf_fini(&out);
    return message;
}
