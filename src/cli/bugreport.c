/* hq bugreport: a bundle without secrets, for whoever shall find out what is wrong. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/census.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "doctor/bugreport.h"
#include "doctor/doctor.h"

enum { LINES = 500 };

static const struct command_option bugreport_options[] = {
    {"output", 'o', "FILE", "where to; default: hq-bugreport-TIME.tar here"},
    {"dry-run", 0, NULL, "only say what would be in it"},
    {"lines", 'n', "N", "of each log; default 500"},
    {0},
};

/* "hq-bugreport-20261122T150405" */
static const char *folder_name(struct arena *arena)
{
    char at[TIME_TEXT], digits[TIME_TEXT];
    size_t len = 0;
    time_rfc3339(time_wall_ms(), at);
    for (const char *c = at; *c && *c != '.'; c++)
        if (*c != '-' && *c != ':')
            digits[len++] = *c;
    digits[len] = '\0';
    return arena_printf(arena, "hq-bugreport-%s", digits);
}

static json_t *parts_json(const struct bugreport *report)
{
    json_t *items = json_array();
    for (size_t i = 0; i < report->count; i++)
        json_array_append_new(items, json_pack("{s:s, s:I, s:s}", "name", report->parts[i].name,
                                               "bytes", (json_int_t)report->parts[i].text.len,
                                               "what", report->parts[i].what));
    return items;
}

static void list_parts(const struct bugreport *report)
{
    for (size_t i = 0; i < report->count; i++)
        printf("%8zu  %-24s %s\n", report->parts[i].text.len, report->parts[i].name,
               report->parts[i].what);
    fflush(stdout); /* what is inside is said before it is written */
}

static int end_text(const struct bugreport *report, const char *path, bool dry_run)
{
    if (dry_run)
        printf("nothing written (--dry-run); it would go to %s\n", path);
    else
        printf(
            "%zu files in %s, readable by you alone.\nRead it before you hand it on: tar -xf %s\n",
            report->count, path, path);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int hand_over(const struct invocation *invocation, const struct bugreport *report)
{
    struct err err = {0};
    const char *folder = folder_name(invocation->arena);
    const char *path = invocation_value(invocation, "output");
    bool dry_run = invocation_has(invocation, "dry-run");
    if (!path)
        path = arena_printf(invocation->arena, "%s.tar", folder);
    if (!invocation->json && !invocation->quiet)
        list_parts(report);
    if (!dry_run && bugreport_write(report, path, folder, &err) < 0)
        return output_fail(invocation, COMMAND_FAILED, &err);
    if (!invocation->json)
        return end_text(report, path, dry_run);
    json_t *document = json_pack("{s:b, s:o}", "written", !dry_run, "items", parts_json(report));
    json_set_text(document, "path", path);
    return output_json(document);
}

static int bugreport_run(const struct invocation *invocation)
{
    struct err err = {0};
    int64_t lines;
    struct doctor doctor = {
        .arena = invocation->arena, .hq = "hq", .state_flag = invocation->state};
    if (invocation_number(invocation, "lines", LINES, &lines, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    struct config *config = company_open_any(invocation, &doctor.is_bad);
    if (!config)
        return COMMAND_USAGE;
    doctor.config = config;
    doctor_run(&doctor);
    json_t *status = census_take(invocation, config);
    struct bugreport report = {.doctor = &doctor, .status = status, .log_lines = (size_t)lines};
    bugreport_gather(&report);
    int code = hand_over(invocation, &report);
    bugreport_fini(&report);
    json_decref(status);
    config_free(config);
    return code;
}

const struct command command_bugreport = {
    .name = "bugreport",
    .group = "CARE",
    .usage = "",
    .summary = "a bundle without secrets, for whoever helps",
    .details =
        "What hq doctor found, versions, limits, hq.yaml, status, the newest tasks (ids,\n"
        "states, times), names and sizes in state/, the last lines of each log. Secrets are\n"
        "taken out by value and by look; what tasks ask and answer is never in it. Says\n"
        "what is inside before it writes; the file is yours alone (0600).\n"
        "\n"
        "  hq bugreport --dry-run\n"
        "  hq bugreport -o report.tar",
    .options = bugreport_options,
    .run = bugreport_run,
};
