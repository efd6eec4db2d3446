/* A loop in the background sleeps, is woken, and ends. Where it does not, the test hangs until the
 * runner ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/background.h"
#include "base/time.h"

enum { LONG_MS = 3600000 };

struct loop {
    struct background thread;
    atomic_int steps;
    atomic_bool is_over;
};

static void *until_the_end(void *arg)
{
    struct loop *loop = arg;
    do
        atomic_fetch_add(&loop->steps, 1);
    while (background_wait(&loop->thread, LONG_MS));
    atomic_store(&loop->is_over, true);
    return NULL;
}

static void *asleep(void *arg)
{
    struct loop *loop = arg;
    while (background_sleep(&loop->thread, LONG_MS))
        atomic_fetch_add(&loop->steps, 1);
    atomic_store(&loop->is_over, true);
    return NULL;
}

static void it_ends_in_the_middle_of_a_long_wait(void **state)
{
    struct loop loop = {0};
    background_init(&loop.thread);
    assert_int_equal(background_start(&loop.thread, "loop", until_the_end, &loop), 0);
    background_fini(&loop.thread);
    assert_true(atomic_load(&loop.is_over));
}

static void a_wake_makes_it_step(void **state)
{
    struct loop loop = {0};
    background_init(&loop.thread);
    assert_int_equal(background_start(&loop.thread, "loop", until_the_end, &loop), 0);
    while (atomic_load(&loop.steps) < 1)
        ;
    background_wake(&loop.thread);
    while (atomic_load(&loop.steps) < 2)
        ;
    background_fini(&loop.thread);
    assert_int_equal(atomic_load(&loop.steps), 2);
}

static void a_sleep_is_ended_by_the_end(void **state)
{
    struct loop loop = {0};
    background_init(&loop.thread);
    assert_int_equal(background_start(&loop.thread, "loop", asleep, &loop), 0);
    background_fini(&loop.thread);
    assert_int_equal(atomic_load(&loop.steps), 0);
    assert_true(atomic_load(&loop.is_over));
}

static void a_sleep_is_not_cut_short_by_a_wake(void **state)
{
    struct background thread;
    int64_t start = time_boot_ms();
    background_init(&thread);
    background_wake(&thread);
    assert_true(background_sleep(&thread, 20));
    assert_true(time_boot_ms() - start >= 20);
    background_fini(&thread);
}

/* Not started: what is told on this thread is what the loop would see. */
static void a_wake_during_a_step_is_not_missed(void **state)
{
    struct background thread;
    background_init(&thread);
    background_wake(&thread);
    assert_true(background_wait(&thread, LONG_MS));
    background_wake(&thread);
    assert_true(background_wait(&thread, LONG_MS));
    assert_true(background_sleep(&thread, 1));
    background_end(&thread);
    assert_false(background_wait(&thread, LONG_MS));
    assert_false(background_sleep(&thread, LONG_MS));
    background_fini(&thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_in_the_middle_of_a_long_wait),
        cmocka_unit_test(a_wake_makes_it_step),
        cmocka_unit_test(a_sleep_is_ended_by_the_end),
        cmocka_unit_test(a_sleep_is_not_cut_short_by_a_wake),
        cmocka_unit_test(a_wake_during_a_step_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
