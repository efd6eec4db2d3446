/* The table of keys as a JSON Schema and as the reference page's rows. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "config/explain.h"
#include "config/keys.h"

#define ID_PATTERN "^[a-z0-9][a-z0-9-]{0,39}$"

#define NAME_PATTERN "^[A-Za-z][A-Za-z0-9_-]{0,63}$"

/* `strict`: a table that check_table() holds to; what is not in it is refused. */
static json_t *schema_of(const struct config_key *key, bool strict);

static json_t *schema_words(const struct config_key *key)
{
    json_t *words = json_array();
    for (const char *const *word = key->words; word && *word; word++)
        json_array_append_new(words, json_string(*word));
    for (const char *const *word = key->later_words; word && *word; word++)
        json_array_append_new(words, json_string(*word));
    return json_pack("{s:o}", "enum", words);
}

/* One "required" for each of the names. */
static json_t *any_required(const char *const *names)
{
    json_t *all = json_array();
    for (; *names; names++)
        json_array_append_new(all, json_pack("{s:[s]}", "required", *names));
    return all;
}

/* Either the key is absent, or one of those that it stands beside is there; where it is required,
 * also the other way round. */
static void add_beside(json_t *rules, const struct config_key *key)
{
    json_t *beside = any_required(key->beside);
    json_t *absent = json_pack("{s:{s:[s]}}", "not", "required", key->name);
    json_array_insert_new(beside, 0, absent);
    json_array_append_new(rules, json_pack("{s:o}", "anyOf", beside));
    if (key->required)
        json_array_append_new(rules, json_pack("{s:[{s:{s:o}},{s:[s]}]}", "anyOf", "not", "anyOf",
                                               any_required(key->beside), "required", key->name));
}

static json_t *schema_keys(const struct config_key *key, bool strict)
{
    json_t *properties = json_object(), *required = json_array(), *rules = json_array();
    for (const struct config_key *child = key->keys; child->name; child++) {
        if (strict && child->later)
            continue;
        json_object_set_new(properties, child->name, schema_of(child, strict));
        if (child->required && !child->beside)
            json_array_append_new(required, json_string(child->name));
        if (child->beside)
            add_beside(rules, child);
    }
    json_t *schema = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
    if (json_array_size(required))
        json_object_set(schema, "required", required);
    if (json_array_size(rules))
        json_object_set(schema, "allOf", rules);
    if (key->one_of)
        json_object_set_new(schema, "oneOf", any_required(key->one_of));
    if (key->strict || strict)
        json_object_set_new(schema, "additionalProperties", json_false());
    json_decref(required);
    json_decref(rules);
    return schema;
}

static json_t *schema_text(const char *pattern)
{
    json_t *schema = json_pack("{s:s}", "type", "string");
    json_set_text(schema, "pattern", pattern);
    return schema;
}

/* In words that base/json_schema.h knows, too: so a test can hold files to it. */
static json_t *schema_own_names(const struct config_key *key)
{
    json_t *each = schema_keys(
        &(struct config_key){"*", KEY_MAP, .keys = key->keys, .one_of = key->one_of}, true);
    return json_pack("{s:s,s:{s:o},s:b,s:I,s:i}", "type", "object", "patternProperties",
                     NAME_PATTERN, each, "additionalProperties", 0, "maxProperties",
                     (json_int_t)key->max, "minProperties", key->required ? 1 : 0);
}

static json_t *schema_named(const struct config_key *key)
{
    const char *pattern =
        strcmp(key->name, "agents") == 0 ? ID_PATTERN : "^[a-z0-9][a-z0-9_-]{0,39}$";
    return json_pack("{s:s,s:{s:s},s:o}", "type", "object", "propertyNames", "pattern", pattern,
                     "additionalProperties", schema_keys(key, false));
}

