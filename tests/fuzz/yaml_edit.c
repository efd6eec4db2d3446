/* hq.yaml changed for its owner: whatever the file looks like, an edit is refused or gives a text, and a
 * word put into it is read back as it was. The first line is the word, the rest the file. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "property.h"
#include "setup/yaml_edit.h"
#include "setup/yaml_word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *read_yaml(const char *text, struct arena *arena)
{
    struct findings findings;
    findings_init(&findings, arena);
    struct yaml_document *document = yaml_read(text, strlen(text), arena, &findings);
    json_t *root = findings.errors == 0 ? json_incref(document->root) : NULL;
    yaml_close(document);
    return root;
}

static void check_word(const char *word, struct arena *arena)
{
    const char *written = yaml_word(word, arena);
    json_t *block = read_yaml(arena_printf(arena, "a: %s # x\nb: 1\n", written), arena);
    json_t *flow = read_yaml(arena_printf(arena, "{a: [%s, x], %s: 1}\n", written, "b"), arena);
    PROPERTY(str_eq(json_string_value(json_object_get(block, "a")), word), "a word is read back in a block");
    PROPERTY(str_eq(json_string_value(json_array_get(json_object_get(flow, "a"), 0)), word),
             "a word is read back in a list");
    json_decref(block);
    json_decref(flow);
}

/* By address: an argument may be read before the call beside it is made. */
static void check_text(const char *text, const size_t *len)
{
    PROPERTY(!text || strlen(text) == *len, "a text has its length");
}

static void edit(const char *file, const char *word, struct arena *arena)
{
    struct err err = {0};
    struct yaml_text text;
    size_t len = 0;
    json_t *value = json_pack("{s:s, s:i, s:[s]}", "model", word, "port", 18800, "delegates", word);
    if (yaml_text_open(&text, file, strlen(file), arena, &err) == 0) {
        check_text(yaml_add_entry(&text, "/agents", "fresh", value, &len), &len);
        check_text(yaml_cut_entry(&text, "/agents", "a", &len), &len);
        check_text(yaml_cut_entry(&text, "", word, &len), &len);
        check_text(yaml_cut_item(&text, "/agents/a/delegates", 0, &len), &len);
        check_text(yaml_cut_item(&text, "/agents/a/delegates", 1, &len), &len);
    } else {
        PROPERTY(*err.message, "a refusal says why");
    }
    yaml_text_close(&text);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    char *text = arena_memdup(&arena, data, size), *line = strchr(text, '\n');
    if (line && str_is_utf8(text, strlen(text))) {
        *line = '\0';
        check_word(text, &arena);
        edit(line + 1, text, &arena);
    }
    arena_fini(&arena);
    return 0;
}
