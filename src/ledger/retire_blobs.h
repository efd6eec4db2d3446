/* While blobs are looked for that nobody names: what the commit thread writes is looked at, too. */
#ifndef HQ_LEDGER_RETIRE_BLOBS_H
#define HQ_LEDGER_RETIRE_BLOBS_H

struct blob_guard;
struct record;

/* Marks the blobs that a row names, or one that is put (again). Under the turnstile. */
void blob_guard_row(struct blob_guard *guard, const struct record *record, const void *row);
void blob_guard_name(struct blob_guard *guard, const char *hex);

#endif
