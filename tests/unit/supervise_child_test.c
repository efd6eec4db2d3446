/* The state table of a child: every state × event, and back-off and hold in virtual time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "supervise/child.h"

/* What the table promises: the state after the event, and the order. */
struct cell {
    enum child_state next;
    enum child_order order;
};

#define SAME(state)                                                                                \
    {                                                                                              \
        CHILD_##state, CHILD_NOTHING                                                               \
    }
#define TO(state, order)                                                                           \
    {                                                                                              \
        CHILD_##state, CHILD_##order                                                               \
    }

/* Order of columns: GO FOUND READY DIED TIMER STOP HURRY START RESTART RETRY. DIED is by exit 1. */
static const struct cell promised[CHILD_STATES][CHILD_EVENTS] = {
    [CHILD_DOWN] = {TO(STARTING, LAUNCH), TO(STARTING, NOTHING), SAME(DOWN), SAME(DOWN), SAME(DOWN),
                    TO(STOPPED, NOTHING), SAME(DOWN), SAME(DOWN), SAME(DOWN), SAME(DOWN)},
    [CHILD_STARTING] = {SAME(STARTING), SAME(STARTING), TO(READY, NOTHING), TO(BACKOFF, NOTHING),
                        TO(STARTING, KILL), TO(STOPPING, TERM), SAME(STARTING), SAME(STARTING),
                        TO(STOPPING, TERM), SAME(STARTING)},
    [CHILD_READY] = {SAME(READY), SAME(READY), SAME(READY), TO(BACKOFF, NOTHING), SAME(READY),
                     TO(STOPPING, TERM), SAME(READY), SAME(READY), TO(STOPPING, TERM), SAME(READY)},
    [CHILD_STOPPING] = {SAME(STOPPING), SAME(STOPPING), SAME(STOPPING), TO(STOPPED, NOTHING),
                        TO(STOPPING, TERM), SAME(STOPPING), TO(STOPPING, TERM), SAME(STOPPING),
                        SAME(STOPPING), SAME(STOPPING)},
    [CHILD_BACKOFF] = {SAME(BACKOFF), TO(STARTING, NOTHING), SAME(BACKOFF), SAME(BACKOFF),
                       TO(DOWN, NOTHING), TO(STOPPED, NOTHING), SAME(BACKOFF), TO(DOWN, NOTHING),
                       TO(DOWN, NOTHING), TO(DOWN, NOTHING)},
    [CHILD_HELD] = {SAME(HELD), TO(STARTING, NOTHING), SAME(HELD), SAME(HELD), SAME(HELD),
                    TO(STOPPED, NOTHING), SAME(HELD), TO(DOWN, NOTHING), TO(DOWN, NOTHING),
                    TO(DOWN, NOTHING)},
    [CHILD_STOPPED] = {SAME(STOPPED), TO(STOPPING, TERM), SAME(STOPPED), SAME(STOPPED),
                       SAME(STOPPED), SAME(STOPPED), SAME(STOPPED), TO(DOWN, NOTHING),
                       TO(DOWN, NOTHING), SAME(STOPPED)},
};

static const struct child_end exit_1 = {.known = true, .exited = true, .code = 1};
static const struct child_end exit_config = {.known = true, .exited = true, .code = 78};
static const struct child_end segv = {.known = true, .code = SIGSEGV};
static const struct child_end killed = {.known = true, .code = SIGKILL};
static const struct child_end unseen = {0};

static struct child child_in(enum child_state state)
{
    struct child child = {.state = state, .started_at = 1000};
    child.pressed = state == CHILD_STOPPING;
    return child;
}

