/* What stands in a log line, whatever is logged; and files that are begun anew by size and age while
 * others write. Each test runs in a process of its own, whose stderr is a file. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/log_rotate.h"
#include "base/thread.h"
#include "base/time.h"

static char dir[] = "/tmp/hq-log-XXXXXX";
static char path[LOG_PATH];

static int make_dir(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/a.log", dir);
    return 0;
}

static int remove_dir(void **state)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static int empty_dir(void **state)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -f %s/*", dir);
    return system(command);
}

static char *content(const char *name, struct arena *arena)
{
    struct buf text = {0};
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && file_read(fd, SIZE_MAX, &text) < 0)
        abort();
    if (fd >= 0)
        close(fd);
    char *all = arena_memdup(arena, buf_text(&text), text.len);
    buf_fini(&text);
    return all;
}

/* Runs it in a child whose stdout and stderr are the log. */
static void in_process(void (*run)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct err err;
        int fd = log_open(path, &err);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        close(fd);
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static char *log_of(void (*run)(void), struct arena *arena)
{
    in_process(run);
    return content(path, arena);
}

/* ---- lines ---- */

static void say_bad_things(void)
{
    log_init("manager", LOG_INFO);
    log_debug("not this");
    log_info("one\n2026-11-22T15:04:05.123Z error hub: a lie");
    log_about("t-1\nerror");
    log_warn("esc \x1b[2J, c1 \xc2\x9b, broken \xff\xc3, turned \xe2\x80\xae, line \xe2\x80\xa8.");
    log_about(NULL);
    log_error("\"quoted\" \\ %s", "ü");
}

static void a_line_cannot_be_forged(void **state)
{
    struct arena arena = {0};
    char *text = log_of(say_bad_things, &arena), *line = strtok(text, "\n");
    assert_string_equal(line + 24, " info  manager: one 2026-11-22T15:04:05.123Z error hub: a lie");
    line = strtok(NULL, "\n");
    assert_string_equal(line + 24, " warn  manager t-1_error: esc  [2J, c1  , broken "
                                   "\xEF\xBF\xBD\xEF\xBF\xBD, turned  , line  .");
    line = strtok(NULL, "\n");
    assert_string_equal(line + 24, " error manager: \"quoted\" \\ ü");
    assert_null(strtok(NULL, "\n"));
    arena_fini(&arena);
}

static void say_as_json(void)
{
    struct err err = {.code = "lost", .message = "it \"broke\"", .hint = "mend it"};
    char *large = malloc(10000);
    log_init("manager", LOG_INFO);
    log_use(LOG_JSON);
    log_info("a \\ b\n\"c\"");
    log_about("t-1");
    log_err(LOG_WARN, &err);
    log_about("r-1");
    memset(large, '"', 9999);
    large[9999] = '\0';
    log_error("%s", large);
    free(large);
}

static json_t *next_json(char **text)
{
    char *end = strchr(*text, '\n');
    assert_non_null(end);
    json_t *json = json_parse(*text, (size_t)(end - *text), NULL);
    assert_true(json_is_object(json));
    *text = end + 1;
    return json;
}

static void json_lines_are_objects(void **state)
{
    struct arena arena = {0};
    int64_t at;
    char *text = log_of(say_as_json, &arena);
    assert_memory_equal(text, "{\"time\":\"", 9);
    json_t *json = next_json(&text);
    assert_true(time_parse_rfc3339(json_get_text(json, "time", ""), &at));
    assert_string_equal(json_get_text(json, "msg", ""), "a \\ b \"c\"");
    assert_string_equal(json_get_text(json, "level", ""), "info");
    assert_string_equal(json_get_text(json, "who", ""), "manager");
    assert_true(json_get_int(json, "pid", 0) > 1);
    assert_null(json_object_get(json, "task"));
    json_decref(json);
    json = next_json(&text);
    assert_string_equal(json_get_text(json, "msg", ""), "it \"broke\". mend it");
    assert_string_equal(json_get_text(json, "task", ""), "t-1");
    assert_string_equal(json_get_text(json, "code", ""), "lost");
    json_decref(json);
    json = next_json(&text);
    assert_string_equal(json_get_text(json, "run", ""), "r-1");
    assert_in_range(strlen(json_get_text(json, "msg", "")), 1700, 1800);
    json_decref(json);
    assert_string_equal(text, "");
    arena_fini(&arena);
}

static void say_to_the_journal(void)
{
    struct stat info;
    char stream[64];
    fstat(STDERR_FILENO, &info);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init("hub", LOG_DEBUG);
    log_debug("a");
    log_about("t-1");
    log_warn("b");
    log_use(LOG_JSON);
    log_error("c");
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_init("hub", LOG_DEBUG);
    log_use(LOG_TEXT);
    log_info("d");
}

static void the_journal_gets_levels_and_no_time(void **state)
{
    struct arena arena = {0};
    char *text = log_of(say_to_the_journal, &arena);
    assert_string_equal(strtok(text, "\n"), "<7>hub: a");
    assert_string_equal(strtok(NULL, "\n"), "<4>hub t-1: b");
    char *line = strtok(NULL, "\n");
    assert_memory_equal(line, "<3>{\"level\":\"error\",\"who\":\"hub\",\"pid\":", 38);
    assert_non_null(strstr(line, ",\"msg\":\"c\",\"task\":\"t-1\"}"));
    assert_string_equal(strtok(NULL, "\n") + 24, " info  hub t-1: d");
    arena_fini(&arena);
}

/* ---- rotation ---- */

static void rotate_by_size(void)
{
    const struct log_limits limits = {1000, INT64_C(86400000), 2};
    struct log_rotation rotation;
    char line[41];
    memset(line, 'x', 40);
    line[40] = '\0';
    log_init("a", LOG_INFO);
    log_rotation_init(&rotation, path, &limits);
    for (int i = 0; i < 60; i++) {
        log_info("%d %s", i, line);
        log_rotate(&rotation);
    }
}

static void large_files_are_begun_anew_and_the_oldest_go(void **state)
{
    struct arena arena = {0};
    struct stat info;
    char old[LOG_PATH];
    in_process(rotate_by_size);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 1000 && (info.st_mode & 0777) == 0600);
    for (int n = 1; n <= 2; n++) {
        log_old_path(path, n, old);
        assert_int_equal(stat(old, &info), 0);
        assert_in_range(info.st_size, 1000, 1100);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    log_old_path(path, 3, old);
    assert_int_equal(stat(old, &info), -1);
    log_old_path(path, 1, old);
    char *newest = content(old, &arena);
    assert_non_null(strstr(content(path, &arena), " 59 x"));
    log_old_path(path, 2, old);
    assert_true(atoi(strstr(content(old, &arena), "a: ") + 3) < atoi(strstr(newest, "a: ") + 3));
    arena_fini(&arena);
}

enum { WRITERS = 4, LINES = 3000, PART = 500, PARTS = LINES / PART };

/* All meet before each part, so that two parts end in one file at most, however the machine shares its
 * time: the rotation after a meeting finds the part before it, and perhaps the next one, too. */
static pthread_barrier_t meeting;

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++) {
        if (i % PART == 0)
            pthread_barrier_wait(&meeting);
        log_info("line %d of %d.", i, (int)(intptr_t)arg);
    }
    return NULL;
}

