/* The hq.yaml of a new company: a template's, with what its owner chose put in. */
#ifndef HQ_SETUP_COMPANY_DRAFT_H
#define HQ_SETUP_COMPANY_DRAFT_H

#include "base/arena.h"
#include "config/config.h"
#include "setup/template.h"

struct err;

struct company_choice {
    const struct template *template;
    const char *company;  /* its name; any text */
    const char *provider; /* NULL: the template's own script, offline */
    const char *base_url; /* NULL: the api's own */
    const char *key_env;  /* at most one of these; NULL: no key */
    const char *key_file; /* as the file names it: "secrets/openai.key" */
    const char *model;    /* "provider/name", where there is a provider */
    bool is_free;         /* the server is this machine's own: its price is nothing */
    int port_shift;       /* added to every port of the template */
};

/* The text of the file, in the arena. What was chosen is quoted as YAML needs it. */
char *company_draft(const struct company_choice *choice, struct arena *arena);

/* The lines of its provider below `models:`, for a file that is there already; in the arena. */
char *company_draft_provider(const struct company_choice *choice, struct arena *arena);

/* Reads and checks such a text as if it were a file, without writing one. Returns the config, for
 * config_free(), or NULL with *err naming the first error (code "bad_draft"). */
struct config *company_draft_load(const char *text, struct arena *arena, struct err *err);

/* Moves the ports up until nobody listens on any of them. 0 with *taken (the first that was in the
 * way, 0: none), or -1 with *err. */
int company_draft_find_ports(struct company_choice *choice, struct arena *arena, int *taken,
                             struct err *err);

#endif
