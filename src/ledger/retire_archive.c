/* The archive of what was retired: a file of lines per month, for nobody but the owner. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/time.h"
#include "ledger/retire.h"
#include "wire/record.h"

void retire_line(struct retire_lines *lines, const struct record *record, const void *row)
{
    json_t *line = json_object();
    json_set_text(line, "t", record->name);
    json_set_text(line, "root", lines->root);
    json_object_set_new(line, "row", record_to_json(record, row));
    json_put(&lines->text, line, JSON_PRESERVE_ORDER);
    buf_putc(&lines->text, '\n');
    json_decref(line);
    lines->rows++;
}

void retire_end(struct retire_lines *lines)
{
    json_t *line = json_pack("{s:s,s:s,s:I}", "t", "end", "root", lines->root, "rows",
                             (json_int_t)lines->rows);
    json_put(&lines->text, line, JSON_PRESERVE_ORDER);
    buf_putc(&lines->text, '\n');
    json_decref(line);
}

/* What a death left of a line gets an end of its own: readers pass over it. */
static int end_torn_line(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
        return -1;
    return last == '\n' ? 0 : file_write(fd, "\n", 1);
}

/* Under another name until it is whole: what is there under its digest is not looked at again. */
int retire_keep(const char *path, const void *bytes, size_t len, struct err *err)
{
    struct arena arena = {0};
    const char *part = arena_printf(&arena, "%s.part", path), *slash = strrchr(part, '/');
    const char *folder = arena_memdup(&arena, part, (size_t)(slash - part));
    struct folder_file file = {.name = slash + 1, .bytes = bytes, .len = len};
    unlink(part); /* of a hub that died */
    crash_point("retire.blob.before");
    int rc = folder_put(folder, &file, err);
    crash_point("retire.blob.written");
    if (rc == 0 && rename(part, path) < 0)
        rc = err_errno(err, "archive_failed", "cannot write %s", path);
    crash_point("retire.blob.after");
    if (rc < 0)
        unlink(part);
    arena_fini(&arena);
    return rc;
}

int retire_write(const char *dir, int64_t at, struct retire_lines *lines, struct err *err)
{
    struct arena arena = {0};
    char month[TIME_TEXT];
    time_rfc3339(at, month);
    const char *path = arena_printf(&arena, "%s/%.7s.jsonl", dir, month);
    int fd = -1, rc = folder_make(dir, err);
    if (rc < 0)
        goto out;
    fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    crash_point("retire.write.before");
    if (fd < 0 || end_torn_line(fd) < 0 || file_write(fd, lines->text.bytes, lines->text.len) < 0 ||
        fdatasync(fd) < 0)
        rc = err_errno(err, errno == ENOSPC ? "disk_full" : "archive_failed", "cannot write %s",
                       path);
    crash_point("retire.write.after");
    if (rc == 0)
        rc = folder_sync(dir, err);
    buf_clear(&lines->text);
out:
    if (fd >= 0)
        close(fd);
    arena_fini(&arena);
    return rc;
}