static void rotate_while_others_write(void)
{
    const struct log_limits limits = {20000, INT64_C(86400000), 100};
    struct log_rotation rotation;
    pthread_t threads[WRITERS];
    log_init("a", LOG_INFO);
    log_rotation_init(&rotation, path, &limits);
    pthread_barrier_init(&meeting, NULL, WRITERS + 1);
    for (int i = 0; i < WRITERS; i++)
        if (thread_start(&threads[i], "writer", write_lines, (void *)(intptr_t)i) < 0)
            _exit(1);
    for (int part = 0; part < PARTS; part++) {
        pthread_barrier_wait(&meeting);
        for (int i = 0; i < 300; i++)
            log_rotate(&rotation);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    log_rotate(&rotation);
}

static void no_line_is_lost_over_rotations(void **state)
{
    struct arena arena = {0};
    static bool seen[WRITERS][LINES];
    char old[LOG_PATH];
    int count = 0, files = 0, line, writer;
    in_process(rotate_while_others_write);
    for (int n = 0; n <= 100; n++) {
        log_old_path(path, n, old);
        char *text = content(n ? old : path, &arena);
        files += *text != '\0';
        for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
            assert_int_equal(sscanf(at + 24, " info  a: line %d of %d.", &line, &writer), 2);
            assert_false(seen[writer][line]);
            seen[writer][line] = true;
            count++;
        }
    }
    assert_int_equal(count, WRITERS * LINES);
    assert_true(files >= PARTS / 2);
    arena_fini(&arena);
}

static void put(const char *name, const char *text, int64_t age_s)
{
    char file[LOG_PATH];
    snprintf(file, sizeof(file), "%s/%s", dir, name);
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    time_t then = time(NULL) - age_s;
    utime(file, &(struct utimbuf){then, then});
}

