/* hq backup create: the hub makes the copy of its ledger while it works; where none runs, we do. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/backup_commands.h"
#include "backup/backup.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/figures.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "config/config.h"
#include "supervise/control.h"

enum { COPY_MS = 6 * 3600 * 1000 /* of the largest ledger on the slowest disk */ };

static const struct command_option create_options[] = {
    {"output", 'o', "FILE", "write it there (backups/COMPANY-TIME.hqb.tar)"},
    {"with-secrets", 0, NULL, "with the files in secrets/: tokens and keys"},
    {"dry-run", 0, NULL, "only say what would go in, and what would not"},
    {0},
};

static int copy_by_hub(void *ctx, const char *name, struct arena *arena,
                       struct backup_copied *copied, struct err *err)
{
    struct operator_line *line = ctx;
    json_t *answer = NULL, *body = json_pack("{s:s}", "path", name);
    enum hub_outcome outcome = hub_call(line->hub, "POST", "/v1/admin/backup", body, COPY_MS,
                                        line->cancel, &answer, NULL, err);
    json_decref(body);
    copied->ledger_id = arena_strdup(arena, json_get_text(answer, "ledger_id", NULL));
    copied->events = json_get_int(answer, "events", 0);
    json_decref(answer);
    if (outcome == HUB_CANCELLED)
        return err_set(err, "interrupted", "interrupted; nothing was written");
    return outcome == HUB_OK ? 0 : -1;
}

static json_t *left_out_of(const struct backup_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->files.left_count; i++)
        json_array_append_new(
            list, json_text(result->files.left_out[i], strlen(result->files.left_out[i])));
    return list;
}

static int tell_json(const struct backup_job *job, const struct backup_result *result, bool dry_run)
{
    json_t *document = json_pack(
        "{s:b,s:s,s:b,s:s?,s:I,s:I,s:{s:I,s:I,s:I},s:b,s:I,s:o}", "ok", true, "path", job->path,
        "dry_run", dry_run, "created_at", result->info.created_at, "bytes",
        (json_int_t)result->size, "members", (json_int_t)result->members, "of", "ledger_bytes",
        (json_int_t)result->ledger_bytes, "blob_bytes", (json_int_t)result->blob_bytes,
        "file_bytes", (json_int_t)result->file_bytes, "secrets", job->with_secrets, "events",
        (json_int_t)result->info.events, "left_out", left_out_of(result));
    return output_json(document);
}

static void tell_left_out(const struct invocation *invocation, const struct backup_result *result,
                          bool all)
{
    enum { SHOWN = 5 };
    size_t count = result->files.left_count, shown = all || count <= SHOWN ? count : SHOWN - 1;
    for (size_t i = 0; i < shown; i++)
        output_note(invocation, "left out: %s", result->files.left_out[i]);
    if (shown < count)
        output_note(invocation, "left out: %zu more; --dry-run names them", count - shown);
}

static void tell_text(const struct invocation *invocation, const struct backup_job *job,
                      const struct backup_result *result, bool dry_run)
{
    struct arena *arena = invocation->arena;
    if (!dry_run)
        printf("%s\n", job->path);
    output_note(
        invocation, "%s%s: ledger %s, large blobs %s, %lld files %s",
        dry_run ? "would be about " : "",
        figure_bytes(dry_run ? result->ledger_bytes + result->file_bytes : result->size, arena),
        figure_bytes(result->ledger_bytes, arena), figure_bytes(result->blob_bytes, arena),
        (long long)result->files.count, figure_bytes(result->file_bytes, arena));
    tell_left_out(invocation, result, dry_run);
    if (job->with_secrets)
        output_note(invocation, "the company's secrets are in it: keep it as you keep those");
    else
        output_note(invocation, "without secrets/: keep those elsewhere, or add --with-secrets");
}

static int run_job(const struct invocation *invocation, struct backup_job *job)
{
    struct backup_result result;
    struct progress_note note;
    struct err err = {0};
    bool dry_run = invocation_has(invocation, "dry-run");
    const struct backup_progress progress = progress_note_init(&note, invocation, "written");
    job->progress = &progress;
    int rc = dry_run ? backup_plan(job, invocation->arena, &result, &err)
                     : backup_create(job, invocation->arena, &result, &err);
    if (rc < 0)
        return output_fail(invocation,
                           str_eq(err.code, "busy")          ? COMMAND_BUSY
                           : str_eq(err.code, "interrupted") ? COMMAND_INTERRUPTED
                                                             : COMMAND_FAILED,
                           &err);
    if (invocation->json)
        return tell_json(job, &result, dry_run);
    tell_text(invocation, job, &result, dry_run);
    return COMMAND_OK;
}

static const char *absolute(const char *path, struct arena *arena)
{
    char here[4096];
    if (*path == '/' || !getcwd(here, sizeof(here)))
        return path;
    return arena_printf(arena, "%s/%s", here, path);
}

static int create_run(const struct invocation *invocation)
{
    struct operator_line line = {0};
    struct err err = {0};
    bool bad;
    struct config *config = company_open_any(invocation, &bad);
    if (!config)
        return COMMAND_USAGE;
    const char *output = invocation_value(invocation, "output");
    struct backup_job job = {
        .config = config,
        .with_secrets = invocation_has(invocation, "with-secrets"),
        .path = output ? absolute(output, invocation->arena)
                       : backup_default_path(config, invocation->arena),
    };
    int code = COMMAND_OK;
    if (!invocation_has(invocation, "dry-run") && control_is_up(config)) {
        code = operator_open(invocation, &line);
        job.copy = copy_by_hub;
        job.ctx = &line;
    }
    if (code == COMMAND_OK && !output && !invocation_has(invocation, "dry-run") &&
        folder_make(arena_printf(invocation->arena, "%s/backups", config->dir), &err) < 0)
        code = output_fail(invocation, COMMAND_FAILED, &err);
    if (code == COMMAND_OK)
        code = run_job(invocation, &job);
    operator_close(&line);
    config_free(config);
    return code;
}

const struct command command_backup_create = {
    .name = "backup create",
    .group = "CARE",
    .usage = "",
    .summary = "one file with the company's ledger and folders",
    .details = "While the company works the hub makes the copy, in small steps; otherwise it is\n"
               "made here. The file is a tar archive, for nobody but its owner (mode 0600).\n"
               "Symbolic links, sockets and folders outside of the company are left out, and\n"
               "named.\n",
    .examples = "hq backup create\n"
                "hq backup create -o /mnt/other/acme.hqb.tar --with-secrets\n"
                "hq backup create --dry-run\n",
    .options = create_options,
    .run = create_run,
};
