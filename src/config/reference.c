/* The table of keys as a JSON Schema and as the reference page's rows. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "config/explain.h"
#include "config/keys.h"

#define ID_PATTERN "^[a-z0-9][a-z0-9-]{0,39}$"

static json_t *schema_of(const struct config_key *key);

static json_t *schema_words(const struct config_key *key)
{
    json_t *words = json_array();
    for (const char *const *word = key->words; word && *word; word++)
        json_array_append_new(words, json_string(*word));
    for (const char *const *word = key->later_words; word && *word; word++)
        json_array_append_new(words, json_string(*word));
    return json_pack("{s:o}", "enum", words);
}

static json_t *schema_keys(const struct config_key *key)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct config_key *child = key->keys; child->name; child++) {
        json_object_set_new(properties, child->name, schema_of(child));
        if (child->required)
            json_array_append_new(required, json_string(child->name));
    }
    json_t *schema = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
    if (json_array_size(required))
        json_object_set(schema, "required", required);
    if (key->strict)
        json_object_set_new(schema, "additionalProperties", json_false());
    json_decref(required);
    return schema;
}

static json_t *schema_text(const char *pattern)
{
    json_t *schema = json_pack("{s:s}", "type", "string");
    json_set_text(schema, "pattern", pattern);
    return schema;
}

static json_t *schema_named(const struct config_key *key)
{
    const char *pattern =
        strcmp(key->name, "agents") == 0 ? ID_PATTERN : "^[a-z0-9][a-z0-9_-]{0,39}$";
    return json_pack("{s:s,s:{s:s},s:o}", "type", "object", "propertyNames", "pattern", pattern,
                     "additionalProperties", schema_keys(key));
}

static json_t *schema_one(const struct config_key *key)
{
    static const char *const patterns[KEY_KINDS] = {
        [KEY_DURATION] = "^([0-9]+(ms|s|m|h|d))+$",
        [KEY_URL] = "^https?://",
        [KEY_MODEL] = "^[^/ ]+/[^ ]+$",
        [KEY_ENV] = "^[A-Za-z_][A-Za-z0-9_]*$",
        [KEY_TARGET] = "^(channel|user):.+$",
        [KEY_DELIVER] = "^webhook:[a-z0-9][a-z0-9_-]{0,39}$",
        [KEY_ID] = ID_PATTERN,
        [KEY_AGENT] = ID_PATTERN,
        [KEY_DELEGATE] = "^!?(\\*|[a-z0-9][a-z0-9-]{0,39})$",
        [KEY_LEDGER] = "^sqlite$",
        [KEY_LISTEN] = "^(localhost|127\\.[0-9.]+|\\[::1\\]):[0-9]+$",
    };
    switch (key->kind) {
    case KEY_MAP:
        return schema_keys(key);
    case KEY_NAMED:
        return schema_named(key);
    case KEY_WORD:
        return schema_words(key);
    case KEY_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case KEY_USD:
        return json_pack("{s:s,s:i}", "type", "number", "minimum", 0);
    case KEY_INT:
        return json_pack("{s:s,s:I,s:I}", "type", "integer", "minimum", (json_int_t)key->min,
                         "maximum", (json_int_t)key->max);
    case KEY_PORT:
        return json_pack("{s:s,s:i,s:i}", "type", "integer", "minimum", 1, "maximum", 65535);
    default:
        return schema_text(patterns[key->kind]);
    }
}

static json_t *schema_of(const struct config_key *key)
{
    json_t *schema = schema_one(key);
    if (key->list)
        schema = json_pack("{s:s,s:o}", "type", "array", "items", schema);
    if (key->plain)
        schema = json_pack("{s:[o,o]}", "anyOf", schema_one(&key->keys[0]), schema);
    json_set_text(schema, "description", key->doc);
    return schema;
}

json_t *config_schema_json(void)
{
    json_t *schema = schema_of(config_keys());
    json_set_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_set_text(schema, "title", "hq.yaml");
    return schema;
}

static void put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
}

static void put_row(void *ctx, const char *path, const struct config_key *key)
{
    struct buf *out = ctx;
    struct arena arena = {0};
    buf_printf(out, "| `%s` | ", path);
    put_cell(out, config_key_wants(key, &arena));
    buf_puts(out, " | ");
    if (key->fallback)
        buf_printf(out, "`%s`", key->fallback);
    else if (key->required)
        buf_puts(out, "required");
    buf_puts(out, " | ");
    put_cell(out, key->doc);
    buf_puts(out, config_key_is_later(path) ? " *Not supported yet.* |\n" : " |\n");
    arena_fini(&arena);
}

void config_reference(struct buf *out)
{
    buf_puts(out, "| key | wants | default | what it does |\n|---|---|---|---|\n");
    config_key_walk(put_row, out);
}
