/* The panic that is written down beside the hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "sys/halt_mark.h"

static void a_mark_is_there_until_it_is_taken(void **state)
{
    char dir[] = "/tmp/hq-mark-XXXXXX";
    struct arena arena = {0};
    struct err err;
    assert_non_null(mkdtemp(dir));
    assert_null(halt_mark_get(dir, &arena));
    assert_false(halt_mark_take(dir));
    assert_int_equal(halt_mark_put(dir, "{\"reason\":\"fire\"}", &err), 0);
    assert_int_equal(halt_mark_put(dir, "{\"reason\":\"flood\"}", &err), 0);
    assert_string_equal(halt_mark_get(dir, &arena), "{\"reason\":\"flood\"}");
    assert_true(halt_mark_take(dir));
    assert_null(halt_mark_get(dir, &arena));
    folder_remove(dir, &err);
    arena_fini(&arena);
}

/* A torn, empty or odd one still means panic. */
static void what_cannot_be_read_is_a_mark_too(void **state)
{
    char dir[] = "/tmp/hq-mark-XXXXXX", path[64];
    struct arena arena = {0};
    struct err err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/run", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/run/panic", dir);
    mkdir(path, 0700);
    assert_string_equal(halt_mark_get(dir, &arena), "");
    rmdir(path);
    fclose(fopen(path, "w"));
    assert_string_equal(halt_mark_get(dir, &arena), "");
    folder_remove(dir, &err);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_there_until_it_is_taken),
        cmocka_unit_test(what_cannot_be_read_is_a_mark_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
