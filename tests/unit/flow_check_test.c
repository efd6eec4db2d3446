/* The corpora tests/flow/wrong and tests/flow/right: each wrong file is refused with exactly the
 * findings that its first lines name, each right one has none. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "flow/bundle.h"

static struct arena arena;
static struct config *company;

static int setup(void **state)
{
    struct finding *findings;
    size_t count;
    arena_init(&arena);
    char *path = arena_printf(&arena, "%s/tests/flow/company/hq.yaml", getenv("HQ_SOURCE"));
    /* A folder that holds nothing: above the company's it would be refused. */
    company = config_load(path, "/tmp/hq-flow-check", &arena, &findings, &count);
    return company ? 0 : -1;
}

static int teardown(void **state)
{
    config_free(company);
    arena_fini(&arena);
    return 0;
}

static const char *folder(const char *name)
{
    return arena_printf(&arena, "%s/tests/flow/%s", getenv("HQ_SOURCE"), name);
}

/* The file as it is; `skip`: without the lines that say what is expected. */
static char *read_file(const char *path, bool skip)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    struct buf text = {0};
    assert_non_null(file);
    while (getline(&line, &cap, file) > 0)
        if (!skip || (!str_starts(line, "# expect: ") && !str_starts(line, "# hint: ")))
            buf_puts(&text, line);
    fclose(file);
    free(line);
    char *copy = arena_memdup(&arena, buf_text(&text), text.len);
    buf_fini(&text);
    return copy;
}

/* What the file says it is refused with. */
static char *expected(const char *path)
{
    char *all = read_file(path, false), *end = all;
    while (str_starts(end, "# expect: ") || str_starts(end, "# hint: "))
        end += strcspn(end, "\n") + 1;
    return arena_memdup(&arena, all, (size_t)(end - all));
}

/* The findings in the same form; those of other files with the file's name. */
static char *found(const char *path)
{
    struct buf text = {0};
    const struct flow_report *reports;
    struct flow_bundle *bundle = flow_bundle_read(path, company);
    size_t count = flow_bundle_reports(bundle, &reports), errors = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < reports[i].count; k++) {
            const struct finding *finding = &reports[i].items[k];
            buf_puts(&text, "# expect: ");
            if (i)
                buf_printf(&text, "%s:", strrchr(reports[i].path, '/') + 1);
            if (finding->line)
                buf_printf(&text, "%d:%d: ", finding->line, finding->column);
            buf_printf(&text, "%s%s\n", finding->is_error ? "" : "warning: ", finding->message);
            if (finding->hint)
                buf_printf(&text, "# hint: %s\n", finding->hint);
            errors += finding->is_error;
        }
    assert_true(flow_bundle_errors(bundle) >= errors);
    assert_true((flow_bundle_entry(bundle) == NULL) == (reports[0].errors > 0));
    char *copy = arena_memdup(&arena, buf_text(&text), text.len);
    buf_fini(&text);
    flow_bundle_close(bundle);
    return copy;
}

/* HQ_UPDATE_FLOWS=1 writes what is found into the file, to be read by a person before it is kept.
 */
static void write_expected(const char *path)
{
    char *rest = read_file(path, true), *now = found(path);
    for (int i = 0; i < 5; i++) { /* more lines in front move the places */
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "%s%s", now, rest);
        fclose(file);
        now = found(path);
    }
}

static const char *const *names_in(const char *dir)
{
    enum { MOST = 1000 };
    const char **names = arena_alloc(&arena, (MOST + 1) * sizeof(*names));
    size_t count = 0;
    DIR *open = opendir(dir);
    assert_non_null(open);
    for (struct dirent *entry; count < MOST && (entry = readdir(open));)
        if (str_ends(entry->d_name, ".yaml"))
            names[count++] = arena_strdup(&arena, entry->d_name);
    closedir(open);
    return names;
}

static void wrong_files_are_refused_with_what_they_expect(void **state)
{
    const char *dir = folder("wrong");
    size_t count = 0, failures = 0;
    for (const char *const *name = names_in(dir); *name; name++, count++) {
        char *path = arena_printf(&arena, "%s/%s", dir, *name);
        if (getenv("HQ_UPDATE_FLOWS"))
            write_expected(path);
        char *want = expected(path), *got = found(path);
        if (strcmp(want, got) == 0 && *want)
            continue;
        print_message("%s\n--- expected\n%s--- found\n%s", *name, want, got);
        failures++;
    }
    assert_int_equal(failures, 0);
    assert_true(count >= 110);
}

static void right_files_have_no_findings(void **state)
{
    const char *dir = folder("right");
    size_t count = 0;
    for (const char *const *name = names_in(dir); *name; name++, count++) {
        char *path = arena_printf(&arena, "%s/%s", dir, *name), *got = found(path);
        if (*got)
            fail_msg("%s: %s", *name, got);
    }
    assert_true(count >= 12);
}

/* The text of a bundle is read back as what it was made of, without the folder and the company. */
static void a_bundle_is_its_text(void **state)
{
    const char *dir = folder("right");
    for (const char *const *name = names_in(dir); *name; name++) {
        struct err err;
        struct flow_bundle *first =
            flow_bundle_read(arena_printf(&arena, "%s/%s", dir, *name), company);
        const char *text = flow_bundle_text(first);
        struct flow_bundle *second = flow_bundle_parse(text, strlen(text), NULL, &err);
        assert_non_null(second);
        assert_int_equal(flow_bundle_errors(second), 0);
        assert_string_equal(flow_bundle_text(second), text);
        assert_string_equal(flow_bundle_hash(second), flow_bundle_hash(first));
        assert_int_equal(flow_bundle_entry(second)->step_count,
                         flow_bundle_entry(first)->step_count);
        flow_bundle_close(first);
        flow_bundle_close(second);
    }
}

/* A company without a folder for jobs cannot have any; without a runner it is warned. */
static void the_company_must_have_the_means(void **state)
{
    const struct flow_report *reports;
    struct config bare = *company;
    bare.jobs = NULL;
    bare.runner = false;
    struct flow_bundle *bundle =
        flow_bundle_read(arena_printf(&arena, "%s/job.yaml", folder("right")), &bare);
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 1);
    assert_string_equal(reports->items[0].message, "steps.study: hq.yaml has no folder for jobs");
    flow_bundle_close(bundle);
    bundle = flow_bundle_read(arena_printf(&arena, "%s/command.yaml", folder("right")), &bare);
    flow_bundle_reports(bundle, &reports);
    assert_int_equal(reports->errors, 0);
    assert_int_equal(reports->count, 2);
    assert_string_equal(reports->items[1].message,
                        "steps.count: hq.yaml keeps no runner, so nobody runs this");
    flow_bundle_close(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_files_have_no_findings),
        cmocka_unit_test(a_bundle_is_its_text),
        cmocka_unit_test(the_company_must_have_the_means),
        cmocka_unit_test(wrong_files_are_refused_with_what_they_expect),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
