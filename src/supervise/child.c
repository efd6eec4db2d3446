/* The grid of states and events; each cell is a function of a few lines. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "supervise/child.h"

enum { EXIT_CONFIG = 78 };

struct moment {
    const struct child_end *end;
    int64_t now;
};

typedef enum child_order action(struct child *child, const struct moment *moment);

static void enter(struct child *child, enum child_state state, int64_t due_at)
{
    child->state = state;
    child->due_at = due_at;
}

static void begin_life(struct child *child, int64_t now)
{
    child->was_ready = false;
    child->was_overdue = false;
    child->pressed = 0;
    child->again = false;
    child->started_at = now;
    child->said[0] = '\0';
    enter(child, CHILD_STARTING, now + CHILD_START_MS);
}

static enum child_order launch(struct child *child, const struct moment *moment)
{
    begin_life(child, moment->now);
    return CHILD_LAUNCH;
}

static enum child_order adopt(struct child *child, const struct moment *moment)
{
    begin_life(child, moment->now);
    child->reason[0] = '\0';
    return CHILD_NOTHING;
}

static enum child_order become_ready(struct child *child, const struct moment *moment)
{
    child->was_ready = true;
    child->reason[0] = '\0';
    enter(child, CHILD_READY, 0);
    return CHILD_NOTHING;
}

static enum child_order ask_to_end(struct child *child, const struct moment *moment)
{
    child->pressed = 1;
    enter(child, CHILD_STOPPING, moment->now + CHILD_DRAIN_MS);
    return CHILD_TERM;
}

static enum child_order stop(struct child *child, const struct moment *moment)
{
    child->again = false;
    return ask_to_end(child, moment);
}

static enum child_order restart(struct child *child, const struct moment *moment)
{
    child->again = true;
    return ask_to_end(child, moment);
}

/* Found alive although it shall not run: somebody stopped it while no supervisor was there. */
static enum child_order evict(struct child *child, const struct moment *moment)
{
    begin_life(child, moment->now);
    return stop(child, moment);
}

static enum child_order stay_stopped(struct child *child, const struct moment *moment)
{
    child->again = false;
    return CHILD_NOTHING;
}

static enum child_order come_back(struct child *child, const struct moment *moment)
{
    child->again = true;
    return CHILD_NOTHING;
}

/* Second time: finish no turn. From the third: kill. */
static enum child_order press(struct child *child, const struct moment *moment)
{
    child->pressed++;
    child->due_at = moment->now + CHILD_STOP_MS;
    return child->pressed <= 2 ? CHILD_TERM : CHILD_KILL;
}

static enum child_order kill_overdue(struct child *child, const struct moment *moment)
{
    child->was_overdue = true;
    child->due_at = moment->now + CHILD_STOP_MS;
    snprintf(child->said, sizeof(child->said), "not ready after %d s", CHILD_START_MS / 1000);
    return CHILD_KILL;
}

static enum child_order halt(struct child *child, const struct moment *moment)
{
    child->reason[0] = '\0';
    enter(child, CHILD_STOPPED, 0);
    return CHILD_NOTHING;
}

static enum child_order try_now(struct child *child, const struct moment *moment)
{
    child->streak = 0;
    child->death_count = 0;
    child->reason[0] = '\0';
    enter(child, CHILD_DOWN, 0);
    return CHILD_NOTHING;
}

static enum child_order wake(struct child *child, const struct moment *moment)
{
    child->restarts++;
    enter(child, CHILD_DOWN, 0);
    return CHILD_NOTHING;
}

static enum child_order after_stop(struct child *child, const struct moment *moment)
{
    child->reason[0] = '\0';
    enter(child, child->again ? CHILD_DOWN : CHILD_STOPPED, 0);
    child->again = false;
    return CHILD_NOTHING;
}

/* Did it end by itself? A kill from outside is no fault of its own. */
static bool is_own_death(const struct child *child, const struct child_end *end)
{
    if (child->was_overdue)
        return true;
    if (!end->known)
        return false;
    if (end->exited)
        return true;
    static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        if (end->code == crashes[i])
            return true;
    return false;
}

static void describe_end(const struct child *child, const struct child_end *end, char text[320])
{
    char how[64];
    if (!end->known)
        snprintf(how, sizeof(how), "ended");
    else if (end->exited)
        snprintf(how, sizeof(how), "exit %d", end->code);
    else
        snprintf(how, sizeof(how), "SIG%s",
                 sigabbrev_np(end->code) ? sigabbrev_np(end->code) : "?");
    if (child->said[0])
        snprintf(text, 320, "%s: %s", how, child->said);
    else
        snprintf(text, 320, "%s", how);
}

