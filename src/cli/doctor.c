/* hq doctor: what is wrong with this company and machine, and what to type about it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "doctor/doctor.h"

enum { ID_COLUMN = 6, SEEN_COLUMN = 26, PATTERNS_MAX = 64 };

static const struct command_option doctor_options[] = {
    {"fix", 0, NULL, "mend what is safe to mend, and say each act"},
    {"dry-run", 0, NULL, "with --fix: only say what it would do"},
    {"only", 0, "ID", "this check, or family of checks (port); repeatable"},
    {"skip", 0, "ID", "not this one; repeatable"},
    {"severity", 0, "LEAST", "show from here on: warn or fail"},
    {"deep", 0, NULL, "ask each model for an answer; may cost a little"},
    {"list", 0, NULL, "what is checked; looks at nothing"},
    {0},
};

/* ---- what was asked ---- */

static const char *const *patterns(const struct invocation *invocation, const char *option,
                                   struct err *err)
{
    const char **list = arena_alloc(invocation->arena, (PATTERNS_MAX + 1) * sizeof(*list));
    size_t at = 0, count = 0;
    for (const char *one;
         (one = invocation_next(invocation, option, &at)) && count < PATTERNS_MAX;) {
        if (!doctor_knows(one)) {
            const char *near = doctor_nearest(one);
            err_set(err, "usage", "--%s: there is no check \"%.60s\"", option, one);
            err_hint(err, near ? "did you mean %s?" : "hq doctor --list shows them%s",
                     near ? near : "");
            return NULL;
        }
        list[count++] = one;
    }
    return list;
}

static int read_severity(const struct invocation *invocation, enum doctor_severity *least,
                         struct err *err)
{
    const char *word = invocation_value(invocation, "severity");
    *least = invocation->verbose ? DOCTOR_OK : DOCTOR_INFO;
    if (!word)
        return 0;
    for (int severity = DOCTOR_OK; severity <= DOCTOR_FAIL; severity++)
        if (str_eq(word, doctor_severity_name((enum doctor_severity)severity))) {
            *least = (enum doctor_severity)severity;
            return 0;
        }
    err_set(err, "usage", "--severity: \"%.40s\" is neither warn nor fail", word);
    return -1;
}

static int read_ask(const struct invocation *invocation, struct doctor *doctor,
                    enum doctor_severity *least, struct err *err)
{
    if (invocation_has(invocation, "dry-run") && !invocation_has(invocation, "fix")) {
        err_set(err, "usage", "--dry-run says what --fix would do: give both");
        return -1;
    }
    doctor->only = patterns(invocation, "only", err);
    doctor->skip = doctor->only ? patterns(invocation, "skip", err) : NULL;
    if (!doctor->skip || read_severity(invocation, least, err) < 0)
        return -1;
    if (!doctor->only[0])
        doctor->only = NULL;
    doctor->deep = invocation_has(invocation, "deep");
    doctor->state_flag = invocation->state;
    return 0;
}

/* ---- the screen ---- */

static const char *color_of(enum doctor_severity severity)
{
    return severity == DOCTOR_FAIL   ? "\033[31m"
           : severity == DOCTOR_WARN ? "\033[33m"
           : severity == DOCTOR_OK   ? "\033[32m"
                                     : "\033[2m";
}

struct screen {
    struct buf out;
    int columns;
    bool color;
};

static void put_badge(struct screen *screen, const char *word, enum doctor_severity severity)
{
    buf_printf(&screen->out, "%s%-4s%s  ", screen->color ? color_of(severity) : "", word,
               screen->color ? "\033[0m" : "");
}

/* Words from column `from` on, broken between them: a command stays whole to be copied, so a long
 * word runs over. `column` is where we are. */
