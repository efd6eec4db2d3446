/* sessions.json and the files beside it: what retention takes goes, entry and file; what somebody
 * came back to, or added to, stays; a death in between is made up for. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/projector.h"
#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "config/config.h"
#include "wire/task.h"

struct desk {
    char dir[64];
    struct arena arena;
    struct config_agent agent;
    struct projector *projector;
};

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    strcpy(desk->dir, "/tmp/hq-projector-XXXXXX");
    assert_non_null(mkdtemp(desk->dir));
    desk->agent = (struct config_agent){
        .id = "ada", .instance = desk->dir, .workspace = desk->dir, .model = "demo/m"};
    desk->projector = projector_open(&desk->agent);
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    struct err err;
    projector_close(desk->projector);
    assert_int_equal(folder_remove(desk->dir, &err), 0);
    arena_fini(&desk->arena);
    free(desk);
    return 0;
}

static void reopen(struct desk *desk)
{
    projector_close(desk->projector);
    desk->projector = projector_open(&desk->agent);
}

/* One ended turn, with the answer "seven". */
static int write_turn(struct desk *desk, const char *key, const char *id, const char *task)
{
    struct err err;
    const struct session session = {.agent = "ada", .key = key, .id = id};
    json_t *items =
        json_pack("[{s:{s:s,s:s,s:s,s:s},s:[{s:i,s:i,s:s,s:s,s:{s:s,s:s}}]}]", "task", "id", task,
                  "instruction", "how many", "state", "done", "created_at",
                  "2026-11-22T10:00:00.000Z", "calls", "step", 0, "idx", 0, "kind", "model", "name",
                  "demo/m", "response", "text", "seven", "stop", "stop");
    int rc = projector_project(desk->projector, &session, items, &err);
    json_decref(items);
    return rc;
}

static void flush(struct desk *desk)
{
    json_decref(projector_flush(desk->projector));
}

static const char *file_of(struct desk *desk, const char *id)
{
    return arena_printf(&desk->arena, "%s/agents/main/sessions/%s.jsonl", desk->dir, id);
}

static bool has_file(struct desk *desk, const char *id)
{
    return access(file_of(desk, id), F_OK) == 0;
}

/* As it is on disk. */
static bool has_entry(struct desk *desk, const char *key)
{
    const char *path =
        arena_printf(&desk->arena, "%s/agents/main/sessions/sessions.json", desk->dir);
    json_t *index = json_load_file(path, 0, NULL);
    assert_true(json_is_object(index));
    bool found = json_object_get(index, arena_printf(&desk->arena, "agent:main:%s", key)) != NULL;
    json_decref(index);
    return found;
}

static void append(struct desk *desk, const char *id, const char *line)
{
    FILE *file = fopen(file_of(desk, id), "a");
    assert_non_null(file);
    fputs(line, file);
    fclose(file);
}

static void what_was_archived_goes_entry_and_file(void **state)
{
    struct desk *desk = *state;
    struct err err;
    assert_int_equal(write_turn(desk, "hook:t-1", "u1", "t-1"), 0);
    assert_int_equal(write_turn(desk, "hook:t-2", "u2", "t-2"), 0);
    assert_int_equal(write_turn(desk, "main", "u3", "t-3"), 0);
    flush(desk);
    struct projector_gone list[] = {{.key = "hook:t-1", .id = "u1"},
                                    {.key = "hook:t-9", .id = "never-was"}};
    assert_true(has_entry(desk, "hook:t-1"));
    assert_int_equal(projector_remove(desk->projector, list, 2, &err), 0);
    assert_true(list[0].removed && list[1].removed);
    assert_false(has_file(desk, "u1") || has_entry(desk, "hook:t-1"));
    assert_true(has_file(desk, "u2") && has_entry(desk, "hook:t-2"));
    assert_true(has_file(desk, "u3") && has_entry(desk, "main"));
    list[0].removed = false;
    assert_int_equal(projector_remove(desk->projector, list, 1, &err), 0);
    assert_true(list[0].removed);
}

