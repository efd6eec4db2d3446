/* hq panic: nothing begins any more, and what runs is broken off. Through the hub where it answers;
 * else by the locks: the panic is written down for the next hub, and everybody who could begin
 * something is killed. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "cli/table.h"
#include "client/hub_client.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/fetch.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "sys/halt_mark.h"
#include "sys/lock.h"
#include "wire/flow.h"

enum {
    LOOK_MS = 3000,   /* a hub that does not answer /healthz by then hangs */
    WAIT_MS = 3000,   /* for the words of workers, at the hub; whoever is silent then is killed */
    ASK_MS = 10000,   /* the hub's whole answer: deliveries and jobs come to a stop, too */
    END_MS = 2000,    /* for the end of a killed process */
    TOOLS_MS = 3000,  /* for the ends of the commands of killed workers */
    TOTAL_MS = 20000, /* of it all */
};

struct panic {
    const struct invocation *invocation;
    struct config *config;
    int64_t began;
    json_t *answer;          /* of the hub; NULL: it could not be asked */
    json_t *killed;          /* names of locks */
    struct lock_info *dying; /* who they were, in the same order */
    json_t *left;            /* who did not even end by that */
    bool hub_was_killed;     /* it hung */
    bool hub_was_down;
    bool is_taken_over; /* a new hub has the panic in its ledger already */
    struct err err;     /* why the hub could not be asked */
};

static int64_t left_ms(const struct panic *panic)
{
    int64_t left = panic->began + TOTAL_MS - time_boot_ms();
    return left > 0 ? left : 0;
}

/* ---- through the hub ---- */

static enum hub_outcome ask(struct panic *panic, const char *method, const char *path,
                            const json_t *body, int64_t ms)
{
    struct fetch *fetch = fetch_open();
    struct arena *arena = panic->invocation->arena;
    enum hub_outcome outcome = HUB_REFUSED;
    char *token = secret_read(panic->config, "operator.token", arena, &panic->err);
    struct hub_client *hub = token ? hub_client_open(fetch, panic->config->state, token) : NULL;
    json_t *answer = NULL;
    if (hub)
        outcome = hub_call(hub, method, path, body, ms, NULL, &answer, NULL, &panic->err);
    if (outcome == HUB_OK) {
        json_decref(panic->answer);
        panic->answer = answer;
    }
    if (hub)
        hub_client_close(hub);
    fetch_close(fetch);
    return outcome;
}

/* Whether the hub says that it is done. */
static bool ask_hub(struct panic *panic)
{
    if (!pause_hub_is_there(panic->config)) {
        panic->hub_was_down = true;
        return false;
    }
    if (ask(panic, "GET", "/v1/inbox?limit=1", NULL, LOOK_MS) != HUB_OK)
        return false;
    json_t *body = json_pack("{s:b,s:i}", "panic", true, "wait_ms", WAIT_MS);
    json_set_text(body, "reason", invocation_value(panic->invocation, "reason"));
    bool done = ask(panic, "POST", "/v1/pause", body, ASK_MS) == HUB_OK;
    json_decref(body);
    return done;
}

/* ---- by the locks ---- */

static void kill_holder(struct panic *panic, const char *lock)
{
    struct lock_info who;
    size_t count = json_array_size(panic->killed);
    if (!control_signal(panic->config, lock, SIGKILL, &who))
        return;
    crash_point("panic.killed");
    panic->dying = mem_realloc(panic->dying, (count + 1) * sizeof(*panic->dying));
    panic->dying[count] = who;
    json_array_append_new(panic->killed, json_string(lock));
}

/* Of those that were killed: another may be in the place of each already, and starts nothing. */
static void wait_for_ends(struct panic *panic)
{
    size_t i;
    const json_t *lock;
    json_array_foreach (panic->killed, i, lock)
        if (!control_wait_gone(&panic->dying[i], END_MS))
            json_array_append(panic->left, (json_t *)lock);
}

