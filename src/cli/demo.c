/* hq demo: the example company as real processes, with an offline model, in a folder that goes
 * away. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/thread.h"
#include "base/time.h"
#include "cli/census.h"
#include "cli/demo_story.h"
#include "cli/flow_gate.h"
#include "cli/output.h"
#include "cli/table.h"
#include "net/fetch.h"

enum { FAST_PERCENT = 20, POLL_MS = 200 };

static const struct command_option demo_options[] = {
    {"auto-approve", 0, NULL, "approve at the gate instead of asking"},
    {"fast", 0, NULL, "at five times the pace"},
    {"keep", 0, "DIR", "make the company in DIR and leave it there, stopped"},
    {0},
};

/* ---- signals ---- */

struct watch {
    struct fetch_cancel *stop;
    atomic_int number; /* of the first signal */
    pthread_t thread;
    bool runs;
};

static void endings(sigset_t *set)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(set, numbers[i]);
}

/* The first signal ends the demo; further ones wait with us until everything is taken away. */
static void *watch_thread(void *arg)
{
    struct watch *watch = arg;
    sigset_t set;
    endings(&set);
    for (;;) {
        int number, none = 0;
        if (sigwait(&set, &number) == 0 &&
            atomic_compare_exchange_strong(&watch->number, &none, number))
            fetch_cancel(watch->stop);
    }
    return NULL;
}

