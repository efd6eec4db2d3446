/* The company that a command is about: its configuration, found and loaded, or said why not. */
#ifndef HQ_CLI_COMPANY_H
#define HQ_CLI_COMPANY_H

#include "cli/command.h"

struct config;

/* Finds hq.yaml (-C, HQ_DIR, upwards) and loads it. Errors are printed whole (with their carets);
 * warnings only with -v. Returns the config, which config_free() frees, or NULL after saying what
 * is wrong: the command then returns COMMAND_USAGE. */
struct config *company_open(const struct invocation *invocation);

/* Looks whether every secret that the config names can be read; says what cannot. Returns
 * COMMAND_OK (with warnings only), or COMMAND_CREDENTIAL where an agent's primary model lacks its
 * key. */
int company_check_secrets(const struct invocation *invocation, const struct config *config);

/* For commands that must work on a running company whose file was broken meanwhile (status, logs,
 * down): a bad file gives a config with folders and name only, and *is_bad. NULL only where there
 * is no file; the command then returns COMMAND_USAGE. */
struct config *company_open_any(const struct invocation *invocation, bool *is_bad);

/* Fills *err (code "unknown_agent") with the name seen and the nearest agent, hub or supervisor. */
void company_no_agent(const struct config *config, const char *name, struct arena *arena,
                      struct err *err);

#endif