static void put_words(struct screen *screen, const char *text, int from, int column)
{
    for (bool first = true; *text; first = false) {
        size_t len = strcspn(text, " ");
        struct arena scratch = {0};
        int width = cell_width(arena_memdup(&scratch, text, len));
        arena_fini(&scratch);
        if (!first && column + 1 + width > screen->columns) {
            buf_printf(&screen->out, "\n%*s", from, "");
            column = from;
        } else if (!first) {
            buf_putc(&screen->out, ' ');
            column++;
        }
        for (size_t i = 0; i < len; i++) /* a file's name may hold anything */
            buf_putc(&screen->out, (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i]);
        column += width;
        text += len + (text[len] == ' ');
    }
    buf_putc(&screen->out, '\n');
}

static void put_note(struct screen *screen, const char *label, const char *text)
{
    buf_printf(&screen->out, "%*s%s", ID_COLUMN, "", label);
    put_words(screen, text, ID_COLUMN + (int)strlen(label), ID_COLUMN + (int)strlen(label));
}

static void put_finding(struct screen *screen, const struct doctor_finding *finding)
{
    int used = cell_width(finding->id);
    put_badge(screen, doctor_severity_name(finding->severity), finding->severity);
    buf_printf(&screen->out, "%s%*s", finding->id,
               used < SEEN_COLUMN - ID_COLUMN - 1 ? SEEN_COLUMN - ID_COLUMN - used : 2, "");
    put_words(screen, finding->seen, SEEN_COLUMN,
              used < SEEN_COLUMN - ID_COLUMN - 1 ? SEEN_COLUMN : ID_COLUMN + used + 2);
    if (finding->mending == DOCTOR_MENDED)
        put_note(screen, "done: ", finding->repair);
    else if (finding->mending == DOCTOR_WOULD)
        put_note(screen, "would: ", finding->repair);
    else if (finding->fix)
        put_note(screen, "fix: ", finding->fix);
    if (finding->trouble)
        put_note(screen, "tried: ", finding->trouble);
}

/* Checks that could not be made for one and the same reason are one line. */
static void put_skipped(struct screen *screen, const struct doctor *doctor, size_t at)
{
    const char *why = doctor->findings[at].seen;
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        bool same =
            doctor->findings[i].severity == DOCTOR_SKIP && str_eq(doctor->findings[i].seen, why);
        if (same && i < at)
            return;
        count += same;
    }
    if (count == 1) {
        put_finding(screen, &doctor->findings[at]);
        return;
    }
    struct arena scratch = {0};
    put_badge(screen, "skip", DOCTOR_SKIP);
    put_words(screen, arena_printf(&scratch, "%zu checks: %s", count, why), ID_COLUMN, ID_COLUMN);
    arena_fini(&scratch);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void put_end(struct screen *screen, const struct doctor *doctor, bool fixed)
{
    size_t fail = doctor_tally(doctor, DOCTOR_FAIL), warn = doctor_tally(doctor, DOCTOR_WARN);
    size_t could = 0, done = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        could += doctor->findings[i].repair != NULL;
        done += doctor->findings[i].mending == DOCTOR_MENDED;
    }
    if (done)
        buf_printf(&screen->out, "%zu mended. ", done);
    if (!fail && !warn) {
        buf_puts(&screen->out, "all is well\n");
        return;
    }
    struct arena scratch = {0};
    const char *next =
        fixed   ? ""
        : could ? arena_printf(&scratch, "; %s doctor --fix mends %zu of them", doctor->hq, could)
                : "; all need you";
    put_words(screen,
              arena_printf(&scratch, "%zu failure%s, %zu warning%s, exit %d%s", fail, plural(fail),
                           warn, plural(warn), fail ? COMMAND_FAILED : COMMAND_OK, next),
              0, 0);
    arena_fini(&scratch);
}

/* The worst comes last: there the reader's eye is. */
static void put_findings(struct screen *screen, const struct doctor *doctor,
                         enum doctor_severity severity, bool verbose)
{
    for (size_t i = 0; i < doctor->count; i++) {
        if (doctor->findings[i].severity != severity)
            continue;
        if (severity == DOCTOR_SKIP && !verbose)
            put_skipped(screen, doctor, i);
        else
            put_finding(screen, &doctor->findings[i]);
    }
}