/* The kinds that only workflows have; NULL for others. */
static json_t *schema_of_flow(const struct config_key *key)
{
    switch (key->kind) {
    case KEY_STRING:
        return json_pack("{s:s,s:i,s:I}", "type", "string", "minLength", 1, "maxLength",
                         (json_int_t)key->max);
    case KEY_NUMBER:
        return json_pack("{s:s,s:I,s:I}", "type", "number", "minimum", (json_int_t)key->min,
                         "maximum", (json_int_t)key->max);
    case KEY_AMOUNT:
        return json_pack("{s:[{s:s,s:I,s:I},{s:s,s:s}]}", "anyOf", "type", "integer", "minimum",
                         (json_int_t)key->min, "maximum", (json_int_t)key->max, "type", "string",
                         "pattern", "^[0-9]{1,9}[kM]$");
    case KEY_EXPR:
        return json_pack("{s:[s,s]}", "type", "string", "boolean");
    case KEY_VALUE:
        return json_object();
    case KEY_VALUES:
        return json_pack("{s:s}", "type", "object");
    case KEY_SCHEMA:
        return json_pack("{s:[s,s]}", "type", "object", "string");
    default:
        return NULL;
    }
}

static json_t *schema_one(const struct config_key *key, bool strict)
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
        [KEY_NAME] = NAME_PATTERN,
        [KEY_FILE] = "^[A-Za-z0-9_.+][A-Za-z0-9_.+/-]*$",
        [KEY_DECIDER] = "^(person|role):[a-z0-9][a-z0-9-]{0,39}$",
        [KEY_BYTES] = "^[0-9]{1,9}(B|kB|MB|GB)$",
    };
    json_t *schema = schema_of_flow(key);
    if (schema)
        return schema;
    if (key->kind == KEY_DURATION && key->words)
        return json_pack("{s:[{s:s,s:s},o]}", "anyOf", "type", "string", "pattern",
                         patterns[KEY_DURATION], schema_words(key));
    switch (key->kind) {
    case KEY_MAP:
        return schema_keys(key, strict);
    case KEY_NAMED:
        return key->names ? schema_own_names(key) : schema_named(key);
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

static json_t *schema_of(const struct config_key *key, bool strict)
{
    json_t *schema = schema_one(key, strict);
    if (key->list)
        schema = json_pack("{s:s,s:o}", "type", "array", "items", schema);
    if (key->plain)
        schema = json_pack("{s:[o,o]}", "anyOf", schema_one(&key->keys[0], strict), schema);
    json_set_text(schema, "description", key->doc);
    return schema;
}

json_t *key_table_schema(const struct config_key *root, const char *title, bool strict)
{
    json_t *schema = schema_of(root, strict);
    json_set_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_set_text(schema, "title", title);
    return schema;
}

json_t *config_schema_json(void)
{
    return key_table_schema(config_keys(), "hq.yaml", false);
}

static void put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
}

struct page {
    const struct config_key *root;
    struct buf *out;
};

static void put_beside(struct buf *out, const struct config_key *key)
{
    for (const char *const *name = key->beside; name && *name; name++)
        buf_printf(out, "%s`%s`",
                   name == key->beside ? " Beside "
                   : name[1]           ? ", "
                                       : " or ",
                   *name);
    if (key->beside)
        buf_putc(out, '.');
}

static void put_row(void *ctx, const char *path, const struct config_key *key)
{
    const struct page *page = ctx;
    struct buf *out = page->out;
    struct arena arena = {0};
    bool later = false;
    key_table_find(page->root, path, &later);
    buf_printf(out, "| `%s` | ", path);
    put_cell(out, config_key_wants(key, &arena));
    buf_puts(out, " | ");
    if (key->fallback)
        buf_printf(out, "`%s`", key->fallback);
    else if (key->required)
        buf_puts(out, "required");
    buf_puts(out, " | ");
    put_cell(out, key->doc);
    put_beside(out, key);
    buf_puts(out, later ? " *Not supported yet.* |\n" : " |\n");
    arena_fini(&arena);
}

void key_table_reference(const struct config_key *root, struct buf *out)
{
    struct page page = {root, out};
    buf_puts(out, "| key | wants | default | what it does |\n|---|---|---|---|\n");
    key_table_walk(root, put_row, &page);
}

void config_reference(struct buf *out)
{
    key_table_reference(config_keys(), out);
}
