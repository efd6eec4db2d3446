/* One holder, seen from outside; a dead holder frees; torn and stale texts are not believed. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/thread.h"
#include "sys/lock.h"

static char dir[64];

static int dir_open(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/hq-lock-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int dir_close(void **state)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/a.lock", dir);
    unlink(path);
    return rmdir(dir);
}

static void one_holder(void **state)
{
    struct lock *lock, *second;
    struct lock_info info, told = {.ready = true, .port = 18800, .pss_kb = 1200};
    struct err err;
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_FREE);
    assert_int_equal(lock_take(dir, "a", &lock, NULL, &err), LOCK_OK);
    snprintf(told.nonce, sizeof(told.nonce), "abc");
    assert_int_equal(lock_tell(lock, &told, &err), 0);
    assert_int_equal(lock_take(dir, "a", &second, &info, &err), LOCK_HELD);
    assert_null(second);
    assert_int_equal(info.pid, getpid());
    assert_int_equal(info.port, 18800);
    assert_true(info.ready);
    assert_string_equal(info.nonce, "abc");
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_HELD);
    assert_int_equal(info.pss_kb, 1200);
    assert_true(info.started_at > 0);
    lock_release(lock);
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_FREE);
    assert_int_equal(lock_take(dir, "a", &second, &info, &err), LOCK_OK);
    lock_discard(second);
    char path[96];
    snprintf(path, sizeof(path), "%s/a.lock", dir);
    assert_int_equal(access(path, F_OK), -1);
}

/* A child takes the lock, says so, and is killed: the kernel frees it and the pidfd tells. */
static void death_frees(void **state)
{
    int said[2];
    char byte;
    struct lock *lock;
    struct lock_info info;
    struct err err;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        byte = lock_take(dir, "a", &lock, NULL, &err) == LOCK_OK ? 'y' : 'n';
        (void)!write(said[1], &byte, 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_HELD);
    assert_int_equal(info.pid, child);
    int pidfd = lock_pidfd(&info);
    assert_true(pidfd >= 0);
    info.start_ticks++;
    assert_int_equal(lock_pidfd(&info), -1);
    info.start_ticks--;
    kill(child, SIGKILL);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, 10000), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_FREE);
    assert_int_equal(lock_take(dir, "a", &lock, NULL, &err), LOCK_OK);
    lock_release(lock);
    close(pidfd);
    close(said[0]);
    close(said[1]);
}

/* Somebody holds the lock but has written nothing true: the answer is "held, by whom is unknown".
 */
static void stale_text_is_not_believed(void **state)
{
    char path[96];
    struct lock_info info;
    struct err err;
    snprintf(path, sizeof(path), "%s/a.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock whole = {.l_type = F_WRLCK};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
    char text[64], digest[HASH_HEX];
    snprintf(text, sizeof(text), "{\"pid\":%d,\"start_ticks\":1}", getpid());
    dprintf(fd, "%s\n0123456789abcdef\n", text); /* torn */
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_HELD);
    assert_int_equal(info.pid, 0);
    hash_hex(text, strlen(text), digest);
    assert_int_equal(pwrite(fd, digest, 16, (off_t)strlen(text) + 1),
                     16); /* whole, but of a dead process */
    assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_HELD);
    assert_int_equal(info.pid, 0);
    close(fd);
}

struct teller {
    struct lock *lock;
    int rounds;
};

static void *tell_long_and_short(void *arg)
{
    struct teller *teller = arg;
    for (int i = 0; i < teller->rounds; i++) {
        struct lock_info info = {.port = i % 2 ? 1 : 18800, .pss_kb = i % 2 ? 1 : 999999};
        memset(info.config_hash, 'a', i % 2 ? 3 : 64);
        lock_tell(teller->lock, &info, NULL);
    }
    return NULL;
}

/* While the holder rewrites its text, a reader only ever sees one of the two texts. */
static void torn_reads_are_repeated(void **state)
{
    struct teller teller = {.rounds = 3000};
    struct lock_info info;
    struct err err;
    pthread_t thread;
    assert_int_equal(lock_take(dir, "a", &teller.lock, NULL, &err), LOCK_OK);
    tell_long_and_short(&(struct teller){.lock = teller.lock, .rounds = 1});
    assert_int_equal(thread_start(&thread, "teller", tell_long_and_short, &teller), 0);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(lock_look(dir, "a", &info, &err), LOCK_HELD);
        if (info.pid == 0)
            continue;
        assert_int_equal(info.pss_kb, info.port == 1 ? 1 : 999999);
        assert_int_equal(strlen(info.config_hash), info.port == 1 ? 3 : 64);
    }
    pthread_join(thread, NULL);
    lock_release(teller.lock);
}

static void errors_are_sentences(void **state)
{
    struct lock *lock;
    struct err err;
    assert_int_equal(lock_take("/nonexistent", "a", &lock, NULL, &err), -1);
    assert_non_null(strstr(err.message, "/nonexistent/a.lock"));
    assert_true(process_pss_kb() != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_holder, dir_open, dir_close),
        cmocka_unit_test_setup_teardown(death_frees, dir_open, dir_close),
        cmocka_unit_test_setup_teardown(stale_text_is_not_believed, dir_open, dir_close),
        cmocka_unit_test_setup_teardown(torn_reads_are_repeated, dir_open, dir_close),
        cmocka_unit_test(errors_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