static void every_cell_is_as_promised(void **state)
{
    for (int s = 0; s < CHILD_STATES; s++) {
        for (int e = 0; e < CHILD_EVENTS; e++) {
            struct child child = child_in((enum child_state)s);
            const struct child_end *end = e == CHILD_ON_DIED ? &exit_1 : NULL;
            enum child_order order = child_step(&child, (enum child_event)e, end, 2000);
            if (child.state != promised[s][e].next || order != promised[s][e].order)
                fail_msg("state %s, event %d: became %s, order %d", child_state_name(s), e,
                         child_state_name(child.state), (int)order);
        }
    }
}

static void start(struct child *child, int64_t now)
{
    assert_int_equal(child_step(child, CHILD_ON_GO, NULL, now), CHILD_LAUNCH);
}

static void get_ready(struct child *child, int64_t now)
{
    child_step(child, CHILD_ON_READY, NULL, now);
    assert_int_equal(child->state, CHILD_READY);
}

/* Dies at `now`; returns after how long it may start again, or -1 when it is held. */
static int64_t die(struct child *child, const struct child_end *end, int64_t now)
{
    child_step(child, CHILD_ON_DIED, end, now);
    if (child->state == CHILD_HELD)
        return -1;
    assert_int_equal(child->state, CHILD_BACKOFF);
    int64_t delay = child->due_at - now;
    child_step(child, CHILD_ON_TIMER, NULL, child->due_at);
    assert_int_equal(child->state, CHILD_DOWN);
    return delay;
}

static void what_ran_long_comes_back_at_once(void **state)
{
    struct child child = {0};
    start(&child, 1000);
    get_ready(&child, 1100);
    assert_int_equal(die(&child, &killed, 3600000), 0);
    assert_int_equal(child.restarts, 1);
}

static void back_off_doubles_to_its_end(void **state)
{
    static const int64_t agent[] = {1000, 2000, 4000, 8000};
    static const int64_t hub[] = {1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000};
    struct child child = {0};
    int64_t now = 1000;
    for (int i = 0; i < 4; i++) {
        start(&child, now);
        assert_int_equal(die(&child, &exit_1, now), agent[i]);
        now += agent[i];
    }
    child = (struct child){.is_hub = true};
    for (int i = 0; i < 8; i++) {
        start(&child, now);
        assert_int_equal(die(&child, &exit_1, now), hub[i]);
        now += hub[i];
    }
    child = (struct child){.streak = 20};
    start(&child, now);
    assert_int_equal(die(&child, &exit_1, now), CHILD_BACKOFF_MAX_MS);
}

static void five_own_deaths_hold_an_agent(void **state)
{
    const struct child_end *const ends[] = {&exit_1, &segv};
    for (int e = 0; e < 2; e++) {
        struct child child = {0};
        int64_t now = 1000, delay = 0;
        for (int i = 0; i < 5; i++) {
            assert_true(delay >= 0);
            start(&child, now);
            get_ready(&child, now);
            delay = die(&child, ends[e], now + 10);
            now = child.due_at > now ? child.due_at : now + 10;
        }
        assert_int_equal(delay, -1);
        assert_non_null(strstr(child.reason, e ? "SIGSEGV, died 5" : "exit 1, died 5"));
        assert_int_equal(child_step(&child, CHILD_ON_RETRY, NULL, now), CHILD_NOTHING);
        assert_int_equal(child.state, CHILD_DOWN);
        assert_int_equal(child.death_count, 0);
        start(&child, now);
        assert_true(die(&child, &exit_1, now) >= 0);
    }
}

static void deaths_far_apart_do_not_hold(void **state)
{
    struct child child = {0};
    int64_t now = 1000;
    for (int i = 0; i < 20; i++, now += 16000) {
        start(&child, now);
        get_ready(&child, now);
        assert_true(die(&child, &exit_1, now + 1) >= 0);
    }
}

static void kills_from_outside_never_hold(void **state)
{
    const struct child_end *const ends[] = {&killed, &unseen};
    for (int e = 0; e < 2; e++) {
        struct child child = {0};
        for (int64_t now = 1000; now < 60000; now += 1000) {
            start(&child, now);
            if (now % 2000)
                get_ready(&child, now);
            assert_in_range(die(&child, ends[e], now + 5), 0, CHILD_SPACING_MS);
        }
    }
}

