/* Holds a read hq.yaml against the table of keys. */
#include <string.h>

#include "base/str.h"
#include "config/check.h"
#include "config/keys.h"
#include "config/values.h"

struct check {
    const struct yaml_document *document;
    struct findings *findings;
    struct arena *arena;
    bool strict;
};

/* What is looked at: a value, its key, its place by pointer, the name that findings call it. */
struct item {
    const struct config_key *key;
    const json_t *value;
    const char *pointer, *name;
    bool hidden; /* it or something around it is secret */
};

static void check_item(struct check *check, const struct item *item);

/* A value that could not be read stands in the document as null, and has been refused. */
static bool was_refused(const struct check *check, const struct item *item, struct place at)
{
    for (size_t i = 0; json_is_null(item->value) && i < check->findings->count; i++)
        if (check->findings->items[i].line == at.line &&
            check->findings->items[i].column == at.column)
            return true;
    return false;
}

static void refuse(struct check *check, const struct item *item, const char *wants)
{
    struct place at = yaml_place(check->document, item->pointer);
    const char *text = json_string_value(item->value);
    if (was_refused(check, item, at))
        return;
    if (item->hidden) {
        finding_error(check->findings, at, "%s: this is not %s (the value is not shown)",
                      item->name, wants);
        finding_hide(check->findings);
    } else {
        finding_error(check->findings, at, "%s: %s is not %s", item->name,
                      value_shown(item->value, check->arena), wants);
    }
    if (check->strict && text && strstr(text, "${{"))
        finding_hint(check->findings, "this is taken as it stands: write it out");
}

static void refuse_form(struct check *check, const struct item *item)
{
    refuse(check, item, config_key_wants(item->key, check->arena));
}

/* All words of a key in one list, ended by NULL. */
static const char *const *all_words(const struct config_key *key, struct arena *arena)
{
    size_t count = 0;
    for (const char *const *word = key->words; word && *word; word++)
        count++;
    for (const char *const *word = key->later_words; word && *word; word++)
        count++;
    const char **words = arena_alloc(arena, (count + 1) * sizeof(*words));
    count = 0;
    for (const char *const *word = key->words; word && *word; word++)
        words[count++] = *word;
    for (const char *const *word = key->later_words; word && *word; word++)
        words[count++] = *word;
    return words;
}

static void check_word(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (text && str_in(text, item->key->words))
        return;
    struct place at = yaml_place(check->document, item->pointer);
    if (text && item->key->later_words && str_in(text, item->key->later_words)) {
        if (check->strict)
            finding_error(check->findings, at, "%s: \"%s\" is not supported yet", item->name, text);
        else
            finding_warn(check->findings, at, "%s: \"%s\" is not supported yet", item->name, text);
        return;
    }
    refuse_form(check, item);
    const char *near = text ? str_nearest(text, all_words(item->key, check->arena)) : NULL;
    if (near)
        finding_hint(check->findings, "did you mean \"%s\"?", near);
}

static void check_listen(struct check *check, const struct item *item)
{
    struct listen listen;
    const char *text = json_string_value(item->value);
    enum listen_result result = text ? value_listen(text, check->arena, &listen) : LISTEN_MALFORMED;
    if (result == LISTEN_OK)
        return;
    refuse_form(check, item);
    if (result == LISTEN_WIDE)
        finding_hint(check->findings, "this version has no TLS and does not listen wider than this "
                                      "machine; use ssh -L to reach it from another");
}

static void check_ledger(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (str_eq(text, "sqlite"))
        return;
    if (!str_starts(text, "postgres")) {
        refuse_form(check, item);
        return;
    }
    finding_error(check->findings, yaml_place(check->document, item->pointer),
                  "%s: a PostgreSQL ledger is not supported yet", item->name);
    finding_hint(check->findings, "remove the line, or write: %s: sqlite", item->name);
    finding_hide(check->findings); /* such a URL carries a password */
}

static void check_path(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (str_is_empty(text) || value_has_control(text)) {
        refuse_form(check, item);
    } else if (*text == '~') {
        refuse(check, item, "a path here: ~ is not expanded");
        finding_hint(check->findings, "write the whole path, or one relative to the file");
    }
}

