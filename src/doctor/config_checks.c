/* config/… and budget/unset: hq.yaml as it reads, and as the running company read it. */
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "sys/lock.h"

/* The findings of the file; the config itself is not needed a second time. */
static size_t look_at_file(struct doctor *doctor, struct finding **findings)
{
    size_t count = 0;
    config_free(
        config_load(doctor->config->path, doctor->state_flag, doctor->arena, findings, &count));
    return count;
}

static const char *place_text(struct doctor *doctor, const struct finding *finding)
{
    return finding->line
               ? arena_printf(doctor->arena, "hq.yaml:%d:%d: ", finding->line, finding->column)
               : "hq.yaml: ";
}

static void tell(struct doctor *doctor, const struct finding *finding,
                 enum doctor_severity severity, const char *id)
{
    struct doctor_finding *told =
        found(doctor, severity, id, "%s%s", place_text(doctor, finding), finding->message);
    if (finding->hint)
        found_fix(doctor, told, "%s", finding->hint);
    else
        found_fix(doctor, told, "edit %s; %s config validate shows the place", doctor->config->path,
                  doctor->hq);
}

void check_config_valid(struct doctor *doctor)
{
    struct finding *findings;
    size_t count = look_at_file(doctor, &findings), errors = 0;
    for (size_t i = 0; i < count; i++) {
        if (!findings[i].is_error)
            continue;
        errors++;
        tell(doctor, &findings[i], DOCTOR_FAIL, "config/valid");
    }
    if (!errors)
        found(doctor, DOCTOR_OK, "config/valid", "%zu agents, %zu providers of models",
              doctor->config->agent_count, doctor->config->model_count);
}

void check_config_unknown_keys(struct doctor *doctor)
{
    struct finding *findings;
    size_t count = look_at_file(doctor, &findings), warnings = 0;
    for (size_t i = 0; i < count; i++) {
        if (findings[i].is_error)
            continue;
        warnings++;
        tell(doctor, &findings[i], DOCTOR_WARN, "config/unknown-keys");
    }
    if (!warnings && doctor->is_bad)
        found(doctor, DOCTOR_SKIP, "config/unknown-keys", "hq.yaml has errors");
    else if (!warnings)
        found(doctor, DOCTOR_OK, "config/unknown-keys", "hq acts on every key");
}

void check_config_applied(struct doctor *doctor)
{
    struct lock_info hub = {0};
    if (!control_look(doctor->config, "hub", &hub) || !hub.config_hash[0])
        found(doctor, DOCTOR_SKIP, "config/applied", "the hub is down");
    else if (str_eq(hub.config_hash, doctor->config->hash))
        found(doctor, DOCTOR_OK, "config/applied", "the hub read the file as it is now");
    else
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "config/applied",
                        "hq.yaml was changed since the hub read it"),
                  "%s reload", doctor->hq);
}

/* A provider behind which somebody sends bills. */
static const struct config_model *billing_provider(const struct config *config)
{
    for (size_t i = 0; i < config->agent_count; i++) {
        const char *slash = strchr(config->agents[i].model, '/');
        for (size_t m = 0; slash && m < config->model_count; m++) {
            const struct config_model *model = &config->models[m];
            if (strlen(model->name) == (size_t)(slash - config->agents[i].model) &&
                str_starts(config->agents[i].model, model->name) && !str_eq(model->api, "script"))
                return model;
        }
    }
    return NULL;
}

void check_budget(struct doctor *doctor)
{
    const struct config_model *model = billing_provider(doctor->config);
    if (doctor->config->budget_micro_usd >= 0)
        found(doctor, DOCTOR_OK, "budget/unset", "$%.2f per %s",
              (double)doctor->config->budget_micro_usd / 1e6, doctor->config->budget_per);
    else if (!model)
        found(doctor, DOCTOR_OK, "budget/unset", "no agent uses a model that costs");
    else
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "budget/unset",
                        "nothing bounds what agents may spend with %s", model->name),
                  "put `budget: { usd: 20, per: day }`%s into hq.yaml, then %s reload",
                  model->priced
                      ? ""
                      : arena_printf(doctor->arena, " and models.%s.price: { in: …, out: … }",
                                     model->name),
                  doctor->hq);
}
