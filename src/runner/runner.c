/* Hub client, worker, folders. */
#include <dirent.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "client/hub_client.h"
#include "client/worker.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/fetch.h"
#include "runner/folder.h"
#include "runner/run.h"
#include "runner/runner.h"
#include "wire/flow.h"

enum { SWEEP_EVERY_MS = 3600000, LOOK_MS = 5000, HTTP_GONE = 410 };

static const int64_t KEPT_MS = LIMIT_RUN_FOLDER_DAYS * INT64_C(86400000);

struct runner {
    struct arena arena;
    struct fetch *fetch;
    struct hub_client *hub;
    struct run_place place;
    struct worker *worker;
    int64_t swept_at; /* boot ms */
    char nonce[33];
};

static void run_claimed(void *ctx, const json_t *claimed, struct turn_control *control)
{
    const struct runner *runner = ctx;
    run_task(&runner->place, claimed, control);
}

static struct worker *open_worker(struct runner *runner)
{
    return worker_open(&(struct worker_config){
        .hub = runner->hub,
        .agent = RUNNER_AGENT,
        .nonce = runner->nonce,
        .max = LIMIT_COMMANDS_AT_ONCE,
        .card = json_pack("{s:s,s:[],s:[s]}", "name", "runner", "capabilities", "tools", "run"),
        .run = run_claimed,
        .ctx = runner,
    });
}

struct runner *runner_open(const struct config *config, struct err *err)
{
    struct runner *runner = mem_zalloc(sizeof(*runner));
    rand_hex(runner->nonce, 32);
    runner->fetch = fetch_open();
    const char *runs = arena_printf(&runner->arena, "%s/runs", config->state);
    const char *token = secret_read(config, "runner.token", &runner->arena, err);
    if (!token || folder_make(runs, err) < 0) {
        runner_close(runner);
        return NULL;
    }
    run_folder_clean(config->state);
    runner->hub = hub_client_open(runner->fetch, config->state, token);
    runner->place = (struct run_place){
        .hub = runner->hub, .state = config->state, .timeout_ms = config->runner_timeout_ms};
    runner->worker = open_worker(runner);
    return runner;
}

int runner_start(struct runner *runner, struct err *err)
{
    return worker_start(runner->worker, err);
}

struct worker *runner_worker(struct runner *runner)
{
    return runner->worker;
}

const char *runner_nonce(const struct runner *runner)
{
    return runner->nonce;
}

/* Only what the hub says has ended, and long ago or so long that it has left the ledger; a run that
 * the hub does not know is left alone. */
static bool is_over(struct runner *runner, const char *run, struct arena *arena, bool *hub_is_away)
{
    struct err err;
    json_t *answer = NULL;
    int64_t finished = 0, now = 0;
    int status = 0;
    const char *path = arena_printf(arena, "/v1/runs/%s/definition", run);
    enum hub_outcome outcome =
        hub_call(runner->hub, "GET", path, NULL, LOOK_MS, NULL, &answer, &status, &err);
    *hub_is_away = outcome == HUB_DOWN || outcome == HUB_BUSY;
    if (outcome != HUB_OK)
        return outcome == HUB_REFUSED && status == HTTP_GONE;
    bool over = run_state_is_terminal(json_get_text(answer, "state", "")) &&
                time_parse_rfc3339(json_get_text(answer, "finished_at", ""), &finished) &&
                time_parse_rfc3339(json_get_text(answer, "now", ""), &now) &&
                now - finished > KEPT_MS;
    json_decref(answer);
    return over;
}

void runner_sweep(struct runner *runner)
{
    struct arena arena = {0};
    struct err err;
    struct dirent *entry;
    bool hub_is_away = false;
    if (runner->swept_at && time_boot_ms() - runner->swept_at < SWEEP_EVERY_MS)
        return;
    runner->swept_at = time_boot_ms();
    DIR *dir = opendir(arena_printf(&arena, "%s/runs", runner->place.state));
    while (dir && !hub_is_away && (entry = readdir(dir))) {
        const char *path = run_folder_path(runner->place.state, entry->d_name, &arena, &err);
        if (path && is_over(runner, entry->d_name, &arena, &hub_is_away) &&
            folder_remove(path, &err) < 0)
            log_warn("%s", err.message);
    }
    if (dir)
        closedir(dir);
    arena_fini(&arena);
}

void runner_close(struct runner *runner)
{
    worker_close(runner->worker);
    hub_client_close(runner->hub);
    fetch_close(runner->fetch);
    arena_fini(&runner->arena);
    free(runner);
}
