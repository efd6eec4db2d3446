/* One description per record kind: it drives JSON (here) and SQL columns (ledger/). */
#ifndef HQ_WIRE_RECORD_H
#define HQ_WIRE_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;

/* How a field lies in the C struct:
 *   FIELD_TEXT  const char *      NULL = absent (SQL NULL, left out of JSON)
 *   FIELD_JSON  const char *      JSON text; nested as a value on the wire; NULL = absent
 *   FIELD_INT   int64_t
 *   FIELD_TIME  int64_t           ms since 1970, RFC 3339 UTC on the wire; 0 = absent
 *   FIELD_BOOL  bool                                                                        */
enum field_type { FIELD_TEXT, FIELD_JSON, FIELD_INT, FIELD_TIME, FIELD_BOOL };

struct field {
    const char *name; /* JSON key and SQL column */
    enum field_type type;
    size_t offset;
};

/* The first `key_count` fields are the primary key. */
struct record {
    const char *name; /* SQL table */
    size_t size, field_count, key_count;
    const struct field *fields;
};

/* Returns a new object with every present field. */
json_t *record_to_json(const struct record *record, const void *row);

/* Fills a zeroed row from an object; texts are copied into the arena; keys that are no field are
 * left alone. Returns 0, or -1 with *err where a field has the wrong type. */
int record_from_json(const struct record *record, const json_t *object, void *row,
                     struct arena *arena, struct err *err);

/* Copies a row, texts included, into the arena. */
void record_copy(const struct record *record, void *to, const void *from, struct arena *arena);

#endif
