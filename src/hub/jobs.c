/* The bridge's thread: one look over all jobs, then sleep until something stirs. */
#include "hub/jobs.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/config.h"
#include "hub/job_bridge.h"
#include "hub/job_out.h"
#include "ledger/ledger.h"

enum {
    LOOK_MS = 5000,  /* folders that are shared by a network do not always tell */
    GATHER_MS = 50,  /* a copy is many changes */
    CALM_MS = 60000, /* nothing is out: only duplicates may come */
};

struct jobs {
    struct job_bridge bridge;
    struct arena arena;
    pthread_mutex_t handing_out; /* held from the look at pauses until the folder is in place */
    pthread_t thread;
    int wake, watch; /* eventfd, inotify */
    atomic_bool stopping;
    bool started;
};

/* One page is enough for a look: what was dealt with is not on the next one. */
static size_t look_at(struct job_bridge *bridge, enum ledger_list list, const char *state,
                      void (*act)(struct job_bridge *, const struct job *))
{
    struct arena arena = {0};
    struct err err = {0};
    void *rows = NULL;
    size_t count = 0;
    if (ledger_query(bridge->ledger, list, state, NULL, 0, LIMIT_LIST, &arena, &rows, &count,
                     &err) < 0) {
        log_warn("the job bridge cannot look: %s", err.message);
        count = 0;
    }
    for (size_t i = count; i > 0; i--)
        act(bridge, &((const struct job *)rows)[i - 1]);
    arena_fini(&arena);
    return count;
}

static bool is_paused(struct job_bridge *bridge, const struct job *job)
{
    struct arena arena = {0};
    struct err err = {0};
    struct pause held = {0};
    struct task task = {.id = job->task};
    int rc = ledger_get(bridge->ledger, &task_record, &task, &arena, &err);
    if (rc == 0)
        rc = ledger_pause_of(bridge->ledger, &task, &arena, &held, &err);
    bool is = rc < 0 || held.id || ledger_is_paused(bridge->ledger);
    arena_fini(&arena);
    return is;
}

/* A paused one stays in the ledger; a resume wakes the bridge. */
static void hand_out(struct job_bridge *bridge, const struct job *job)
{
    struct jobs *jobs = (struct jobs *)bridge; /* its first member */
    pthread_mutex_lock(&jobs->handing_out);
    if (!is_paused(bridge, job))
        job_submit(bridge, job);
    pthread_mutex_unlock(&jobs->handing_out);
}

/* Oldest first. Returns how many jobs are out. */
static size_t look(struct job_bridge *bridge)
{
    bridge->is_waiting = false;
    size_t out = look_at(bridge, LIST_JOBS, JOB_INTENDED, hand_out);
    out += look_at(bridge, LIST_JOBS, JOB_SUBMITTED, job_look);
    out += look_at(bridge, LIST_JOBS, JOB_RUNNING, job_look);
    look_at(bridge, LIST_JOBS_TO_ARCHIVE, NULL, job_archive);
    job_put_duplicates_away(bridge);
    return out;
}

/* New folders in the inbox, and what appears in those of jobs that are out, are watched; a watch
 * that exists is only renewed. */
static void watch_folder(struct jobs *jobs, const char *path)
{
    if (jobs->watch >= 0)
        inotify_add_watch(jobs->watch, path,
                          IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DONT_FOLLOW);
}

static void watch_job(struct job_bridge *bridge, const struct job *job)
{
    struct arena arena = {0};
    struct jobs *jobs = (struct jobs *)bridge; /* its first member */
    watch_folder(jobs, arena_printf(&arena, "%s/%s", bridge->inbox, job->id));
    watch_folder(jobs, arena_printf(&arena, "%s/%s", bridge->outbox, job->id));
    arena_fini(&arena);
}

static void drain(int fd)
{
    char bytes[4096];
    while (fd >= 0 && read(fd, bytes, sizeof(bytes)) > 0)
        continue;
}

static void sleep_until_it_stirs(struct jobs *jobs, size_t out)
{
    struct pollfd fds[] = {{.fd = jobs->wake, .events = POLLIN},
                           {.fd = jobs->watch, .events = POLLIN}};
    look_at(&jobs->bridge, LIST_JOBS, JOB_SUBMITTED, watch_job);
    look_at(&jobs->bridge, LIST_JOBS, JOB_RUNNING, watch_job);
    int ms = jobs->bridge.is_waiting ? 1000 : out > 0 ? LOOK_MS : CALM_MS;
    if (poll(fds, 2, ms) > 0 && fds[1].revents && !fds[0].revents)
        poll(fds, 1, GATHER_MS);
    drain(jobs->wake);
    drain(jobs->watch);
}

static void *jobs_loop(void *arg)
{
    struct jobs *jobs = arg;
    while (!atomic_load(&jobs->stopping)) {
        size_t out = look(&jobs->bridge);
        if (!atomic_load(&jobs->stopping))
            sleep_until_it_stirs(jobs, out);
    }
    return NULL;
}

static int make_folders(struct jobs *jobs, struct err *err)
{
    struct job_bridge *bridge = &jobs->bridge;
    const char *root = bridge->config->jobs;
    bridge->inbox = arena_printf(&jobs->arena, "%s/inbox", root);
    bridge->outbox = arena_printf(&jobs->arena, "%s/outbox", root);
    bridge->archive = arena_printf(&jobs->arena, "%s/archive", root);
    if (folder_make(bridge->inbox, err) < 0 || folder_make(bridge->outbox, err) < 0 ||
        folder_make(bridge->archive, err) < 0)
        return -1;
    job_out_clean(bridge);
    jobs->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    watch_folder(jobs, bridge->inbox);
    return 0;
}

int jobs_open(const struct config *config, struct ledger *ledger, struct jobs **jobs,
              struct err *err)
{
    *jobs = NULL;
    if (!config->jobs)
        return 0;
    struct jobs *self = mem_zalloc(sizeof(*self));
    self->bridge = (struct job_bridge){.config = config, .ledger = ledger};
    self->watch = -1;
    pthread_mutex_init(&self->handing_out, NULL);
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = self->wake < 0 ? err_errno(err, "no_resources", "cannot make an eventfd")
                            : make_folders(self, err);
    if (rc == 0 && thread_start(&self->thread, "jobs", jobs_loop, self) < 0)
        rc = err_set(err, "no_thread", "cannot start a thread");
    self->started = rc == 0;
    if (rc == 0)
        *jobs = self;
    else
        jobs_close(self);
    return rc;
}

void jobs_wake(struct jobs *jobs)
{
    if (jobs)
        eventfd_write(jobs->wake, 1);
}

bool jobs_halt(struct jobs *jobs, int64_t ms)
{
    struct timespec until;
    if (!jobs)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000 + 1;
    if (pthread_mutex_clocklock(&jobs->handing_out, CLOCK_MONOTONIC, &until) != 0)
        return false;
    pthread_mutex_unlock(&jobs->handing_out);
    return true;
}

void jobs_close(struct jobs *jobs)
{
    if (!jobs)
        return;
    atomic_store(&jobs->stopping, true);
    if (jobs->started) {
        jobs_wake(jobs);
        pthread_join(jobs->thread, NULL);
    }
    if (jobs->wake >= 0)
        close(jobs->wake);
    if (jobs->watch >= 0)
        close(jobs->watch);
    pthread_mutex_destroy(&jobs->handing_out);
    map_free(&jobs->bridge.seen);
    map_free(&jobs->bridge.told);
    arena_fini(&jobs->arena);
    free(jobs);
}
