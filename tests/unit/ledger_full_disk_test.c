/* A full disk, seen from the ledger: new work is refused for as long as it is full, however often
 * it comes, and what ends work goes through on the reserve. Needs a small tmpfs in a mount
 * namespace of our own; without root this is skipped, and says so. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger_case.h"

enum { TASKS = 20, NO_MOUNT = 77 };

static bool mount_small(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("small", "/tmp", "tmpfs", 0, "size=36m") == 0;
}

static int submit_large(struct ledger_case *c, const char *id)
{
    static char text[LIMIT_INLINE];
    memset(text, 'x', sizeof(text) - 1);
    struct task task = {.id = id,
                        .agent = "manager",
                        .caller = "operator",
                        .kind = "ask",
                        .session = id,
                        .instruction = text,
                        .body_hash = "h"};
    return case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
}

static const char *name(struct ledger_case *c, const char *what, int number)
{
    return arena_printf(&c->arena, "t-%s%d", what, number);
}

static void fill(struct ledger_case *c)
{
    int status = LEDGER_OK;
    for (int i = 0; i < 9000 && status == LEDGER_OK; i++)
        status = submit_large(c, name(c, "large", i));
    assert_int_equal(status, LEDGER_BUSY);
    assert_string_equal(c->outcome.code, "disk_full");
}

static void body(struct ledger_case *c)
{
    int64_t fences[TASKS];
    int junk = open("/tmp/junk", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(posix_fallocate(junk, 0, 16 << 20), 0);
    assert_int_equal(case_register(c, "manager", "n1"), LEDGER_OK);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(case_submit(c, name(c, "x", i), "manager", name(c, "s", i)), LEDGER_OK);
    for (int i = 0; i < TASKS; i++)
        fences[i] = case_claim_id(c, "manager", "n1", name(c, "x", i));
    fill(c);
    for (int i = 0; i < TASKS; i++) {
        for (int k = 0; k < 50; k++)
            assert_int_equal(submit_large(c, name(c, "more", i * 50 + k)), LEDGER_BUSY);
        assert_int_equal(case_finish(c, name(c, "x", i), fences[i], "\"done\""), LEDGER_OK);
    }
    close(junk);
    assert_int_equal(unlink("/tmp/junk"), 0);
    assert_int_equal(submit_large(c, "t-again"), LEDGER_OK);
    case_assert_clean(c);
}

static void full_disk_refuses_new_work_and_ends_old(void **state)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        void *own = NULL;
        if (!mount_small())
            _exit(NO_MOUNT);
        if (case_setup_sqlite(&own) < 0)
            _exit(1);
        body(own);
        case_teardown(&own);
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_MOUNT) {
        print_message("# skipped: mounting a small disk needs root\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk_refuses_new_work_and_ends_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
