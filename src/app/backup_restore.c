/* hq backup restore: a company out of a file, and what its owner does next. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/backup_commands.h"
#include "backup/backup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/figures.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "config/config.h"

static const struct command_option restore_options[] = {
    {"to", 0, "DIR", "the folder to make the company in (here, or -C DIR)"},
    {"dry-run", 0, NULL, "only look whether it could be restored there"},
    {0},
};

static const char *target_of(const struct invocation *invocation)
{
    char here[4096];
    const char *to = invocation_value(invocation, "to");
    to = to ? to : invocation->dir;
    if (to && *to == '/')
        return to;
    if (!getcwd(here, sizeof(here)))
        return to ? to : ".";
    return to ? arena_printf(invocation->arena, "%s/%s", here, to)
              : arena_strdup(invocation->arena, here);
}

/* Texts of what the new company still lacks. */
static json_t *next_steps(const struct invocation *invocation, const char *to,
                          const struct backup_report *report)
{
    struct finding *findings;
    size_t count;
    struct arena *arena = invocation->arena;
    json_t *steps = json_array();
    const char *path = arena_printf(arena, "%s/hq.yaml", to);
    struct config *config = config_load(path, NULL, arena, &findings, &count);
    if (!config) {
        json_array_append_new(steps, json_sprintf("hq -C %s config validate: its hq.yaml is not "
                                                  "accepted by this hq",
                                                  to));
        return steps;
    }
    config_check_secrets(config, arena, &findings, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(steps, json_sprintf("%s", findings[i].message));
    if (report->held_back)
        json_array_append_new(
            steps, json_sprintf("%lld deliveries were open when the backup was made: nobody knows "
                                "whether they were sent since; hq status and hq inbox show them",
                                (long long)report->held_back));
    if (!report->archive.info.secrets)
        json_array_append_new(steps, json_sprintf("put the files of secrets/ back: the backup has "
                                                  "none (tokens are made anew)"));
    json_array_append_new(
        steps, json_sprintf("end the old company first, if it still runs: both have the same "
                            "ports, and both would work and send"));
    json_array_append_new(steps, json_sprintf("hq -C %s up -d", to));
    config_free(config);
    return steps;
}

static int tell(const struct invocation *invocation, const char *to,
                const struct backup_report *report, json_t *steps)
{
    size_t i;
    json_t *step;
    const struct backup_info *info = &report->archive.info;
    bool dry_run = invocation_has(invocation, "dry-run");
    if (invocation->json)
        return output_json(json_pack(
            "{s:b,s:b,s:s,s:s,s:s,s:I,s:I,s:I,s:O}", "ok", true, "dry_run", dry_run, "to", to,
            "company", info->company, "created_at", info->created_at, "members",
            (json_int_t)report->archive.members.count, "events", (json_int_t)report->events,
            "findings", (json_int_t)report->finding_count, "next", steps));
    printf("%s%s as it was at %.19s UTC: %zu files in %s\n", dry_run ? "would be " : "",
           info->company, info->created_at, report->archive.members.count, to);
    for (i = 0; i < report->finding_count; i++)
        output_note(invocation, "its ledger: %s", report->findings[i]);
    json_array_foreach (steps, i, step)
        printf("%s%s\n", i ? "  - " : "next:\n  - ", json_string_value(step));
    return COMMAND_OK;
}

static int restore_run(const struct invocation *invocation)
{
    struct backup_report report;
    struct progress_note note;
    struct err err = {0};
    const struct backup_progress progress = progress_note_init(&note, invocation, "read");
    struct backup_restore job = {
        .path = invocation->args[0],
        .to = target_of(invocation),
        .dry_run = invocation_has(invocation, "dry-run"),
        .progress = &progress,
    };
    if (backup_restore(&job, invocation->arena, &report, &err) < 0)
        return output_fail(invocation, str_eq(err.code, "exists") ? COMMAND_USAGE : COMMAND_FAILED,
                           &err);
    json_t *steps = job.dry_run ? json_array() : next_steps(invocation, job.to, &report);
    int code = tell(invocation, job.to, &report, steps);
    json_decref(steps);
    return code;
}

const struct command command_backup_restore = {
    .name = "backup restore",
    .group = "CARE",
    .usage = "FILE",
    .summary = "make a company of a backup, in a folder that has none",
    .details = "Checks every byte first. Never writes over a company: the folder is new or empty.\n"
               "What was on its way when the backup was made (a delivery, a command) has an\n"
               "outcome that nobody knows: it becomes `unknown`, and is told or asked about by\n"
               "the rules of each kind. Work that was done since is not in it, and may be done\n"
               "again.\n",
    .examples = "hq backup restore acme.hqb.tar --to /srv/acme\n"
                "hq backup restore acme.hqb.tar --to /srv/acme --dry-run\n",
    .options = restore_options,
    .min_args = 1,
    .max_args = 1,
    .run = restore_run,
};
