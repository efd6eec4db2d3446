/* What only the owner of the company asks of the hub: a check, a copy. */
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/retention.h"

enum http_verdict api_check(void *ctx, struct http_request *request, struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    const char **findings;
    size_t count;
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "only the operator checks");
    if (ledger_admin(hub->ledger, ADMIN_CHECK, NULL, &request->arena, &findings, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_text(findings[i], strlen(findings[i])));
    return http_json(request, response, 200, json_pack("{s:o}", "findings", list));
}

/* "copies/NAME": whatever else the state folder holds is not written over. */
static bool is_copy_name(const char *path)
{
    return str_starts(path, "copies/") && folder_name_is_inside(path) &&
           !strchr(path + strlen("copies/"), '/');
}

/* A repeat of a call that was answered into the void finds the copy whole and leaves it so. */
static int make_copy(struct hub *hub, const char *folder, struct arena *arena, struct err *err)
{
    const char **findings;
    size_t count;
    const char *path = arena_printf(arena, "%s/ledger.db", folder);
    if (folder_make(folder, err) < 0)
        return -1;
    if (access(path, F_OK) == 0)
        return 0;
    log_info("copying the ledger to %s", folder);
    return ledger_admin(hub->ledger, ADMIN_BACKUP, path, arena, &findings, &count, err);
}

enum http_verdict api_backup(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err = {0}, ignored;
    struct ledger_feed feed = {0};
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "only the operator copies");
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    const char *path = arena_strdup(&request->arena, json_get_text(body, "path", ""));
    json_decref(body);
    if (!is_copy_name(path))
        return api_refuse(request, response, 422, "bad_path", "path: \"copies/NAME\" is wanted");
    const char *folder = arena_printf(&request->arena, "%s/%s", hub->config->state, path);
    crash_point("hub.backup.received");
    if (ledger_feed(hub->ledger, INT64_MAX - 1, 1, &request->arena, &feed, &err) < 0)
        return api_unavailable(request, response, &err);
    if (make_copy(hub, folder, &request->arena, &err) < 0) {
        folder_remove(folder, &ignored);
        return http_error(request, response, str_eq(err.code, "disk_full") ? 507 : 500, &err);
    }
    crash_point("hub.backup.answer");
    return http_json(request, response, 200,
                     json_pack("{s:s,s:s,s:I}", "path", path, "ledger_id", ledger_id(hub->ledger),
                               "events", (json_int_t)feed.newest));
}

enum { SIZES_KEPT_MS = 60000 /* a walk over all blobs takes a while */ };

static int64_t size_of(struct hub *hub, const char *name)
{
    struct stat st;
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/%s", hub->config->state, name);
    int64_t size = stat(path, &st) == 0 ? st.st_size : 0;
    arena_fini(&arena);
    return size;
}

static void look_at_folders(struct hub *hub)
{
    struct arena arena = {0};
    int64_t now = time_boot_ms();
    if (atomic_load(&hub->sizes_at) && now - atomic_load(&hub->sizes_at) < SIZES_KEPT_MS)
        return;
    const char *state = hub->config->state;
    atomic_store(&hub->sizes_at, now);
    atomic_store(&hub->blob_bytes, retention_bytes(arena_printf(&arena, "%s/blobs", state)));
    atomic_store(&hub->archive_bytes, retention_bytes(arena_printf(&arena, "%s/archive", state)));
    arena_fini(&arena);
}

void api_add_store(struct hub *hub, json_t *answer)
{
    struct statvfs fs = {0};
    statvfs(hub->config->state, &fs);
    look_at_folders(hub);
    json_object_set_new(answer, "store",
                        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "ledger_bytes",
                                  (json_int_t)size_of(hub, "ledger.db"), "wal_bytes",
                                  (json_int_t)size_of(hub, "ledger.db-wal"), "blob_bytes",
                                  (json_int_t)atomic_load(&hub->blob_bytes), "archive_bytes",
                                  (json_int_t)atomic_load(&hub->archive_bytes), "free_bytes",
                                  (json_int_t)fs.f_bavail * (json_int_t)fs.f_frsize, "disk_bytes",
                                  (json_int_t)fs.f_blocks * (json_int_t)fs.f_frsize));
}
