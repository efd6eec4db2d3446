/* The manifest as JSON: printed member by member, since there may be very many. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/manifest.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/schema.h"

struct backup_member *backup_members_add(struct backup_members *members,
                                         const struct backup_member *member, struct arena *arena)
{
    if (members->count == members->cap) {
        size_t cap = members->cap ? members->cap * 2 : 64;
        struct backup_member *more = arena_alloc(arena, cap * sizeof(*more));
        if (members->count)
            memcpy(more, members->list, members->count * sizeof(*more));
        members->list = more;
        members->cap = cap;
    }
    struct backup_member *added = &members->list[members->count++];
    *added = *member;
    added->path = arena_strdup(arena, member->path);
    return added;
}

/* ---- printing ---- */

static void put_digest(struct buf *out, const unsigned char digest[HASH_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    buf_putc(out, '"');
    for (int i = 0; i < HASH_BYTES; i++) {
        buf_putc(out, hex[digest[i] >> 4]);
        buf_putc(out, hex[digest[i] & 15]);
    }
    buf_putc(out, '"');
}

static void put_member(struct buf *out, const struct backup_member *member)
{
    json_t *path = json_text(member->path, strlen(member->path));
    buf_puts(out, "{\"path\":");
    json_put(out, path, JSON_ENCODE_ANY);
    json_decref(path);
    buf_printf(out, ",\"size\":%lld,\"mtime\":%lld,\"executable\":%s,\"sha256\":\"%s\"",
               (long long)member->size, (long long)member->mtime,
               member->executable ? "true" : "false", member->sha256);
    for (size_t i = 0; member->chunk_count > 1 && i < member->chunk_count; i++) {
        buf_puts(out, i ? "," : ",\"chunks\":[");
        put_digest(out, member->chunks[i]);
    }
    buf_puts(out, member->chunk_count > 1 ? "]}" : "}");
}

void manifest_print(const struct backup_info *info, const struct backup_members *members,
                    struct buf *out)
{
    json_t *head =
        json_pack("{s:s,s:i,s:I,s:s,s:s,s:s,s:s?,s:I,s:I,s:b,s:s}", "kind", "hq backup", "chunk",
                  BACKUP_CHUNK, "format", (json_int_t)info->format, "hq", info->hq, "company",
                  info->company, "created_at", info->created_at, "ledger_id", info->ledger_id,
                  "schema", (json_int_t)info->schema, "events", (json_int_t)info->events, "secrets",
                  info->secrets, "head_sha256", info->head_sha256);
    json_put(out, head, JSON_PRESERVE_ORDER);
    json_decref(head);
    out->len--; /* the members go inside */
    buf_puts(out, ",\"members\":[");
    for (size_t i = 0; i < members->count; i++) {
        buf_puts(out, i ? ",\n" : "\n");
        put_member(out, &members->list[i]);
    }
    buf_puts(out, "\n]}\n");
}

/* ---- parsing ---- */

static bool parse_digest(const char *hex, unsigned char digest[HASH_BYTES])
{
    if (!hex || strlen(hex) != 2 * HASH_BYTES || strspn(hex, "0123456789abcdef") != 2 * HASH_BYTES)
        return false;
    for (int i = 0; i < HASH_BYTES; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        digest[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool parse_chunks(const json_t *list, struct arena *arena, struct backup_member *member)
{
    size_t wanted = (size_t)(member->size / BACKUP_CHUNK + (member->size % BACKUP_CHUNK != 0));
    member->chunk_count = json_array_size(list);
    if (wanted <= 1 || member->chunk_count != wanted)
        return member->chunk_count == 0 && wanted <= 1;
    member->chunks = arena_alloc(arena, wanted * sizeof(*member->chunks));
    for (size_t i = 0; i < wanted; i++)
        if (!parse_digest(json_string_value(json_array_get(list, i)), member->chunks[i]))
            return false;
    return true;
}

static bool parse_member(const json_t *item, struct arena *arena, struct backup_member *member)
{
    unsigned char digest[HASH_BYTES];
    const char *sha256 = json_get_text(item, "sha256", NULL);
    *member = (struct backup_member){
        .path = json_get_text(item, "path", ""),
        .size = json_get_int(item, "size", -1),
        .mtime = json_get_int(item, "mtime", -1),
        .executable = json_get_bool(item, "executable", false),
    };
    if (!parse_digest(sha256, digest) || !folder_name_is_inside(member->path) || member->size < 0)
        return false;
    memcpy(member->sha256, sha256, HASH_HEX);
    return parse_chunks(json_object_get(item, "chunks"), arena, member);
}

static int parse_members(const json_t *list, struct arena *arena, struct backup_members *members,
                         struct err *err)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list))
        return err_set(err, "bad_manifest", "its manifest lists no members");
    json_array_foreach (list, i, item) {
        struct backup_member member;
        if (!parse_member(item, arena, &member))
            return err_set(err, "bad_manifest",
                           "its manifest's member %zu (\"%.80s\") is malformed", i + 1,
                           member.path);
        backup_members_add(members, &member, arena);
    }
    return 0;
}

int manifest_check_versions(const struct backup_info *info, struct err *err)
{
    if (info->format > BACKUP_FORMAT)
        err_set(err, "newer_backup", "it has format %lld; this hq reads up to %d",
                (long long)info->format, BACKUP_FORMAT);
    else if (info->schema > SCHEMA_VERSION)
        err_set(err, "newer_schema", "its ledger has schema %lld; this hq knows up to %d",
                (long long)info->schema, SCHEMA_VERSION);
    else
        return 0;
    err_hint(err, "it was written by hq %s: install that version or a newer one", info->hq);
    return -1;
}

int manifest_parse(const char *bytes, size_t len, struct arena *arena, struct backup_info *info,
                   struct backup_members *members, struct err *err)
{
    json_t *json = json_parse(bytes, len, err);
    *members = (struct backup_members){0};
    int rc = json ? 0 : -1;
    if (rc == 0 && !str_eq(json_get_text(json, "kind", NULL), "hq backup"))
        rc = err_set(err, "bad_manifest", "its manifest is none of hq");
    if (rc)
        goto out;
    *info = (struct backup_info){
        .format = json_get_int(json, "format", 0),
        .hq = arena_strdup(arena, json_get_text(json, "hq", "?")),
        .company = arena_strdup(arena, json_get_text(json, "company", "?")),
        .created_at = arena_strdup(arena, json_get_text(json, "created_at", "?")),
        .ledger_id = arena_strdup(arena, json_get_text(json, "ledger_id", NULL)),
        .schema = json_get_int(json, "schema", 0),
        .events = json_get_int(json, "events", 0),
        .secrets = json_get_bool(json, "secrets", false),
    };
    snprintf(info->head_sha256, sizeof(info->head_sha256), "%s",
             json_get_text(json, "head_sha256", ""));
    rc = manifest_check_versions(info, err);
    if (rc == 0)
        rc = parse_members(json_object_get(json, "members"), arena, members, err);
out:
    json_decref(json);
    return rc;
}
