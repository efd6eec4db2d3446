/* Names of the environment of a workflow's commands. */
#ifndef HQ_FLOW_ENV_NAME_H
#define HQ_FLOW_ENV_NAME_H

#include <stdbool.h>

/* May a `run` step give its command a variable of that name? false: *why says "is no …" of it. A
 * name that shells, loaders or interpreters look at could turn a value into code. */
bool flow_env_name_is_fit(const char *name, const char **why);

#endif
