/* ustar headers; a path that does not fit stands in a pax record before its header. */
#include <stdio.h>
#include <string.h>

#include "base/folder.h"
#include "base/ustar.h"

/* The fields of a header, in order, and where they begin. */
enum {
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    NAME_SIZE = 100,
    PREFIX_SIZE = 155,
    NUMBER_SIZE = 12,
};
#define OCTAL_MAX INT64_C(077777777777)

static void put_number(unsigned char *at, int64_t number)
{
    if (number >= 0 && number <= OCTAL_MAX) {
        char text[NUMBER_SIZE + 1];
        snprintf(text, sizeof(text), "%011llo", (unsigned long long)number);
        memcpy(at, text, NUMBER_SIZE);
        return;
    }
    at[0] = 0x80;
    for (int i = NUMBER_SIZE - 1; i > 0; i--, number >>= 8)
        at[i] = (unsigned char)(i > 3 ? number & 255 : 0);
}

static bool get_number(const unsigned char *at, int64_t *number)
{
    uint64_t value = 0;
    int i = 0;
    if (at[0] == 0x80) {
        for (i = 4; i < NUMBER_SIZE; i++)
            value = value << 8 | at[i];
    } else {
        for (; i < NUMBER_SIZE - 1 && at[i] >= '0' && at[i] <= '7'; i++)
            value = value << 3 | (uint64_t)(at[i] - '0');
        if (i < NUMBER_SIZE - 1)
            return false;
    }
    *number = (int64_t)value;
    return *number >= 0;
}

static unsigned sum_of(const unsigned char *block)
{
    unsigned sum = 0;
    for (int i = 0; i < USTAR_BLOCK; i++)
        sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : block[i];
    return sum;
}

/* Where the path is cut into prefix and name: both fit. 0: the name alone; -1: it cannot be. */
static int cut_of(const char *path, size_t len)
{
    if (len <= NAME_SIZE)
        return 0;
    for (size_t i = len - NAME_SIZE - 1; i < len && i <= PREFIX_SIZE; i++)
        if (path[i] == '/' && i > 0 && i + 1 < len)
            return (int)i;
    return -1;
}

static void put_block(unsigned char *block, const struct ustar_entry *entry, char type)
{
    char text[9];
    size_t len = strlen(entry->path);
    int cut = cut_of(entry->path, len);
    memset(block, 0, USTAR_BLOCK);
    if (cut > 0) {
        memcpy(block + AT_PREFIX, entry->path, (size_t)cut);
        memcpy(block, entry->path + cut + 1, len - (size_t)cut - 1);
    } else {
        memcpy(block, entry->path, len < NAME_SIZE ? len : NAME_SIZE);
    }
    memcpy(block + AT_MODE, entry->executable ? "0000700" : "0000600", 8);
    memcpy(block + AT_UID, "0000000", 8);
    memcpy(block + AT_GID, "0000000", 8);
    put_number(block + AT_SIZE, entry->size);
    put_number(block + AT_MTIME, entry->mtime);
    block[AT_TYPE] = (unsigned char)type;
    memcpy(block + AT_MAGIC,
           "ustar\0"
           "00",
           8);
    snprintf(text, sizeof(text), "%06o", sum_of(block));
    text[7] = ' ';
    memcpy(block + AT_SUM, text, 8);
}

/* "LEN path=…\n", where LEN counts itself. */
static size_t put_record(const char *path, unsigned char *out)
{
    size_t rest = strlen(" path=\n") + strlen(path), digits = 1;
    for (size_t power = 10; rest + digits >= power; power *= 10)
        digits++;
    char text[USTAR_PATH + 32];
    int len = snprintf(text, sizeof(text), "%zu path=%s\n", rest + digits, path);
    memcpy(out, text, (size_t)len);
    return (size_t)len;
}

size_t ustar_padding(int64_t size)
{
    return (size_t)((USTAR_BLOCK - size % USTAR_BLOCK) % USTAR_BLOCK);
}

size_t ustar_put(const struct ustar_entry *entry, unsigned char out[USTAR_HEADER])
{
    struct ustar_entry record = {.path = "pax", .mtime = 0};
    size_t used = 0;
    memset(out, 0, USTAR_HEADER);
    if (cut_of(entry->path, strlen(entry->path)) < 0) {
        record.size = (int64_t)put_record(entry->path, out + USTAR_BLOCK);
        put_block(out, &record, 'x');
        used = USTAR_BLOCK + (size_t)record.size + ustar_padding(record.size);
    }
    put_block(out + used, entry, '0');
    return used + USTAR_BLOCK;
}

size_t ustar_header_size(const unsigned char block[USTAR_BLOCK])
{
    int64_t size;
    if (memcmp(block + AT_MAGIC,
               "ustar\0"
               "00",
               8) != 0)
        return 0;
    if (block[AT_TYPE] == '0')
        return USTAR_BLOCK;
    if (block[AT_TYPE] != 'x' || !get_number(block + AT_SIZE, &size) || size < 1 ||
        size > 2 * USTAR_BLOCK)
        return 0;
    return 2 * USTAR_BLOCK + (size_t)size + ustar_padding(size);
}

/* The path of a pax record that ustar_put() wrote: behind "path=", up to the newline. */
static bool get_record(const unsigned char *header, struct ustar_entry *entry)
{
    int64_t size;
    if (!get_number(header + AT_SIZE, &size))
        return false;
    const char *text = (const char *)header + USTAR_BLOCK, *end = text + size;
    const char *at = memchr(text, '=', (size_t)size);
    if (!at || end - at < 2 || end - at - 2 > USTAR_PATH)
        return false;
    memcpy(entry->path, at + 1, (size_t)(end - at) - 2);
    entry->path[end - at - 2] = '\0';
    return true;
}

static void get_path(const unsigned char *block, struct ustar_entry *entry)
{
    char name[NAME_SIZE + 1] = "", prefix[PREFIX_SIZE + 1] = "";
    memcpy(name, block, NAME_SIZE);
    memcpy(prefix, block + AT_PREFIX, PREFIX_SIZE);
    snprintf(entry->path, sizeof(entry->path), "%s%s%s", prefix, *prefix ? "/" : "", name);
}

bool ustar_get(const unsigned char *header, size_t size, struct ustar_entry *entry)
{
    unsigned char again[USTAR_HEADER];
    const unsigned char *last = header + size - USTAR_BLOCK;
    if (size == USTAR_BLOCK)
        get_path(last, entry);
    else if (!get_record(header, entry))
        return false;
    entry->executable = last[AT_MODE + 4] == '7';
    return get_number(last + AT_SIZE, &entry->size) && get_number(last + AT_MTIME, &entry->mtime) &&
           folder_name_is_inside(entry->path) && ustar_put(entry, again) == size &&
           memcmp(header, again, size) == 0;
}