static void the_hub_is_never_held(void **state)
{
    struct child child = {.is_hub = true};
    for (int64_t now = 1000; now < 100000; now += 1000) {
        start(&child, now);
        assert_in_range(die(&child, now % 3000 ? &exit_1 : &exit_config, now), 0,
                        CHILD_HUB_BACKOFF_MAX_MS);
    }
}

static void wrong_configuration_holds_at_once(void **state)
{
    struct child child = {0};
    start(&child, 1000);
    snprintf(child.said, sizeof(child.said), "the workspace is a file");
    assert_int_equal(die(&child, &exit_config, 1001), -1);
    assert_string_equal(child.reason, "exit 78: the workspace is a file");
}

static void what_never_gets_ready_is_killed_and_counts(void **state)
{
    struct child child = {0};
    int64_t now = 1000;
    for (int i = 0; i < 3; i++) {
        start(&child, now);
        assert_int_equal(child.due_at, now + CHILD_START_MS);
        assert_int_equal(child_step(&child, CHILD_ON_TIMER, NULL, child.due_at), CHILD_KILL);
        now += CHILD_START_MS + 5;
        assert_int_equal(die(&child, &killed, now), 0);
        assert_int_equal(child.streak, i + 1);
    }
}

static void stopping_is_pressed_harder(void **state)
{
    struct child child = {0};
    start(&child, 1000);
    get_ready(&child, 1001);
    assert_int_equal(child_step(&child, CHILD_ON_STOP, NULL, 2000), CHILD_TERM);
    assert_int_equal(child.due_at, 2000 + CHILD_DRAIN_MS);
    assert_int_equal(child_step(&child, CHILD_ON_HURRY, NULL, 3000), CHILD_TERM);
    assert_int_equal(child.due_at, 3000 + CHILD_STOP_MS);
    assert_int_equal(child_step(&child, CHILD_ON_TIMER, NULL, 13000), CHILD_KILL);
    child_step(&child, CHILD_ON_DIED, &killed, 13001);
    assert_int_equal(child.state, CHILD_STOPPED);
    assert_int_equal(child.restarts, 0);
}

static void restart_starts_again_unless_stopped_meanwhile(void **state)
{
    struct child child = child_in(CHILD_READY);
    child_step(&child, CHILD_ON_RESTART, NULL, 2000);
    child_step(&child, CHILD_ON_DIED, &exit_1, 2001);
    assert_int_equal(child.state, CHILD_DOWN);
    child = child_in(CHILD_READY);
    child_step(&child, CHILD_ON_RESTART, NULL, 2000);
    child_step(&child, CHILD_ON_STOP, NULL, 2001);
    child_step(&child, CHILD_ON_DIED, &exit_1, 2002);
    assert_int_equal(child.state, CHILD_STOPPED);
    child = child_in(CHILD_READY);
    child_step(&child, CHILD_ON_STOP, NULL, 2000);
    child_step(&child, CHILD_ON_START, NULL, 2001);
    child_step(&child, CHILD_ON_DIED, &exit_1, 2002);
    assert_int_equal(child.state, CHILD_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_promised),
        cmocka_unit_test(what_ran_long_comes_back_at_once),
        cmocka_unit_test(back_off_doubles_to_its_end),
        cmocka_unit_test(five_own_deaths_hold_an_agent),
        cmocka_unit_test(deaths_far_apart_do_not_hold),
        cmocka_unit_test(kills_from_outside_never_hold),
        cmocka_unit_test(the_hub_is_never_held),
        cmocka_unit_test(wrong_configuration_holds_at_once),
        cmocka_unit_test(what_never_gets_ready_is_killed_and_counts),
        cmocka_unit_test(stopping_is_pressed_harder),
        cmocka_unit_test(restart_starts_again_unless_stopped_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
