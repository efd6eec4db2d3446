/* Who a principal is as a person, and with which roles. */
#include <string.h>

#include "base/str.h"
#include "config/config.h"

const struct config_person *config_person(const struct config *config, const char *id)
{
    for (size_t i = 0; id && i < config->person_count; i++)
        if (strcmp(config->people[i].id, id) == 0)
            return &config->people[i];
    return NULL;
}

static const struct config_person *local_person(const struct config *config)
{
    for (size_t i = 0; i < config->person_count; i++)
        if (config->people[i].local)
            return &config->people[i];
    return NULL;
}

const char *config_person_of(const struct config *config, const char *principal,
                             const char *const **roles)
{
    static const char *const every_role[] = {"*", NULL};
    const struct config_person *person = NULL;
    bool is_operator = str_eq(principal, "operator");
    if (is_operator)
        person = local_person(config);
    else if (principal && str_starts(principal, PERSON_PREFIX))
        person = config_person(config, principal + strlen(PERSON_PREFIX));
    if (!person && !is_operator)
        return NULL;
    *roles = person ? person->roles : every_role;
    return person ? person->id : CONFIG_OWNER;
}
