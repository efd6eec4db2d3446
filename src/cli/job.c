/* hq job list and show: the jobs of the batch bridge (docs/jobs.md). */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "wire/flow.h"

enum { STATE_COLUMNS = 10, AGE_COLUMNS = 9, STEP_COLUMNS = 16, ID_COLUMNS = 36 };

static const struct command_option list_options[] = {
    {"state", 0, "STATE", "only these: intended submitted running completed failed cancelled"},
    {"limit", 'n', "N", "how many at most (100)"},
    {"as", 0, "PERSON", "as this person"},
    {0},
};

static const char *const states[] = {JOB_INTENDED, JOB_SUBMITTED, JOB_RUNNING, JOB_COMPLETED,
                                     JOB_FAILED,   JOB_CANCELLED, NULL};

static const struct command_option show_options[] = {
    {"as", 0, "PERSON", "as this person"},
    {0},
};

static int64_t age_ms(const json_t *job, const char *key, int64_t now)
{
    int64_t at;
    return time_parse_rfc3339(json_get_text(job, key, ""), &at) && now > at ? now - at : 0;
}

static int64_t now_of(const json_t *answer)
{
    int64_t now;
    return time_parse_rfc3339(json_get_text(answer, "now", ""), &now) ? now : time_wall_ms();
}

static void put_row(struct buf *out, const json_t *job, int64_t now)
{
    char age[TIME_TEXT];
    bool utf8 = output_is_utf8();
    int room = output_columns() - ID_COLUMNS - STATE_COLUMNS - AGE_COLUMNS - STEP_COLUMNS - 4;
    time_print_duration(age_ms(job, "updated_at", now), age);
    cell_put(out, json_get_text(job, "id", ""), ID_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, json_get_text(job, "state", ""), STATE_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, age, AGE_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, json_get_text(job, "step", ""), STEP_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, json_get_text(job, "note", ""), room > 8 ? room : 8, utf8);
    cell_end_line(out);
}

static int show_list(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    size_t i;
    const json_t *job, *items = json_object_get(answer, "items");
    if (invocation->json)
        return output_json(json_pack("{s:O}", "items", items));
    if (json_array_size(items) == 0)
        output_note(invocation, "no jobs");
    else if (!invocation->quiet)
        buf_printf(&out, "%-*s %-*s %-*s %-*s %s\n", ID_COLUMNS, "JOB", STATE_COLUMNS, "STATE",
                   AGE_COLUMNS, "SINCE", STEP_COLUMNS, "STEP", "NOTE");
    json_array_foreach (items, i, job) {
        if (invocation->quiet)
            buf_printf(&out, "%s\n", json_get_text(job, "id", ""));
        else
            put_row(&out, job, now_of(answer));
    }
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

static int list_run(const struct invocation *invocation)
{
    struct err err;
    int64_t limit;
    const char *state;
    if (invocation_number(invocation, "limit", 100, &limit, &err) < 0 ||
        invocation_word(invocation, "state", "job state", states, &state, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    const char *path = arena_printf(invocation->arena, "/v1/jobs?limit=%lld%s%s", (long long)limit,
                                    state ? "&state=" : "", state ? state : "");
    return operator_show(invocation, path, show_list);
}

static void put_line(struct buf *out, const char *name, const char *text)
{
    if (!str_is_empty(text))
        buf_printf(out, "%-10s %s\n", name, text);
}

static void put_files(struct buf *out, const json_t *files)
{
    size_t i;
    const json_t *file;
    json_array_foreach (files, i, file)
        buf_printf(out, "  %12lld  %.12s  %s\n", (long long)json_get_int(file, "size", 0),
                   json_get_text(file, "sha256", ""), json_get_text(file, "name", ""));
}

static int show_job(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    const json_t *job = json_object_get(answer, "job");
    if (invocation->json)
        return output_json(json_pack("{s:O}", "job", job));
    const json_t *spec = json_object_get(job, "spec"), *result = json_object_get(job, "result");
    put_line(&out, "job", json_get_text(job, "id", ""));
    put_line(&out, "state", json_get_text(job, "state", ""));
    put_line(&out, "note", json_get_text(job, "note", ""));
    put_line(&out, "run", json_get_text(job, "run", ""));
    put_line(&out, "step", json_get_text(job, "step", ""));
    put_line(&out, "created", json_get_text(job, "created_at", ""));
    put_line(&out, "until", json_get_text(job, "deadline_at", ""));
    put_line(&out, "script", json_get_text(spec, "script", ""));
    put_line(&out, "archived", json_get_bool(job, "archived", false) ? "yes" : "");
    if (json_object_get(result, "result")) {
        buf_puts(&out, "result     ");
        json_put(&out, json_object_get(result, "result"), JSON_ENCODE_ANY | JSON_SORT_KEYS);
        buf_putc(&out, '\n');
    }
    if (json_array_size(json_object_get(result, "files")) > 0)
        buf_puts(&out, "files\n");
    put_files(&out, json_object_get(result, "files"));
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

static int show_run(const struct invocation *invocation)
{
    return operator_show(
        invocation, arena_printf(invocation->arena, "/v1/jobs/%s", invocation->args[0]), show_job);
}

const struct command command_job_list = {
    .name = "job list",
    .group = "WORK",
    .usage = "",
    .summary = "jobs that workflows gave to the batch bridge",
    .examples = "hq job list\n",
    .options = list_options,
    .run = list_run,
    .reads = true,
    .is_default = true,
};

const struct command command_job_show = {
    .name = "job show",
    .group = "WORK",
    .usage = "JOB",
    .summary = "one job: how it stands, what came back",
    .details = "JOB is its id, or any part of it that only one has.\n",
    .examples = "hq job show 7f4a\n",
    .options = show_options,
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .reads = true,
};
