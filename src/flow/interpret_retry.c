/* Failed tries and their pauses, and what timers do when they are due. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/interpret_state.h"

/* ± 20 % from a hash: the same on every replay, and different for every try of every run. */
static double jitter(const struct flow_run *run, size_t step)
{
    struct arena arena = {0};
    unsigned char digest[HASH_BYTES];
    const struct node *node = &run->nodes[step];
    const char *text =
        arena_printf(&arena, "%s/%s/%lld/%lld", run->id, run_step_spec(run, step)->id,
                     (long long)node->round, (long long)node->tries);
    hash_bytes(text, strlen(text), digest);
    arena_fini(&arena);
    return 0.8 + 0.4 * (digest[0] << 8 | digest[1]) / 65535.0;
}

static int64_t pause_of(const struct flow_run *run, size_t step)
{
    const struct flow_retry *retry = &run_step_spec(run, step)->retry;
    double pause = (double)retry->initial_ms *
                   pow(retry->factor > 0 ? retry->factor : 1, (double)run->nodes[step].tries - 1);
    if (retry->max_ms > 0)
        pause = fmin(pause, (double)retry->max_ms);
    if (retry->jitter)
        pause *= jitter(run, step);
    return pause >= 0 && pause < 1e15 ? (int64_t)pause : (int64_t)1e15;
}

static bool class_is_tried_again(const char *failure_class)
{
    static const char *const classes[] = {"failed",  "timeout",     "malformed",
                                          "crashed", "unreachable", NULL};
    return str_in(failure_class, classes);
}

void run_try_failed(struct flow_run *run, size_t step, const char *failure_class,
                    const char *message)
{
    const struct flow_step *spec = run_step_spec(run, step);
    const struct node *node = &run->nodes[step];
    run_set_timer(run, step, TIMER_NONE, 0);
    if (!failure_class)
        failure_class = "failed";
    if (class_is_tried_again(failure_class) && node->tries < spec->retry.attempts) {
        run_start_try(run, step, pause_of(run, step));
        return;
    }
    run_end_step(run, step,
                 &(struct ending){
                     .state = NODE_FAILED,
                     .failure_class = failure_class,
                     .failure_message = message,
                 });
}

void run_set_timer(struct flow_run *run, size_t step, enum node_timer timer, int64_t due_at)
{
    run->nodes[step].timer = timer;
    if (timer == TIMER_NONE)
        heap_remove(&run->timers, step);
    else
        heap_put(&run->timers, step, due_at);
}

void run_start_timeout(struct flow_run *run, size_t step)
{
    const struct flow_step *spec = run_step_spec(run, step);
    if ((spec->kind == FLOW_JOB || (spec->kind == FLOW_WAIT && spec->signal)) &&
        spec->timeout_ms > 0)
        run_set_timer(run, step, TIMER_TIMEOUT, run->now + spec->timeout_ms);
}

static void time_out(struct flow_run *run, size_t step)
{
    const struct flow_step *spec = run_step_spec(run, step);
    struct arena arena = {0};
    char limit[TIME_TEXT];
    time_print_duration(spec->timeout_ms, limit);
    if (spec->kind == FLOW_JOB)
        run_queue(run, step, false,
                  json_pack("{s:s, s:s, s:I}", "do", "cancel", "step", spec->id, "round",
                            (json_int_t)run->nodes[step].round));
    if (spec->kind == FLOW_JOB)
        run_try_failed(run, step, "timeout", arena_printf(&arena, "no result within %s", limit));
    else
        run_end_step(
            run, step,
            &(struct ending){.state = NODE_FAILED,
                             .failure_class = "timeout",
                             .failure_message = arena_printf(&arena, "no signal \"%s\" within %s",
                                                             spec->signal, limit)});
    arena_fini(&arena);
}

void run_fire_timers(struct flow_run *run, int64_t until)
{
    for (const struct heap_item *due = heap_top(&run->timers); due && due->key <= until;
         due = heap_top(&run->timers)) {
        size_t step = due->step;
        enum node_timer timer = run->nodes[step].timer;
        run_set_timer(run, step, TIMER_NONE, 0);
        if (timer == TIMER_WAITED)
            run_end_step(run, step, &(struct ending){.state = NODE_DONE});
        else if (timer == TIMER_TIMEOUT)
            time_out(run, step);
        else if (timer == TIMER_RETRY)
            run_start_paused(run, step);
    }
}
