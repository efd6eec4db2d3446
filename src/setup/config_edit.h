/* Changing hq.yaml for its owner: in its text, with every comment kept; checked as a whole before
 * it replaces the file, which stays beside it as hq.yaml.bak. */
#ifndef HQ_SETUP_CONFIG_EDIT_H
#define HQ_SETUP_CONFIG_EDIT_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"
#include "config/config.h"

struct err;

struct config_edit {
    struct arena *arena;
    const char *path;
    const char *dir;
    int lock; /* of the folder: one edit at a time; -1: none */
    unsigned mode;
    const char *old;
    size_t old_len;
    const char *text; /* as changed so far */
    size_t len;
    const char *draft; /* the new file, beside the old one, until it takes its place; NULL: none */
    struct config *config; /* what the new text says, once it was checked */
};

/* Reads the file and keeps others from editing it. 0, or -1 with *err; close it in any case. */
int config_edit_open(struct config_edit *edit, const char *path, struct arena *arena,
                     struct err *err);

/* Puts an agent behind the others. `members`: an object of texts, numbers and lists of texts. 0, or
 * -1 with *err (code "unusual_form": by hand). */
int config_edit_add_agent(struct config_edit *edit, const char *id, const json_t *members,
                          struct err *err);

/* Takes an agent out, and its names (`words`: id and aliases, NULL at the end) out of everybody's
 * delegates and revisits. Same failures. */
int config_edit_remove_agent(struct config_edit *edit, const char *id, const char *const *words,
                             struct err *err);

/* Writes the draft and loads it as hq.yaml would be. 0 with edit->config, or -1 with *err naming
 * the first finding (code "bad_config"). `state` as --state said, or NULL. */
int config_edit_check(struct config_edit *edit, const char *state, struct err *err);

/* Puts the draft in the place of the file: a rename, synced; the old one is hq.yaml.bak. 0, or -1
 * with *err: also where somebody else changed the file meanwhile. */
int config_edit_commit(struct config_edit *edit, struct err *err);

/* Removes the draft where it was not put in place. */
void config_edit_close(struct config_edit *edit);

#endif
