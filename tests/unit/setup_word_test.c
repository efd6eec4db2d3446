/* Whatever a text is, a YAML reader gives it back as that text, in block and in flow context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "config/yaml.h"
#include "setup/yaml_word.h"

static void comes_back(const char *text)
{
    struct arena arena = {0};
    struct findings findings;
    findings_init(&findings, &arena);
    const char *word = yaml_word(text, &arena);
    const char *whole =
        arena_printf(&arena, "a: %s # why\nb: { c: %s, d: [%s, %s] }\n", word, word, word, word);
    struct yaml_document *document = yaml_read(whole, strlen(whole), &arena, &findings);
    assert_int_equal(findings.errors, 0);
    const json_t *b = json_object_get(document->root, "b");
    assert_string_equal(json_string_value(json_object_get(document->root, "a")), text);
    assert_string_equal(json_string_value(json_object_get(b, "c")), text);
    assert_int_equal(json_array_size(json_object_get(b, "d")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(b, "d"), 1)), text);
    yaml_close(document);
    arena_fini(&arena);
}

static const char *const texts[] = {
    "plain",
    "",
    " ",
    "true",
    "null",
    "~",
    "no",
    "12",
    "1e3",
    "0x1f",
    ".inf",
    "- x",
    "a: b",
    "a #b",
    "#",
    "\"",
    "'",
    "it's \"so\"",
    "\\",
    "a\nb",
    "\r\n",
    "\t",
    "{x}",
    "[x]",
    "a, b",
    "&a",
    "*a",
    "!t",
    "|",
    ">",
    "%x",
    "@x",
    "`x`",
    "?",
    "? x",
    ":",
    "a:",
    "---",
    "...",
    "Gr\xc3\xbc\xc3\x9f",
    "\xe4\xb8\x96",
    "\xf0\x9f\x99\x82",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\xe2\x80\xae",
    "\xef\xbf\xbe",
    "\x7f",
    "\x01",
    "a  b",
    "x ",
    " x",
    "<<",
    "=",
    "a/b:c",
    "provider/model-1.5:free",
};

static void odd_texts_come_back(void **state)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        comes_back(texts[i]);
}

static void random_texts_come_back(void **state)
{
    static const char *const parts[] = {"a",  "B",  "9",    " ",        ":",
                                        "#",  "-",  "\"",   "'",        "\\",
                                        "{",  "}",  "[",    "]",        ",",
                                        "\n", "\t", "&",    "*",        "!",
                                        "|",  "\r", "\x1b", "\xc3\xa9", "\xe2\x80\xa9",
                                        "%",  "@",  "?",    ">",        "~"};
    for (int i = 0; i < 3000; i++) {
        char text[64] = "";
        for (unsigned left = rand_below(8); left; left--)
            strcat(text, parts[rand_below(sizeof(parts) / sizeof(parts[0]))]);
        comes_back(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_texts_come_back),
        cmocka_unit_test(random_texts_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