static void check_url(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (text && value_is_url(text))
        return;
    struct item shown = *item;
    shown.hidden = item->hidden || (text && strchr(text, '@'));
    refuse_form(check, &shown);
    if (shown.hidden)
        finding_hint(check->findings, "a URL must carry no name or password; use api_key");
}

static void check_route(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (text && value_route(text, check->arena))
        return;
    if (text && *text && strspn(text, "/") == strlen(text)) {
        finding_error(check->findings, yaml_place(check->document, item->pointer),
                      "hooks.%s may not be '/'", item->name);
        return;
    }
    refuse_form(check, item);
}

static void check_line(struct check *check, const struct item *item)
{
    const char *text = json_string_value(item->value);
    if (str_is_empty(text) || value_has_control(text) || strlen(text) > (size_t)item->key->max)
        refuse_form(check, item);
}

static bool text_fits(const struct config_key *key, const char *text)
{
    switch (key->kind) {
    case KEY_MODEL:
        return value_is_model(text);
    case KEY_ENV:
        return value_is_env(text);
    case KEY_TARGET:
        return !value_has_control(text) && ((str_starts(text, "channel:") && text[8]) ||
                                            (str_starts(text, "user:") && text[5]));
    case KEY_DELIVER:
        return str_starts(text, WEBHOOK_PREFIX) && value_is_provider(text + strlen(WEBHOOK_PREFIX));
    case KEY_ID:
    case KEY_AGENT:
        return value_is_id(text);
    case KEY_NAME:
        return value_is_name(text);
    case KEY_FILE:
        return value_is_file(text);
    case KEY_DECIDER:
        return value_is_decider(text);
    default: /* KEY_DELEGATE */
        text += *text == '!';
        return str_eq(text, "*") || value_is_id(text);
    }
}

static bool value_fits(const struct item *item)
{
    int64_t number;
    double fraction;
    const char *text = json_string_value(item->value);
    switch (item->key->kind) {
    case KEY_BOOL:
        return json_is_boolean(item->value);
    case KEY_INT:
        return value_to_int(item->value, item->key, &number);
    case KEY_PORT:
        return json_is_integer(item->value) && json_integer_value(item->value) >= 1 &&
               json_integer_value(item->value) <= 65535;
    case KEY_DURATION:
        return value_duration(item->value, item->key, &number);
    case KEY_USD:
        return value_usd(item->value, &number);
    case KEY_AMOUNT:
        return value_amount(item->value, item->key, &number);
    case KEY_BYTES:
        return value_bytes(item->value, item->key, &number);
    case KEY_NUMBER:
        return value_number(item->value, item->key, &fraction);
    case KEY_STRING:
        return !str_is_blank(text) && strlen(text) <= (size_t)item->key->max;
    case KEY_EXPR:
        return json_is_boolean(item->value) || !str_is_blank(text);
    case KEY_VALUE:
        return true;
    case KEY_VALUES:
        return json_is_object(item->value);
    case KEY_SCHEMA:
        return json_is_object(item->value) || (text && value_is_file(text));
    default:
        return text && text_fits(item->key, text);
    }
}

static void check_fit(struct check *check, const struct item *item)
{
    if (value_fits(item))
        return;
    refuse_form(check, item);
    const char *text = json_string_value(item->value);
    if (item->key->kind == KEY_PORT && text && strspn(text, "0123456789") == strlen(text))
        finding_hint(check->findings, "write it without quotes");
    if (item->key->kind == KEY_DURATION && json_is_integer(item->value))
        finding_hint(check->findings, "give it a unit: %lldms, %llds or %lldm",
                     json_integer_value(item->value), json_integer_value(item->value),
                     json_integer_value(item->value));
    if (item->key->kind == KEY_BOOL && text && str_in(text, (const char *[]){"yes", "on", NULL}))
        finding_hint(check->findings, "write true (YAML 1.2 reads %s as text)", text);
    if (item->key->kind == KEY_BOOL && text && str_in(text, (const char *[]){"no", "off", NULL}))
        finding_hint(check->findings, "write false (YAML 1.2 reads %s as text)", text);
}