/* Notes a death of its own; true when there were too many in the window. */
static bool count_death(struct child *child, int64_t now)
{
    child->deaths[child->death_count++ % CHILD_DEATHS] = now;
    if (child->death_count < CHILD_DEATHS)
        return false;
    int64_t oldest = child->deaths[child->death_count % CHILD_DEATHS];
    return now - oldest <= CHILD_WINDOW_MS;
}

static int64_t backoff_ms(const struct child *child)
{
    int64_t most = child->is_hub ? CHILD_HUB_BACKOFF_MAX_MS : CHILD_BACKOFF_MAX_MS;
    int64_t delay = CHILD_SPACING_MS;
    for (int i = 1; i < child->streak && delay < most; i++)
        delay *= 2;
    return delay < most ? delay : most;
}

/* The delay counts from the last start, so what ran long comes back at once. */
static enum child_order back_off(struct child *child, const struct moment *moment)
{
    int64_t due = child->started_at + backoff_ms(child);
    enter(child, CHILD_BACKOFF, due > moment->now ? due : moment->now);
    return CHILD_NOTHING;
}

static enum child_order died(struct child *child, const struct moment *moment)
{
    const struct child_end *end = moment->end;
    bool too_many = false;
    describe_end(child, end, child->reason);
    if (child->was_ready && moment->now - child->started_at >= CHILD_WINDOW_MS)
        child->streak = 0;
    if (is_own_death(child, end)) {
        child->streak++;
        too_many = count_death(child, moment->now);
    }
    bool config_is_wrong = end->known && end->exited && end->code == EXIT_CONFIG;
    if (child->is_hub || !(too_many || config_is_wrong))
        return back_off(child, moment);
    if (too_many && !config_is_wrong) {
        size_t len = strlen(child->reason);
        snprintf(child->reason + len, sizeof(child->reason) - len, ", died %d× in %d s",
                 CHILD_DEATHS, CHILD_WINDOW_MS / 1000);
    }
    enter(child, CHILD_HELD, 0);
    return CHILD_NOTHING;
}

static action *const grid[CHILD_STATES][CHILD_EVENTS] = {
    [CHILD_DOWN] = {[CHILD_ON_GO] = launch, [CHILD_ON_FOUND] = adopt, [CHILD_ON_STOP] = halt},
    [CHILD_STARTING] = {[CHILD_ON_READY] = become_ready,
                        [CHILD_ON_DIED] = died,
                        [CHILD_ON_TIMER] = kill_overdue,
                        [CHILD_ON_STOP] = stop,
                        [CHILD_ON_RESTART] = restart},
    [CHILD_READY] = {[CHILD_ON_DIED] = died, [CHILD_ON_STOP] = stop, [CHILD_ON_RESTART] = restart},
    [CHILD_STOPPING] = {[CHILD_ON_DIED] = after_stop,
                        [CHILD_ON_TIMER] = press,
                        [CHILD_ON_STOP] = stay_stopped,
                        [CHILD_ON_HURRY] = press,
                        [CHILD_ON_START] = come_back,
                        [CHILD_ON_RESTART] = come_back},
    [CHILD_BACKOFF] = {[CHILD_ON_FOUND] = adopt,
                       [CHILD_ON_TIMER] = wake,
                       [CHILD_ON_STOP] = halt,
                       [CHILD_ON_START] = try_now,
                       [CHILD_ON_RESTART] = try_now,
                       [CHILD_ON_RETRY] = try_now},
    [CHILD_HELD] = {[CHILD_ON_FOUND] = adopt,
                    [CHILD_ON_STOP] = halt,
                    [CHILD_ON_START] = try_now,
                    [CHILD_ON_RESTART] = try_now,
                    [CHILD_ON_RETRY] = try_now},
    [CHILD_STOPPED] =
        {[CHILD_ON_FOUND] = evict, [CHILD_ON_START] = try_now, [CHILD_ON_RESTART] = try_now},
};

enum child_order child_step(struct child *child, enum child_event event,
                            const struct child_end *end, int64_t now)
{
    action *act = grid[child->state][event];
    struct moment moment = {end, now};
    return act ? act(child, &moment) : CHILD_NOTHING;
}

const char *child_state_name(enum child_state state)
{
    static const char *const names[CHILD_STATES] = {"down",    "starting", "ready",  "stopping",
                                                    "backoff", "held",     "stopped"};
    return names[state];
}

bool child_is_alive(const struct child *child)
{
    return child->state == CHILD_STARTING || child->state == CHILD_READY ||
           child->state == CHILD_STOPPING;
}
