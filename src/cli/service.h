/* What the commands about units of systemd share. */
#ifndef HQ_CLI_SERVICE_H
#define HQ_CLI_SERVICE_H

#include "cli/command.h"
#include "service/service.h"
#include "service/unit.h"

struct config;

extern const struct command_option service_options[], service_look_options[];

struct service_line {
    const struct invocation *invocation;
    struct config *config;
    struct service service;
    const struct unit *units; /* what this program would write */
    size_t unit_count;
    const char *installed; /* the name under which units of the company are there, or NULL */
};

/* Loads the company and chooses the scope: --user or --system; else where its units are; else the
 * system for root and the user for others. COMMAND_OK, or a code after saying what is wrong. */
int service_open(const struct invocation *invocation, struct service_line *line);
void service_close(struct service_line *line);

/* The same company in the other scope: the name under which it is installed there, or NULL. */
const char *service_elsewhere(const struct service_line *line);

/* The company's units where they are installed and a manager runs that minds them: fills *service
 * and returns true. `config` may be a bare one (cli/company.h). Read only. */
bool service_is_managed(const struct config *config, struct service *service, struct arena *arena);

#endif
