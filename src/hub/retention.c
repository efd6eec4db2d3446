/* One thread: a look at what is old enough, some requests at a time, then a long sleep. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/background.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "hub/retention.h"
#include "ledger/ledger.h"

enum {
    LOOK_MS = 600000, /* between two looks; less where things are kept for less than a day */
    LEAST_MS = 200,
    LOOKS_PER_TERM = 144,
    PAUSE_MS = 20,       /* between two helpings, so that work goes first */
    BLOBS_MS = 86400000, /* all rows are read for it: once a day */
    NICE = 10,
};

struct retention {
    const struct config *config;
    struct ledger *ledger;
    struct background thread;
    int64_t blobs_at; /* boot time of the next look at blobs */
    struct arena arena;
};

static void drop_blobs(struct retention *retention)
{
    struct err err = {0};
    int64_t removed = 0;
    if (time_boot_ms() < retention->blobs_at)
        return;
    retention->blobs_at = time_boot_ms() + BLOBS_MS;
    if (ledger_drop_blobs(retention->ledger, &removed, &err) < 0 && !str_eq(err.code, "closing"))
        log_warn("unused blobs could not be removed: %s", err.message);
    else if (removed)
        log_info("%lld blobs that nothing names any more were removed", (long long)removed);
}

/* False: it is to end. */
static bool look(struct retention *retention, const struct ledger_retention *how)
{
    struct err err = {0};
    struct ledger_retired done = {0};
    bool goes_on = true;
    do {
        if (ledger_retire(retention->ledger, how, &done, &err) < 0) {
            if (!str_eq(err.code, "closing"))
                log_warn("what is over for long stays in the ledger for now: %s", err.message);
            break;
        }
        goes_on = background_sleep(&retention->thread, done.more ? PAUSE_MS : 0);
    } while (done.more && goes_on);
    if (done.roots)
        log_info("%lld requests went into %s", (long long)done.roots, how->archive);
    if (goes_on)
        drop_blobs(retention);
    return goes_on;
}

static void *retention_loop(void *arg)
{
    struct retention *retention = arg;
    const struct config *config = retention->config;
    const struct ledger_retention how = {
        .keep_ms = config->retention_ms,
        .archive = arena_printf(&retention->arena, "%s/archive", config->state),
        .blobs = arena_printf(&retention->arena, "%s/blobs", config->state),
    };
    int64_t every = how.keep_ms / LOOKS_PER_TERM;
    every = every < LEAST_MS ? LEAST_MS : every > LOOK_MS ? LOOK_MS : every;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (background_sleep(&retention->thread, every) && look(retention, &how))
        ;
    return NULL;
}

struct retention *retention_open(const struct config *config, struct ledger *ledger)
{
    struct retention *retention = mem_zalloc(sizeof(*retention));
    retention->config = config;
    retention->ledger = ledger;
    retention->blobs_at = time_boot_ms() + LOOK_MS; /* not while everything starts */
    background_init(&retention->thread);
    if (config->retention_ms >= 0 &&
        background_start(&retention->thread, "hub-retention", retention_loop, retention) < 0)
        log_warn("no thread could be started: what is over stays in the ledger");
    return retention;
}

void retention_close(struct retention *retention)
{
    if (!retention)
        return;
    background_fini(&retention->thread);
    arena_fini(&retention->arena);
    free(retention);
}

/* ---- what has left ---- */

static bool file_has(const char *path, const char *text)
{
    struct stat st;
    bool found = false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            found = memmem(bytes, (size_t)st.st_size, text, strlen(text)) != NULL;
            munmap(bytes, (size_t)st.st_size);
        }
    }
    if (fd >= 0)
        close(fd);
    return found;
}

static int is_month(const struct dirent *entry)
{
    return str_ends(entry->d_name, ".jsonl");
}

const char *retention_find(const struct config *config, const char *prefix, struct arena *arena)
{
    enum { SHORTEST = 6 };
    struct dirent **entries;
    const char *found = NULL, *folder = arena_printf(arena, "%s/archive", config->state);
    const char *text = arena_printf(arena, "\"row\":{\"id\":\"%s", prefix);
    if (strlen(prefix) < SHORTEST || strpbrk(prefix, "\"\\"))
        return NULL;
    int count = scandir(folder, &entries, is_month, alphasort);
    for (int i = count - 1; i >= 0; i--) {
        const char *path = arena_printf(arena, "%s/%s", folder, entries[i]->d_name);
        if (!found && file_has(path, text))
            found = path;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return found;
}

static _Thread_local int64_t bytes_seen;

static int add_bytes(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    bytes_seen += flag == FTW_F ? st->st_size : 0;
    return 0;
}

int64_t retention_bytes(const char *folder)
{
    bytes_seen = 0;
    nftw(folder, add_bytes, 8, FTW_PHYS);
    return bytes_seen;
}
