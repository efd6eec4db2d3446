/* The tables of the ledger and their indexes: one list for every store.
 *
 * Names of indexes are what `struct scan` asks for; each walk is ordered by the index's columns
 * and, where those are equal, by the primary key. */
#ifndef HQ_LEDGER_SCHEMA_H
#define HQ_LEDGER_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/record.h"

enum {
    SCHEMA_VERSION = 5, /* goes up with every change of a table; see store_sqlite_schema.c */
    SCHEMA_COLUMNS = 6, /* columns of one index, at most */
    SCHEMA_ORDER = 12,  /* those and the primary key behind them */
};

struct schema_index {
    const char *name;
    const char *columns[SCHEMA_COLUMNS]; /* in order; NULL behind the last */
    bool unique;
    /* Which rows are in it, in SQL; NULL: all. Every task stands in these indexes from its birth to
     * its end, and most walks want the few that are open. A walk must ask for such rows only (its
     * equal columns or its bounds say so): a store may keep the others in the index as well. */
    const char *where;
};

struct schema_table {
    const struct record *record; /* record->size 0: no C struct yet, only the columns are there */
    bool clustered;              /* small rows: kept in the primary key's own tree */
    const struct schema_index *indexes;
    size_t index_count;
};

extern const struct schema_table schema_tables[];
extern const size_t schema_table_count;

/* Returns the table of a record; ends the process for a record that is in no table. */
const struct schema_table *schema_table(const struct record *record);

/* Returns the index of that name, or NULL. */
const struct schema_index *schema_index(const struct schema_table *table, const char *name);

/* Writes the columns that order a walk over `index` (NULL: the primary key): the index's own, then
 * the key columns that are not among them, unless a column of the index is unique by itself.
 * Returns how many; ends the process for an unknown index.
 */
size_t schema_order(const struct record *record, const char *index,
                    const struct field *columns[SCHEMA_ORDER]);

#endif
