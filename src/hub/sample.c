/* One entry per process that hq.yaml knows; a look reads its lock, its /proc files, an agent's row.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "hub/sample.h"
#include "ledger/ledger.h"
#include "net/exposition.h"
#include "sys/lock.h"

enum {
    FRESH_MS = 2000, /* scrapers come every 15 s */
    LOOK_MS = 3,     /* for one answer; some hundred processes are looked at in that time */
};

struct entry {
    const char *name;                        /* "hub", an agent's id … */
    bool is_agent, is_known, is_up, is_open; /* … its breaker is open */
    int64_t pss_kb, files;                   /* -1: not known */
    double cpu_s;
};

struct sample {
    const struct config *config;
    struct ledger *ledger;
    pthread_mutex_t mutex;
    struct entry *entries;
    size_t count, next;
    int64_t round_at; /* time_boot_ms() when the last round was whole */
};

struct sample *sample_open(const struct config *config, struct ledger *ledger)
{
    static const char *const others[] = {"hub", "supervisor", "runner"};
    struct sample *sample = mem_zalloc(sizeof(*sample));
    sample->config = config;
    sample->ledger = ledger;
    pthread_mutex_init(&sample->mutex, NULL);
    sample->entries = mem_zalloc((config->agent_count + 3) * sizeof(*sample->entries));
    for (size_t i = 0; i < (config->runner ? 3 : 2); i++)
        sample->entries[sample->count++].name = others[i];
    for (size_t i = 0; i < config->agent_count; i++)
        sample->entries[sample->count++] =
            (struct entry){.name = config->agents[i].id, .is_agent = true};
    return sample;
}

void sample_close(struct sample *sample)
{
    if (!sample)
        return;
    pthread_mutex_destroy(&sample->mutex);
    free(sample->entries);
    free(sample);
}

/* utime and stime of /proc/<pid>/stat (proc(5)), behind the name in brackets. */
static double cpu_of(pid_t pid)
{
    char path[40], text[512];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[got] = '\0';
    const char *behind = strrchr(text, ')');
    if (!behind || sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* -1 where we may not look: processes that hold secrets show them to root alone. */
static int64_t files_of(pid_t pid)
{
    char path[40];
    int64_t files = -3; /* ".", ".." and what we look with */
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    while (readdir(dir))
        files++;
    closedir(dir);
    return pid == getpid() ? files : files + 1;
}

static void look(struct sample *sample, struct entry *entry)
{
    struct err err;
    struct arena arena = {0};
    struct lock_info info = {0};
    const char *run = arena_printf(&arena, "%s/run", sample->config->state);
    entry->is_known = true;
    const char *lock = arena_printf(&arena, "%s%s", entry->is_agent ? "gateway-" : "", entry->name);
    entry->is_up = lock_look(run, lock, &info, &err) == LOCK_HELD && info.pid > 0;
    entry->pss_kb = entry->is_up ? info.pss_kb : -1;
    if (entry->is_up && info.pid == getpid())
        entry->pss_kb = process_pss_kb();
    entry->files = entry->is_up ? files_of(info.pid) : -1;
    entry->cpu_s = entry->is_up ? cpu_of(info.pid) : 0;
    if (entry->is_agent) {
        struct breaker breaker;
        struct agent row = {.id = entry->name};
        entry->is_open = ledger_get(sample->ledger, &agent_record, &row, &arena, &err) == 0 &&
                         breaker_look(&row, ledger_now(sample->ledger), &breaker);
    }
    arena_fini(&arena);
}

static void look_on(struct sample *sample)
{
    int64_t begun = time_boot_ms();
    if (sample->next == 0 && sample->round_at > 0 && begun < sample->round_at + FRESH_MS)
        return;
    do {
        look(sample, &sample->entries[sample->next]);
        sample->next = (sample->next + 1) % sample->count;
    } while (sample->next != 0 && time_boot_ms() < begun + LOOK_MS);
    if (sample->next == 0)
        sample->round_at = time_boot_ms();
}

/* ---- printing ---- */

static double of_up(const struct entry *entry)
{
    return entry->is_known ? entry->is_up : -1;
}

static double of_memory(const struct entry *entry)
{
    return entry->pss_kb < 0 ? -1 : (double)entry->pss_kb * 1024;
}

static double of_files(const struct entry *entry)
{
    return (double)entry->files;
}

static double of_cpu(const struct entry *entry)
{
    return entry->is_up ? entry->cpu_s : -1;
}

static const struct {
    const char *name, *type, *help;
    double (*value)(const struct entry *entry); /* below 0: not known */
} families[] = {
    {"hq_process_up", "gauge", "1 where the process holds its lock.", of_up},
    {"hq_process_pss_bytes", "gauge", "Memory, shared pages divided (PSS), as it told last.",
     of_memory},
    {"hq_process_open_files", "gauge", "Open file descriptors, where the hub may look.", of_files},
    {"hq_process_cpu_seconds_total", "counter", "CPU time since the process began.", of_cpu},
};

static void print_agents(const struct sample *sample, struct buf *out)
{
    int64_t up = 0, down = 0, open = 0;
    for (size_t i = 0; i < sample->count; i++) {
        up += sample->entries[i].is_agent && sample->entries[i].is_up;
        down +=
            sample->entries[i].is_agent && sample->entries[i].is_known && !sample->entries[i].is_up;
        open += sample->entries[i].is_open;
    }
    exposition_family(out, "hq_agents", "gauge", "Agents of hq.yaml, by how they are.");
    exposition_int(out, "hq_agents", (const char *[]){"state", "up", NULL}, up);
    exposition_int(out, "hq_agents", (const char *[]){"state", "down", NULL}, down);
    exposition_int(out, "hq_agents", (const char *[]){"state", "breaker_open", NULL}, open);
}

void sample_print(struct sample *sample, struct buf *out)
{
    pthread_mutex_lock(&sample->mutex);
    look_on(sample);
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
        exposition_family(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < sample->count; i++) {
            double value = families[f].value(&sample->entries[i]);
            if (value >= 0)
                exposition_number(out, families[f].name,
                                  (const char *[]){"process", sample->entries[i].name, NULL},
                                  value);
        }
    }
    print_agents(sample, out);
    pthread_mutex_unlock(&sample->mutex);
}