static void print_text(const struct invocation *invocation, const struct doctor *doctor,
                       enum doctor_severity least)
{
    struct screen screen = {.columns = output_columns(),
                            .color = output_has_color(invocation, STDOUT_FILENO)};
    size_t ok = doctor_tally(doctor, DOCTOR_OK);
    if (least != DOCTOR_OK && ok && !invocation->quiet) {
        put_badge(&screen, "ok", DOCTOR_OK);
        buf_printf(&screen.out, "%zu check%s\n", ok, plural(ok));
    }
    for (int severity = (int)least; severity <= DOCTOR_FAIL; severity++)
        put_findings(&screen, doctor, (enum doctor_severity)severity, invocation->verbose);
    if (!invocation->quiet)
        put_end(&screen, doctor, invocation_has(invocation, "fix"));
    fwrite(buf_text(&screen.out), 1, screen.out.len, stdout);
    buf_fini(&screen.out);
}

static int list_run(const struct invocation *invocation)
{
    size_t i;
    json_t *items = doctor_list();
    const json_t *item;
    if (invocation->json)
        return output_json(json_pack("{s:o}", "items", items));
    json_array_foreach (items, i, item)
        printf("%-20s  %s\n%*s%s\n", json_string_value(json_object_get(item, "id")),
               json_string_value(json_object_get(item, "title")), 22, "",
               json_string_value(json_object_get(item, "looks_at")));
    json_decref(items);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static int doctor_exit(const struct invocation *invocation, struct doctor *doctor,
                       enum doctor_severity least)
{
    int code = doctor_tally(doctor, DOCTOR_FAIL) ? COMMAND_FAILED : COMMAND_OK;
    int printed = COMMAND_OK;
    if (invocation->json)
        printed = output_json(
            doctor_json(doctor, invocation_has(invocation, "severity") ? least : DOCTOR_OK));
    else
        print_text(invocation, doctor, least);
    if (fflush(stdout) != 0)
        printed = COMMAND_FAILED;
    return printed == COMMAND_OK ? code : printed;
}

static int doctor_command(const struct invocation *invocation)
{
    struct err err = {0};
    enum doctor_severity least;
    struct doctor doctor = {.arena = invocation->arena, .hq = "hq"};
    if (invocation_has(invocation, "list"))
        return list_run(invocation);
    if (read_ask(invocation, &doctor, &least, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    struct config *config = company_open_any(invocation, &doctor.is_bad);
    if (!config)
        return COMMAND_USAGE;
    doctor.config = config;
    if (invocation->dir)
        doctor.hq = arena_printf(invocation->arena, "hq -C %s", config->dir);
    doctor_run(&doctor);
    if (invocation_has(invocation, "fix"))
        doctor_mend(&doctor, invocation_has(invocation, "dry-run"));
    int code = doctor_exit(invocation, &doctor, least);
    config_free(config);
    return code;
}

const struct command command_doctor = {
    .name = "doctor",
    .group = "CARE",
    .usage = "",
    .summary = "what is wrong here, and what to type about it",
    .details = "Looks at hq.yaml, secrets, ports, disk, clock, sandbox, the running processes,\n"
               "the ledger and the work in it. Changes nothing without --fix; that mends modes,\n"
               "missing folders and tokens, what dead processes left, and lingering, and never\n"
               "deletes data. Of a model's server it asks the list of models, which is free;\n"
               "--deep asks for an answer.\n"
               "Exit 0 where all is well or only warned of, 1 where something fails.\n"
               "\n"
               "  hq doctor                          problems first-hand; -v shows every check\n"
               "  hq doctor --fix --dry-run          what --fix would do\n"
               "  hq doctor --only port --json       one family, for a script",
    .options = doctor_options,
    .run = doctor_command,
};
