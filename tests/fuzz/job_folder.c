/* A batch job's folder as the other side leaves it: job.json of any bytes beside two files. Taken,
 * waited for or refused with a sentence; and what is listed as whole is there. */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "channel/job_folder.h"
#include "folder.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const json_t *job, struct arena *arena)
{
    struct err err = {0};
    json_t *files = NULL;
    const char *missing;
    const json_t *wanted = json_object_get(job, "files");
    PROPERTY(json_is_object(job), "a job is an object");
    PROPERTY(job_files(fuzz_folder(), "job-1", &files, &err) == JOB_FOUND, "the files are there");
    PROPERTY(json_array_size(files) == 2, "both of them, without job.json");
    PROPERTY(job_files_are_there(files, files, arena, &missing) && !missing, "a list is whole to itself");
    if (!job_files_are_there(wanted, files, arena, &missing))
        PROPERTY(missing && str_is_utf8(missing, strlen(missing)), "what lacks is named");
    PROPERTY(!json_is_array(wanted) || json_array_size(wanted) == 0 || missing ||
                 json_array_size(wanted) >= 1, "a list is looked at");
    json_decref(files);
}

/* Any text as a folder's name: only plain ones are opened. */
static void look_for(const char *name)
{
    struct err err = {0};
    json_t *job = NULL;
    enum job_found found = job_read(fuzz_folder(), name, &job, &err);
    if (job_name_is_plain(name))
        PROPERTY(!strchr(name, '/') && *name != '.', "a plain name leads nowhere else");
    else
        PROPERTY(found == JOB_REFUSED && *err.message, "another is refused");
    json_decref(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct err err = {0};
    json_t *job = NULL;
    mkdir(arena_printf(&arena, "%s/job-1", fuzz_folder()), 0700);
    fuzz_file("job-1/a.txt", "hello\n", 6);
    fuzz_file("job-1/b.bin", "", 0);
    fuzz_file("job-1/job.json", data, size);
    enum job_found found = job_read(fuzz_folder(), "job-1", &job, &err);
    PROPERTY(found == JOB_FOUND || found == JOB_PARTIAL, "a file of this size is whole or not yet");
    PROPERTY((found == JOB_FOUND) == (job != NULL), "a job, or none");
    if (job)
        look(job, &arena);
    look_for(arena_memdup(&arena, data, size < 200 ? size : 200));
    json_decref(job);
    arena_fini(&arena);
    return 0;
}
