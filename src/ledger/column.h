/* One column of a row as a value, found by its description: what both stores are driven by. */
#ifndef HQ_LEDGER_COLUMN_H
#define HQ_LEDGER_COLUMN_H

#include "ledger/store.h"

/* Returns the field's value; text is borrowed from the row. Absent times are the number 0. */
struct value column_get(const struct field *field, const void *row);

/* Sets the field; text is borrowed by the row. A NULL in a number's place becomes 0. */
void column_set(const struct field *field, void *row, struct value value);

/* Returns the field of that name, or NULL. */
const struct field *column_find(const struct record *record, const char *name);

/* Orders as the stores do: NULL first, numbers before texts, texts by their bytes. <0, 0, >0. */
int column_compare(struct value a, struct value b);

static inline bool value_is_null(struct value value)
{
    return !value.is_int && !value.text;
}

#endif
