/* Writing a backup: a file under another name until it is whole and synced. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/archive.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

struct archive_writer {
    struct arena arena;
    struct backup_members members;
    struct backup_info *info;
    struct backup_progress progress;
    char *path, *part;
    unsigned char *chunk; /* BACKUP_CHUNK bytes */
    int fd;
    int64_t at;
};

static int cannot_write(const struct archive_writer *writer, struct err *err)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    err_errno(err, full ? "disk_full" : "backup_failed", "cannot write %s at byte %lld",
              writer->path, (long long)writer->at);
    if (full)
        err_hint(err, "nothing is left of it; choose another disk with -o FILE");
    return -1;
}

static int put(struct archive_writer *writer, const void *bytes, size_t len, struct err *err)
{
    if (file_write(writer->fd, bytes, len) < 0)
        return cannot_write(writer, err);
    writer->at += (int64_t)len;
    return 0;
}

static int put_zeros(struct archive_writer *writer, size_t len, struct err *err)
{
    static const unsigned char zeros[USTAR_HEADER]; /* the longest that is asked for */
    return len ? put(writer, zeros, len, err) : 0;
}

static struct ustar_entry entry_of(const struct backup_member *member)
{
    struct ustar_entry entry = {
        .size = member->size, .mtime = member->mtime, .executable = member->executable};
    snprintf(entry.path, sizeof(entry.path), "%s", member->path);
    return entry;
}

/* Leaves room for the header, whose size field is known behind the content only. */
static int skip_header(struct archive_writer *writer, const struct backup_member *member,
                       struct err *err)
{
    unsigned char header[USTAR_HEADER];
    struct ustar_entry entry = entry_of(member);
    return put_zeros(writer, ustar_put(&entry, header), err);
}

static int put_header(struct archive_writer *writer, const struct backup_member *member, int64_t at,
                      struct err *err)
{
    unsigned char header[USTAR_HEADER];
    struct ustar_entry entry = entry_of(member);
    size_t size = ustar_put(&entry, header);
    if (pwrite(writer->fd, header, size, at) != (ssize_t)size)
        return cannot_write(writer, err);
    return put_zeros(writer, ustar_padding(member->size), err);
}

/* Room is doubled: at 0, and at every power of two. */
static void note_chunk(struct archive_writer *writer, struct backup_member *member, size_t len)
{
    size_t count = member->chunk_count;
    if ((count & (count - 1)) == 0) {
        unsigned char(*more)[HASH_BYTES] =
            arena_alloc(&writer->arena, (count ? count * 2 : 1) * sizeof(*more));
        if (count)
            memcpy(more, member->chunks, count * sizeof(*more));
        member->chunks = more;
    }
    hash_bytes(writer->chunk, len, member->chunks[member->chunk_count++]);
}

