/* A full disk: the store says STORE_FULL, keeps what was committed, and the reserve lets the most
 * important rows through. On a small tmpfs in a mount namespace of our own; where that is not
 * allowed (without root), a limit on the size of files stands for the disk (and the reserve is not
 * tried). */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ledger/store_sqlite.h"
#include "ledger_fixture.h"
#include "wire/effect.h"

static bool has_small_disk;

/* Puts the fixture's folder on a disk of 16 MB, or caps files at 3 MB. */
static void make_small(struct fixture *fixture)
{
    struct rlimit limit = {3 << 20, RLIM_INFINITY}; /* the soft one only: it is lifted again */
    has_small_disk = unshare(CLONE_NEWNS) == 0 &&
                     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                     mount("small", fixture->dir, "tmpfs", 0, "size=16m,mode=0700") == 0;
    if (!has_small_disk) {
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
}

static const char *big_text(void)
{
    static char text[64 * 1024];
    memset(text, 'x', sizeof(text) - 1);
    return text;
}

static int put_event(struct fixture *fixture, int64_t seq)
{
    struct event event = {.stream = "t", .seq = seq, .no = seq, .body = big_text()};
    return fixture->store->ops->put(fixture->store, &event_record, &event, &fixture->err);
}

/* One event per transaction until the disk is full; returns how many were acknowledged. */
static int64_t fill(struct fixture *fixture)
{
    for (int64_t seq = 1; seq < 10000; seq++) {
        begin(fixture);
        int result = put_event(fixture, seq);
        if (result == STORE_OK)
            result = fixture->store->ops->commit(fixture->store, &fixture->err);
        if (result == STORE_OK)
            continue;
        if (result != STORE_FULL)
            fail_msg("%d instead of full: %s", result, fixture->err.message);
        assert_string_equal(fixture->err.code, "store_full");
        return seq - 1;
    }
    fail_msg("the disk never got full");
    return 0;
}

static int64_t count_events(struct fixture *fixture)
{
    struct scan all = {.record = &event_record};
    int64_t count = -1;
    OK(fixture->store->ops->count(fixture->store, &all, &count, &fixture->err));
    return count;
}

/* Until nothing goes in any more: one transaction that fails, however small the rest is. */
static void important_rows_get_through(struct fixture *fixture)
{
    char hex[HASH_HEX], *big = mem_zalloc(6 << 20);
    assert_int_equal(blob_put(fixture, big, 6 << 20, hex), STORE_FULL);
    free(big);
    fixture->store->ops->free_reserve(fixture->store);
    for (int i = 0; i < 100; i++) {
        begin(fixture);
        put_meta(fixture, "finish", "one small row");
        put_meta(fixture, arena_printf(&fixture->arena, "finish %d", i), "another");
        commit(fixture);
    }
    assert_string_equal(get_meta(fixture, "finish 99"), "another");
}

static void body(struct fixture *fixture)
{
    bool more = true;
    make_small(fixture);
    fixture_open(fixture);
    int64_t acknowledged = fill(fixture);
    assert_true(acknowledged > 3);
    fixture->store->ops->rollback(fixture->store);
    assert_int_equal(count_events(fixture), acknowledged);
    if (has_small_disk)
        important_rows_get_through(fixture);
    fixture_close(fixture);
    if (!has_small_disk)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    fixture_open(fixture);
    assert_int_equal(count_events(fixture), acknowledged);
    for (int i = 0; more && i < 100; i++)
        fixture->store->ops->care(fixture->store, &more, &fixture->err);
    fixture_close(fixture);
}

/* In a child: the mount and the limit go with it. */
static void full_disk_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    int status;
    fixture_close(fixture);
    pid_t child = fork();
    if (child == 0) {
        body(fixture);
        _exit(has_small_disk ? 0 : 3);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 3)
        print_message("# no mount allowed here: a limit on files stood for the full disk\n");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(full_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
