/* The folder of a new company: what it gets, what is there already, and writing what is missing. */
#ifndef HQ_SETUP_COMPANY_FOLDER_H
#define HQ_SETUP_COMPANY_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "setup/company_draft.h"

struct err;

enum company_file_state {
    COMPANY_FILE_NEW,     /* is written, or would be */
    COMPANY_FILE_SAME,    /* is there, as it would be written */
    COMPANY_FILE_DIFFERS, /* is there and says something else: it stays */
};

struct company_file {
    const char *path; /* below the folder */
    const char *bytes;
    size_t size;
    enum company_file_state state;
    int line; /* COMPANY_FILE_DIFFERS: the first that does */
};

struct company_files {
    struct company_file *items;
    size_t count;
};

/* Everything that the company gets, hq.yaml last, each compared with what is there. Writes nothing.
 * `hq_yaml` NULL: only what any company has. In the arena. */
struct company_files company_folder_plan(const char *dir, const struct company_choice *choice,
                                         const char *hq_yaml, struct arena *arena);

/* Makes the folder (0700) and secrets/ (0700) and writes the new files; nothing that is there is
 * touched. hq.yaml comes last: a folder without it is no company, and the next call goes on. 0, or
 * -1 with *err. Blocks. */
int company_folder_write(const char *dir, const struct company_files *files, struct err *err);

/* The files of a new agent's workspace (a folder, absolute), for an agent of that name; compared
 * with what is there. */
struct company_files company_workspace_plan(const char *workspace, const char *name,
                                            struct arena *arena);

/* Writes the new ones below `dir` only. 0, or -1 with *err. Blocks. */
int company_files_write(const char *dir, const struct company_files *files, struct err *err);

#endif
