/* Writes, loads, prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config_fixture.h"

struct finding *findings;
size_t count;

struct config *load(const char *text)
{
    FILE *file = fopen(in_dir("hq.yaml"), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return config_load(in_dir("hq.yaml"), NULL, &arena, &findings, &count);
}

const char *printed(void)
{
    struct buf out = {0};
    config_print_findings("hq.yaml", findings, count, &out);
    char *text = arena_strdup(&arena, buf_text(&out));
    buf_fini(&out);
    return text;
}