static bool is_there(const char *name)
{
    char file[LOG_PATH];
    snprintf(file, sizeof(file), "%s/%s", dir, name);
    return access(file, F_OK) == 0;
}

static void rotate_once(void)
{
    const struct log_limits limits = {1000000, INT64_C(4000000), 3};
    struct log_rotation rotation;
    log_init("a", LOG_INFO);
    log_rotation_init(&rotation, path, &limits);
    log_rotate(&rotation);
    log_info("after");
}

static void old_files_go_by_age_and_number(void **state)
{
    struct arena arena = {0};
    char stamp[TIME_TEXT], line[64];
    time_rfc3339(time_wall_ms() - 500000, stamp); /* younger than age / (keep + 1) */
    snprintf(line, sizeof(line), "%s info  a: young\n", stamp);
    put("a.log", line, 0);
    put("a.log.1", "x", 10);
    put("a.log.3", "x", 5000); /* 2 is missing: a rotation ended half way */
    put("a.log.4", "x", 10);
    put("a.log.x", "x", 5000);
    put("b.log.9", "x", 5000);
    in_process(rotate_once);
    assert_true(is_there("a.log.1") && is_there("a.log.x") && is_there("b.log.9"));
    assert_false(is_there("a.log.3") || is_there("a.log.4") || is_there("a.log.2"));
    assert_non_null(strstr(content(path, &arena), "young"));
    arena_fini(&arena);
}

static void a_file_with_old_lines_is_begun_anew(void **state)
{
    struct arena arena = {0};
    char stamp[TIME_TEXT], line[64];
    time_rfc3339(time_wall_ms() - 1500000, stamp);
    snprintf(line, sizeof(line), "{\"time\":\"%s\"}\n", stamp);
    put("a.log", line, 0);
    put("a.log.1", "one", 10);
    put("a.log.3", "three", 10);
    in_process(rotate_once);
    assert_string_equal(content(path, &arena) + 24, " info  a: after\n");
    char old[LOG_PATH];
    log_old_path(path, 1, old);
    assert_string_equal(content(old, &arena), line);
    log_old_path(path, 2, old);
    assert_string_equal(content(old, &arena), "one");
    log_old_path(path, 3, old);
    assert_string_equal(content(old, &arena), "three");
    arena_fini(&arena);
}

static void lose_the_file(void)
{
    const struct log_limits limits = {1000000, INT64_C(86400000), 3};
    struct log_rotation rotation;
    char moved[LOG_PATH + 8];
    snprintf(moved, sizeof(moved), "%s.mine", path);
    log_init("a", LOG_INFO);
    log_rotation_init(&rotation, path, &limits);
    log_info("before");
    rename(path, moved);
    log_rotate(&rotation);
    log_info("after");
    (void)!write(STDOUT_FILENO, "out\n", 4);
}

static void a_file_that_was_moved_away_is_made_again(void **state)
{
    struct arena arena = {0};
    char *text = log_of(lose_the_file, &arena);
    assert_string_equal(text + 24, " info  a: after\nout\n");
    arena_fini(&arena);
}

static void write_elsewhere(void)
{
    const struct log_limits limits = {1, 1, 3};
    struct log_rotation rotation;
    char other[LOG_PATH + 8];
    struct err err;
    snprintf(other, sizeof(other), "%s.other", path);
    log_rotation_init(&rotation, other, &limits);
    close(log_open(other, &err));
    log_rotation_init(&rotation, other, &limits);
    log_info("mine");
    log_rotate(&rotation);
}

static void what_is_not_the_process_s_own_file_is_left_alone(void **state)
{
    in_process(write_elsewhere);
    assert_true(is_there("a.log") && !is_there("a.log.1") && is_there("a.log.other") &&
                !is_there("a.log.other.1"));
}

#define LOG_TEST(name) cmocka_unit_test_setup(name, empty_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_cannot_be_forged),
        LOG_TEST(json_lines_are_objects),
        LOG_TEST(the_journal_gets_levels_and_no_time),
        LOG_TEST(large_files_are_begun_anew_and_the_oldest_go),
        LOG_TEST(no_line_is_lost_over_rotations),
        LOG_TEST(old_files_go_by_age_and_number),
        LOG_TEST(a_file_with_old_lines_is_begun_anew),
        LOG_TEST(a_file_that_was_moved_away_is_made_again),
        LOG_TEST(what_is_not_the_process_s_own_file_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