/* Fills a chunk, less at the end. -1 with errno. */
static ssize_t read_chunk(struct archive_writer *writer, int fd, int64_t left)
{
    size_t want = left < BACKUP_CHUNK ? (size_t)left : BACKUP_CHUNK, have = 0;
    while (have < want) {
        ssize_t got = read(fd, writer->chunk + have, want - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int put_content(struct archive_writer *writer, struct backup_member *member, int fd,
                       int64_t most, struct err *err)
{
    ssize_t got = BACKUP_CHUNK;
    int rc = 0;
    struct hash *hash = hash_open();
    while (rc == 0 && got == BACKUP_CHUNK && member->size < most) {
        got = read_chunk(writer, fd, most - member->size);
        if (got < 0)
            rc = err_errno(err, "backup_failed", "cannot read %s", member->path);
        if (got <= 0)
            break;
        note_chunk(writer, member, (size_t)got);
        hash_put(hash, writer->chunk, (size_t)got);
        member->size += got;
        rc = put(writer, writer->chunk, (size_t)got, err);
        if (writer->progress.tell)
            writer->progress.tell(writer->progress.ctx, writer->at);
    }
    hash_close(hash, member->sha256);
    return rc;
}

int archive_add(struct archive_writer *writer, const struct backup_member *member, int fd,
                int64_t most, struct err *err)
{
    struct backup_member added = *member;
    int64_t header_at = writer->at;
    added.size = 0;
    added.chunk_count = 0;
    crash_point("backup.member");
    if (skip_header(writer, &added, err) < 0)
        return -1;
    added.at = writer->at;
    if (put_content(writer, &added, fd, most, err) < 0 ||
        put_header(writer, &added, header_at, err) < 0)
        return -1;
    backup_members_add(&writer->members, &added, &writer->arena);
    return 0;
}

static int put_bytes(struct archive_writer *writer, const struct backup_member *member,
                     const void *bytes, struct err *err)
{
    int64_t header_at = writer->at;
    if (skip_header(writer, member, err) < 0 || put(writer, bytes, (size_t)member->size, err) < 0)
        return -1;
    return put_header(writer, member, header_at, err);
}

/* Head, manifest and seal are no members of the manifest. */
static int put_own(struct archive_writer *writer, const char *path, const void *bytes, size_t len,
                   struct err *err)
{
    struct backup_member own = {.path = path, .size = (int64_t)len};
    return put_bytes(writer, &own, bytes, err);
}

int archive_add_bytes(struct archive_writer *writer, const struct backup_member *member,
                      const void *bytes, size_t len, struct err *err)
{
    struct backup_member added = *member;
    added.size = (int64_t)len;
    added.chunk_count = 0;
    hash_hex(bytes, len, added.sha256);
    if (put_bytes(writer, &added, bytes, err) < 0)
        return -1;
    backup_members_add(&writer->members, &added, &writer->arena);
    return 0;
}

static int put_head(struct archive_writer *writer, struct err *err)
{
    struct backup_info *info = writer->info;
    struct buf text = {0};
    buf_printf(&text,
               "hq backup\nformat %lld\nversion %s\ncompany %s\ncreated %s\nsecrets %s\n\n"
               "hq backup verify FILE says whether it is whole; hq backup restore FILE --to DIR\n"
               "makes a company of it. hq-backup.json, at the end, lists what is in it.\n",
               (long long)info->format, info->hq, info->company, info->created_at,
               info->secrets ? "yes" : "no");
    hash_hex(text.bytes, text.len, info->head_sha256);
    int rc = put_own(writer, BACKUP_HEAD, text.bytes, text.len, err);
    buf_fini(&text);
    return rc;
}

struct archive_writer *archive_create(const char *path, struct backup_info *info,
                                      const struct backup_progress *progress, struct err *err)
{
    struct archive_writer *writer = mem_zalloc(sizeof(*writer));
    writer->path = mem_strdup(path);
    writer->part = arena_printf(&writer->arena, "%s.part", path);
    writer->chunk = mem_zalloc(BACKUP_CHUNK);
    writer->info = info;
    writer->progress = progress ? *progress : (struct backup_progress){0};
    writer->fd = -1;
    if (access(path, F_OK) == 0) {
        err_set(err, "exists", "%s is there already; a backup never overwrites", path);
        err_hint(err, "name another file with -o FILE");
    } else {
        unlink(writer->part);
        writer->fd = open(writer->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (writer->fd < 0)
            err_errno(err, "backup_failed", "cannot make %s", writer->part);
    }
    if (writer->fd >= 0 && put_head(writer, err) == 0)
        return writer;
    archive_abandon(writer);
    return NULL;
}

static void writer_free(struct archive_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->chunk);
    free(writer->path);
    arena_fini(&writer->arena);
    free(writer);
}

void archive_abandon(struct archive_writer *writer)
{
    if (!writer)
        return;
    if (writer->fd >= 0)
        unlink(writer->part);
    writer_free(writer);
}

static int put_manifest(struct archive_writer *writer, struct err *err)
{
    struct buf text = {0};
    char seal[HASH_HEX + sizeof(BACKUP_MANIFEST) + 4], hex[HASH_HEX];
    manifest_print(writer->info, &writer->members, &text);
    hash_hex(text.bytes, text.len, hex);
    int len = snprintf(seal, sizeof(seal), "%s  %s\n", hex, BACKUP_MANIFEST);
    int rc = 0;
    if (text.len > LIMIT_BACKUP_MANIFEST)
        rc = err_set(err, "too_large", "the list of %zu files would have %zu bytes; at most %d",
                     writer->members.count, text.len, LIMIT_BACKUP_MANIFEST);
    if (rc == 0)
        rc = put_own(writer, BACKUP_MANIFEST, text.bytes, text.len, err);
    buf_fini(&text);
    return rc ? rc : put_own(writer, BACKUP_SEAL, seal, (size_t)len, err);
}

static int sync_folder_of(const char *path)
{
    struct arena arena = {0};
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_memdup(&arena, path, (size_t)(slash - path) + 1) : ".";
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    arena_fini(&arena);
    return rc;
}

/* Never over another file, even one that came meanwhile. */
static int name_it(struct archive_writer *writer, struct err *err)
{
    crash_point("backup.name.before");
    int rc = renameat2(AT_FDCWD, writer->part, AT_FDCWD, writer->path, RENAME_NOREPLACE);
    if (rc < 0 && (errno == EINVAL || errno == ENOSYS) && access(writer->path, F_OK) < 0)
        rc = rename(writer->part, writer->path); /* a file system that cannot refuse by itself */
    if (rc < 0)
        return err_errno(err, errno == EEXIST ? "exists" : "backup_failed", "cannot name it %s",
                         writer->path);
    crash_point("backup.name.after");
    return sync_folder_of(writer->path) < 0
               ? err_errno(err, "backup_failed", "cannot sync the folder of %s", writer->path)
               : 0;
}

int archive_finish(struct archive_writer *writer, int64_t *size, struct err *err)
{
    int rc = put_manifest(writer, err);
    if (rc == 0)
        rc = put_zeros(writer, USTAR_END, err);
    if (rc == 0 && fsync(writer->fd) < 0)
        rc = cannot_write(writer, err);
    if (rc == 0)
        rc = name_it(writer, err);
    *size = writer->at;
    if (rc)
        unlink(writer->part);
    writer_free(writer);
    return rc;
}

const struct backup_members *archive_members(const struct archive_writer *writer)
{
    return &writer->members;
}
