/* One column of a row as a value, found by its description. */
#include <string.h>

#include "ledger/column.h"

struct value column_get(const struct field *field, const void *row)
{
    struct value value = {0};
    const char *at = (const char *)row + field->offset;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_JSON:
        memcpy(&value.text, at, sizeof(value.text));
        break;
    case FIELD_INT:
    case FIELD_TIME:
        value.is_int = true;
        memcpy(&value.number, at, sizeof(value.number));
        break;
    case FIELD_BOOL:
        value.is_int = true;
        value.number = *(const bool *)at;
        break;
    }
    return value;
}

void column_set(const struct field *field, void *row, struct value value)
{
    char *at = (char *)row + field->offset;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_JSON:
        memcpy(at, &value.text, sizeof(value.text));
        break;
    case FIELD_INT:
    case FIELD_TIME:
        memcpy(at, &value.number, sizeof(value.number));
        break;
    case FIELD_BOOL:
        *(bool *)at = value.number != 0;
        break;
    }
}

const struct field *column_find(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

int column_compare(struct value a, struct value b)
{
    if (value_is_null(a) || value_is_null(b))
        return !value_is_null(a) - !value_is_null(b);
    if (a.is_int != b.is_int)
        return a.is_int ? -1 : 1;
    if (a.is_int)
        return (a.number > b.number) - (a.number < b.number);
    return strcmp(a.text, b.text);
}
