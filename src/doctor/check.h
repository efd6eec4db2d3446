/* Private to doctor/: a check as one const record, and how its function tells what it found. */
#ifndef HQ_DOCTOR_CHECK_H
#define HQ_DOCTOR_CHECK_H

#include <stdint.h>

#include "doctor/doctor.h"
#include "service/service.h"

struct err;

enum doctor_needs {
    NEEDS_NOTHING, /* works on a folder with a broken hq.yaml */
    NEEDS_CONFIG,  /* skipped where hq.yaml has errors */
    NEEDS_HUB,     /* skipped where the hub does not answer */
};

struct doctor_check {
    const char *id;    /* "port/<agent>": <…> stands for what each finding names */
    const char *title; /* a few words */
    const char *looks_at;
    enum doctor_needs needs;
    void (*run)(struct doctor *doctor);
    /* Does what finding->repair says. 0, or -1 with *err; NULL: there is nothing safe to do. */
    int (*mend)(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);
};

/* Ends with a record without an id. */
extern const struct doctor_check doctor_table[];

/* Adds a finding, "family/name" or, where `name` is NULL, just the id. Never NULL: one that nobody
 * asked for goes to a spare place. */
struct doctor_finding *found(struct doctor *doctor, enum doctor_severity severity, const char *id,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What to type about it; what --fix would do to which target, in words. */
void found_fix(struct doctor *doctor, struct doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void found_repair(struct doctor *doctor, struct doctor_finding *finding, const char *target,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "port/manager", in the arena. */
const char *check_id(struct doctor *doctor, const char *family, const char *name);

/* "3 h", "2 days" of milliseconds; in the arena. */
const char *check_age(struct doctor *doctor, int64_t ms);

/* A time of a record (RFC 3339) in ms; 0: it has none. */
int64_t check_time(const json_t *item, const char *key);

/* ---- the line to the hub ---- */

/* Whether something answers there; *why (may be NULL) gets a sentence where nothing does. Asks
 * once. */
bool hub_is_there(struct doctor *doctor, const char **why);

/* What GET /v1/status said: borrowed, NULL where the hub is not there. */
json_t *hub_status(struct doctor *doctor);

/* One exchange; a new reference, or NULL with *err (may be NULL). `http` (may be NULL) gets the
 * status, 0 where there was none. */
json_t *hub_ask(struct doctor *doctor, const char *method, const char *path, int64_t ms, int *http,
                struct err *err);
void hub_leave(struct doctor *doctor);

/* Whether any process of the company runs: the supervisor, the hub, an agent's. */
bool company_lives(struct doctor *doctor);

/* ---- the checks, by file ---- */

void check_config_valid(struct doctor *doctor);
void check_config_unknown_keys(struct doctor *doctor);
void check_config_applied(struct doctor *doctor);
void check_budget(struct doctor *doctor);

void check_ports(struct doctor *doctor);
void check_socket_path(struct doctor *doctor);
void check_listen(struct doctor *doctor);

void check_secret_modes(struct doctor *doctor);
void check_secrets(struct doctor *doctor);
void check_tokens(struct doctor *doctor);
void check_state_modes(struct doctor *doctor);
void check_folders(struct doctor *doctor);
int mend_mode(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);
int mend_folder(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);
int mend_tokens(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);

void check_locks(struct doctor *doctor);
int mend_lock(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);

void check_disk(struct doctor *doctor);
void check_clock(struct doctor *doctor);
void check_limits(struct doctor *doctor);
void check_sandbox(struct doctor *doctor);
void check_user(struct doctor *doctor);

/* Where root looks at a company that another user runs: that user's name, in the arena; else NULL.
 */
const char *check_foreign_owner(struct doctor *doctor);

/* Whether units of the company are installed in the scope: *service then has the name that they
 * have. */
bool check_has_units(struct doctor *doctor, enum service_scope scope, struct service *service);

/* What systemd says of the company's units, as the supervisor's board (runfiles.h): a new
 * reference, NULL where it has none. */
json_t *check_service_board(struct doctor *doctor);
void check_linger(struct doctor *doctor);
void check_drift(struct doctor *doctor);
int mend_linger(struct doctor *doctor, const struct doctor_finding *finding, struct err *err);

void check_models(struct doctor *doctor);

void check_hub(struct doctor *doctor);
void check_versions(struct doctor *doctor);
void check_agents(struct doctor *doctor);
void check_ledger(struct doctor *doctor);
void check_inbox(struct doctor *doctor);
void check_deliveries(struct doctor *doctor);
void check_backups(struct doctor *doctor);

/* The pauses in force, as GET /v1/status tells them: borrowed, maybe NULL. */
const json_t *hub_pauses(struct doctor *doctor);
void check_pauses(struct doctor *doctor);
void check_lost_tasks(struct doctor *doctor);
void check_stuck_tasks(struct doctor *doctor);
void check_runs(struct doctor *doctor);

#endif
