/* service/…: the company's systemd units, where it has any. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "service/disk.h"
#include "service/service.h"
#include "service/systemd.h"
#include "service/unit.h"

bool check_has_units(struct doctor *doctor, enum service_scope scope, struct service *service)
{
    struct err err;
    if (service_init(service, doctor->config, scope, doctor->arena, &err) < 0)
        return false;
    const char *name = disk_find(service, doctor->arena);
    if (name && name != service->name)
        snprintf(service->name, sizeof(service->name), "%s", name);
    return name != NULL;
}

json_t *check_service_board(struct doctor *doctor)
{
    struct err err;
    struct service service;
    static const enum service_scope scopes[] = {SERVICE_USER, SERVICE_SYSTEM};
    for (size_t i = 0; i < 2; i++)
        if (systemd_runs(scopes[i]) && check_has_units(doctor, scopes[i], &service))
            return systemd_board(&service, doctor->arena, &err);
    return NULL;
}

void check_linger(struct doctor *doctor)
{
    struct service service;
    if (!check_has_units(doctor, SERVICE_USER, &service)) {
        found(doctor, DOCTOR_OK, "service/linger", "no user units of this company");
        return;
    }
    if (systemd_lingers()) {
        found(doctor, DOCTOR_OK, "service/linger", "on");
        return;
    }
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, "service/linger", "agents stop when you log out");
    found_fix(doctor, finding, "loginctl enable-linger, or with sudo and your name behind it");
    found_repair(doctor, finding, "", "loginctl enable-linger");
}

int mend_linger(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    (void)doctor, (void)finding;
    return systemd_linger(err);
}

/* ---- the unit files ---- */

struct drift {
    struct doctor *doctor;
    struct service service;
    size_t same, told;
};

static void look_at_unit(struct drift *drift, const struct unit *unit)
{
    struct doctor *doctor = drift->doctor;
    const char *owner = NULL, *scope = service_scope_name(drift->service.scope);
    enum disk_state state = disk_look(&drift->service, unit, doctor->arena, &owner);
    if (state == DISK_SAME) {
        drift->same++;
        return;
    }
    drift->told++;
    const char *what = state == DISK_ABSENT    ? "is missing"
                       : state == DISK_FOREIGN ? "is not this company's"
                                               : "is not what this hq would write";
    struct doctor_finding *finding = found(doctor, DOCTOR_WARN, "service/drift", "%s/%s %s",
                                           drift->service.folder, unit->name, what);
    finding->subject = arena_strdup(doctor->arena, unit->name);
    if (state == DISK_FOREIGN)
        found_fix(doctor, finding, "look into it; whose it is: %s",
                  *owner ? owner : "it does not say");
    else
        found_fix(doctor, finding, "%s service install --%s (--dry-run shows it)", doctor->hq,
                  scope);
}

static void look_at_units(struct drift *drift)
{
    size_t count;
    const struct unit *units = units_make(&drift->service, drift->doctor->arena, &count);
    for (size_t i = 0; i < count; i++)
        look_at_unit(drift, &units[i]);
}

void check_drift(struct doctor *doctor)
{
    struct drift user = {.doctor = doctor}, system = {.doctor = doctor};
    bool has_user = check_has_units(doctor, SERVICE_USER, &user.service);
    bool has_system = check_has_units(doctor, SERVICE_SYSTEM, &system.service);
    if (has_user && has_system)
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "service/drift",
                        "the company has units of the system and of a user: both would start it"),
                  "%s service uninstall --user", doctor->hq);
    if (has_user)
        look_at_units(&user);
    if (has_system)
        look_at_units(&system);
    if (!has_user && !has_system)
        found(doctor, DOCTOR_OK, "service/drift", "no units of this company");
    else if (!user.told && !system.told)
        found(doctor, DOCTOR_OK, "service/drift", "%zu units are as they should be",
              user.same + system.same);
}
