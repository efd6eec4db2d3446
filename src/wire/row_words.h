/* How a record's description is written down; only for the files that describe some. */
#ifndef HQ_WIRE_ROW_WORDS_H
#define HQ_WIRE_ROW_WORDS_H

#include <stddef.h>

#include "wire/record.h"

#define TEXT(row, name) {#name, FIELD_TEXT, offsetof(struct row, name)}
#define JSON(row, name) {#name, FIELD_JSON, offsetof(struct row, name)}
#define INT(row, name) {#name, FIELD_INT, offsetof(struct row, name)}
#define TIME(row, name) {#name, FIELD_TIME, offsetof(struct row, name)}
#define BOOL(row, name) {#name, FIELD_BOOL, offsetof(struct row, name)}
#define RECORD(row, keys)                                                                          \
    const struct record row##_record = {#row, sizeof(struct row),                                  \
                                        sizeof(row##_fields) / sizeof(row##_fields[0]), keys,      \
                                        row##_fields}

#endif