/* Names of the held locks of tools' commands, whose workers have been killed; in the arena. */
static const char *held_tool(const struct config *config, struct arena *arena)
{
    const char *found = NULL;
    DIR *dir = opendir(arena_printf(arena, "%s/run", config->state));
    for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (!str_starts(entry->d_name, "tool-") || !str_ends(entry->d_name, ".lock"))
            continue;
        const char *lock = arena_memdup(arena, entry->d_name, len - strlen(".lock"));
        if (control_look(config, lock, NULL))
            found = lock;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* A command dies with its worker; one that is still there after a while is killed itself. */
static void end_tools(struct panic *panic)
{
    int64_t until = time_boot_ms() + TOOLS_MS;
    const char *lock;
    while ((lock = held_tool(panic->config, panic->invocation->arena))) {
        bool gone = control_wait_end(panic->config, lock, 200);
        if (!gone && time_boot_ms() > until - TOOLS_MS / 2)
            control_signal(panic->config, lock, SIGKILL, NULL);
        if (time_boot_ms() > until) {
            json_array_append_new(panic->left, json_string(lock));
            return;
        }
    }
}

/* Workers that did not say that they start nothing more. */
static void kill_silent(struct panic *panic)
{
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get(panic->answer, "silent"), i, one) {
        const char *agent = json_get_text(one, "agent", "");
        kill_holder(panic, str_eq(agent, RUNNER_AGENT)
                               ? RUNNER_NAME
                               : arena_printf(panic->invocation->arena, "gateway-%s", agent));
    }
    if (json_array_size(panic->killed) == 0)
        return;
    wait_for_ends(panic);
    end_tools(panic);
}

static int write_mark(struct panic *panic, struct err *err)
{
    char now[TIME_TEXT];
    struct arena *arena = panic->invocation->arena;
    time_rfc3339(time_wall_ms(), now);
    json_t *mark = json_pack("{s:s,s:s}", "by", "operator", "at", now);
    json_set_text(mark, "reason", invocation_value(panic->invocation, "reason"));
    crash_point("panic.mark.before");
    int rc = halt_mark_put(panic->config->state, json_print(arena, mark), err);
    json_decref(mark);
    return rc;
}

/* The hub first: whoever is started anew meanwhile finds nobody to claim from but one that has read
 * the mark. */
static void kill_all(struct panic *panic)
{
    const struct config *config = panic->config;
    struct lock_info hub;
    panic->hub_was_killed = control_signal(config, "hub", SIGKILL, &hub);
    if (panic->hub_was_killed && !control_wait_gone(&hub, END_MS))
        json_array_append_new(panic->left, json_string("hub"));
    const char *const *workers = control_workers(config, panic->invocation->arena);
    for (size_t i = 0; workers[i]; i++)
        kill_holder(panic, workers[i]);
    wait_for_ends(panic);
    end_tools(panic);
}

/* Where somebody starts the hub again, it is told that it has the panic. */
static void wait_for_new_hub(struct panic *panic)
{
    bool is_supervised = control_look(panic->config, "supervisor", NULL);
    while (is_supervised && left_ms(panic) > 0 && !panic->is_taken_over) {
        struct err ignored = panic->err;
        int64_t ms = left_ms(panic) < LOOK_MS ? left_ms(panic) : LOOK_MS;
        panic->is_taken_over = ask(panic, "GET", "/v1/status", NULL, ms) == HUB_OK &&
                               json_array_size(json_object_get(panic->answer, "paused")) > 0;
        panic->err = ignored;
    }
}

/* ---- words ---- */

static const char *names_of(const json_t *list, struct arena *arena)
{
    const char *names = "";
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        const char *name = json_string_value(one);
        name = str_starts(name, "gateway-") ? name + strlen("gateway-") : name;
        names = arena_printf(arena, "%s%s%s", names, *names ? ", " : "", name);
    }
    return names;
}

