/* Bundles: what belongs to them, what does not, and files that are large, deep or hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "flow/bundle.h"
#include "folder_fixture.h"

#define ONE "name: x\nsteps:\n  a: { agent: manager, task: A }\n"
#define COMMAND "name: x\nsteps:\n  a: { run: ./tools/go.sh }\n"

#define FILES "{\"v\":1,\"entry\":\"x\",\"files\":{\"x.yaml\":\"\"},\"blobs\":"
#define BLOB                                                                                       \
    "{\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":0," \
    "\"executable\":true}"

static void put(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(in_dir(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static struct flow_bundle *read_bundle(const char *name)
{
    return flow_bundle_read(in_dir(name), NULL);
}

/* Reads the text as a workflow: it has just that one error, of the entry. */
static void refused(const struct buf *text, int line, const char *message)
{
    const struct flow_report *reports;
    put("x.yaml", buf_text(text), text->len);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    assert_int_equal(flow_bundle_reports(bundle, &reports), 1);
    assert_null(flow_bundle_entry(bundle));
    assert_true(reports->errors >= 1);
    if (!strstr(reports->items[0].message, message) || reports->items[0].line != line)
        fail_msg("%d: %s", reports->items[0].line, reports->items[0].message);
    flow_bundle_close(bundle);
}

static void what_is_no_file_is_one_error(void **state)
{
    static const char *const names[] = {"none.yaml", "folder", "gone/x.yaml"};
    const struct flow_report *reports;
    mkdir(in_dir("folder"), 0700);
    for (size_t i = 0; i < 3; i++) {
        struct flow_bundle *bundle = read_bundle(names[i]);
        assert_int_equal(flow_bundle_reports(bundle, &reports), 1);
        assert_int_equal(flow_bundle_errors(bundle), 1);
        assert_string_equal(reports->path, in_dir(names[i]));
        assert_null(flow_bundle_entry(bundle));
        assert_null(flow_bundle_find(bundle, "x"));
        assert_string_equal(flow_bundle_text(bundle), "");
        flow_bundle_close(bundle);
    }
}

static void links_do_not_lead_out(void **state)
{
    const struct flow_report *reports;
    put_text("x.yaml", "name: x\nsteps:\n  a: { agent: m, task: A, output: { schema: s.json } }\n"
                       "  b: { workflow: w }\n");
    assert_int_equal(symlink("/etc/hostname", in_dir("s.json")), 0);
    assert_int_equal(symlink("/etc/hostname", in_dir("w.yaml")), 0);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    assert_int_equal(flow_bundle_reports(bundle, &reports), 1);
    assert_int_equal(reports->errors, 2);
    assert_string_equal(reports->items[0].message,
                        "steps.a.output.schema: \"s.json\" leads out of the folder");
    assert_string_equal(reports->items[1].message,
                        "steps.b.workflow: \"w.yaml\" leads out of the folder");
    flow_bundle_close(bundle);
}

static void a_command_takes_its_folder_along(void **state)
{
    const struct flow_file *files;
    mkdir(in_dir("tools"), 0700);
    mkdir(in_dir(".git"), 0700);
    put_text("x.yaml", COMMAND);
    put_text("other.yaml", ONE);
    put_text("data.yaml", "values: [1, 2]\n");
    put_text("tools/go.sh", "#!/bin/sh\n");
    chmod(in_dir("tools/go.sh"), 0700);
    put_text(".git/config", "secret");
    put_text(".env", "secret");
    assert_int_equal(symlink("/etc/hostname", in_dir("link.txt")), 0);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    assert_int_equal(flow_bundle_errors(bundle), 0);
    const char *text = flow_bundle_text(bundle);
    assert_int_equal(flow_bundle_blobs(bundle, &files), 2);
    assert_non_null(strstr(text, "\"tools/go.sh\":{\"executable\":true,\"sha256\":\"a8076d3d28"));
    assert_non_null(strstr(text, "\"data.yaml\":{\"executable\":false"));
    assert_null(strstr(text, "other.yaml"));
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "link.txt"));
    char *first = arena_strdup(&arena, flow_bundle_hash(bundle));
    flow_bundle_close(bundle);
    put_text("tools/go.sh", "#!/bin/bash\n");
    bundle = read_bundle("x.yaml");
    assert_string_not_equal(flow_bundle_hash(bundle), first);
    flow_bundle_close(bundle);
}

