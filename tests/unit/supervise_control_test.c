/* The holder of a lock, killed and waited for: that process, not whoever has the lock after it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "config/config.h"
#include "folder_fixture.h"
#include "supervise/control.h"
#include "sys/lock.h"

#define LOCK "gateway-a"
#define CONTROL_TEST(name) cmocka_unit_test_setup_teardown(name, control_setup, folder_teardown)

enum { PATIENCE_MS = 120000 };

static const struct config company = {.state = dir};

static int control_setup(void **state)
{
    return folder_setup(state) == 0 ? mkdir(in_dir("run"), 0700) : -1;
}

/* A child that takes the lock and lives until it is killed. */
static pid_t hold(void)
{
    int said[2];
    char byte = 'n';
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        struct lock *lock;
        struct err err;
        byte = lock_take(in_dir("run"), LOCK, &lock, NULL, &err) == LOCK_OK ? 'y' : 'n';
        (void)!write(said[1], &byte, 1);
        for (;;)
            pause();
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    assert_int_equal(byte, 'y');
    return child;
}

static void bury(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void nobody_is_killed_where_nobody_is(void **state)
{
    struct lock_info who;
    assert_false(control_signal(&company, LOCK, SIGKILL, &who));
    assert_true(control_wait_end(&company, LOCK, 0));
}

static void who_lives_is_waited_for_until_the_deadline(void **state)
{
    struct lock_info who;
    pid_t child = hold();
    assert_true(control_look(&company, LOCK, &who));
    assert_false(control_wait_gone(&who, 0));
    assert_false(control_wait_end(&company, LOCK, 0));
    assert_true(control_signal(&company, LOCK, SIGKILL, &who));
    assert_true(control_wait_gone(&who, PATIENCE_MS));
    bury(child);
}

/* As a supervisor that starts another before the one who killed looks again. */
static void a_successor_is_not_who_was_killed(void **state)
{
    struct lock_info who;
    pid_t first = hold();
    assert_true(control_signal(&company, LOCK, SIGKILL, &who));
    assert_int_equal(who.pid, first);
    bury(first);
    pid_t second = hold();
    assert_true(control_wait_gone(&who, 0));
    assert_false(control_wait_end(&company, LOCK, 0));
    assert_true(control_signal(&company, LOCK, SIGKILL, &who));
    assert_int_equal(who.pid, second);
    bury(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(nobody_is_killed_where_nobody_is),
        CONTROL_TEST(who_lives_is_waited_for_until_the_deadline),
        CONTROL_TEST(a_successor_is_not_who_was_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
