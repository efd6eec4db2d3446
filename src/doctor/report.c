/* What was found and what could be, as JSON and as a page. */
#include "base/buf.h"
#include "base/json.h"
#include "doctor/check.h"

static const char *mending_name(enum doctor_mending mending)
{
    static const char *const names[] = {NULL, "would", "done", "failed"};
    return names[mending];
}

static json_t *finding_json(const struct doctor_finding *finding)
{
    json_t *item = json_object();
    json_set_text(item, "id", finding->id);
    json_set_text(item, "subject", finding->subject);
    json_set_text(item, "severity", doctor_severity_name(finding->severity));
    json_set_text(item, "seen", finding->seen);
    json_set_text(item, "fix", finding->fix);
    json_set_text(item, "repair", finding->repair);
    json_set_text(item, "repaired", mending_name(finding->mending));
    json_set_text(item, "trouble", finding->trouble);
    return item;
}

json_t *doctor_json(const struct doctor *doctor, enum doctor_severity least)
{
    json_t *items = json_array(), *counts = json_object();
    size_t mended = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        mended += doctor->findings[i].mending == DOCTOR_MENDED;
        if (doctor->findings[i].severity >= least)
            json_array_append_new(items, finding_json(&doctor->findings[i]));
    }
    for (int severity = DOCTOR_OK; severity <= DOCTOR_FAIL; severity++)
        json_object_set_new(
            counts, doctor_severity_name((enum doctor_severity)severity),
            json_integer((json_int_t)doctor_tally(doctor, (enum doctor_severity)severity)));
    json_object_set_new(counts, "repaired", json_integer((json_int_t)mended));
    return json_pack("{s:b, s:s, s:o, s:o}", "ok", doctor_tally(doctor, DOCTOR_FAIL) == 0,
                     "version", HQ_VERSION, "counts", counts, "items", items);
}

json_t *doctor_list(void)
{
    json_t *items = json_array();
    for (const struct doctor_check *check = doctor_table; check->id; check++)
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:b}", "id", check->id, "title",
                                               check->title, "looks_at", check->looks_at, "repairs",
                                               check->mend != NULL));
    return items;
}

void doctor_reference(struct buf *out)
{
    buf_puts(out, "| check | all is well when | looks at | `--fix` |\n|---|---|---|---|\n");
    for (const struct doctor_check *check = doctor_table; check->id; check++)
        buf_printf(out, "| `%s` | %s | %s | %s |\n", check->id, check->title, check->looks_at,
                   check->mend ? "yes" : "");
}