static void an_agent_s_workflow_takes_only_what_it_names(void **state)
{
    const struct flow_file *files;
    put_text("x.yaml", ONE);
    put_text("big.bin", "x");
    struct flow_bundle *bundle = read_bundle("x.yaml");
    assert_int_equal(flow_bundle_blobs(bundle, &files), 0);
    assert_string_equal(
        flow_bundle_text(bundle),
        "{\"blobs\":{},\"entry\":\"x\",\"files\":{\"x.yaml\":\"name: x\\nsteps:\\n  "
        "a: { agent: manager, task: A }\\n\"},\"v\":1}");
    flow_bundle_close(bundle);
}

static void a_folder_has_its_bounds(void **state)
{
    const struct flow_report *reports;
    put_text("x.yaml", COMMAND);
    for (int i = 0; i < LIMIT_FLOW_FILES + 1; i++)
        put_text(arena_printf(&arena, "f%d", i), "x");
    struct flow_bundle *bundle = read_bundle("x.yaml");
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 1);
    assert_string_equal(
        reports->items[0].message,
        "the folder, which goes along with commands and jobs, has more than 200 files");
    flow_bundle_close(bundle);
}

static void a_folder_has_its_weight(void **state)
{
    const struct flow_report *reports;
    put_text("x.yaml", COMMAND);
    put_text("large", "");
    assert_int_equal(truncate(in_dir("large"), LIMIT_FLOW_FOLDER + 1), 0);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 1);
    assert_non_null(strstr(reports->items[0].message, "has more than 10485760 bytes"));
    flow_bundle_close(bundle);
}

static void what_is_no_bundle_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{\"v\":1}",
        "{\"v\":2,\"entry\":\"x\",\"files\":{},\"blobs\":{}}",
        "{\"v\":1,\"entry\":\"x\",\"files\":{},\"blobs\":{}}",
        "{\"v\":1,\"entry\":\"x\",\"files\":{\"x.yaml\":3},\"blobs\":{}}",
        "{\"v\":1,\"entry\":\"x\",\"files\":{\"x.yaml\":\"\",\"../y\":\"\"},\"blobs\":{}}",
        "{\"v\":1,\"entry\":\"x\",\"files\":{\"x.yaml\":\"\",\"/y\":\"\"},\"blobs\":{}}",
        "{\"v\":1,\"entry\":\"../x\",\"files\":{\"../x.yaml\":\"\"},\"blobs\":{}}",
        (FILES "{\"go\":{\"sha256\":\"e3b0\",\"size\":0,\"executable\":true}}}"),
        (FILES "{\"../go\":" BLOB "}}"),
        (FILES "{\"a/../go\":" BLOB "}}"),
        "{\"v\":1,\"entry\":\"x\",\"files\":{\"x.yaml\":\"\"},\"blobs\":[]}",
        "{\"v\":1,\"entry\":3,\"files\":{\"x.yaml\":\"\"},\"blobs\":{}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct err err = {0};
        assert_null(flow_bundle_parse(texts[i], strlen(texts[i]), NULL, &err));
        assert_true(*err.message);
    }
    struct err err;
    static const char right[] = FILES "{\"a/go\":" BLOB "}}";
    struct flow_bundle *bundle = flow_bundle_parse(right, strlen(right), NULL, &err);
    assert_non_null(bundle);
    flow_bundle_close(bundle);
}

/* Its name becomes that of a file in the run's folder. */
static void a_file_s_name_is_plain(void **state)
{
    const struct flow_report *reports;
    put_text("my flow.yaml", ONE);
    struct flow_bundle *bundle = read_bundle("my flow.yaml");
    assert_int_equal(flow_bundle_reports(bundle, &reports), 1);
    assert_non_null(strstr(reports->items[0].message, "rename it"));
    assert_null(flow_bundle_entry(bundle));
    flow_bundle_close(bundle);
}

