/* Descriptions of the ledger's own rows: one line per field, in the order of the struct. */
#include "ledger/rows.h"

static const struct field request_fields[] = {
    {"id", FIELD_TEXT, offsetof(struct request, id)},
    {"outcome", FIELD_JSON, offsetof(struct request, outcome)},
    {"created_at", FIELD_TIME, offsetof(struct request, created_at)},
};
const struct record request_record = {"request", sizeof(struct request), 3, 1, request_fields};

static const struct field stream_fields[] = {
    {"name", FIELD_TEXT, offsetof(struct stream, name)},
    {"seq", FIELD_INT, offsetof(struct stream, seq)},
    {"hash", FIELD_TEXT, offsetof(struct stream, hash)},
    {"first", FIELD_INT, offsetof(struct stream, first)},
    {"prev", FIELD_TEXT, offsetof(struct stream, prev)},
};
const struct record stream_record = {"stream", sizeof(struct stream), 5, 1, stream_fields};

static const struct field meta_fields[] = {
    {"name", FIELD_TEXT, offsetof(struct meta, name)},
    {"value", FIELD_TEXT, offsetof(struct meta, value)},
};
const struct record meta_record = {"meta", sizeof(struct meta), 2, 1, meta_fields};
