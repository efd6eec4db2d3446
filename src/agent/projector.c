/* sessions.json in OpenClaw's form (2026.2.12, §"SessionEntry"), at most SESSIONS_KEPT entries. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/projector.h"
#include "agent/transcript.h"
#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "config/config.h"
#include "wire/task.h"

enum {
    SESSIONS_KEPT = 500,
    HELD_MS = 15000, /* a call to the hub and a page of files take less */
};

struct projector {
    pthread_mutex_t mutex;
    const struct config_agent *agent;
    json_t *index;    /* key → SessionEntry */
    json_t *ended;    /* task ids written, not yet synced */
    struct map paths; /* transcripts written, not yet synced */
    struct map held;  /* ids of sessions whose files are being removed */
    bool dirty;
    bool saving; /* somebody writes sessions.json */
    pthread_cond_t changed; /* of `held` and `saving` */
};

static char *index_path(const struct projector *projector, struct arena *arena)
{
    return arena_printf(arena, "%s/agents/main/sessions/sessions.json", projector->agent->instance);
}

struct projector *projector_open(const struct config_agent *agent)
{
    struct arena arena = {0};
    struct projector *projector = mem_zalloc(sizeof(*projector));
    pthread_mutex_init(&projector->mutex, NULL);
    thread_cond_init(&projector->changed);
    projector->agent = agent;
    projector->index = json_load_file(index_path(projector, &arena), 0, NULL);
    if (!json_is_object(projector->index)) {
        json_decref(projector->index);
        projector->index = json_object();
    }
    projector->ended = json_array();
    arena_fini(&arena);
    return projector;
}

void projector_close(struct projector *projector)
{
    if (!projector)
        return;
    json_decref(projector->index);
    json_decref(projector->ended);
    map_fini(&projector->paths);
    map_fini(&projector->held);
    pthread_cond_destroy(&projector->changed);
    pthread_mutex_destroy(&projector->mutex);
    free(projector);
}

/* An object keeps the order in which its keys were set: the oldest entry stands first. */
static json_t *take_entry(json_t *index, const char *key)
{
    json_t *entry = json_incref(json_object_get(index, key));
    json_object_del(index, key);
    if (!entry && json_object_size(index) >= SESSIONS_KEPT)
        json_object_del(index, json_object_iter_key(json_object_iter(index)));
    return entry ? entry : json_object();
}

static void add_tokens(json_t *entry, const json_t *usage)
{
    static const char *const names[][2] = {{"tokens_in", "inputTokens"},
                                           {"tokens_out", "outputTokens"}};
    int64_t total = 0;
    for (size_t i = 0; i < 2; i++) {
        int64_t sum = json_get_int(entry, names[i][1], 0) + json_get_int(usage, names[i][0], 0);
        json_object_set_new(entry, names[i][1], json_integer(sum));
        total += sum;
    }
    json_object_set_new(entry, "totalTokens", json_integer(total));
}

/* The caller holds the mutex. */
static void update_index(struct projector *projector, const struct session *session,
                         const char *path, const json_t *items)
{
    struct arena arena = {0};
    const char *key = arena_printf(&arena, "agent:main:%s", session->key);
    json_t *entry = take_entry(projector->index, key);
    json_object_set_new(projector->index, key, entry);
    json_set_text(entry, "sessionId", session->id);
    json_set_text(entry, "sessionFile", path);
    json_set_text(entry, "chatType", "direct");
    json_object_set_new(entry, "updatedAt", json_integer(time_wall_ms()));
    const char *model = projector->agent->model ? projector->agent->model : "";
    const char *slash = strchr(model, '/');
    if (slash) {
        json_set_text(entry, "modelProvider", arena_memdup(&arena, model, (size_t)(slash - model)));
        json_set_text(entry, "model", slash + 1);
    }
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        add_tokens(entry, json_object_get(json_object_get(item, "handoff"), "usage"));
        json_array_append(projector->ended, json_object_get(json_object_get(item, "task"), "id"));
    }
    arena_fini(&arena);
}

/* False: it is held for longer than it may be. */
static bool wait_while_held(struct projector *projector, const char *id)
{
    int64_t until = time_boot_ms() + HELD_MS;
    pthread_mutex_lock(&projector->mutex);
    while (map_get(&projector->held, id) && time_boot_ms() < until)
        thread_cond_wait(&projector->changed, &projector->mutex, until - time_boot_ms());
    bool is_free = !map_get(&projector->held, id);
    pthread_mutex_unlock(&projector->mutex);
    return is_free;
}

int projector_project(struct projector *projector, const struct session *session,
                      const json_t *items, struct err *err)
{
    static char yes;
    struct arena arena = {0};
    if (!wait_while_held(projector, session->id))
        return err_set(err, "held", "the old transcript of session %s is still being removed",
                       session->key);
    const char *path = transcript_path(projector->agent->instance, session->id, &arena);
    struct transcript transcript = {path, session->id, projector->agent->workspace};
    int rc = transcript_project(&transcript, items, err);
    if (rc == 0) {
        pthread_mutex_lock(&projector->mutex);
        update_index(projector, session, path, items);
        map_put(&projector->paths, path, &yes);
        projector->dirty = true;
        pthread_mutex_unlock(&projector->mutex);
    }
    arena_fini(&arena);
    return rc;
}

static int write_index(const char *path, const char *text, struct err *err)
{
    struct arena arena = {0};
    const char *temporary = arena_printf(&arena, "%s.tmp", path);
    size_t len = strlen(text);
    int rc = -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        if (write(fd, text, len) == (ssize_t)len && fdatasync(fd) == 0)
            rc = rename(temporary, path);
        close(fd);
    }
    if (rc < 0)
        err_errno(err, "sessions_json", "cannot write %s", path);
    arena_fini(&arena);
    return rc;
}

