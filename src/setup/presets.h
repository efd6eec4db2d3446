/* Providers that `hq init` knows by name, and which of them are at hand on this machine. */
#ifndef HQ_SETUP_PRESETS_H
#define HQ_SETUP_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct preset {
    const char *name;
    const char *title;
    const char *base_url; /* NULL: the api's own */
    const char *env;      /* where its users keep their key; NULL: it wants none */
    const char *model;    /* where nobody names one; NULL: the server is asked */
};

/* Ends with a zeroed one. */
extern const struct preset presets[];
const struct preset *preset_find(const char *name);

/* A provider that could be used as it is: its key is in the environment, or its server answers on
 * this machine. */
struct at_hand {
    const struct preset *preset;
    const char *base_url; /* as the preset's, or where OLLAMA_HOST says */
    const char *model;
};

/* Looks at the environment and asks the usual ports of this machine (a few hundred ms at most);
 * writes at most `cap` of them and returns how many, in the arena. */
size_t presets_at_hand(struct at_hand *found, size_t cap, struct arena *arena);

/* The first model of the server there, or the preset's own; NULL: nobody knows one. */
const char *preset_model(const struct preset *preset, const char *base_url, struct arena *arena);

/* Whether the URL's host is this machine itself. */
bool url_is_here(const char *url);

#endif
