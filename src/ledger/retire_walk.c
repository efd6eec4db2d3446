/* Walks over rows for retention, a page at a time, so that nobody waits long behind them. */
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "ledger/column.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/retire.h"
#include "ledger/schema.h"
#include "ledger/store.h"
#include "ledger/tx.h"

int retire_read(struct retire_walk *walk, const struct scan *scan, void *rows_pointer,
                size_t *count)
{
    void *rows = NULL;
    struct ledger *ledger = walk->ledger;
    *count = 0;
    if (hints_are_closed(&ledger->hints)) /* whoever closes does not wait for the rest */
        return err_set(walk->err, "closing", "The hub is stopping.");
    turnstile_enter(&ledger->turn);
    int rc =
        atomic_load(&ledger->broken)
            ? commit_broken(walk->err)
            : ledger->store->ops->scan(ledger->store, scan, &walk->arena, &rows, count, walk->err);
    turnstile_leave(&ledger->turn);
    memcpy(rows_pointer, &rows, sizeof(rows));
    return rc == STORE_OK ? 0 : -1;
}

int retire_read_row(struct retire_walk *walk, const struct record *record, void *row)
{
    struct store *store = walk->ledger->store;
    turnstile_enter(&walk->ledger->turn);
    int rc = store->ops->get(store, record, row, &walk->arena, walk->err);
    turnstile_leave(&walk->ledger->turn);
    return rc == STORE_OK ? 0 : rc == STORE_NONE ? LEDGER_NONE : -1;
}

static bool same_key(const struct record *record, const void *a, const void *b)
{
    for (size_t i = 0; i < record->key_count; i++)
        if (column_compare(column_get(&record->fields[i], a), column_get(&record->fields[i], b)))
            return false;
    return true;
}

/* A page begins with the last one's last value of the column that orders it: how many of its rows
 * were seen there. */
static size_t behind(const struct record *record, const char *rows, size_t count, const void *last)
{
    for (size_t i = 0; last && i < count; i++)
        if (same_key(record, rows + i * record->size, last))
            return i + 1;
    return 0;
}

/* `scan` without its lower bound, which is on `column`. Rows of one value that fill a page are read
 * with more of them at once. */
static int walk_pages(struct retire_walk *walk, struct scan *scan, const struct field *column)
{
    const struct record *record = scan->record;
    const void *last = NULL;
    size_t count, from;
    int rc = 0;
    scan->max = RETIRE_PAGE;
    do {
        char *rows;
        scan->has_low = last != NULL;
        if (last)
            scan->low = column_get(column, last);
        rc = retire_read(walk, scan, &rows, &count);
        from = rc ? 0 : behind(record, rows, count, last);
        for (size_t i = from; i < count && rc == 0 && !walk->stop; i++)
            rc = walk->visit(walk->ctx, record, rows + i * record->size);
        if (count < scan->max || !column)
            break;
        last = rows + (count - 1) * record->size;
        scan->max = from == count ? scan->max * 4 : RETIRE_PAGE;
    } while (rc == 0 && !walk->stop);
    return rc;
}

int retire_walk_part(struct retire_walk *walk, const struct retire_part *part, const char *owner)
{
    const struct field *columns[SCHEMA_ORDER];
    size_t count = schema_order(part->record, part->index, columns);
    struct scan scan = {
        .record = part->record, .index = part->index, .eq = {value_text(owner)}, .eq_count = 1};
    return walk_pages(walk, &scan, count > 1 ? columns[1] : NULL);
}

/* Keeps its own copy of where it is: the rows of one page are forgotten before the next. */
int retire_walk_table(struct retire_walk *walk, const struct record *record, const char *index)
{
    const struct field *columns[SCHEMA_ORDER];
    struct scan scan = {.record = record, .index = index};
    schema_order(record, index, columns);
    return walk_pages(walk, &scan, columns[0]);
}
