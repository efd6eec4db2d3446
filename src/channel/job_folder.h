/* The folder of a batch job on disk, docs/jobs.md: what both sides of the bridge read and write.
 * Its form is that of Atomizer HQ's protocol SYS_19: job.json and files beside it, in folders that
 * a synchronizer copies file by file, in any order.
 *
 * No symbolic link is followed or taken anywhere. */
#ifndef HQ_CHANNEL_JOB_FOLDER_H
#define HQ_CHANNEL_JOB_FOLDER_H

#include <jansson.h>
#include <stdbool.h>

struct arena;
struct err;

#define JOB_FILE "job.json"

/* "job-" and letters, digits, . _ - behind it, at most 120: a folder's name. */
bool job_name_is_plain(const char *name);

enum job_found {
    JOB_FOUND = 0,
    JOB_ABSENT,  /* no such folder */
    JOB_PARTIAL, /* no job.json, or not a whole one: a copy goes on */
    JOB_REFUSED, /* it can never be taken as it is: *err says why */
};

/* Reads <dir>/<name>/job.json; *job is a new reference only where it is FOUND. */
enum job_found job_read(const char *dir, const char *name, json_t **job, struct err *err);

/* Writes <folder>/job.json in one step: temporary name, fsync, rename, fsync. 0, or -1 with *err.
 */
int job_write(const char *folder, const json_t *job, struct err *err);

/* What lies in <dir>/<name> but job.json and lists kept by synchronizers: *files is a new array of
 * {"name","size","sha256"}, by name. PARTIAL where a temporary file of a synchronizer is among them
 * or something changes meanwhile; REFUSED where there is a link, a device, or too much. Reads it
 * all. */
enum job_found job_files(const char *dir, const char *name, json_t **files, struct err *err);

/* Whether all that `wanted` (array of {"name","size"?,"sha256"?}) lists is in `files` just so.
 * *missing (in the arena) is a sentence where it is not. */
bool job_files_are_there(const json_t *wanted, const json_t *files, struct arena *arena,
                         const char **missing);

#endif
