/* hq backup list and verify: what there is, and whether it is worth anything. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/backup_commands.h"
#include "backup/backup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/company.h"
#include "cli/figures.h"
#include "cli/output.h"
#include "config/config.h"

/* ---- list ---- */

static json_t *look_at(const char *path, struct arena *arena)
{
    struct archive archive;
    struct err err = {0};
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    int rc = archive_look(fd, path, arena, &archive, &err);
    close(fd);
    json_t *item = json_pack("{s:s,s:I,s:b}", "path", path, "bytes", (json_int_t)archive.size,
                             "whole", rc == 0);
    json_set_text(item, "created_at", archive.info.created_at);
    json_set_text(item, "company", archive.info.company);
    json_set_text(item, "hq", archive.info.hq);
    json_object_set_new(item, "secrets", json_boolean(archive.info.secrets));
    json_set_text(item, "problem", rc < 0 ? err.message : NULL);
    return item;
}

static int is_backup(const struct dirent *entry)
{
    return str_ends(entry->d_name, BACKUP_SUFFIX);
}

static json_t *look_at_all(const struct config *config, struct arena *arena)
{
    struct dirent **entries;
    json_t *items = json_array();
    const char *folder = arena_printf(arena, "%s/backups", config->dir);
    int count = scandir(folder, &entries, is_backup, alphasort);
    for (int i = 0; i < count; i++) {
        json_t *item = look_at(arena_printf(arena, "%s/%s", folder, entries[i]->d_name), arena);
        if (item)
            json_array_append_new(items, item);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return items;
}

static void print_item(const json_t *item, struct arena *arena)
{
    const char *path = json_get_text(item, "path", ""),
               *created = json_get_text(item, "created_at", "?");
    printf("%.19s  %9s  %s%s\n", created, figure_bytes(json_get_int(item, "bytes", 0), arena),
           strrchr(path, '/') + 1, json_get_bool(item, "secrets", false) ? "  with secrets" : "");
    if (!json_get_bool(item, "whole", false))
        printf("  not whole: hq backup verify %s\n", path);
}

static int list_run(const struct invocation *invocation)
{
    bool bad;
    size_t i;
    json_t *item;
    struct config *config = company_open_any(invocation, &bad);
    if (!config)
        return COMMAND_USAGE;
    int code = COMMAND_OK;
    json_t *items = look_at_all(config, invocation->arena);
    if (invocation->json) {
        code = output_json(json_pack("{s:O}", "items", items));
    } else if (json_array_size(items) == 0) {
        output_note(invocation, "no backups in %s/backups; hq backup create makes one",
                    config->dir);
    } else {
        json_array_foreach (items, i, item)
            print_item(item, invocation->arena);
    }
    json_decref(items);
    config_free(config);
    return code;
}

const struct command command_backup_list = {
    .name = "backup list",
    .group = "CARE",
    .usage = "",
    .summary = "the backups in the company's folder, oldest first",
    .details = "A quick look at both ends of each file; hq backup verify reads it whole.\n",
    .examples = "hq backup list\n",
    .run = list_run,
    .reads = true,
    .is_default = true,
};

/* ---- verify ---- */

static int fail(const struct invocation *invocation, const struct err *err)
{
    return output_fail(invocation, COMMAND_FAILED, err);
}

static json_t *findings_of(const struct backup_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->finding_count; i++)
        json_array_append_new(list, json_text(report->findings[i], strlen(report->findings[i])));
    return list;
}

static int verify_run(const struct invocation *invocation)
{
    struct backup_report report;
    struct progress_note note;
    struct err err = {0};
    const char *path = invocation->args[0];
    const struct backup_progress progress = progress_note_init(&note, invocation, "read");
    if (backup_verify(path, &progress, invocation->arena, &report, &err) < 0)
        return fail(invocation, &err);
    const struct backup_info *info = &report.archive.info;
    int code = report.finding_count ? COMMAND_FAILED : COMMAND_OK;
    if (invocation->json) {
        int printed = output_json(json_pack(
            "{s:b,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b,s:I,s:o}", "ok", code == COMMAND_OK, "path", path,
            "company", info->company, "created_at", info->created_at, "hq", info->hq, "schema",
            (json_int_t)info->schema, "bytes", (json_int_t)report.archive.size, "members",
            (json_int_t)report.archive.members.count, "secrets", info->secrets, "events",
            (json_int_t)report.events, "findings", findings_of(&report)));
        return printed == COMMAND_OK ? code : printed;
    }
    for (size_t i = 0; i < report.finding_count; i++)
        printf("%s\n", report.findings[i]);
    if (code == COMMAND_OK)
        printf("whole: %s of %s, %.19s UTC\n  %zu files, %lld events; ledger and blobs are sound\n",
               figure_bytes(report.archive.size, invocation->arena), info->company,
               info->created_at, report.archive.members.count, (long long)report.events);
    else
        output_note(invocation,
                    "the file is whole; the ledger in it was not sound when it was "
                    "copied (%zu findings)",
                    report.finding_count);
    return code;
}

const struct command command_backup_verify = {
    .name = "backup verify",
    .group = "CARE",
    .usage = "FILE",
    .summary = "is every byte of a backup what was written, and its ledger sound?",
    .details = "Needs room for the ledger beside the file, or in TMPDIR. What is damaged is named\n"
               "with its place.\n",
    .examples = "hq backup verify backups/acme-20261122T150405Z.hqb.tar\n",
    .min_args = 1,
    .max_args = 1,
    .run = verify_run,
    .reads = true,
};
