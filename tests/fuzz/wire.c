/* JSON as a record: refused, or the record says the same JSON again, copied or not. The first byte
 * chooses the kind of record. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "property.h"
#include "wire/call.h"
#include "wire/company.h"
#include "wire/effect.h"
#include "wire/flow.h"
#include "wire/handoff.h"
#include "wire/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record *const records[] = {
    &task_record,  &root_record,    &session_record, &wait_record,       &call_record, &handoff_record,
    &effect_record, &inbox_record,  &event_record,   &agent_record,      &process_record,
    &budget_record, &usage_record,  &definition_record, &run_record, &step_record, &approval_record, &vote_record, &job_record, &pause_record};

static void compare(const struct record *record, const void *row, const char *expected)
{
    struct arena arena = {0};
    json_t *json = record_to_json(record, row);
    PROPERTY(strcmp(json_print(&arena, json), expected) == 0, "a record says the same again");
    json_decref(json);
    arena_fini(&arena);
}

static void check_handoff(const void *row)
{
    struct err err = {0};
    json_t *document = handoff_to_json(row, NULL, NULL);
    if (handoff_check(document, &err) < 0)
        PROPERTY(*err.message, "a refusal says why");
    json_decref(document);
    if (handoff_check_content(row, NULL, &err) < 0)
        PROPERTY(*err.message, "a refusal says why");
}

static void read_record(const struct record *record, const json_t *object)
{
    struct arena arena = {0};
    struct err err = {0};
    void *row = arena_alloc(&arena, record->size), *again = arena_alloc(&arena, record->size);
    void *copy = arena_alloc(&arena, record->size);
    if (record_from_json(record, object, row, &arena, &err) == 0) {
        json_t *json = record_to_json(record, row);
        const char *text = json_print(&arena, json);
        PROPERTY(record_from_json(record, json, again, &arena, &err) == 0, "what is written is read");
        record_copy(record, copy, again, &arena);
        compare(record, again, text);
        compare(record, copy, text);
        if (record == &handoff_record)
            check_handoff(row);
        json_decref(json);
    } else {
        PROPERTY(*err.message, "a refusal says why");
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    if (size == 0)
        return 0;
    json_t *object = json_parse((const char *)data + 1, size - 1, &err);
    if (object) {
        read_record(records[data[0] % (sizeof(records) / sizeof(*records))], object);
        if (handoff_check(object, &err) < 0)
            PROPERTY(*err.message, "a refusal says why");
    }
    json_decref(object);
    return 0;
}
