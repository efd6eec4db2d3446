/* Any bytes as a backup, and as a manifest: refused with a sentence, or whole; what is accepted
 * names no path outside of its folder. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/archive.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct archive *archive)
{
    struct err err;
    int to = memfd_create("member", MFD_CLOEXEC);
    for (size_t i = 0; i < archive->members.count; i++) {
        if (!folder_name_is_inside(archive->members.list[i].path))
            abort();
        if (archive_copy(archive, &archive->members.list[i], to, &err) < 0)
            abort();
    }
    close(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct archive archive;
    struct backup_info info;
    struct backup_members members;
    struct err err = {0};
    int fd = memfd_create("archive", MFD_CLOEXEC);
    if (fd < 0 || file_write(fd, data, size) < 0)
        abort();
    if (archive_check(fd, "x", NULL, &arena, &archive, &err) == 0)
        look(&archive);
    else if (!err.message[0])
        abort();
    archive_look(fd, "x", &arena, &archive, &err);
    manifest_parse((const char *)data, size, &arena, &info, &members, &err);
    arena_fini(&arena);
    close(fd);
    return 0;
}