/* A known key that is near to what was written, of this map. */
static const char *nearest_key(struct check *check, const struct item *parent, const char *name)
{
    size_t count = 0;
    for (const struct config_key *key = parent->key->keys; key->name; key++)
        count++;
    const char **names = arena_alloc(check->arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = parent->key->keys[i].name;
    return str_nearest(name, names);
}

static void report_unknown(struct check *check, const struct item *parent, const char *name)
{
    struct place at =
        yaml_key_place(check->document, yaml_pointer(check->arena, parent->pointer, name));
    const char *near = nearest_key(check, parent, name);
    if (check->strict)
        finding_error(check->findings, at, "%s%sunknown key \"%s\"", parent->name,
                      *parent->name ? ": " : "", name);
    else if (parent->key->strict && parent->hidden)
        finding_error(check->findings, at, "%s: a key that hq does not know", parent->name);
    else if (parent->key->strict)
        finding_error(check->findings, at,
                      "%s: hq does not know this key, and could not enforce what it may protect",
                      name);
    else
        finding_warn(check->findings, at, "%s: hq does not know this key and ignores it", name);
    if (parent->hidden)
        finding_hide(check->findings);
    if (near)
        finding_hint(check->findings, "did you mean \"%s\"?", near);
}

static bool has_key(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && !json_is_null(value);
}

static bool has_one_of(const json_t *object, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(object, *names))
            return true;
    return false;
}

/* "a, b or c": of what a map or a key needs. */
static const char *words_or(const char *const *words, struct arena *arena)
{
    const char *text = *words++;
    for (; *words; words++)
        text = arena_printf(arena, "%s%s%s", text, words[1] ? ", " : " or ", *words);
    return text;
}

/* Is a key that is missing there in another spelling? Then that has been said. */
static bool is_misspelt(struct check *check, const struct item *item, const char *const *missing)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)item->value, name, value) {
        const struct config_key *key = item->key->keys;
        while (key->name && strcmp(key->name, name) != 0)
            key++;
        const char *near = key->name || !check->strict ? NULL : nearest_key(check, item, name);
        if (near && str_in(near, missing))
            return true;
    }
    return false;
}

/* Exactly one of the keys that tell what kind of thing the map is. */
static void check_one_of(struct check *check, const struct item *item)
{
    const char *first = NULL, *name;
    json_t *value;
    const char *choice = words_or(item->key->one_of, check->arena);
    json_object_foreach ((json_t *)item->value, name, value) {
        if (!str_in(name, item->key->one_of))
            continue;
        struct place at =
            yaml_key_place(check->document, yaml_pointer(check->arena, item->pointer, name));
        if (first) {
            finding_error(check->findings, at, "%s: %s and %s exclude each other", item->name,
                          first, name);
            finding_hint(check->findings, "it has exactly one of %s", choice);
        }
        first = first ? first : name;
    }
    if (!first && !is_misspelt(check, item, item->key->one_of))
        finding_error(check->findings, yaml_key_place(check->document, item->pointer),
                      "%s: it needs one of %s", item->name, choice);
}

/* A key that has a meaning only along with others. */
static bool stands_alone(struct check *check, const struct item *parent,
                         const struct config_key *key)
{
    const char *pointer = yaml_pointer(check->arena, parent->pointer, key->name);
    if (!key->beside || has_one_of(parent->value, key->beside) ||
        (parent->key->one_of && !has_one_of(parent->value, parent->key->one_of)))
        return false;
    finding_error(check->findings, yaml_key_place(check->document, pointer),
                  "%s: \"%s\" stands only beside %s", parent->name, key->name,
                  words_or(key->beside, check->arena));
    return true;
}

static void check_required(struct check *check, const struct item *item)
{
    for (const struct config_key *key = item->key->keys; key->name; key++) {
        if (!key->required || (check->strict && json_object_get(item->value, key->name)) ||
            has_key(item->value, key->name) ||
            (key->beside && !has_one_of(item->value, key->beside)) ||
            is_misspelt(check, item, (const char *const[]){key->name, NULL}))
            continue;
        struct place at = yaml_key_place(check->document, item->pointer);
        finding_error(check->findings, at, "%s%s%s is missing", item->name, *item->name ? ": " : "",
                      key->name);
        if (key->kind != KEY_NAMED)
            finding_hint(check->findings, "%s is %s", key->name,
                         config_key_wants(key, check->arena));
    }
}

