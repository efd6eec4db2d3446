/* What the other side says: a job.json with another status, and at its end a folder with everything
 * that belongs to the result. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/job_folder.h"
#include "hub/job_bridge.h"
#include "ledger/ledger.h"

enum {
    SETTLE_MS = 5000,   /* a result that lists no files: nothing has changed in it for so long */
    FOLLOWS_MS = 60000, /* completed in the outbox: its folder in the inbox may still come */
};

/* What was seen of a job, and since when it has looked just so. */
struct job_seen {
    char print[HASH_HEX];
    int64_t since; /* boot ms */
};

/* How long this has been seen without a change, in ms. */
static int64_t unchanged_ms(struct job_bridge *bridge, const char *id, const char *what)
{
    char print[HASH_HEX];
    int64_t now = time_boot_ms();
    hash_hex(what, strlen(what), print);
    struct job_seen *seen = map_get(&bridge->seen, id);
    if (!seen) {
        seen = mem_zalloc(sizeof(*seen));
        map_put(&bridge->seen, id, seen);
    }
    if (!str_eq(seen->print, print)) {
        memcpy(seen->print, print, sizeof(print));
        seen->since = now;
    }
    return now - seen->since;
}

static bool has_ended(const json_t *json)
{
    const char *status = json_get_text(json, "status", "");
    return str_eq(status, JOB_COMPLETED) || str_eq(status, JOB_FAILED);
}

static const char *words_of(const json_t *json)
{
    return json_get_text(json, "message", json_get_text(json, "error", ""));
}

/* Only a person can mend it: the note says what, where they look. */
static void refuse(struct job_bridge *bridge, const struct job *job, const char *why)
{
    job_say(bridge, job->id, why);
    if (!str_eq(job->note, why))
        job_change(bridge, job, &(struct job_change){.note = why});
}

static void wait_for_it(struct job_bridge *bridge, const struct job *job, const char *why)
{
    job_say(bridge, job->id, why);
    bridge->is_waiting = true;
}

static void end(struct job_bridge *bridge, const struct job *job, const json_t *json,
                const json_t *files)
{
    const json_t *result = json_object_get(json, "result");
    const char *status = json_get_text(json, "status", "");
    json_t *output =
        json_pack("{s:s,s:O?,s:O}", "status", status, "result", result, "files", files);
    struct job_change change = {.state = status, .note = words_of(json), .result = output};
    if (job_change(bridge, job, &change) == 0) {
        const json_t *notify = json_object_get(json, "notify");
        const char *says =
            json_get_text(notify, str_eq(status, JOB_FAILED) ? "on_fail" : "on_complete", "");
        log_info("job %s %s%s%s", job->id, status, *says ? ": " : "", says);
        job_say(bridge, job->id, NULL);
        free(map_take(&bridge->seen, job->id));
    }
    json_decref(output);
}

/* The folder in the inbox says that the job has ended: is all of it there? */
static void take(struct job_bridge *bridge, const struct job *job, const json_t *json,
                 struct arena *arena)
{
    struct err err = {0};
    json_t *files = NULL;
    const char *missing = NULL;
    const json_t *wanted = json_object_get(json, "files");
    enum job_found found = job_files(bridge->inbox, job->id, &files, &err);
    if (found == JOB_REFUSED)
        refuse(bridge, job, err.message);
    else if (found != JOB_FOUND)
        wait_for_it(bridge, job, "its result is still being copied");
    else if (json_is_array(wanted) && !job_files_are_there(wanted, files, arena, &missing))
        wait_for_it(bridge, job, arena_printf(arena, "its result is not whole: %s", missing));
    else if (!json_is_array(wanted) &&
             unchanged_ms(bridge, job->id, json_print(arena, files)) < SETTLE_MS)
        wait_for_it(bridge, job, "its result lists no files: waits until nothing changes in it");
    else
        end(bridge, job, json, files);
    json_decref(files);
}

static void take_status(struct job_bridge *bridge, const struct job *job, const json_t *json)
{
    bool is_running = str_eq(json_get_text(json, "status", ""), JOB_RUNNING);
    if (is_running && str_eq(job->state, JOB_SUBMITTED))
        job_change(bridge, job, &(struct job_change){.state = JOB_RUNNING, .note = words_of(json)});
}

/* Whoever has no watcher changes the job.json that lies in the outbox. */
static void look_in_outbox(struct job_bridge *bridge, const struct job *job, bool inbox_is_empty)
{
    struct err err = {0};
    json_t *json = NULL, *none = json_array();
    enum job_found found = job_read(bridge->outbox, job->id, &json, &err);
    if (found == JOB_REFUSED)
        refuse(bridge, job, err.message);
    if (found == JOB_FOUND && !has_ended(json))
        take_status(bridge, job, json);
    if (found == JOB_FOUND && has_ended(json) && inbox_is_empty) {
        if (unchanged_ms(bridge, job->id, "ended in the outbox") >= FOLLOWS_MS)
            end(bridge, job, json, none);
        else
            wait_for_it(bridge, job, "it has ended, and its folder in the inbox may still come");
    }
    json_decref(none);
    json_decref(json);
}

void job_look(struct job_bridge *bridge, const struct job *job)
{
    struct arena arena = {0};
    struct err err = {0};
    json_t *json = NULL;
    enum job_found found = job_read(bridge->inbox, job->id, &json, &err);
    const char *says = json_get_text(json, "job_id", job->id);
    if (found == JOB_REFUSED)
        refuse(bridge, job, err.message);
    else if (found == JOB_FOUND && !str_eq(says, job->id))
        refuse(bridge, job,
               arena_printf(&arena, "the folder in the inbox is that of %.140s", says));
    else if (found == JOB_FOUND && has_ended(json))
        take(bridge, job, json, &arena);
    else if (found == JOB_FOUND)
        take_status(bridge, job, json);
    if (found == JOB_ABSENT || found == JOB_PARTIAL)
        look_in_outbox(bridge, job, found == JOB_ABSENT);
    json_decref(json);
    arena_fini(&arena);
}
