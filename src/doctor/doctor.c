/* Runs the table, keeps what is found, mends what may be mended. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "doctor/check.h"

const char *doctor_severity_name(enum doctor_severity severity)
{
    static const char *const names[] = {"ok", "info", "skip", "warn", "fail"};
    return names[severity];
}

/* ---- who was asked for ---- */

/* "port" of "port/manager" names its whole family. */
static bool is_family_of(const char *pattern, const char *id)
{
    size_t len = strlen(pattern);
    return strchr(pattern, '/') == NULL && strncmp(id, pattern, len) == 0 && id[len] == '/';
}

static bool in_list(const char *const *patterns, const char *id)
{
    for (size_t i = 0; patterns && patterns[i]; i++)
        if (str_eq(patterns[i], id) || is_family_of(patterns[i], id))
            return true;
    return false;
}

static bool id_is_wanted(const struct doctor *doctor, const struct doctor_check *check,
                         const char *id)
{
    const char *shown = check ? check->id : id;
    bool in = !doctor->only || in_list(doctor->only, id) || in_list(doctor->only, shown);
    return in && !in_list(doctor->skip, id) && !in_list(doctor->skip, shown);
}

/* Whether the pattern may name a finding of the check: its id, its family, or one of the many that
 * its <…> stands for. */
static bool pattern_meets(const char *pattern, const struct doctor_check *check)
{
    const char *open = strchr(check->id, '<');
    if (str_eq(pattern, check->id) || is_family_of(pattern, check->id))
        return true;
    return open && strncmp(pattern, check->id, (size_t)(open - check->id)) == 0 &&
           pattern[open - check->id];
}

static bool check_is_wanted(const struct doctor *doctor, const struct doctor_check *check)
{
    bool in = !doctor->only;
    for (size_t i = 0; doctor->only && doctor->only[i] && !in; i++)
        in = pattern_meets(doctor->only[i], check);
    return in && !in_list(doctor->skip, check->id);
}

bool doctor_knows(const char *pattern)
{
    for (const struct doctor_check *check = doctor_table; check->id; check++)
        if (pattern_meets(pattern, check))
            return true;
    return false;
}

const char *doctor_nearest(const char *pattern)
{
    enum { MOST = 128 };
    static char families[MOST][16];
    const char *words[2 * MOST + 1] = {0};
    size_t count = 0;
    for (size_t i = 0; doctor_table[i].id && i < MOST; i++) {
        const char *id = doctor_table[i].id;
        snprintf(families[i], sizeof(families[i]), "%.*s", (int)strcspn(id, "/"), id);
        words[count++] = families[i];
        words[count++] = id;
    }
    return str_nearest(pattern, words);
}

/* ---- what was found ---- */

static struct doctor_finding *next_place(struct doctor *doctor, const char *id)
{
    if (!id_is_wanted(doctor, doctor->spare.check, id))
        return &doctor->spare;
    if (doctor->count == doctor->cap) {
        size_t cap = doctor->cap ? 2 * doctor->cap : 64;
        struct doctor_finding *more = arena_alloc(doctor->arena, cap * sizeof(*more));
        if (doctor->count)
            memcpy(more, doctor->findings, doctor->count * sizeof(*more));
        doctor->findings = more;
        doctor->cap = cap;
    }
    return &doctor->findings[doctor->count++];
}

struct doctor_finding *found(struct doctor *doctor, enum doctor_severity severity, const char *id,
                             const char *format, ...)
{
    const struct doctor_check *check = doctor->spare.check;
    struct doctor_finding *finding = next_place(doctor, id);
    va_list args;
    va_start(args, format);
    *finding = (struct doctor_finding){.check = check,
                                       .id = arena_strdup(doctor->arena, id),
                                       .severity = severity,
                                       .seen = arena_vprintf(doctor->arena, format, args)};
    va_end(args);
    return finding;
}

void found_fix(struct doctor *doctor, struct doctor_finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding->fix = arena_vprintf(doctor->arena, format, args);
    va_end(args);
}

void found_repair(struct doctor *doctor, struct doctor_finding *finding, const char *target,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding->repair = arena_vprintf(doctor->arena, format, args);
    va_end(args);
    finding->target = arena_strdup(doctor->arena, target);
}

const char *check_id(struct doctor *doctor, const char *family, const char *name)
{
    return arena_printf(doctor->arena, "%s/%s", family, name);
}

const char *check_age(struct doctor *doctor, int64_t ms)
{
    char text[TIME_TEXT];
    time_print_duration(ms > 0 ? ms : 0, text);
    return arena_strdup(doctor->arena, text);
}

int64_t check_time(const json_t *item, const char *key)
{
    int64_t at = 0;
    return time_parse_rfc3339(json_get_text(item, key, ""), &at) ? at : 0;
}

/* ---- one after another ---- */

/* The reason for which a check cannot be run, or NULL. Root sees another user's company with the
 * wrong eyes, and what it mended would be root's: only that is told then. */
static const char *missing_need(struct doctor *doctor, const struct doctor_check *check)
{
    const char *why = NULL;
    if (check->run != check_user && check_foreign_owner(doctor))
        return "root looks at the company of another user";
    if (check->needs == NEEDS_CONFIG && doctor->is_bad)
        return "hq.yaml has errors";
    if (check->needs == NEEDS_HUB && !hub_is_there(doctor, &why))
        return why;
    return NULL;
}

void doctor_run(struct doctor *doctor)
{
    for (const struct doctor_check *check = doctor_table; check->id; check++) {
        if (!check_is_wanted(doctor, check))
            continue;
        doctor->spare = (struct doctor_finding){.check = check};
        const char *why = missing_need(doctor, check);
        if (why)
            found(doctor, DOCTOR_SKIP, check->id, "%s", why);
        else
            check->run(doctor);
    }
    hub_leave(doctor);
}

static size_t mend_one(struct doctor *doctor, struct doctor_finding *finding, bool dry_run)
{
    struct err err = {0};
    if (!finding->repair || !finding->check->mend)
        return 0;
    finding->mending = DOCTOR_WOULD;
    if (dry_run)
        return 1;
    if (finding->check->mend(doctor, finding, &err) == 0) {
        finding->mending = DOCTOR_MENDED;
        return 1;
    }
    finding->mending = DOCTOR_UNMENDED;
    finding->trouble = arena_strdup(doctor->arena, err.message);
    return 0;
}

size_t doctor_mend(struct doctor *doctor, bool dry_run)
{
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++)
        count += mend_one(doctor, &doctor->findings[i], dry_run);
    return count;
}

size_t doctor_tally(const struct doctor *doctor, enum doctor_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++)
        count += doctor->findings[i].severity == severity &&
                 doctor->findings[i].mending != DOCTOR_MENDED;
    return count;
}
