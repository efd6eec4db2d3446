/* Any text as a time, a duration, a number, an address: refused, or a value that survives being
 * printed and read again. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/folder.h"
#include "base/str.h"
#include "base/time.h"
#include "config/values.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_time(const char *text)
{
    char printed[TIME_TEXT];
    int64_t first, again = -1;
    if (!time_parse_rfc3339(text, &first))
        return;
    time_rfc3339(first, printed);
    PROPERTY(time_parse_rfc3339(printed, &again), "a printed time is a time");
    PROPERTY(first == again, "a time survives printing");
}

static void read_duration(const char *text)
{
    char printed[TIME_TEXT];
    int64_t ms;
    if (!time_parse_duration(text, &ms))
        return;
    PROPERTY(ms >= 0, "no duration is negative");
    time_print_duration(ms, printed);
    PROPERTY(strlen(printed) > 1, "a duration prints");
}

static void read_values(const char *text, struct arena *arena)
{
    const struct config_key key = {.min = 0, .max = INT64_MAX};
    json_t *value = json_string(text);
    struct listen listen;
    int64_t number;
    if (value_duration(value, &key, &number) || value_amount(value, &key, &number))
        PROPERTY(number >= 0, "a value is within its key's range");
    if (value_listen(text, arena, &listen) == LISTEN_OK)
        PROPERTY(listen.port > 0 && listen.port < 65536, "a port is a port");
    const char *route = value_route(text, arena);
    PROPERTY(!route || (*route == '/' && !value_has_control(route)), "a route is a path");
    if (value_is_file(text))
        PROPERTY(folder_name_is_inside(text), "a file stays inside");
    PROPERTY(!value_is_id(text) || value_is_provider(text), "an id is a provider's name, too");
    (void)(value_is_url(text) || value_is_env(text) || value_is_model(text) || value_is_decider(text));
    (void)value_shown(value, arena);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    int64_t number;
    const char *text = arena_memdup(&arena, data, size);
    read_time(text);
    read_duration(text);
    if (str_to_int(text, -1000, 1000, &number))
        PROPERTY(number >= -1000 && number <= 1000, "a number is within its range");
    if (str_is_utf8(text, strlen(text)))
        read_values(text, &arena);
    arena_fini(&arena);
    return 0;
}
