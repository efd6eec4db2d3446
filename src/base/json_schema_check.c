/* Checks a schema before anything is held to it: a keyword that could not be held to is refused. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/json_schema_word.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pattern.h"
#include "base/str.h"

struct reading {
    const json_t *root;
    struct arena arena;
    struct map patterns; /* seen expressions */
    struct map ways;     /* name of a definition → how far its $refs have been followed */
    struct err *err;
};

enum way { WAY_OPEN = 1, WAY_DONE = 2 };
static char way_marks[3];

static int check_schema(struct reading *reading, const json_t *schema, const char *place);

__attribute__((format(printf, 3, 4))) static int refuse(struct reading *reading, const char *place,
                                                        const char *format, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return err_set(reading->err, "bad_schema", "the schema at %.150s: %s",
                   *place ? place : "its top", sentence);
}

static const char *below(struct reading *reading, const char *place, const char *key)
{
    return arena_printf(&reading->arena, "%s/%s", place, key);
}

static const char *below_index(struct reading *reading, const char *place, size_t index)
{
    return arena_printf(&reading->arena, "%s/%zu", place, index);
}

/* The name behind "#/$defs/" with ~1 and ~0 read; NULL where more follows. */
static char *definition_name(const char *ref, struct arena *arena)
{
    if (!str_starts(ref, "#/$defs/") || strchr(ref + 8, '/'))
        return NULL;
    char *name = arena_strdup(arena, ref + 8), *to = name;
    for (const char *from = name; *from; from++) {
        bool escaped = from[0] == '~' && (from[1] == '0' || from[1] == '1');
        *to++ = !escaped ? *from : *++from == '0' ? '~' : '/';
    }
    *to = '\0';
    return name;
}

const json_t *schema_ref(const json_t *root, const char *ref)
{
    struct arena arena = {0};
    if (str_eq(ref, "#"))
        return root;
    const char *name = definition_name(ref, &arena);
    const json_t *schema = name ? json_object_get(json_object_get(root, "$defs"), name) : NULL;
    arena_fini(&arena);
    return schema;
}

static int check_type(struct reading *reading, const json_t *operand, const char *place)
{
    size_t i;
    const json_t *name;
    if (json_is_string(operand) && str_in(json_string_value(operand), schema_types))
        return 0;
    json_array_foreach (operand, i, name)
        if (!json_is_string(name) || !str_in(json_string_value(name), schema_types))
            return refuse(reading, place, "there is no type of that name");
    return json_array_size(operand) > 0 && json_array_size(operand) <= 7
               ? 0
               : refuse(
                     reading, place,
                     "must be object, array, string, number, integer, boolean or null, or a list "
                     "of these");
}

static int check_names(struct reading *reading, const json_t *operand, const char *place)
{
    size_t i;
    const json_t *name;
    if (!json_is_array(operand))
        return refuse(reading, place, "must be a list of names");
    json_array_foreach (operand, i, name)
        if (!json_is_string(name))
            return refuse(reading, place, "must be a list of names");
    return 0;
}

static int check_pattern(struct reading *reading, const char *expression, const char *place)
{
    struct err why = {0};
    if (map_get(&reading->patterns, expression))
        return 0;
    if (reading->patterns.count == LIMIT_SCHEMA_PATTERNS)
        return refuse(reading, place, "it has more than %d different patterns",
                      LIMIT_SCHEMA_PATTERNS);
    struct pattern *pattern = pattern_open(expression, &why);
    if (!pattern)
        return refuse(reading, place, "the pattern \"%.80s\" cannot be used: %s", expression,
                      why.message);
    pattern_close(pattern);
    map_put(&reading->patterns, expression, way_marks);
    return 0;
}

static int check_ref(struct reading *reading, const json_t *operand, const char *place)
{
    const char *ref = json_string_value(operand);
    if (!ref || (!str_eq(ref, "#") && !str_starts(ref, "#/$defs/")))
        return refuse(reading, place, "only references to \"#/$defs/NAME\" are supported");
    return schema_ref(reading->root, ref) ? 0
                                          : refuse(reading, place, "\"%.100s\" is not there", ref);
}

static int check_list(struct reading *reading, const json_t *operand, const char *place)
{
    size_t i;
    const json_t *schema;
    if (json_array_size(operand) == 0)
        return refuse(reading, place, "must be a list of at least one schema");
    json_array_foreach (operand, i, schema)
        if (check_schema(reading, schema, below_index(reading, place, i)) < 0)
            return -1;
    return 0;
}

static int check_map(struct reading *reading, const json_t *operand, const char *place,
                     bool by_pattern)
{
    const char *name;
    json_t *schema;
    if (!json_is_object(operand))
        return refuse(reading, place, "must be an object of schemas");
    json_object_foreach ((json_t *)operand, name, schema) {
        const char *inner = below(reading, place, name);
        if (by_pattern && check_pattern(reading, name, inner) < 0)
            return -1;
        if (check_schema(reading, schema, inner) < 0)
            return -1;
    }
    return 0;
}