static const char *seconds(int64_t ms, struct arena *arena)
{
    return arena_printf(arena, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
}

static void print_through_hub(const struct panic *panic)
{
    struct arena *arena = panic->invocation->arena;
    long long acknowledged = json_get_int(panic->answer, "acknowledged", 0);
    long long cut = json_get_int(panic->answer, "deliveries_cut", 0);
    size_t killed = json_array_size(panic->killed);
    if (json_array_size(json_object_get(panic->answer, "told")) == 0)
        printf("  nobody was at work\n");
    else
        printf("  %lld process%s said that nothing of theirs runs any more\n", acknowledged,
               acknowledged == 1 ? "" : "es");
    if (killed)
        printf("  %zu did not answer and %s killed: %s\n", killed, killed == 1 ? "was" : "were",
               names_of(panic->killed, arena));
    if (cut)
        printf("  %lld deliver%s cut off; they may have arrived\n", cut,
               cut == 1 ? "y was" : "ies were");
    if (json_get_bool(panic->answer, "jobs_busy", false))
        printf("  the folder of one batch job was still being written\n");
}

static void print_by_locks(const struct panic *panic)
{
    struct arena *arena = panic->invocation->arena;
    size_t killed = json_array_size(panic->killed);
    printf("  the hub %s: the panic is written down for its next start\n",
           panic->hub_was_killed ? "did not answer and was killed"
           : panic->hub_was_down ? "is down"
                                 : "cannot be asked");
    if (killed)
        printf("  killed: %s\n", names_of(panic->killed, arena));
    else
        printf("  no worker ran\n");
    if (panic->is_taken_over)
        printf("  the supervisor has started the hub again: it is paused\n");
}

static const char *hq_of(const struct panic *panic)
{
    return arena_printf(panic->invocation->arena, "hq -C %s", panic->config->dir);
}

static int print_panic(struct panic *panic, bool through_hub)
{
    struct arena *arena = panic->invocation->arena;
    struct err err = {0};
    if (json_array_size(panic->left) > 0) {
        err_set(&err, "still_running", "PANIC is set, but this does not end, not even killed: %s",
                names_of(panic->left, arena));
        err_hint(&err, "look at it: ps -ef | grep hq; then hq panic again");
        return output_fail(panic->invocation, COMMAND_FAILED, &err);
    }
    printf("PANIC: nothing of %s runs or begins any more (%s)\n", panic->config->company,
           seconds(time_boot_ms() - panic->began, arena));
    if (through_hub)
        print_through_hub(panic);
    else
        print_by_locks(panic);
    printf("  new work is taken in and waits; what ran goes on where it stood with: %s resume\n",
           hq_of(panic));
    return COMMAND_OK;
}

static int print_json(struct panic *panic, bool through_hub)
{
    const json_t *answer = through_hub ? panic->answer : NULL;
    json_t *document =
        json_pack("{s:b,s:s,s:b,s:b,s:O,s:O,s:I}", "ok", json_array_size(panic->left) == 0, "way",
                  through_hub ? "hub" : "locks", "hub_killed", panic->hub_was_killed, "taken_over",
                  through_hub || panic->is_taken_over, "killed", panic->killed, "still_running",
                  panic->left, "took_ms", (json_int_t)(time_boot_ms() - panic->began));
    json_object_update_missing(document, (json_t *)answer);
    int code = output_json(document);
    return code != COMMAND_OK || json_array_size(panic->left) == 0 ? code : COMMAND_FAILED;
}

static int panic_run(const struct invocation *invocation)
{
    bool is_bad;
    struct err err = {0};
    struct panic panic = {.invocation = invocation, .began = time_boot_ms()};
    panic.config = company_open_any(invocation, &is_bad);
    if (!panic.config)
        return COMMAND_USAGE;
    panic.killed = json_array();
    panic.left = json_array();
    int code = COMMAND_OK;
    bool through_hub = ask_hub(&panic);
    if (through_hub) {
        kill_silent(&panic);
    } else if (write_mark(&panic, &err) < 0) {
        code = output_fail(invocation, COMMAND_FAILED, &err);
        kill_all(&panic); /* all the same: what is dead begins nothing */
    } else {
        kill_all(&panic);
        wait_for_new_hub(&panic);
    }
    if (code == COMMAND_OK)
        code =
            invocation->json ? print_json(&panic, through_hub) : print_panic(&panic, through_hub);
    json_decref(panic.answer);
    json_decref(panic.killed);
    json_decref(panic.left);
    free(panic.dying);
    config_free(panic.config);
    return code;
}

static const struct command_option panic_options[] = {
    {"reason", 0, "TEXT", "why, for whoever looks at status"},
    {0},
};

const struct command command_panic = {
    .name = "panic",
    .group = "RUN",
    .usage = "",
    .summary = "stop every model call and tool now; nothing begins until hq resume",
    .details =
        "When it returns, no model call and no tool of the company runs or starts, whatever is\n"
        "restarted. What was cut off goes on after hq resume: models are asked again, of\n"
        "commands nobody knows whether they ran. Works with a hub that hangs or is down.\n",
    .examples = "hq panic\n"
                "hq panic --reason 'the bill explodes'\n",
    .options = panic_options,
    .run = panic_run,
};