/* A bundle that was made elsewhere reads no file of this machine. */
static void a_text_reads_no_disk(void **state)
{
    struct err err;
    const struct flow_report *reports;
    static const char text[] =
        "{\"v\":1,\"entry\":\"x\",\"blobs\":{},\"files\":{\"x.yaml\":\"name: x\\nsteps:\\n  a: { "
        "workflow: ../../etc/passwd }\\n  b: { agent: m, task: x, output: { schema: s.json } }\"}}";
    put_text("s.json", "{}");
    struct flow_bundle *bundle = flow_bundle_parse(text, strlen(text), NULL, &err);
    assert_non_null(bundle);
    assert_int_equal(flow_bundle_reports(bundle, &reports), 1);
    assert_int_equal(reports->errors, 2);
    flow_bundle_close(bundle);
}

static void sub_workflows_are_found_by_entry(void **state)
{
    mkdir(in_dir("sub"), 0700);
    put_text("x.yaml", "name: x\nsteps:\n  a: { workflow: sub/y }\n  b: { workflow: z.yml }\n");
    put_text("sub/y.yaml", "name: y\nsteps:\n  a: { workflow: ../w }\n");
    put_text("w.yaml", ONE);
    put_text("z.yml", ONE);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    assert_int_equal(flow_bundle_errors(bundle), 0);
    const struct flow *flow = flow_bundle_entry(bundle);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(flow_bundle_find(bundle, flow->steps[i].workflow));
    assert_string_equal(flow->steps[0].workflow, "sub/y");
    assert_string_equal(flow_bundle_find(bundle, "sub/y")->steps[0].workflow, "w");
    assert_string_equal(flow_bundle_find(bundle, "sub/y")->name, "y");
    assert_ptr_equal(flow_bundle_find(bundle, "x"), flow);
    assert_null(flow_bundle_find(bundle, "none"));
    flow_bundle_close(bundle);
}

static void bombs_are_refused_in_a_sentence(void **state)
{
    struct buf text = {0};
    buf_puts(&text, "name: x\noutput: ");
    for (int i = 0; i < 200000; i++)
        buf_putc(&text, '[');
    refused(&text, 2, "nested deeper than 64 levels");
    buf_clear(&text);
    buf_puts(&text, "name: x\nsteps:\n");
    for (int i = 0; i <= LIMIT_FLOW_STEPS; i++)
        buf_printf(&text, "  s%d: { wait: { for: 1s } }\n", i);
    refused(&text, 2, "steps: 20001 of them are more than 20000");
    buf_clear(&text);
    buf_puts(&text, ONE "description: ");
    while (text.len <= LIMIT_CONFIG_BYTES)
        buf_puts(&text, "one long line ");
    refused(&text, 0, "the file has more than 1048576 bytes");
    text.len = LIMIT_CONFIG_BYTES;
    refused(&text, 4, "description: \"one long line");
    buf_clear(&text);
    buf_puts(&text, ONE "description: \"a\xff\xfe\"\n");
    refused(&text, 4, "the file is not UTF-8 text from here on");
    buf_clear(&text);
    buf_puts(&text, "name: x\nsteps:\n  a: { agent: m, task: A, if: \"${{ ");
    for (int i = 0; i < 250000; i++)
        buf_puts(&text, "!(");
    buf_puts(&text, " }}\" }\n");
    refused(&text, 3, "an expression of more than 4096 characters");
    buf_fini(&text);
}

static void chain_text(struct buf *text, size_t count, bool far)
{
    buf_clear(text);
    buf_puts(text, "name: x\nsteps:\n  s0: { agent: m, task: A }\n");
    for (size_t i = 1; i < count; i++)
        buf_printf(text,
                   "  s%zu: { needs: [s%zu], agent: m, task: A, with: { p: \"${{ "
                   "steps.s%zu.output }}\" } }\n",
                   i, i - 1, far ? 0 : i - 1);
}

/* What would take squares of the steps would run into the test's time here. */
static void large_files_are_read(void **state)
{
    struct buf text = {0};
    for (int far = 0; far < 2; far++) {
        chain_text(&text, 10000, far);
        put("x.yaml", buf_text(&text), text.len);
        struct flow_bundle *bundle = read_bundle("x.yaml");
        const struct flow *flow = flow_bundle_entry(bundle);
        assert_non_null(flow);
        assert_int_equal(flow->step_count, 10000);
        assert_int_equal(flow->steps[9999].needs[0], 9998);
        assert_int_equal(flow->steps[0].feeds[0], 1);
        assert_int_equal(flow_step_index(flow, "s7777"), 7777);
        assert_int_equal(flow_step_index(flow, "s10000"), -1);
        flow_bundle_close(bundle);
    }
    buf_fini(&text);
}