/* One at a time; what changed in the index before the call is on disk behind it. */
static int save_index(struct projector *projector, struct err *err)
{
    struct arena arena = {0};
    pthread_mutex_lock(&projector->mutex);
    while (projector->saving)
        thread_cond_wait(&projector->changed, &projector->mutex, HELD_MS);
    char *text = projector->dirty ? json_dumps(projector->index, JSON_INDENT(2)) : NULL;
    projector->dirty = false;
    projector->saving = true;
    pthread_mutex_unlock(&projector->mutex);
    int rc = text ? write_index(index_path(projector, &arena), text, err) : 0;
    pthread_mutex_lock(&projector->mutex);
    projector->saving = false;
    projector->dirty |= rc < 0;
    pthread_cond_broadcast(&projector->changed);
    pthread_mutex_unlock(&projector->mutex);
    free(text);
    arena_fini(&arena);
    return rc;
}

/* Returns whether every transcript named is on disk. */
static bool sync_paths(const struct map *paths)
{
    struct err err;
    const char *path;
    void *value;
    bool all = true;
    for (size_t at = 0; map_next(paths, &at, &path, &value);) {
        if (transcript_sync(path, &err) < 0) {
            log_warn("%s", err.message);
            all = false;
        }
    }
    return all;
}

json_t *projector_flush(struct projector *projector)
{
    struct err err;
    pthread_mutex_lock(&projector->mutex);
    json_t *ended = projector->ended;
    struct map paths = projector->paths;
    projector->ended = json_array();
    projector->paths = (struct map){0};
    pthread_mutex_unlock(&projector->mutex);
    bool safe = sync_paths(&paths);
    if (save_index(projector, &err) < 0) {
        log_warn("%s", err.message);
        safe = false;
    }
    if (!safe)
        json_array_clear(ended);
    map_fini(&paths);
    return ended;
}

/* ---- retention ---- */

void projector_hold(struct projector *projector, const struct projector_gone *list, size_t count)
{
    static char yes;
    pthread_mutex_lock(&projector->mutex);
    for (size_t i = 0; i < count; i++)
        map_put(&projector->held, list[i].id, &yes);
    pthread_mutex_unlock(&projector->mutex);
}

void projector_release(struct projector *projector)
{
    pthread_mutex_lock(&projector->mutex);
    map_fini(&projector->held);
    projector->held = (struct map){0};
    pthread_cond_broadcast(&projector->changed);
    pthread_mutex_unlock(&projector->mutex);
}

static void drop_entry(struct projector *projector, const struct projector_gone *gone,
                       struct arena *arena)
{
    const char *key = arena_printf(arena, "agent:main:%s", gone->key);
    pthread_mutex_lock(&projector->mutex);
    const json_t *entry = json_object_get(projector->index, key);
    if (entry && str_eq(json_get_text(entry, "sessionId", ""), gone->id)) {
        json_object_del(projector->index, key);
        projector->dirty = true;
    }
    pthread_mutex_unlock(&projector->mutex);
}

static const char *file_of(const struct projector *projector, const struct projector_gone *gone,
                           struct arena *arena)
{
    return transcript_path(projector->agent->instance, gone->id, arena);
}

static bool is_to_go(const struct projector *projector, struct projector_gone *gone,
                     struct arena *arena, struct err *err)
{
    const char *path = file_of(projector, gone, arena);
    const char *colon = strrchr(gone->key, ':');
    int owner = transcript_look(path, gone->id, colon ? colon + 1 : "", err);
    gone->removed = owner == TRANSCRIPT_FOREIGN;
    if (gone->removed)
        log_info("%s stays: there is more in it than the turn that was archived", path);
    return owner == TRANSCRIPT_OWN || owner == TRANSCRIPT_ABSENT;
}

static int remove_files(const struct projector *projector, struct projector_gone *list,
                        const bool *to_go, size_t count, struct err *err)
{
    struct arena arena = {0};
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        const char *path = file_of(projector, &list[i], &arena);
        if (!to_go[i])
            continue;
        list[i].removed = unlink(path) == 0 || errno == ENOENT;
        if (!list[i].removed && rc == 0)
            rc = err_errno(err, "transcript", "cannot remove %s", path);
        crash_point("transcript.removed");
    }
    arena_fini(&arena);
    return rc;
}

/* Entries first: nobody reads of a file that is not there. */
int projector_remove(struct projector *projector, struct projector_gone *list, size_t count,
                     struct err *err)
{
    struct arena arena = {0};
    struct err first = {0};
    bool *to_go = arena_alloc(&arena, (count + 1) * sizeof(*to_go));
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        to_go[i] = is_to_go(projector, &list[i], &arena, &first);
        rc = !to_go[i] && !list[i].removed ? -1 : rc;
        if (to_go[i])
            drop_entry(projector, &list[i], &arena);
    }
    crash_point("transcript.index.before");
    if (save_index(projector, &first) < 0) {
        rc = -1;
    } else {
        crash_point("transcript.index.after");
        if (remove_files(projector, list, to_go, count, &first) < 0)
            rc = -1;
        const char *folder =
            arena_printf(&arena, "%s/agents/main/sessions", projector->agent->instance);
        if (folder_sync(folder, &first) < 0)
            rc = -1;
    }
    if (rc < 0)
        *err = first;
    arena_fini(&arena);
    return rc;
}
