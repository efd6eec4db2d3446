/* Companies to start from: the folders of examples/ as they were when this program was built
 * (scripts/embed.py). */
#ifndef HQ_SETUP_TEMPLATE_H
#define HQ_SETUP_TEMPLATE_H

#include <stddef.h>

#include "base/arena.h"

struct template_file {
    const char *path; /* "workflows/schemas/plan.json" */
    size_t size;
    const char *bytes; /* a NUL stands behind them */
};

struct template
{
    const char *name;
    const struct template_file *files; /* ends with a zeroed one */
};

/* Ends with a zeroed one. */
extern const struct template templates[];

/* NULL where there is none of that name. */
const struct template *template_find(const char *name);
const struct template_file *template_file(const struct template *template, const char *path);

/* One line about it, for whoever chooses. */
const char *template_summary(const struct template *template);

/* All ports of the templates lie here: the hub's within the first hundred, the agents' in the
 * second. */
enum { TEMPLATE_FIRST_PORT = 18700, TEMPLATE_AGENT_PORT = 18800, TEMPLATE_PORTS = 200 };

/* An hq.yaml of a template with all its ports moved up by `shift`; in the arena. */
char *template_shift_ports(const char *text, int shift, struct arena *arena);

#endif
