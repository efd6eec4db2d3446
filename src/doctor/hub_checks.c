/* hub/…, ledger/…, inbox/…, delivery/…: what the hub says of itself. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"

enum {
    LEDGER_CHECK_MS = 120000, /* it reads every row, a page at a time */
    INBOX_MS = 5000,
    TOLD_MAX = 20,
    OVERDUE_MS = 24 * 3600 * 1000, /* somebody should have looked by then */
    EXPIRES_MS = 3600 * 1000,      /* there is just time to decide */
};

void check_hub(struct doctor *doctor)
{
    const char *why;
    if (hub_is_there(doctor, &why)) {
        found(doctor, DOCTOR_OK, "hub/answers", "%s",
              json_get_text(hub_status(doctor), "company", "it does"));
    } else if (!company_lives(doctor)) {
        found_fix(doctor, found(doctor, DOCTOR_INFO, "hub/answers", "%s", why), "%s up -d",
                  doctor->hq);
    } else {
        bool kept = control_look(doctor->config, "supervisor", NULL);
        found_fix(doctor, found(doctor, DOCTOR_FAIL, "hub/answers", "%s", why),
                  kept ? "%s logs hub -n 20 says why; %s restart hub"
                       : "%s up -d starts it; see %s logs hub",
                  doctor->hq, doctor->hq);
    }
}

void check_ledger(struct doctor *doctor)
{
    struct err err = {0};
    size_t i;
    const json_t *item;
    json_t *answer = hub_ask(doctor, "POST", "/v1/admin/check", LEDGER_CHECK_MS, NULL, &err);
    const json_t *findings = json_object_get(answer, "findings");
    if (!answer)
        found_fix(doctor, found(doctor, DOCTOR_WARN, "ledger/check", "no answer: %s", err.message),
                  "try again when there is less to do: %s doctor --only ledger/check", doctor->hq);
    json_array_foreach (findings, i, item) {
        if (i == TOLD_MAX)
            break;
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "ledger/check", "%s",
                        json_is_string(item) ? json_string_value(item) : "?"),
                  "make a copy first (%s backup create), then send %s bugreport", doctor->hq,
                  doctor->hq);
    }
    if (json_array_size(findings) > TOLD_MAX)
        found(doctor, DOCTOR_FAIL, "ledger/check", "and %zu more",
              json_array_size(findings) - TOLD_MAX);
    if (answer && json_array_size(findings) == 0)
        found(doctor, DOCTOR_OK, "ledger/check", "nothing is wrong in it");
    json_decref(answer);
}

/* ---- inbox ---- */

static bool tell_item(struct doctor *doctor, const json_t *item, int64_t now)
{
    int64_t since = check_time(item, "created_at"), until = check_time(item, "expires_at");
    bool expires = until && until - now < EXPIRES_MS;
    if (!expires && (!since || now - since < OVERDUE_MS))
        return false;
    const char *id = json_get_text(item, "id", "?");
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, "inbox/overdue", "%s \"%.60s\" %s %s", id,
              json_get_text(item, "title", ""), expires ? "expires in" : "has waited for",
              check_age(doctor, expires ? until - now : now - since));
    finding->subject = arena_strdup(doctor->arena, id);
    finding->quotes = true;
    found_fix(doctor, finding, "%s inbox show %s", doctor->hq, id);
    return true;
}

void check_inbox(struct doctor *doctor)
{
    struct err err = {0};
    size_t i, told = 0;
    const json_t *item;
    json_t *answer = hub_ask(doctor, "GET", "/v1/inbox?limit=200", INBOX_MS, NULL, &err);
    const json_t *items = json_object_get(answer, "items");
    int64_t now = check_time(answer, "now");
    json_array_foreach (items, i, item)
        if (told < TOLD_MAX)
            told += tell_item(doctor, item, now);
    if (!answer)
        found(doctor, DOCTOR_SKIP, "inbox/overdue", "%s", err.message);
    else if (!told)
        found(doctor, DOCTOR_OK, "inbox/overdue", "%zu items wait, none for long",
              json_array_size(items));
    json_decref(answer);
}

/* ---- deliveries ---- */

static void tell_effect(struct doctor *doctor, const json_t *effect)
{
    const char *id = json_get_text(effect, "id", "?");
    const char *task = json_get_text(effect, "task", NULL);
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, "delivery/unknown", "%.10s to %s is %s: %s", id,
              json_get_text(effect, "destination", "?"), json_get_text(effect, "state", "?"),
              json_get_text(effect, "reason", "no reason given"));
    finding->subject = arena_strdup(doctor->arena, id);
    finding->quotes = true;
    if (task)
        found_fix(
            doctor, finding,
            "see whether it arrived; %s task show %.10s has its text, %s inbox what you may decide",
            doctor->hq, task, doctor->hq);
    else
        found_fix(doctor, finding, "see whether it arrived; %s inbox lists what you may decide",
                  doctor->hq);
}

void check_deliveries(struct doctor *doctor)
{
    size_t i;
    const json_t *effect;
    const json_t *held = json_object_get(hub_status(doctor), "held_effects");
    json_array_foreach (held, i, effect)
        tell_effect(doctor, effect);
    if (json_array_size(held) == 0)
        found(doctor, DOCTOR_OK, "delivery/unknown", "none is held, unknown or given up");
}

/* ---- pauses ---- */

const json_t *hub_pauses(struct doctor *doctor)
{
    return json_object_get(hub_status(doctor), "paused");
}

static void tell_pause(struct doctor *doctor, const json_t *pause)
{
    const char *id = json_get_text(pause, "id", "?"),
               *reason = json_get_text(pause, "reason", NULL);
    bool whole = str_eq(id, "company");
    int64_t at = check_time(pause, "at");
    const char *name = strchr(id, ':') ? strchr(id, ':') + 1 : "";
    struct doctor_finding *finding = found(
        doctor, whole ? DOCTOR_WARN : DOCTOR_INFO, "work/paused", "%s: %s by %s%s%s%s", id,
        json_get_bool(pause, "panic", false) ? "panic" : "paused", json_get_text(pause, "by", "?"),
        at ? arena_printf(doctor->arena, " %s ago", check_age(doctor, time_wall_ms() - at)) : "",
        reason ? ": " : "", reason ? reason : "");
    finding->subject = arena_strdup(doctor->arena, id);
    finding->quotes = true;
    found_fix(doctor, finding, "%s resume%s%s", doctor->hq, whole ? "" : " ",
              str_starts(id, "task:") ? arena_printf(doctor->arena, "%.10s", name) : name);
}

void check_pauses(struct doctor *doctor)
{
    size_t i;
    const json_t *pause;
    json_array_foreach (hub_pauses(doctor), i, pause)
        if (i < TOLD_MAX)
            tell_pause(doctor, pause);
    if (json_array_size(hub_pauses(doctor)) == 0)
        found(doctor, DOCTOR_OK, "work/paused", "nothing is");
}