static int watch_signals(struct watch *watch)
{
    sigset_t set;
    endings(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    watch->stop = fetch_cancel_open();
    watch->runs = thread_start(&watch->thread, "signals", watch_thread, watch) == 0;
    return watch->runs ? 0 : -1;
}

static void watch_end(struct watch *watch)
{
    if (watch->runs) {
        pthread_cancel(watch->thread);
        pthread_join(watch->thread, NULL);
    }
    fetch_cancel_close(watch->stop);
}

/* ---- the parts of the evening ---- */

static void tell_up(struct demo *demo)
{
    struct demo_company *company = &demo->company;
    json_t *census = census_take(&company->inside, company->config);
    int64_t kb = json_get_int(census, "pss_kb", 0), ms = time_boot_ms() - demo->tell.began;
    const char *dir = company->dir;
    demo_text(&demo->tell,
              "company up in %.1f s: %zu agents, each a process of its own, %d MB all in all.\n"
              "Offline scripted model: no key, no cost, nothing leaves this machine.\n\n"
              "In another terminal, whenever you like:\n"
              "  hq -C %s status\n"
              "  hq -C %s logs -f webster\n"
              "  hq -C %s ask manager \"Which alloy, 6061 or 7075?\"\n",
              (double)ms / 1000, company->config->agent_count, (int)((kb + 512) / 1024), dir, dir,
              dir);
    demo_event(&demo->tell, "up",
               json_pack("{s:s,s:I,s:I,s:i}", "dir", dir, "agents",
                         (json_int_t)company->config->agent_count, "memory_kb", (json_int_t)kb,
                         "hub_port", company->config->hub_port));
    json_decref(census);
}

static void tell_yours(const struct demo *demo)
{
    const char *dir = demo->company.dir;
    demo_text(&demo->tell, "Make it yours:\n");
    if (demo->company.kept)
        demo_text(&demo->tell, "  hq -C %s up -d        this company stays here, stopped\n", dir);
    else
        demo_text(&demo->tell,
                  "  hq init DIR               a company that stays, offline or with a model\n");
    demo_text(&demo->tell, "  docs/models.md            which models\n"
                           "  docs/workflows.md         what the YAML in workflows/ may say\n");
}

/* Somebody at a terminal may look around until Enter or Ctrl-C. */
static void linger(struct demo *demo)
{
    struct pollfd one = {.fd = STDIN_FILENO, .events = POLLIN};
    const char *dir = demo->company.dir;
    if (demo->auto_approve || !flow_gate_can_ask(demo->invocation))
        return;
    demo_text(&demo->tell,
              "\nThe company is still up; look around:\n"
              "  hq -C %s flow runs\n"
              "  hq -C %s task list\n"
              "  hq -C %s usage --by agent\n"
              "Enter or Ctrl-C ends it%s.\n",
              dir, dir, dir, demo->company.kept ? "" : " and takes everything away");
    while (!fetch_is_cancelled(demo->stop) && poll(&one, 1, POLL_MS) == 0)
        ;
}

/* Over the company's own line, whose waits our signals end. */
static int play(struct demo *demo)
{
    int code = operator_open(&demo->company.inside, &demo->line);
    if (code != COMMAND_OK)
        return code;
    fetch_cancel_close(demo->line.cancel);
    demo->line.cancel = demo->stop;
    code = demo_story(demo);
    demo->line.cancel = NULL;
    operator_close(&demo->line);
    if (code == COMMAND_OK) {
        tell_yours(demo);
        linger(demo);
    }
    return code;
}

static int start_and_play(struct demo *demo)
{
    struct err err = {0};
    double pace = demo->fast ? FAST_PERCENT / 100.0 : 1;
    const char *keep = invocation_value(demo->invocation, "keep");
    demo_text(&demo->tell, "hq demo: eight agents of an engineering company are starting\n");
    demo_event(&demo->tell, "starting", NULL);
    if (demo_company_make(&demo->company, demo->invocation, keep, pace, &err) < 0)
        return output_fail(demo->invocation, COMMAND_USAGE, &err);
    int rc = demo_company_start(&demo->company, demo->stop, &err);
    if (rc < 0)
        return output_fail(demo->invocation, COMMAND_FAILED, &err);
    if (rc > 0)
        return COMMAND_INTERRUPTED;
    tell_up(demo);
    return play(demo);
}

static int demo_run(const struct invocation *invocation)
{
    struct watch watch = {0};
    struct demo demo = {.invocation = invocation,
                        .auto_approve = invocation_has(invocation, "auto-approve"),
                        .fast = invocation_has(invocation, "fast")};
    demo_tell_init(&demo.tell, invocation);
    if (watch_signals(&watch) < 0)
        return COMMAND_FAILED;
    demo.stop = watch.stop;
    int code = start_and_play(&demo);
    int number = atomic_load(&watch.number);
    if (number && code != COMMAND_OK) {
        demo_text(&demo.tell, "\nEnding the company.\n");
        code = 128 + number;
    }
    bool kept = demo.company.kept && demo.company.made;
    const char *dir = demo.company.dir;
    int ended = demo_company_end(&demo.company);
    code = ended == COMMAND_OK ? code : ended;
    if (kept)
        demo_text(&demo.tell, "Kept, stopped: %s\n", dir);
    demo_event(&demo.tell, "end",
               json_pack("{s:b,s:i,s:b}", "ok", code == COMMAND_OK, "code", code, "kept", kept));
    watch_end(&watch);
    return code;
}

const struct command command_demo = {
    .name = "demo",
    .group = "START",
    .usage = "",
    .summary = "eight agents, a workflow, a gate, in ten seconds",
    .details =
        "A private company in a temporary folder, on free ports, with an offline scripted model: "
        "no "
        "key, no\ncost, nothing leaves this machine. It runs the workflow material-trade-study; on "
        "the way an agent is\nkilled with SIGKILL and comes back, another meets a rate limit. At "
        "the "
        "gate you decide; without a\nterminal and without --auto-approve the demo ends there, exit "
        "code 6. Nothing is left behind, also\nafter Ctrl-C, SIGTERM or a failure, unless --keep.\n"
        "--json prints JSON lines: starting up started step killed back rate_limit gate report run "
        "end.\n",
    .examples = "hq demo\n"
                "hq demo --auto-approve --fast\n",
    .options = demo_options,
    .run = demo_run,
};
