/* What passes between a gateway and a guard: refused, or it says the same again. An even first byte:
 * the request, an odd one: the report. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "property.h"
#include "sys/guard_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_request(const char *text, size_t len, struct arena *arena)
{
    struct err err = {0};
    struct guard_command first, again;
    if (guard_command_parse(arena, text, len, &first, &err) < 0) {
        PROPERTY(*err.message, "a refusal says why");
        return;
    }
    const char *printed = guard_command_print(arena, &first);
    PROPERTY(guard_command_parse(arena, printed, strlen(printed), &again, &err) == 0, "what is written is read");
    PROPERTY(strcmp(printed, guard_command_print(arena, &again)) == 0, "a request says the same again");
    PROPERTY(strchr(printed, '\n') == printed + strlen(printed) - 1, "a request is one line");
}

static void read_report(const char *text, size_t len, struct arena *arena)
{
    struct err err = {0};
    struct guard_report first, again;
    if (guard_report_parse(arena, text, len, &first, &err) < 0) {
        PROPERTY(*err.message, "a refusal says why");
        return;
    }
    const char *printed = guard_report_print(arena, &first);
    PROPERTY(guard_report_parse(arena, printed, strlen(printed), &again, &err) == 0, "what is written is read");
    PROPERTY(strcmp(printed, guard_report_print(arena, &again)) == 0, "a report says the same again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        read_request((const char *)data + 1, size - 1, &arena);
    else
        read_report((const char *)data + 1, size - 1, &arena);
    arena_fini(&arena);
    return 0;
}
