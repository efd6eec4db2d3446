/* The table of a workflow's keys in its other forms: docs/workflows.md carries it, and the JSON
 * Schema for editors takes the right files of the corpus and refuses what it can of the wrong. */
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
#include "base/json_schema.h"
#include "base/str.h"
#include "config/yaml.h"
#include "flow/bundle.h"
#include "flow/keys.h"

static struct arena arena;

static char *read_file(const char *path)
{
    enum { MOST = 1 << 18 };
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = arena_alloc(&arena, MOST);
    size_t len = fread(text, 1, MOST - 1, file);
    fclose(file);
    assert_true(len < MOST - 1);
    return text;
}

static const char *source(const char *name)
{
    assert_non_null(getenv("HQ_SOURCE"));
    return arena_printf(&arena, "%s/%s", getenv("HQ_SOURCE"), name);
}

/* docs/workflows.md carries the table between two marks; HQ_UPDATE_DOCS=1 writes it anew. */
static void the_page_carries_the_table(void **state)
{
    static const char mark[] = "<!-- the table of keys: made from src/flow/keys.c -->\n";
    struct buf want = {0};
    const char *name = source("docs/workflows.md");
    char *page = read_file(name);
    flow_reference(&want);
    char *begin = strstr(page, mark), *end = begin ? strstr(begin + 1, mark) : NULL;
    assert_non_null(end);
    begin += strlen(mark);
    bool same = (size_t)(end - begin) == want.len && memcmp(begin, want.bytes, want.len) == 0;
    if (!same && getenv("HQ_UPDATE_DOCS")) {
        FILE *file = fopen(name, "w");
        fprintf(file, "%.*s%s%s", (int)(begin - page), page, buf_text(&want), end);
        fclose(file);
        same = true;
    }
    buf_fini(&want);
    if (!same)
        fail_msg("docs/workflows.md is older than the table: run this test with HQ_UPDATE_DOCS=1");
}

/* The examples of the page are workflows that hq takes. */
static void the_page_s_examples_are_right(void **state)
{
    static const char fence[] = "```yaml\nname:";
    size_t count = 0;
    char *page = read_file(source("docs/workflows.md"));
    for (char *at = page; (at = strstr(at, fence)); count++) {
        struct err err;
        const struct flow_report *reports;
        char *text = at + strlen("```yaml\n"), *end = strstr(text, "\n```");
        assert_non_null(end);
        json_t *all = json_pack("{s:i,s:s,s:{s:s%,s:s,s:s,s:s},s:{}}", "v", 1, "entry", "x",
                                "files", "x.yaml", text, (size_t)(end - text), "schemas/cte.json",
                                "{}", "make-report.py", "", "quick-research.yaml",
                                "name: q\ninputs: { question: {} }\nsteps: { a: { agent: m, task: "
                                "x } }\n",
                                "blobs");
        char *bundle_text = json_dumps(all, 0);
        struct flow_bundle *bundle =
            flow_bundle_parse(bundle_text, strlen(bundle_text), NULL, &err);
        assert_non_null(bundle);
        flow_bundle_reports(bundle, &reports);
        if (reports->count)
            fail_msg("%.60s…: line %d: %s", text, reports->items[0].line,
                     reports->items[0].message);
        flow_bundle_close(bundle);
        free(bundle_text);
        json_decref(all);
        at = end;
    }
    assert_true(count >= 4);
}

static void row_has_a_doc(void *ctx, const char *path, const struct config_key *row)
{
    if (str_is_blank(row->doc))
        fail_msg("%s has no doc", path);
    for (const char *const *name = row->beside; name && *name; name++) {
        bool later = false;
        const char *dot = strrchr(path, '.');
        char *other = arena_printf(&arena, "%.*s%s", dot ? (int)(dot - path) + 1 : 0, path, *name);
        if (!key_table_find(flow_keys(), other, &later))
            fail_msg("%s stands beside %s, which there is not", path, other);
    }
    ++*(size_t *)ctx;
}

static void every_row_is_told(void **state)
{
    size_t rows = 0;
    key_table_walk(flow_keys(), row_has_a_doc, &rows);
    assert_true(rows > 80);
}

/* How many of the folder's files the editor's schema takes. */
static size_t taken(const char *folder, size_t *count)
{
    struct buf why = {0};
    size_t fits = 0;
    json_t *schema = flow_editor_schema();
    DIR *dir = opendir(source(folder));
    assert_non_null(dir);
    *count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct findings findings;
        if (!str_ends(entry->d_name, ".yaml"))
            continue;
        char *text = read_file(source(arena_printf(&arena, "%s/%s", folder, entry->d_name)));
        findings_init(&findings, &arena);
        struct yaml_document *document = yaml_read(text, strlen(text), &arena, &findings);
        json_t *root = document->root ? document->root : json_null();
        bool fit = !findings.errors && json_schema_fits(schema, root, &why) == 0;
        if (!fit && str_ends(folder, "right"))
            fail_msg("%s: %s", entry->d_name, buf_text(&why));
        fits += fit;
        ++*count;
        yaml_close(document);
    }
    closedir(dir);
    json_decref(schema);
    buf_fini(&why);
    return fits;
}

static void editors_get_a_schema_that_holds(void **state)
{
    struct err err;
    size_t count;
    json_t *schema = flow_editor_schema();
    if (json_schema_check(schema, &err) < 0)
        fail_msg("%s", err.message);
    json_decref(schema);
    size_t fits = taken("tests/flow/right", &count);
    assert_int_equal(fits, count);
    fits = taken("tests/flow/wrong", &count);
    assert_true((count - fits) * 2 > count); /* the others are wrong in what they mean */
}

static int teardown(void **state)
{
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_carries_the_table),
        cmocka_unit_test(the_page_s_examples_are_right),
        cmocka_unit_test(every_row_is_told),
        cmocka_unit_test(editors_get_a_schema_that_holds),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
