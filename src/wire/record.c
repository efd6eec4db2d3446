/* Struct ↔ JSON by description. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "wire/record.h"

static const char *text_at(const void *row, size_t offset)
{
    const char *text;
    memcpy(&text, (const char *)row + offset, sizeof(text));
    return text;
}

static int64_t int_at(const void *row, size_t offset)
{
    int64_t value;
    memcpy(&value, (const char *)row + offset, sizeof(value));
    return value;
}

/* NULL: the field is absent. */
static json_t *field_to_json(const struct field *field, const void *row)
{
    const char *text;
    int64_t number;
    char stamp[TIME_TEXT];
    switch (field->type) {
    case FIELD_TEXT:
        text = text_at(row, field->offset);
        return text ? json_text(text, strlen(text)) : NULL;
    case FIELD_JSON:
        text = text_at(row, field->offset);
        return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    case FIELD_INT:
        return json_integer(int_at(row, field->offset));
    case FIELD_TIME:
        number = int_at(row, field->offset);
        time_rfc3339(number, stamp);
        return number ? json_string(stamp) : NULL;
    case FIELD_BOOL:
        return json_boolean(*((const bool *)((const char *)row + field->offset)));
    }
    return NULL;
}

json_t *record_to_json(const struct record *record, const void *row)
{
    json_t *object = json_object();
    for (size_t i = 0; i < record->field_count; i++) {
        json_t *value = field_to_json(&record->fields[i], row);
        if (value)
            json_object_set_new(object, record->fields[i].name, value);
    }
    return object;
}

static int field_from_json(const struct field *field, const json_t *value, void *row,
                           struct arena *arena)
{
    char *at = (char *)row + field->offset;
    int64_t number = 0;
    const char *text = NULL;
    switch (field->type) {
    case FIELD_TEXT:
        if (!json_is_string(value))
            return -1;
        text = arena_strdup(arena, json_string_value(value));
        memcpy(at, &text, sizeof(text));
        return 0;
    case FIELD_JSON:
        text = json_print(arena, value);
        memcpy(at, &text, sizeof(text));
        return 0;
    case FIELD_INT:
        if (!json_is_integer(value))
            return -1;
        number = json_integer_value(value);
        memcpy(at, &number, sizeof(number));
        return 0;
    case FIELD_TIME:
        if (!json_is_string(value) || !time_parse_rfc3339(json_string_value(value), &number))
            return -1;
        memcpy(at, &number, sizeof(number));
        return 0;
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return -1;
        *(bool *)at = json_is_true(value);
        return 0;
    }
    return -1;
}

int record_from_json(const struct record *record, const json_t *object, void *row,
                     struct arena *arena, struct err *err)
{
    if (!json_is_object(object))
        return err_set(err, "bad_request", "%s: expected an object", record->name);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const json_t *value = json_object_get(object, field->name);
        if (!value || json_is_null(value))
            continue;
        if (field_from_json(field, value, row, arena) < 0)
            return err_set(err, "bad_request", "%s.%s has the wrong type", record->name,
                           field->name);
    }
    return 0;
}

void record_copy(const struct record *record, void *to, const void *from, struct arena *arena)
{
    memcpy(to, from, record->size);
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (field->type != FIELD_TEXT && field->type != FIELD_JSON)
            continue;
        const char *text = arena_strdup(arena, text_at(from, field->offset));
        memcpy((char *)to + field->offset, &text, sizeof(text));
    }
}
