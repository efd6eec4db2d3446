/* A backup's file, changed: three bytes each say where and how (0: cut off there). What is taken is what was
 * written, byte for byte; everything else is refused with a sentence. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/archive.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "folder.h"
#include "ledger/schema.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf original;

static void make_original(void)
{
    struct arena arena = {0};
    struct err err = {0};
    int64_t size;
    struct backup_info info = {.format = BACKUP_FORMAT,
                               .hq = "0.1.0",
                               .company = "acme",
                               .created_at = "2026-11-22T15:04:05.000Z",
                               .schema = SCHEMA_VERSION,
                               .ledger_id = "l",
                               .events = 3};
    struct backup_member member = {.path = "hq.yaml", .mtime = 1700000000};
    const char *path = arena_printf(&arena, "%s/a.hqb.tar", fuzz_folder());
    struct archive_writer *writer = archive_create(path, &info, NULL, &err);
    PROPERTY(writer && archive_add_bytes(writer, &member, "company: acme\n", 14, &err) == 0, "a file is added");
    member = (struct backup_member){.path = "state/ledger.db", .executable = true};
    PROPERTY(archive_add_bytes(writer, &member, "", 0, &err) == 0, "an empty file is added");
    PROPERTY(archive_finish(writer, &size, &err) == 0, "a backup is made");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    PROPERTY(fd >= 0 && file_read(fd, SIZE_MAX, &original) == 0, "a backup is there");
    close(fd);
    unlink(path);
    arena_fini(&arena);
}

static void change(struct buf *file, const uint8_t *data, size_t size)
{
    buf_put(file, original.bytes, original.len);
    for (; size >= 3; data += 3, size -= 3) {
        size_t at = (data[0] | (size_t)data[1] << 8) % (file->len ? file->len : 1);
        if (data[2] == 0)
            file->len = at; /* cut off */
        else if (file->len)
            file->bytes[at] ^= (char)data[2];
    }
}

static bool is_original(const struct buf *file)
{
    return file->len == original.len && memcmp(file->bytes, original.bytes, file->len) == 0;
}

/* Whether it is taken. */
static bool check(const struct buf *file)
{
    struct arena arena = {0};
    struct err err = {0};
    struct archive archive = {0};
    int fd = memfd_create("backup", MFD_CLOEXEC);
    PROPERTY(fd >= 0 && (file->len == 0 || file_write(fd, file->bytes, file->len) == 0), "a file is written");
    lseek(fd, 0, SEEK_SET);
    int rc = archive_check(fd, "the backup", NULL, &arena, &archive, &err);
    PROPERTY(rc == 0 || *err.message, "a refusal says why");
    PROPERTY(rc < 0 || archive.size == (int64_t)file->len, "every byte is looked at");
    lseek(fd, 0, SEEK_SET);
    if (archive_look(fd, "the backup", &arena, &archive, &err) < 0)
        PROPERTY(*err.message, "a refusal says why");
    close(fd);
    arena_fini(&arena);
    return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = {0};
    if (!original.len)
        make_original();
    change(&file, data, size);
    PROPERTY(check(&file) == is_original(&file), "what was written is taken, what was changed is refused");
    buf_fini(&file);
    return 0;
}