/* What findings call a key: in a strict table its whole path. */
static const char *name_below(struct check *check, const struct item *parent, const char *name)
{
    if (!check->strict || !*parent->name)
        return name;
    return arena_printf(check->arena, "%s.%s", parent->name, name);
}

static void check_map(struct check *check, const struct item *item)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)item->value, name, value) {
        const struct config_key *key = item->key->keys;
        while (key->name && strcmp(key->name, name) != 0)
            key++;
        if (!key->name) {
            report_unknown(check, item, name);
            continue;
        }
        if (json_is_null(value) && !check->strict)
            continue; /* `port:` with nothing behind it is as if it were not there */
        if (!key->later && stands_alone(check, item, key))
            continue;
        char *pointer = yaml_pointer(check->arena, item->pointer, name);
        check_item(check, &(struct item){key, value, pointer, name_below(check, item, name),
                                         item->hidden || key->secret});
    }
    check_required(check, item);
    if (item->key->one_of)
        check_one_of(check, item);
}

static void check_name(struct check *check, const struct item *item, const char *name)
{
    static const char *const reserved[] = {"all",      "gateway", "guard",  "hq",     "hub",
                                           "operator", "outside", "person", "runner", "supervisor",
                                           "system",   "you",     NULL};
    struct place at =
        yaml_key_place(check->document, yaml_pointer(check->arena, item->pointer, name));
    bool is_agent = strcmp(item->name, "agents") == 0;
    if (is_agent ? !value_is_id(name) : !value_is_provider(name)) {
        finding_error(check->findings, at, "%s: \"%s\" is not a name (a-z, 0-9 and %s, at most 40)",
                      item->name, name, is_agent ? "-" : "- _");
        finding_hint(check->findings, "names go into paths and tokens: write it in small letters");
    } else if (is_agent && str_in(name, reserved)) {
        finding_error(check->findings, at, "%s: \"%s\" is a reserved name", item->name, name);
        finding_hint(check->findings, "another one, like %s-1; `name:` may say anything", name);
    }
}

/* The first character beyond ASCII; 0: there is none. */
static uint32_t first_foreign(const char *text)
{
    uint32_t point = 0;
    while (*text && point < 0x80)
        text += str_utf8_next(text, &point);
    return point < 0x80 ? 0 : point;
}

/* A name that other parts of the file refer to. */
static void check_own_name(struct check *check, const struct item *item, const char *name)
{
    struct place at =
        yaml_key_place(check->document, yaml_pointer(check->arena, item->pointer, name));
    if (!value_is_name(name)) {
        finding_error(check->findings, at,
                      "%s: \"%s\" is not a name (A-Z, a-z, 0-9, - and _, a "
                      "letter first, at most 64)",
                      item->name, name);
        if (first_foreign(name))
            finding_hint(check->findings,
                         "U+%04X is none of these; expressions use the name, while a title may "
                         "have any characters",
                         (unsigned)first_foreign(name));
    } else if (item->key->reserved && str_in(name, item->key->reserved)) {
        finding_error(check->findings, at, "%s: \"%s\" is a reserved name", item->name, name);
        finding_hint(check->findings, "another one, like %s-1", name);
    }
}

static bool has_too_many(struct check *check, const struct item *item)
{
    if (!item->key->names || json_object_size(item->value) <= (size_t)item->key->max)
        return false;
    finding_error(check->findings, yaml_key_place(check->document, item->pointer),
                  "%s: %zu of them are more than %lld", item->name, json_object_size(item->value),
                  (long long)item->key->max);
    return true;
}

static void check_named(struct check *check, const struct item *item)
{
    const char *name;
    json_t *value;
    if (has_too_many(check, item))
        return;
    if (item->key->required && json_object_size(item->value) == 0)
        finding_error(check->findings, yaml_key_place(check->document, item->pointer),
                      "%s: at least one is needed", item->name);
    const struct config_key each = {"*",
                                    KEY_MAP,
                                    .keys = item->key->keys,
                                    .one_of = item->key->one_of,
                                    .secret = item->key->secret,
                                    .strict = item->key->secret};
    json_object_foreach ((json_t *)item->value, name, value) {
        (item->key->names ? check_own_name : check_name)(check, item, name);
        char *pointer = yaml_pointer(check->arena, item->pointer, name);
        struct item child = {&each, value, pointer, name_below(check, item, name), item->hidden};
        if (json_is_null(value) && !check->strict)
            check_required(check, &child);
        else
            check_item(check, &child);
    }
}

