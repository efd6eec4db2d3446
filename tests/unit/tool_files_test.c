/* read, write and edit do what they say, and no path leads out of the workspace. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "tool/tool.h"

static char top[64], workspace[80], shared[80], secret[80];
static struct tool_place place;
static struct arena arena;

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static const char *in(const char *name)
{
    return arena_printf(&arena, "%s/%s", workspace, name);
}

static const char *got(const char *path)
{
    char *text = arena_alloc(&arena, 65536);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    assert_true(read(fd, text, 65535) >= 0);
    close(fd);
    return text;
}

static int place_open(void **state)
{
    snprintf(top, sizeof(top), "/tmp/hq-tool-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    snprintf(workspace, sizeof(workspace), "%s/workspace", top);
    snprintf(shared, sizeof(shared), "%s/shared", top);
    snprintf(secret, sizeof(secret), "%s/secret.txt", top);
    mkdir(workspace, 0755);
    mkdir(shared, 0755);
    put(secret, "top secret");
    place = (struct tool_place){.task = "t-1", .workspace = workspace, .shared = shared};
    return 0;
}

static int place_close(void **state)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", top);
    arena_fini(&arena);
    return system(command);
}

static json_t *arguments_of(const char *tool, const char *text)
{
    struct err err;
    json_t *arguments = json_parse(text, strlen(text), &err);
    assert_non_null(arguments);
    if (tool_check(tool_find(tool), arguments, &err) < 0)
        fail_msg("%s", err.message);
    return arguments;
}

/* Runs a tool with arguments as JSON text; returns its text and whether it is an error. */
static const char *run(const char *tool, const char *text, bool *is_error)
{
    struct tool_result result = {0};
    json_t *arguments = arguments_of(tool, text);
    assert_int_equal(tool_find(tool)->run(&place, arguments, &arena, &result, NULL), 0);
    json_decref(arguments);
    json_decref(result.details);
    *is_error = result.is_error;
    return result.text;
}

static const char *good(const char *tool, const char *text)
{
    bool is_error;
    const char *said = run(tool, text, &is_error);
    if (is_error)
        fail_msg("%s", said);
    return said;
}

static const char *bad(const char *tool, const char *text)
{
    bool is_error;
    const char *said = run(tool, text, &is_error);
    if (!is_error)
        fail_msg("no error: %s", said);
    return said;
}