static void a_file_of_one_line_is_read(void **state)
{
    struct buf text = {0};
    const struct flow_report *reports;
    buf_puts(&text, "{ name: x, steps: { a: { agent: m, task: A, with: { w: \"${{ run.no }}\"");
    for (size_t i = 0; text.len < LIMIT_CONFIG_BYTES - 100; i++)
        buf_printf(&text, ", k%zu: \"${{ run.id }}\"", i);
    buf_puts(&text, ", z: \"${{ run.no }}\" } } } }\n");
    put("x.yaml", buf_text(&text), text.len);
    buf_fini(&text);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 2);
    assert_int_equal(reports->items[0].column, 65);
    assert_int_equal(reports->items[1].line, 1);
    assert_true(reports->items[1].column > 1000000);
    flow_bundle_close(bundle);
}

static void a_long_ring_is_one_short_sentence(void **state)
{
    struct buf text = {0};
    const struct flow_report *reports;
    buf_puts(&text, "name: x\nsteps:\n");
    for (size_t i = 0; i < 10000; i++)
        buf_printf(&text, "  s%zu: { needs: [s%zu], agent: m, task: A }\n", i, (i + 1) % 10000);
    put("x.yaml", buf_text(&text), text.len);
    buf_fini(&text);
    struct flow_bundle *bundle = read_bundle("x.yaml");
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 1);
    assert_int_equal(reports->items[0].line, 10002);
    assert_non_null(strstr(reports->items[0].message, "a cycle: s0 → s1 → s2"));
    assert_true(strlen(reports->items[0].message) < 400);
    flow_bundle_close(bundle);
}

static void workflows_are_found_by_name(void **state)
{
    struct err err;
    const char *const *paths;
    mkdir(in_dir("study"), 0700);
    mkdir(in_dir("empty"), 0700);
    put_text("study/workflow.yaml", ONE);
    put_text("trade.yaml", ONE);
    put_text("notes.md", "x");
    assert_int_equal(flow_list(dir, &arena, &paths), 2);
    assert_string_equal(paths[0], in_dir("study/workflow.yaml"));
    assert_string_equal(paths[1], in_dir("trade.yaml"));
    assert_string_equal(flow_find(dir, "trade", &arena, &err), in_dir("trade.yaml"));
    assert_string_equal(flow_find(dir, "study", &arena, &err), in_dir("study/workflow.yaml"));
    assert_string_equal(flow_find("/nowhere", in_dir("trade.yaml"), &arena, &err),
                        in_dir("trade.yaml"));
    assert_null(flow_find(dir, "trad", &arena, &err));
    assert_string_equal(err.code, "no_workflow");
    assert_string_equal(err.hint, "did you mean \"trade\"?");
    assert_null(flow_find(dir, "empty", &arena, &err));
    assert_null(flow_find(dir, "../x", &arena, &err));
    assert_int_equal(flow_list("/nowhere", &arena, &paths), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(what_is_no_file_is_one_error),
        FOLDER_TEST(links_do_not_lead_out),
        FOLDER_TEST(a_command_takes_its_folder_along),
        FOLDER_TEST(an_agent_s_workflow_takes_only_what_it_names),
        FOLDER_TEST(a_folder_has_its_bounds),
        FOLDER_TEST(a_folder_has_its_weight),
        FOLDER_TEST(what_is_no_bundle_is_refused),
        FOLDER_TEST(a_file_s_name_is_plain),
        FOLDER_TEST(a_text_reads_no_disk),
        FOLDER_TEST(sub_workflows_are_found_by_entry),
        FOLDER_TEST(bombs_are_refused_in_a_sentence),
        FOLDER_TEST(large_files_are_read),
        FOLDER_TEST(a_file_of_one_line_is_read),
        FOLDER_TEST(a_long_ring_is_one_short_sentence),
        FOLDER_TEST(workflows_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