static void check_secret_map(struct check *check, const struct item *item)
{
    struct place at = yaml_place(check->document, item->pointer);
    if (!json_is_object(item->value)) {
        finding_error(check->findings, at, "%s: a secret must not stand in this file", item->name);
        finding_hide(check->findings);
        finding_hint(check->findings,
                     "put it into a file of mode 0600 and write { file: PATH }, or "
                     "into the environment and write { env: NAME }");
        return;
    }
    bool env = has_key(item->value, "env"), file = has_key(item->value, "file");
    if (env == file) {
        finding_error(check->findings, at, "%s: it needs %s of env and file", item->name,
                      env ? "only one" : "one");
        finding_hide(check->findings);
    }
    check_map(check, item);
}

static void check_list(struct check *check, const struct item *item)
{
    if (!json_is_array(item->value)) {
        refuse(check, item, "a list");
        if (json_is_string(item->value))
            finding_hint(check->findings, "write [\"%s\"]", json_string_value(item->value));
        return;
    }
    struct config_key one = *item->key;
    one.list = one.later = false;
    for (size_t i = 0; i < json_array_size(item->value); i++) {
        char *pointer = arena_printf(check->arena, "%s/%zu", item->pointer, i);
        struct item each = {&one, json_array_get(item->value, i), pointer, item->name,
                            item->hidden};
        check_item(check, &each);
    }
}

static void check_map_kind(struct check *check, const struct item *item)
{
    if (item->key->secret && item->key->kind == KEY_MAP)
        check_secret_map(check, item);
    else if (item->key->plain && (json_is_string(item->value) || json_is_boolean(item->value)))
        check_item(check, &(struct item){item->key->keys, item->value, item->pointer, item->name,
                                         item->hidden});
    else if (!json_is_object(item->value))
        refuse(check, item, config_key_wants(item->key, check->arena));
    else if (item->key->kind == KEY_NAMED)
        check_named(check, item);
    else
        check_map(check, item);
}

static void check_scalar(struct check *check, const struct item *item)
{
    static void (*const checks[KEY_KINDS])(struct check *, const struct item *) = {
        [KEY_TEXT] = check_line,     [KEY_WORD] = check_word, [KEY_LISTEN] = check_listen,
        [KEY_PATH] = check_path,     [KEY_URL] = check_url,   [KEY_ROUTE] = check_route,
        [KEY_LEDGER] = check_ledger,
    };
    (checks[item->key->kind] ? checks[item->key->kind] : check_fit)(check, item);
}

static void check_item(struct check *check, const struct item *item)
{
    if (item->key->later && check->strict) {
        finding_error(check->findings, yaml_key_place(check->document, item->pointer),
                      "%s: not supported yet", item->name);
        return;
    }
    if (item->key->later)
        finding_warn(check->findings, yaml_key_place(check->document, item->pointer),
                     "%s: not supported yet; this version does nothing with it", item->name);
    if (item->key->list)
        check_list(check, item);
    else if (item->key->kind == KEY_MAP || item->key->kind == KEY_NAMED)
        check_map_kind(check, item);
    else
        check_scalar(check, item);
}

static void check_document(struct check *check, const struct config_key *table)
{
    const struct yaml_document *document = check->document;
    struct findings *findings = check->findings;
    struct item root = {table, document->root, "", "", false};
    if (!document->root || json_is_null(document->root))
        finding_error(findings, (struct place){0}, "the file is empty");
    else if (!json_is_object(document->root))
        finding_error(findings, yaml_place(document, ""), "the file must be a map of keys");
    else
        check_item(check, &root);
}

void check_keys(const struct yaml_document *document, struct findings *findings)
{
    check_document(&(struct check){document, findings, findings->arena, false}, config_keys());
}

void check_table(const struct yaml_document *document, const struct config_key *root,
                 struct findings *findings)
{
    check_document(&(struct check){document, findings, findings->arena, true}, root);
}