static void write_creates_and_replaces(void **state)
{
    struct stat st;
    assert_string_equal(good("write", "{\"path\":\"a/b/c.txt\",\"content\":\"one\"}"),
                        "Successfully wrote 3 bytes to a/b/c.txt");
    assert_string_equal(got(in("a/b/c.txt")), "one");
    chmod(in("a/b/c.txt"), 0750);
    good("write",
         arena_printf(&arena, "{\"path\":\"%s/a/./b/c.txt\",\"content\":\"\"}", workspace));
    assert_string_equal(got(in("a/b/c.txt")), "");
    assert_int_equal(stat(in("a/b/c.txt"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    assert_non_null(strstr(bad("write", "{\"path\":\"a/b\",\"content\":\"x\"}"), "not a file"));
    assert_non_null(
        strstr(bad("write", "{\"path\":\"a/b/c.txt/d\",\"content\":\"x\"}"), "a file,"));
    assert_non_null(strstr(bad("write", "{\"path\":\"a/\",\"content\":\"x\"}"), "name of a file"));
    assert_int_equal(system(arena_printf(&arena, "test -z \"$(find %s -name '.hq-*')\"", top)), 0);
}

static void read_gives_pages(void **state)
{
    FILE *file = fopen(in("long.txt"), "we");
    for (int i = 1; i <= 2500; i++)
        fprintf(file, "line %d\n", i);
    fclose(file);
    const char *text = good("read", "{\"path\":\"long.txt\"}");
    assert_non_null(strstr(text, "line 2000\n"));
    assert_null(strstr(text, "line 2001\n"));
    assert_non_null(strstr(text, "[Showing lines 1-2000 of 2500. Use offset=2001 to continue.]"));
    text = good("read", "{\"path\":\"long.txt\",\"offset\":2499}");
    assert_string_equal(text, "line 2499\nline 2500\n");
    text = good("read", "{\"path\":\"long.txt\",\"offset\":2,\"limit\":1}");
    assert_string_equal(text, "line 2\n\n\n[Showing lines 2-2 of 2500. Use offset=3 to continue.]");
    assert_non_null(strstr(bad("read", "{\"path\":\"long.txt\",\"offset\":2501}"), "2500 lines"));
    put(in("no-end.txt"), "a\nb");
    assert_string_equal(good("read", "{\"path\":\"no-end.txt\"}"), "a\nb");
    assert_string_equal(good("read", "{\"path\":\"no-end.txt\",\"offset\":2}"), "b");
    put(in("empty.txt"), "");
    assert_string_equal(good("read", "{\"path\":\"empty.txt\"}"), "(the file is empty)");
}

static void read_is_cut_at_50_kb(void **state)
{
    FILE *file = fopen(in("wide.txt"), "we");
    for (int i = 1; i <= 600; i++)
        fprintf(file, "%0100d\n", i);
    fclose(file);
    const char *text = good("read", "{\"path\":\"wide.txt\"}");
    assert_true(strlen(text) < LIMIT_READ_BYTES + 200);
    assert_non_null(strstr(text, "[Showing lines 1-506 of 600. Use offset=507 to continue.]"));
    file = fopen(in("wide.txt"), "we");
    for (int i = 0; i < 100000; i++)
        fputs("ä", file);
    fclose(file);
    text = good("read", "{\"path\":\"wide.txt\"}");
    assert_non_null(strstr(text, "ä\n\n[Line 1 is longer"));
    assert_null(strstr(text, "\xef\xbf\xbd"));
}

static void read_cleans_and_names_pictures(void **state)
{
    int fd = open(in("raw"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "a\0b\xff\n", 5), 5);
    close(fd);
    assert_string_equal(good("read", "{\"path\":\"raw\"}"), "a\xef\xbf\xbd"
                                                            "b\xef\xbf\xbd\n");
    put(in("p.png"), "\x89PNG\r\n\x1a\nxxxx");
    assert_non_null(strstr(good("read", "{\"path\":\"p.png\"}"), "picture (image/png, 12 bytes)"));
    mkfifo(in("pipe"), 0600);
    assert_non_null(strstr(bad("read", "{\"path\":\"pipe\"}"), "not a file"));
    assert_non_null(strstr(bad("read", "{\"path\":\".\"}"), "is a folder"));
    assert_non_null(strstr(bad("read", "{\"path\":\"gone\"}"), "does not exist"));
}

static void edit_needs_one_match(void **state)
{
    put(in("e.txt"), "one\ntwo\ntwo\n");
    assert_non_null(
        strstr(bad("edit", "{\"path\":\"e.txt\",\"oldText\":\"two\",\"newText\":\"2\"}"),
               "found 2 times"));
    assert_non_null(strstr(
        bad("edit", "{\"path\":\"e.txt\",\"oldText\":\"six\",\"newText\":\"2\"}"), "not found"));
    assert_non_null(
        strstr(bad("edit", "{\"path\":\"e.txt\",\"oldText\":\"\",\"newText\":\"2\"}"), "empty"));
    assert_non_null(strstr(bad("edit", "{\"path\":\"gone\",\"oldText\":\"a\",\"newText\":\"2\"}"),
                           "does not exist"));
    assert_string_equal(got(in("e.txt")), "one\ntwo\ntwo\n");
    good("edit", "{\"path\":\"e.txt\",\"old_string\":\"one\\ntwo\",\"new_string\":\"1\"}");
    assert_string_equal(got(in("e.txt")), "1\ntwo\n");
}

/* What a crash leaves: planned, perhaps done. */
static void a_repeat_knows_what_is_done(void **state)
{
    static const struct {
        const char *tool, *text;
    } calls[] = {{"write", "{\"path\":\"w.txt\",\"content\":\"new\"}"},
                 {"edit", "{\"path\":\"w.txt\",\"oldText\":\"e\",\"newText\":\"o\"}"}};
    for (size_t i = 0; i < 2; i++) {
        const struct tool *tool = tool_find(calls[i].tool);
        json_t *arguments = arguments_of(calls[i].tool, calls[i].text);
        char *text = tool->plan(&place, arguments, &arena);
        assert_non_null(text);
        json_t *plan = json_parse(text, strlen(text), NULL);
        struct tool_result result = {0}, again = {0};
        assert_false(tool->is_done(&place, arguments, plan, &arena, &result));
        assert_int_equal(tool->run(&place, arguments, &arena, &result, NULL), 0);
        assert_false(result.is_error);
        assert_true(tool->is_done(&place, arguments, plan, &arena, &again));
        assert_string_equal(result.text, again.text);
        json_decref(result.details);
        json_decref(again.details);
        json_decref(plan);
        json_decref(arguments);
    }
    assert_string_equal(got(in("w.txt")), "now");
    json_t *arguments = arguments_of("edit", calls[1].text);
    assert_null(tool_find("edit")->plan(&place, arguments, &arena));
    json_decref(arguments);
}

static void no_path_leads_out(void **state)
{
    static const char *const paths[] = {"../secret.txt", "a/../../secret.txt", "/etc/passwd",
                                        "link",          "up/secret.txt",      "/proc/self/root"};
    assert_int_equal(symlink(secret, in("link")), 0);
    assert_int_equal(symlink("..", in("up")), 0);
    mkdir(in("a"), 0755);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const char *path = paths[i];
        const char *text = bad("read", arena_printf(&arena, "{\"path\":\"%s\"}", path));
        assert_null(strstr(text, "top secret"));
        if (!strstr(text, "outside") && !strstr(text, "out of"))
            fail_msg("%s: %s", path, text);
        bad("write", arena_printf(&arena, "{\"path\":\"%s\",\"content\":\"x\"}", path));
        bad("edit",
            arena_printf(&arena, "{\"path\":\"%s\",\"oldText\":\"top\",\"newText\":\"x\"}", path));
    }
    bad("read", arena_printf(&arena, "{\"path\":\"%s-other/x\"}", workspace));
    assert_non_null(
        strstr(bad("write", "{\"path\":\"up/new/file\",\"content\":\"x\"}"), "leads out"));
    assert_int_equal(access(arena_printf(&arena, "%s/new", top), F_OK), -1);
    assert_string_equal(got(secret), "top secret");
}

static void shared_is_read_only(void **state)
{
    put(arena_printf(&arena, "%s/log.md", shared), "log");
    const char *path = arena_printf(&arena, "%s/log.md", shared);
    assert_string_equal(good("read", arena_printf(&arena, "{\"path\":\"%s\"}", path)), "log");
    assert_non_null(
        strstr(bad("write", arena_printf(&arena, "{\"path\":\"%s\",\"content\":\"x\"}", path)),
               "which every agent reads and none may write"));
    assert_string_equal(got(path), "log");
}

static const char *in_shared(const char *name)
{
    return arena_printf(&arena, "%s/%s", shared, name);
}

static const char *refused_write(const char *name)
{
    return bad("write",
               arena_printf(&arena, "{\"path\":\"%s\",\"content\":\"x\"}", in_shared(name)));
}

static void refusals_say_who_may_write(void **state)
{
    place.agent = "webster";
    place.gatekeeper = "manager";
    put(in_shared("PROJECT_STATUS.md"), "# Status\n");
    assert_string_equal(refused_write("PROJECT_STATUS.md"),
                        "Only manager may write PROJECT_STATUS.md; ask manager.");
    assert_string_equal(
        bad("edit", arena_printf(&arena,
                                 "{\"path\":\"%s\",\"oldText\":\"Status\",\"newText\":\"x\"}",
                                 in_shared("PROJECT_STATUS.md"))),
        "Only manager may write PROJECT_STATUS.md; ask manager.");
    assert_non_null(strstr(refused_write("project_log.md"), "written by hq itself"));
    assert_non_null(strstr(refused_write("orchestration-log.md"), "written by hq itself"));
    assert_non_null(strstr(refused_write("a/b.md"), "only manager may write in it"));
    assert_string_equal(got(in_shared("PROJECT_STATUS.md")), "# Status\n");
    assert_int_equal(access(in_shared("a"), F_OK), -1);
}

static void the_gatekeeper_writes_one_file(void **state)
{
    struct stat st;
    place.agent = place.gatekeeper = "manager";
    place.shared_file = "PROJECT_STATUS.md";
    mode_t mask = umask(077);
    good("write", arena_printf(&arena, "{\"path\":\"%s\",\"content\":\"one\\n\"}",
                               in_shared("PROJECT_STATUS.md")));
    umask(mask);
    assert_int_equal(stat(in_shared("PROJECT_STATUS.md"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    good("edit", arena_printf(&arena, "{\"path\":\"%s\",\"oldText\":\"one\",\"newText\":\"two\"}",
                              in_shared("PROJECT_STATUS.md")));
    assert_string_equal(got(in_shared("PROJECT_STATUS.md")), "two\n");
    static const char *const others[] = {"project_log.md",         "orchestration-log.md",
                                         "PROJECT_STATUS.md/x",    "./PROJECT_STATUS.md",
                                         "a/../PROJECT_STATUS.md", "a/PROJECT_STATUS.md",
                                         "project_status.md",      "../secret.txt"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        refused_write(others[i]);
    assert_string_equal(got(in_shared("PROJECT_STATUS.md")), "two\n");
    assert_string_equal(got(secret), "top secret");
    unlink(in_shared("PROJECT_STATUS.md"));
    assert_int_equal(symlink(secret, in_shared("PROJECT_STATUS.md")), 0);
    assert_non_null(strstr(refused_write("PROJECT_STATUS.md"), "symbolic link"));
    bad("read", arena_printf(&arena, "{\"path\":\"%s\"}", in_shared("PROJECT_STATUS.md")));
    assert_string_equal(got(secret), "top secret");
}

static atomic_bool swapping;

/* `d` is by turns a folder of the workspace and a symbolic link to the folder above it. */
static void *swap_link(void *unused)
{
    char d[96], up[96];
    snprintf(d, sizeof(d), "%s/d", workspace);
    snprintf(up, sizeof(up), "%s/up", workspace);
    while (swapping)
        renameat2(AT_FDCWD, d, AT_FDCWD, up, RENAME_EXCHANGE);
    return NULL;
}

static void a_swapped_link_leads_nowhere(void **state)
{
    pthread_t thread;
    int inside = 0, refused = 0;
    bool is_error;
    mkdir(in("d"), 0755);
    put(in("d/secret.txt"), "harmless");
    assert_int_equal(symlink("..", in("up")), 0);
    swapping = true;
    assert_string_equal(good("read", "{\"path\":\"d/secret.txt\"}"), "harmless");
    assert_int_equal(thread_start(&thread, "swap", swap_link, NULL), 0);
    int64_t until = time_boot_ms() + 20000; /* on one core the two take turns, and long ones */
    for (int i = 0; i < 500 || ((!inside || !refused) && time_boot_ms() < until); i++) {
        const char *text = run("read", "{\"path\":\"d/secret.txt\"}", &is_error);
        assert_null(strstr(text, "top secret"));
        inside += !is_error;
        refused += is_error; /* "leads out", or it never stood still */
        run("write", "{\"path\":\"d/new.txt\",\"content\":\"x\"}", &is_error);
        if (i % 100 == 0)
            arena_fini(&arena);
    }
    swapping = false;
    pthread_join(thread, NULL);
    assert_true(inside > 0 && refused > 0); /* both faces were met */
    assert_int_equal(access(arena_printf(&arena, "%s/new.txt", top), F_OK), -1);
    assert_string_equal(got(secret), "top secret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_creates_and_replaces, place_open, place_close),
        cmocka_unit_test_setup_teardown(read_gives_pages, place_open, place_close),
        cmocka_unit_test_setup_teardown(read_is_cut_at_50_kb, place_open, place_close),
        cmocka_unit_test_setup_teardown(read_cleans_and_names_pictures, place_open, place_close),
        cmocka_unit_test_setup_teardown(edit_needs_one_match, place_open, place_close),
        cmocka_unit_test_setup_teardown(a_repeat_knows_what_is_done, place_open, place_close),
        cmocka_unit_test_setup_teardown(no_path_leads_out, place_open, place_close),
        cmocka_unit_test_setup_teardown(shared_is_read_only, place_open, place_close),
        cmocka_unit_test_setup_teardown(refusals_say_who_may_write, place_open, place_close),
        cmocka_unit_test_setup_teardown(the_gatekeeper_writes_one_file, place_open, place_close),
        cmocka_unit_test_setup_teardown(a_swapped_link_leads_nowhere, place_open, place_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