static int check_plain(struct reading *reading, const struct schema_word *word,
                       const json_t *operand, const char *place)
{
    static const struct {
        enum schema_operand operand;
        const char *must;
    } words[] = {
        {OPERAND_TEXT, "must be a text"},
        {OPERAND_BOOL, "must be true or false"},
        {OPERAND_LIST, "must be a list of at least one value"},
        {OPERAND_COUNT, "must be a whole number from 0"},
        {OPERAND_NUMBER, "must be a number"},
        {OPERAND_STEP, "must be a number above 0"},
    };
    const bool good[] = {
        [OPERAND_ANY] = true,
        [OPERAND_TEXT] = json_is_string(operand),
        [OPERAND_BOOL] = json_is_boolean(operand),
        [OPERAND_LIST] = json_array_size(operand) > 0,
        [OPERAND_COUNT] = json_is_integer(operand) && json_integer_value(operand) >= 0,
        [OPERAND_NUMBER] = json_is_number(operand),
        [OPERAND_STEP] = json_is_number(operand) && json_number_value(operand) > 0,
    };
    if (good[word->operand])
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i].operand == word->operand)
            return refuse(reading, place, "%s", words[i].must);
    return -1;
}

static int check_word(struct reading *reading, const struct schema_word *word,
                      const json_t *operand, const char *place)
{
    switch (word->operand) {
    case OPERAND_TYPE:
        return check_type(reading, operand, place);
    case OPERAND_NAMES:
        return check_names(reading, operand, place);
    case OPERAND_PATTERN:
        return json_is_string(operand) ? check_pattern(reading, json_string_value(operand), place)
                                       : refuse(reading, place, "must be a text");
    case OPERAND_REF:
        return check_ref(reading, operand, place);
    case OPERAND_SCHEMA:
    case OPERAND_SCHEMA_HERE:
        return check_schema(reading, operand, place);
    case OPERAND_SCHEMAS:
    case OPERAND_SCHEMAS_HERE:
        return check_list(reading, operand, place);
    case OPERAND_SCHEMA_MAP:
    case OPERAND_PATTERN_MAP:
        return check_map(reading, operand, place, word->operand == OPERAND_PATTERN_MAP);
    default:
        return check_plain(reading, word, operand, place);
    }
}

static int refuse_word(struct reading *reading, const char *name, const char *place)
{
    static const char *const near[][2] = {
        {"definitions", "write $defs"},
        {"additionalItems", "write items beside prefixItems"},
        {"nullable", "write type: [\"…\", \"null\"]"},
    };
    for (size_t i = 0; i < sizeof(near) / sizeof(*near); i++)
        if (str_eq(name, near[i][0]))
            return refuse(reading, place, "the keyword \"%s\" is not supported: %s", name,
                          near[i][1]);
    return refuse(reading, place,
                  "the keyword \"%.80s\" is not supported, so it could not be held to", name);
}

static int check_schema(struct reading *reading, const json_t *schema, const char *place)
{
    const char *name;
    json_t *operand;
    if (json_is_boolean(schema))
        return 0;
    if (!json_is_object(schema))
        return refuse(reading, place,
                      json_is_array(schema) ? "must be one schema; a list of them is prefixItems"
                                            : "must be an object, true or false");
    json_object_foreach ((json_t *)schema, name, operand) {
        const struct schema_word *word = schema_word_find(name);
        if (!word)
            return refuse_word(reading, name, place);
        if (str_eq(name, "$defs") && *place)
            return refuse(reading, place, "$defs is supported at the top only");
        if (check_word(reading, word, operand, below(reading, place, name)) < 0)
            return -1;
    }
    return 0;
}

/* Follows what applies to the same value; a $ref that comes back to itself so would never end. */
static int check_ways(struct reading *reading, const json_t *schema)
{
    const char *name;
    json_t *operand;
    json_object_foreach ((json_t *)schema, name, operand) {
        const struct schema_word *word = schema_word_find(name);
        size_t i;
        const json_t *inner;
        if (word->operand == OPERAND_SCHEMA_HERE && check_ways(reading, operand) < 0)
            return -1;
        if (word->operand == OPERAND_SCHEMAS_HERE)
            json_array_foreach (operand, i, inner)
                if (check_ways(reading, inner) < 0)
                    return -1;
        if (word->operand != OPERAND_REF)
            continue;
        const char *ref = json_string_value(operand);
        const char *mark = map_get(&reading->ways, ref);
        if (mark == &way_marks[WAY_OPEN])
            return refuse(reading, ref, "it refers to itself without end");
        map_put(&reading->ways, ref, &way_marks[WAY_OPEN]);
        if (!mark && check_ways(reading, schema_ref(reading->root, ref)) < 0)
            return -1;
        map_put(&reading->ways, ref, &way_marks[WAY_DONE]);
    }
    return 0;
}

static int check_all_ways(struct reading *reading)
{
    const char *name;
    json_t *schema;
    map_put(&reading->ways, "#", &way_marks[WAY_OPEN]);
    if (check_ways(reading, reading->root) < 0)
        return -1;
    map_put(&reading->ways, "#", &way_marks[WAY_DONE]);
    json_object_foreach (json_object_get(reading->root, "$defs"), name, schema)
        if (check_ways(reading, schema) < 0)
            return -1;
    return 0;
}

int json_schema_check(const json_t *schema, struct err *err)
{
    struct reading reading = {.root = schema, .err = err};
    size_t size = schema ? json_dumpb(schema, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) : 0;
    int rc = 0;
    if (size == 0 || size > LIMIT_SCHEMA)
        rc = refuse(&reading, "", "it has %zu bytes; 1 to %d are allowed", size, LIMIT_SCHEMA);
    if (rc == 0)
        rc = check_schema(&reading, schema, "");
    if (rc == 0)
        rc = check_all_ways(&reading);
    map_fini(&reading.patterns);
    map_fini(&reading.ways);
    arena_fini(&reading.arena);
    return rc;
}