static void what_somebody_else_wrote_stays(void **state)
{
    static const char *const added[] = {
        "{\"type\":\"message\",\"id\":\"aaaaaaaa\",\"message\":{\"role\":\"user\"}}\n",
        "{\"type\":\"message\",\"id\":\"aaaaaaaa\",\"turn\":\"t-other\"}\n",
        "{\"type\":\"session\",\"id\":\"another\"}\n",
        "a note of mine\n",
        "{\"type\":\"message\",\"turn\":\"t-1\"} and no end of the line",
    };
    struct desk *desk = *state;
    struct err err;
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        assert_int_equal(write_turn(desk, "hook:t-1", "u1", "t-1"), 0);
        flush(desk);
        append(desk, "u1", added[i]);
        struct projector_gone gone = {.key = "hook:t-1", .id = "u1"};
        assert_int_equal(projector_remove(desk->projector, &gone, 1, &err), 0);
        if (!gone.removed || !has_file(desk, "u1") || !has_entry(desk, "hook:t-1"))
            fail_msg("removed in spite of: %s", added[i]);
        assert_int_equal(unlink(file_of(desk, "u1")), 0);
    }
    assert_int_equal(symlink("/etc/passwd", file_of(desk, "u1")), 0);
    struct projector_gone link = {.key = "hook:t-1", .id = "u1"};
    assert_int_equal(projector_remove(desk->projector, &link, 1, &err), 0);
    assert_true(link.removed && has_file(desk, "u1"));
}

struct writer {
    struct desk *desk;
    int rc;
};

static void *write_again(void *arg)
{
    struct writer *writer = arg;
    writer->rc = write_turn(writer->desk, "hook:t-1", "u1", "t-2");
    return NULL;
}

/* Who came back while the old file was being removed writes behind that, and loses nothing. */
static void who_comes_back_writes_behind_the_removal(void **state)
{
    struct desk *desk = *state;
    struct err err;
    pthread_t thread;
    struct writer writer = {.desk = desk, .rc = -2};
    struct projector_gone gone = {.key = "hook:t-1", .id = "u1"};
    assert_int_equal(write_turn(desk, "hook:t-1", "u1", "t-1"), 0);
    flush(desk);
    projector_hold(desk->projector, &gone, 1);
    assert_int_equal(pthread_create(&thread, NULL, write_again, &writer), 0);
    assert_int_equal(write_turn(desk, "hook:t-3", "u3", "t-3"), 0); /* others do not wait */
    assert_int_equal(projector_remove(desk->projector, &gone, 1, &err), 0);
    assert_true(gone.removed);
    assert_false(has_file(desk, "u1"));
    assert_int_equal(writer.rc, -2);
    projector_release(desk->projector);
    pthread_join(thread, NULL);
    assert_int_equal(writer.rc, 0);
    flush(desk);
    assert_true(has_file(desk, "u1") && has_entry(desk, "hook:t-1"));
    struct projector_gone other = {.key = "hook:t-2", .id = "u1"};
    assert_int_equal(projector_remove(desk->projector, &other, 1, &err), 0);
    assert_true(has_entry(desk, "hook:t-1")); /* the entry is another key's */
}

static void remove_and_die(struct desk *desk, const char *point)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct err err;
        struct projector_gone list[] = {{.key = "hook:t-1", .id = "u1"},
                                        {.key = "hook:t-2", .id = "u2"}};
        setenv("HQ_CRASH_DIR", desk->dir, 1);
        setenv("HQ_CRASH_AT", point, 1);
        crash_init("test");
        projector_remove(desk->projector, list, 2, &err);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    unlink(arena_printf(&desk->arena, "%s/fired", desk->dir));
}

static void a_death_in_between_is_made_up_for(void **state)
{
    static const char *const points[] = {"test/transcript.index.before#1",
                                         "test/transcript.index.after#1",
                                         "test/transcript.removed#1", "test/transcript.removed#2"};
    struct desk *desk = *state;
    struct err err;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(write_turn(desk, "hook:t-1", "u1", "t-1"), 0);
        assert_int_equal(write_turn(desk, "hook:t-2", "u2", "t-2"), 0);
        assert_int_equal(write_turn(desk, "main", "u3", "t-3"), 0);
        flush(desk);
        remove_and_die(desk, points[i]);
        reopen(desk);
        assert_true(has_entry(desk, "main"));
        struct projector_gone list[] = {{.key = "hook:t-1", .id = "u1"},
                                        {.key = "hook:t-2", .id = "u2"}};
        assert_int_equal(projector_remove(desk->projector, list, 2, &err), 0);
        assert_true(list[0].removed && list[1].removed);
        assert_false(has_file(desk, "u1") || has_file(desk, "u2"));
        assert_false(has_entry(desk, "hook:t-1") || has_entry(desk, "hook:t-2"));
        assert_true(has_file(desk, "u3") && has_entry(desk, "main"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_archived_goes_entry_and_file, setup, teardown),
        cmocka_unit_test_setup_teardown(what_somebody_else_wrote_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(who_comes_back_writes_behind_the_removal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_death_in_between_is_made_up_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
