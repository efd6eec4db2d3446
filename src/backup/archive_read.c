/* Reading a backup as what it may be: cut off, damaged, foreign, hostile. */
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
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

struct reading {
    struct archive *archive;
    struct arena *arena;
    struct arena own; /* hashes that were computed */
    const char *name;
    const struct backup_progress *progress;
    unsigned char *chunk; /* BACKUP_CHUNK bytes */
    int64_t at;
    struct ustar_entry entry; /* whose content is read */
    struct backup_members seen;
    char manifest_sha[HASH_HEX], head_sha[HASH_HEX];
    struct err *err;
};

/* What is read lies at `at`; short at the end of the file. -1 with *err. */
static ssize_t fill(struct reading *r, void *bytes, size_t len)
{
    size_t have = 0;
    while (have < len) {
        ssize_t got =
            pread(r->archive->fd, (char *)bytes + have, len - have, r->at + (int64_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(r->err, "unreadable", "%s cannot be read at byte %lld", r->name,
                             (long long)r->at);
        if (got == 0)
            break;
        have += (size_t)got;
    }
    r->at += (int64_t)have;
    return (ssize_t)have;
}

static int truncated(struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int truncated(struct reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *where = arena_vprintf(r->arena, format, args);
    va_end(args);
    err_set(r->err, "truncated", "%s ends %s", r->name, where);
    err_hint(r->err,
             "it was cut off while it was copied, or the disk was full; use another backup");
    return -1;
}

static int damaged(struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int damaged(struct reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *where = arena_vprintf(r->arena, format, args);
    va_end(args);
    err_set(r->err, "damaged", "%s is damaged: %s", r->name, where);
    err_hint(r->err, "nothing was taken from it; use another backup");
    return -1;
}

/* The first bytes, as a person can read them. */
static int foreign(struct reading *r, const unsigned char *block, size_t len)
{
    struct buf text = {0};
    for (size_t i = 0; i < len && i < 16; i++) {
        bool plain = block[i] > ' ' && block[i] < 0x7f && block[i] != '\\';
        buf_printf(&text, plain ? "%c" : "\\x%02x", block[i]);
    }
    err_set(r->err, "not_a_backup", "%s is no backup of hq: %s%s", r->name,
            len ? "it begins with " : "it is empty", buf_text(&text));
    if (len > 1 && block[0] == 0x1f && block[1] == 0x8b)
        err_hint(r->err, "it is compressed: gunzip it first");
    buf_fini(&text);
    return -1;
}

/* A path as sentences have it: the end of a long one, so that the place behind it is read, too. */
static const char *shown(struct reading *r, const char *path)
{
    enum { SHOWN = 120 };
    size_t len = strlen(path), cut = len > SHOWN ? len - SHOWN : 0;
    while (cut && ((unsigned char)path[cut] & 0xc0) == 0x80)
        cut++;
    return cut ? arena_printf(r->arena, "…%s", path + cut) : path;
}

/* Behind which member something stands, for sentences. */
static const char *before(struct reading *r)
{
    return r->entry.path[0] ? shown(r, r->entry.path) : "its beginning";
}

enum { HEADER_END = 1 /* the zeros behind the last member */ };

static int read_header(struct reading *r)
{
    unsigned char header[USTAR_HEADER];
    static const unsigned char zeros[USTAR_BLOCK];
    int64_t at = r->at;
    ssize_t got = fill(r, header, USTAR_BLOCK);
    if (got < 0)
        return -1;
    if (at == 0 && (got < USTAR_BLOCK || ustar_header_size(header) == 0))
        return foreign(r, header, (size_t)got);
    if (got < USTAR_BLOCK)
        return truncated(r,
                         "behind %s, at byte %lld: the manifest that ends every backup is missing",
                         before(r), (long long)(at + got));
    if (memcmp(header, zeros, USTAR_BLOCK) == 0)
        return HEADER_END;
    size_t size = ustar_header_size(header);
    if (size > USTAR_BLOCK) {
        got = fill(r, header + USTAR_BLOCK, size - USTAR_BLOCK);
        if (got < 0)
            return -1;
        if ((size_t)got < size - USTAR_BLOCK)
            return truncated(r, "in the header behind %s, at byte %lld", before(r),
                             (long long)r->at);
    }
    struct ustar_entry entry;
    if (size == 0 || !ustar_get(header, size, &entry))
        return damaged(r, "the header behind %s, at byte %lld of the file, is not as hq writes it",
                       before(r), (long long)at);
    r->entry = entry;
    return 0;
}

static int read_padding(struct reading *r)
{
    unsigned char bytes[USTAR_BLOCK] = {0};
    size_t len = ustar_padding(r->entry.size);
    int64_t at = r->at;
    ssize_t got = fill(r, bytes, len);
    if (got < 0)
        return -1;
    if ((size_t)got < len)
        return truncated(r, "behind %s, at byte %lld", before(r), (long long)r->at);
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return damaged(r, "behind %s, at byte %lld of the file, there is something", before(r),
                           (long long)at + (long long)i);
    return 0;
}

static void keep_chunk(struct reading *r, struct backup_member *member, size_t len)
{
    size_t count = member->chunk_count;
    if ((count & (count - 1)) == 0) {
        unsigned char(*more)[HASH_BYTES] =
            arena_alloc(&r->own, (count ? count * 2 : 1) * sizeof(*more));
        if (count)
            memcpy(more, member->chunks, count * sizeof(*more));
        member->chunks = more;
    }
    hash_bytes(r->chunk, len, member->chunks[member->chunk_count++]);
}

/* One content, a chunk at a time; each goes to `keep` where that is given. */
static int read_content(struct reading *r, struct backup_member *member, struct buf *keep)
{
    struct hash *hash = hash_open();
    int64_t left = r->entry.size;
    int rc = 0;
    while (left > 0 && rc == 0) {
        size_t want = left < BACKUP_CHUNK ? (size_t)left : BACKUP_CHUNK;
        ssize_t got = fill(r, r->chunk, want);
        if (got < 0)
            rc = -1;
        else if ((size_t)got < want)
            rc = truncated(r, "in the middle of %s, at byte %lld of %lld", before(r),
                           (long long)(r->entry.size - left + got), (long long)r->entry.size);
        if (rc)
            break;
        keep_chunk(r, member, want);
        hash_put(hash, r->chunk, want);
        if (keep)
            buf_put(keep, r->chunk, want);
        left -= got;
        if (r->progress && r->progress->tell)
            r->progress->tell(r->progress->ctx, r->at);
    }
    hash_close(hash, member->sha256);
    return rc ? rc : read_padding(r);
}

static struct backup_member member_of(const struct reading *r)
{
    return (struct backup_member){.path = r->entry.path,
                                  .size = r->entry.size,
                                  .mtime = r->entry.mtime,
                                  .executable = r->entry.executable,
                                  .at = r->at};
}

static int read_small(struct reading *r, int64_t most, struct buf *keep)
{
    struct backup_member member = member_of(r);
    if (r->entry.size > most)
        return damaged(r, "%s, at byte %lld, claims to have %lld bytes", before(r),
                       (long long)r->at, (long long)r->entry.size);
    int rc = read_content(r, &member, keep);
    memcpy(r->manifest_sha, member.sha256, HASH_HEX);
    return rc;
}

/* ---- the head ---- */

enum { HEAD_MOST = 4096, MEMBERS_MOST = 1000000 /* a hostile archive of empty files */ };

static const char *head_value(struct reading *r, const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text, *end; line; line = end ? end + 1 : NULL) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return arena_memdup(r->arena, line + len + 1, strcspn(line + len + 1, "\n"));
        end = strchr(line, '\n');
    }
    return NULL;
}

static int parse_head(struct reading *r, const struct buf *text)
{
    struct backup_info *info = &r->archive->info;
    const char *bytes = buf_text(text), *format = head_value(r, bytes, "format");
    if (!str_starts(bytes, "hq backup\n") || strlen(bytes) != text->len || !format ||
        !str_to_int(format, 1, INT32_MAX, &info->format))
        return damaged(r, "%s, at byte %d of the file, which says what it is, cannot be read",
                       BACKUP_HEAD, USTAR_BLOCK);
    const char *hq = head_value(r, bytes, "version"), *company = head_value(r, bytes, "company"),
               *created = head_value(r, bytes, "created");
    info->hq = hq ? hq : "?";
    info->company = company ? company : "?";
    info->created_at = created ? created : "?";
    info->secrets = str_eq(head_value(r, bytes, "secrets"), "yes");
    struct err why = {0};
    if (manifest_check_versions(info, &why) < 0) {
        err_set(r->err, why.code, "%s cannot be read: %s", r->name, why.message);
        err_hint(r->err, "%s", why.hint);
        return -1;
    }
    return 0;
}

static int read_head(struct reading *r)
{
    struct buf text = {0};
    int rc = read_header(r);
    if (rc == 0 && !str_eq(r->entry.path, BACKUP_HEAD))
        rc = err_set(r->err, "not_a_backup",
                     "%s is no backup of hq: it is a tar file that begins with %.80s", r->name,
                     r->entry.path);
    if (rc == 0)
        rc = read_small(r, HEAD_MOST, &text);
    memcpy(r->head_sha, r->manifest_sha, HASH_HEX);
    if (rc == 0)
        rc = parse_head(r, &text);
    buf_fini(&text);
    return rc;
}

/* ---- the members, and what the manifest says of them ---- */

static int compare_content(struct reading *r, const struct backup_member *said,
                           const struct backup_member *seen)
{
    for (size_t i = 0; said->chunk_count > 1 && i < said->chunk_count; i++) {
        int64_t from = (int64_t)i * BACKUP_CHUNK, to = from + BACKUP_CHUNK;
        if (memcmp(said->chunks[i], seen->chunks[i], HASH_BYTES) != 0)
            return damaged(r, "%s differs in bytes %lld-%lld of the member, at %lld of the file",
                           shown(r, said->path), (long long)from,
                           (long long)(to < said->size ? to : said->size) - 1,
                           (long long)(seen->at + from));
    }
    if (!str_eq(said->sha256, seen->sha256))
        return damaged(r, "%s differs in bytes 0-%lld of the member, at %lld of the file",
                       shown(r, said->path), (long long)said->size - 1, (long long)seen->at);
    return 0;
}

static int compare(struct reading *r)
{
    struct backup_members *said = &r->archive->members;
    for (size_t i = 0; i < said->count || i < r->seen.count; i++) {
        struct backup_member *a = i < said->count ? &said->list[i] : NULL;
        const struct backup_member *b = i < r->seen.count ? &r->seen.list[i] : NULL;
        if (!a || !b || !str_eq(a->path, b->path))
            return damaged(r, "%s stands where the manifest has %s, at byte %lld",
                           b ? shown(r, b->path) : "nothing", a ? shown(r, a->path) : "nothing",
                           (long long)(b ? b->at : r->at));
        if (a->size != b->size || a->mtime != b->mtime || a->executable != b->executable)
            return damaged(r, "the header of %s, before byte %lld, is not what the manifest says",
                           shown(r, a->path), (long long)b->at);
        if (compare_content(r, a, b) < 0)
            return -1;
        a->at = b->at;
    }
    return 0;
}

static int read_member(struct reading *r)
{
    struct backup_member member = member_of(r);
    if (r->seen.count >= MEMBERS_MOST)
        return damaged(r, "it has more than %d members", MEMBERS_MOST);
    struct backup_member *seen = backup_members_add(&r->seen, &member, r->arena);
    return read_content(r, seen, NULL);
}

static int read_manifest(struct reading *r, struct buf *text)
{
    int64_t at = r->at;
    struct err why = {0};
    int rc = read_small(r, LIMIT_BACKUP_MANIFEST, text);
    if (rc)
        return rc;
    char hex[HASH_HEX];
    memcpy(hex, r->manifest_sha, HASH_HEX);
    struct buf seal = {0};
    rc = read_header(r);
    if (rc == HEADER_END || (rc == 0 && !str_eq(r->entry.path, BACKUP_SEAL)))
        rc = damaged(r, "%s is missing behind the manifest, at byte %lld", BACKUP_SEAL,
                     (long long)r->at);
    if (rc == 0)
        rc = read_small(r, HEAD_MOST, &seal);
    const char *wanted = arena_printf(r->arena, "%s  %s\n", hex, BACKUP_MANIFEST);
    if (rc == 0 && !str_eq(wanted, buf_text(&seal)))
        rc = damaged(r, "the manifest, at byte %lld of the file, is not what its digest says",
                     (long long)at);
    buf_fini(&seal);
    if (rc == 0 && manifest_parse(text->bytes, text->len, r->arena, &r->archive->info,
                                  &r->archive->members, &why) < 0) {
        err_set(r->err, why.code, "%s cannot be read: %s", r->name, why.message);
        err_hint(r->err, "%s", why.hint);
        rc = -1;
    }
    if (rc == 0 && !str_eq(r->archive->info.head_sha256, r->head_sha))
        rc = damaged(r, "%s, at byte %d of the file, is not what the manifest says", BACKUP_HEAD,
                     USTAR_BLOCK);
    return rc;
}

/* Two blocks of zeros, and nothing behind them. */
static int read_end(struct reading *r)
{
    unsigned char block[USTAR_BLOCK] = {0};
    int rc = read_header(r);
    if (rc == 0)
        return damaged(r, "%s stands behind the manifest, at byte %lld", before(r),
                       (long long)r->at);
    if (rc != HEADER_END)
        return rc;
    int64_t at = r->at;
    ssize_t got = fill(r, block, USTAR_BLOCK);
    if (got < 0)
        return -1;
    if (got < USTAR_BLOCK)
        return truncated(r, "in its last block, at byte %lld", (long long)r->at);
    for (size_t i = 0; i < USTAR_BLOCK; i++)
        if (block[i])
            return damaged(r, "at byte %lld of the file, in its last block, there is something",
                           (long long)(at + (int64_t)i));
    if (r->at != r->archive->size)
        return damaged(r, "%lld bytes stand behind its end, at byte %lld",
                       (long long)(r->archive->size - r->at), (long long)r->at);
    return 0;
}

static int read_all(struct reading *r)
{
    struct buf text = {0};
    int rc = read_head(r);
    while (rc == 0 && (rc = read_header(r)) == 0 && !str_eq(r->entry.path, BACKUP_MANIFEST))
        rc = read_member(r);
    if (rc == HEADER_END)
        rc = damaged(r, "it ends at byte %lld without a manifest", (long long)r->at);
    if (rc == 0)
        rc = read_manifest(r, &text);
    if (rc == 0)
        rc = read_end(r);
    if (rc == 0)
        rc = compare(r);
    buf_fini(&text);
    return rc;
}

static int start(struct reading *r, int fd)
{
    struct stat st;
    r->archive->fd = fd;
    if (fstat(fd, &st) < 0)
        return err_errno(r->err, "unreadable", "%s cannot be read", r->name);
    if (!S_ISREG(st.st_mode))
        return err_set(r->err, "not_a_backup", "%s is no backup of hq: it is no file", r->name);
    r->archive->size = st.st_size;
    r->chunk = mem_zalloc(BACKUP_CHUNK);
    return 0;
}

int archive_check(int fd, const char *name, const struct backup_progress *progress,
                  struct arena *arena, struct archive *archive, struct err *err)
{
    struct reading reading = {
        .archive = archive, .arena = arena, .name = name, .progress = progress, .err = err};
    *archive = (struct archive){.fd = fd};
    int rc = start(&reading, fd) == 0 ? read_all(&reading) : -1;
    free(reading.chunk);
    arena_fini(&reading.own);
    return rc ? -1 : 0;
}

/* The seal has one size, so its header stands at one place. */
static int look_at_end(struct reading *r)
{
    r->at = r->archive->size - USTAR_END - 2 * USTAR_BLOCK;
    if (r->at < 0 || r->at % USTAR_BLOCK != 0 || read_header(r) != 0 ||
        !str_eq(r->entry.path, BACKUP_SEAL))
        return truncated(r, "too early, or was changed: what ends every backup is not there");
    return 0;
}

int archive_look(int fd, const char *name, struct arena *arena, struct archive *archive,
                 struct err *err)
{
    struct reading reading = {.archive = archive, .arena = arena, .name = name, .err = err};
    *archive = (struct archive){.fd = fd};
    int rc = start(&reading, fd);
    if (rc == 0)
        rc = read_head(&reading);
    if (rc == 0)
        rc = look_at_end(&reading);
    free(reading.chunk);
    arena_fini(&reading.own);
    return rc ? -1 : 0;
}

int archive_copy(const struct archive *archive, const struct backup_member *member, int to,
                 struct err *err)
{
    struct arena own = {0};
    struct archive copy = *archive;
    char hex[HASH_HEX];
    struct reading r = {
        .archive = &copy, .arena = &own, .name = member->path, .at = member->at, .err = err};
    struct hash *hash = hash_open();
    int64_t left = member->size;
    int rc = 0;
    r.chunk = mem_zalloc(BACKUP_CHUNK);
    while (left > 0 && rc == 0) {
        ssize_t got = fill(&r, r.chunk, left < BACKUP_CHUNK ? (size_t)left : BACKUP_CHUNK);
        if (got == 0)
            rc =
                err_set(err, "truncated", "the backup was cut off while %s was read", member->path);
        if (got <= 0)
            break;
        hash_put(hash, r.chunk, (size_t)got);
        left -= got;
        if (file_write(to, r.chunk, (size_t)got) < 0)
            rc = err_errno(err, errno == ENOSPC ? "disk_full" : "restore_failed", "cannot write %s",
                           member->path);
    }
    rc = left > 0 && rc == 0 ? -1 : rc;
    hash_close(hash, hex);
    if (rc == 0 && !str_eq(hex, member->sha256))
        rc =
            err_set(err, "damaged", "%s was changed in the backup while it was read", member->path);
    free(r.chunk);
    arena_fini(&own);
    return rc;
}
