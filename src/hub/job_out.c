/* Writes a job's folder: job.json, its script and its files from the run's definition. */
#include "hub/job_out.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/job_folder.h"
#include "config/config.h"
#include "hub/job_bridge.h"
#include "hub/run_definition.h"
#include "ledger/ledger.h"

#define DRAFT ".hq-tmp-"

struct outgoing {
    struct job_bridge *bridge;
    const struct job *job;
    struct arena arena;
    struct err err;
    struct run run;
    json_t *spec, *bundle, *sent;
    const char *draft;
};

void job_out_clean(const struct job_bridge *bridge)
{
    struct arena arena = {0};
    struct err err;
    struct dirent *entry;
    DIR *dir = opendir(bridge->outbox);
    while (dir && (entry = readdir(dir)))
        if (str_starts(entry->d_name, DRAFT) &&
            folder_remove(arena_printf(&arena, "%s/%s", bridge->outbox, entry->d_name), &err) < 0)
            log_warn("%s", err.message);
    if (dir)
        closedir(dir);
    arena_fini(&arena);
}

/* 0, 1 where it can never be had, -1 where the store failed. */
static int load(struct outgoing *out)
{
    const char *text = NULL;
    out->run.id = out->job->run;
    int rc = run_definition(out->bridge->ledger, &out->run, &text, &out->arena, &out->err);
    if (rc != 0)
        return rc < 0 ? -1 : 1;
    out->bundle = text ? json_loads(text, 0, NULL) : NULL;
    out->spec = out->job->spec ? json_loads(out->job->spec, 0, NULL) : NULL;
    return out->bundle && out->spec ? 0 : 1;
}

static int put(struct outgoing *out, const struct folder_file *file)
{
    char hex[HASH_HEX];
    hash_hex(file->bytes, file->len, hex);
    json_array_append_new(out->sent, json_pack("{s:s,s:I,s:s}", "name", file->name, "size",
                                               (json_int_t)file->len, "sha256", hex));
    return folder_put(out->draft, file, &out->err) < 0 ? 1 : 0;
}

/* As load(). The same name twice is written once. */
static int put_named(struct outgoing *out, const char *name)
{
    struct folder_file file = {.name = name};
    size_t i;
    const json_t *there;
    json_array_foreach (out->sent, i, there)
        if (str_eq(json_get_text(there, "name", ""), name))
            return 0;
    const json_t *text = json_object_get(json_object_get(out->bundle, "files"), name);
    const json_t *blob = json_object_get(json_object_get(out->bundle, "blobs"), name);
    if (json_is_string(text)) {
        file.bytes = json_string_value(text);
        file.len = json_string_length(text);
        return put(out, &file);
    }
    char *bytes;
    int rc = blob ? ledger_blob_get(out->bridge->ledger, json_get_text(blob, "sha256", ""),
                                    &out->arena, &bytes, &file.len, &out->err)
                  : LEDGER_NONE;
    if (rc > 0)
        err_set(&out->err, "no_file", "The workflow has no file \"%.200s\".", name);
    if (rc != 0)
        return rc < 0 ? -1 : 1;
    file.bytes = bytes;
    file.executable = json_get_bool(blob, "executable", false);
    return put(out, &file);
}

static int put_files(struct outgoing *out)
{
    size_t i;
    const json_t *name;
    const char *script = json_get_text(out->spec, "script", NULL);
    int rc = script ? put_named(out, script) : 0;
    json_array_foreach (json_object_get(out->spec, "files"), i, name)
        if (rc == 0 && json_is_string(name))
            rc = put_named(out, json_string_value(name));
    return rc;
}

static int put_job(struct outgoing *out)
{
    static const char *const copied[] = {"project", "channel", "type",   "script",  "args",
                                         "with",    "title",   "notify", "workflow"};
    char created[TIME_TEXT];
    const struct job *job = out->job;
    time_rfc3339(job->created_at, created);
    json_t *json = json_pack("{s:s,s:s,s:s*,s:s*,s:s,s:s}", "job_id", job->id, "created_at",
                             created, "created_by", out->run.caller, "company",
                             out->bridge->config->company, "run", job->run, "step", job->path);
    for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
        if (json_object_get(out->spec, copied[i]))
            json_object_set(json, copied[i], json_object_get(out->spec, copied[i]));
    if (!json_object_get(json, "args"))
        json_object_set_new(json, "args", json_array());
    json_set_text(json, "status", JOB_SUBMITTED);
    json_object_set(json, "sent", out->sent);
    int rc = job_write(out->draft, json, &out->err);
    json_decref(json);
    return rc < 0 ? 1 : 0;
}

static int put_in_place(struct outgoing *out)
{
    const char *outbox = out->bridge->outbox;
    const char *path = arena_printf(&out->arena, "%s/%s", outbox, out->job->id);
    crash_point("job.rename.before");
    if (rename(out->draft, path) < 0) {
        err_errno(&out->err, "no_folder", "cannot put the folder %s in place", path);
        return 1;
    }
    crash_point("job.rename.after");
    return folder_sync(outbox, &out->err) < 0 ? 1 : 0;
}

/* 0 it lies in the outbox, 1 it never will, -1 later. */
static int write_out(struct outgoing *out)
{
    struct stat info;
    struct err ignored;
    const char *outbox = out->bridge->outbox, *id = out->job->id;
    if (!job_name_is_plain(id)) {
        err_set(&out->err, "refused", "\"%.140s\" cannot be the name of a folder.", id);
        return 1;
    }
    if (lstat(arena_printf(&out->arena, "%s/%s", outbox, id), &info) == 0)
        return 0; /* an earlier hub put it there */
    out->draft = arena_printf(&out->arena, "%s/" DRAFT "%s", outbox, id);
    folder_remove(out->draft, &ignored);
    int rc = load(out);
    if (rc > 0 && !*out->err.message)
        err_set(&out->err, "no_definition", "The run's definition cannot be read.");
    if (rc == 0 && folder_make(out->draft, &out->err) < 0)
        rc = -1;
    if (rc == 0)
        rc = put_files(out);
    if (rc == 0)
        rc = put_job(out);
    if (rc == 0)
        rc = put_in_place(out);
    if (rc != 0)
        folder_remove(out->draft, &ignored);
    return rc;
}

void job_submit(struct job_bridge *bridge, const struct job *job)
{
    struct outgoing out = {.bridge = bridge, .job = job, .sent = json_array()};
    int rc = write_out(&out);
    if (rc == 0) {
        log_info("job %s lies in the outbox", job->id);
        job_change(bridge, job, &(struct job_change){.state = JOB_SUBMITTED});
    } else if (rc > 0 && str_in(out.err.code, (const char *const[]){"refused", "no_file",
                                                                    "no_definition", NULL})) {
        job_change(bridge, job, &(struct job_change){.state = JOB_FAILED, .note = out.err.message});
    } else {
        job_say(bridge, job->id, out.err.message); /* a full disk may be emptied */
        bridge->is_waiting = true;
    }
    json_decref(out.spec);
    json_decref(out.bundle);
    json_decref(out.sent);
    arena_fini(&out.arena);
}
