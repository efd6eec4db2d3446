/* A running turn seen from outside: no outside call begins past the local end of its lease, or once
 * it is stopped; and what is broken off counts until it is back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/time.h"
#include "client/control.h"
#include "net/fetch.h"
#include "sys/guard_switch.h"

static struct turn_control *fresh(void)
{
    return turn_control_open("t-1", 1, time_boot_ms());
}

static void a_call_may_start_while_the_lease_lasts(void **state)
{
    struct turn_control *control = fresh();
    assert_true(turn_control_may_start(control, 0));
    assert_true(turn_control_may_go_on(control));
    turn_control_close(control);
}

/* As a process that stood still for longer than its lease. */
static void nothing_starts_past_the_local_end_of_a_lease(void **state)
{
    struct turn_control *control = turn_control_open("t-1", 1, time_boot_ms() - LIMIT_LEASE_MS);
    assert_false(turn_control_may_start(control, 0));
    assert_false(turn_control_may_go_on(control));
    assert_false(turn_control_is_dying(control));
    turn_control_renew(control, time_boot_ms());
    assert_true(turn_control_may_start(control, 0));
    turn_control_close(control);
}

static void a_pause_lets_what_runs_end_and_nothing_begin(void **state)
{
    struct turn_control *control = fresh();
    assert_true(turn_control_may_start(control, 0));
    turn_control_stop(control, STOP_PAUSE);
    assert_false(fetch_is_cancelled(turn_control_fetch(control)));
    assert_false(guard_switch_is_off(turn_control_tool(control)));
    assert_true(turn_control_may_go_on(control));
    assert_false(turn_control_is_dying(control));
    assert_false(turn_control_may_start(control, 0));
    turn_control_close(control);
}

static void a_halt_breaks_off_and_is_dying_until_it_is_back(void **state)
{
    struct turn_control *control = fresh();
    assert_true(turn_control_may_start(control, 0));
    turn_control_stop(control, STOP_PAUSE);
    turn_control_stop(control, STOP_HALT);
    assert_int_equal(turn_control_stopped(control), STOP_HALT);
    assert_true(fetch_is_cancelled(turn_control_fetch(control)));
    assert_true(guard_switch_is_off(turn_control_tool(control)));
    assert_true(turn_control_is_dying(control));
    turn_control_back(control);
    assert_false(turn_control_is_dying(control));
    assert_false(turn_control_may_start(control, 0));
    assert_false(turn_control_may_go_on(control));
    turn_control_close(control);
}

static void the_first_reason_stays_but_for_lost(void **state)
{
    struct turn_control *control = fresh();
    turn_control_stop(control, STOP_CANCELLED);
    turn_control_stop(control, STOP_PAUSE);
    turn_control_stop(control, STOP_HALT);
    assert_int_equal(turn_control_stopped(control), STOP_CANCELLED);
    turn_control_stop(control, STOP_LOST);
    assert_int_equal(turn_control_stopped(control), STOP_LOST);
    turn_control_close(control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_may_start_while_the_lease_lasts),
        cmocka_unit_test(nothing_starts_past_the_local_end_of_a_lease),
        cmocka_unit_test(a_pause_lets_what_runs_end_and_nothing_begin),
        cmocka_unit_test(a_halt_breaks_off_and_is_dying_until_it_is_back),
        cmocka_unit_test(the_first_reason_stays_but_for_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
