/* A page at a time: ask which, hold them, ask again, remove, tell the hub. The hub's rows are what
 * is left to do: a death in between leaves them there, and removing twice does no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/projector.h"
#include "base/arena.h"
#include "base/background.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "gateway/retired.h"
#include "net/fetch.h"

enum {
    LOOK_MS = 600000, /* between two looks; less where things are kept for less than a day */
    LEAST_MS = 500,
    LOOKS_PER_TERM = 144,
    START_MS = 10000, /* the first one: not while everything starts */
    PAUSE_MS = 20,    /* between two pages, so that turns go first */
    HUB_MS = 5000,    /* a turn may wait behind that; the next look tries again */
    NICE = 10,
};

struct retired {
    struct retired_config config;
    struct background thread;
    struct fetch_cancel *cancel; /* ends a call that waits for the hub */
};

/* The oldest of what is to go; a new reference, NULL with *err. */
static json_t *ask(struct retired *retired, const json_t *gone, struct err *err)
{
    char path[256];
    json_t *answer = NULL;
    snprintf(path, sizeof(path), "/v1/sessions/%s/retired", retired->config.agent);
    if (hub_call(retired->config.hub, gone ? "POST" : "GET", path, gone, HUB_MS, retired->cancel,
                 &answer, NULL, err) != HUB_OK)
        return NULL;
    return answer;
}

static size_t read_list(const json_t *answer, struct projector_gone list[LIMIT_RETIRED_PAGE])
{
    size_t i, count = 0;
    const json_t *item;
    json_array_foreach (json_object_get(answer, "items"), i, item) {
        const char *key = json_get_text(item, "key", NULL), *id = json_get_text(item, "id", NULL);
        if (count < LIMIT_RETIRED_PAGE && !str_is_empty(key) && !str_is_empty(id))
            list[count++] = (struct projector_gone){.key = key, .id = id};
    }
    return count;
}

/* Leaves in the list what the hub still names; who is not named was come back to. */
static size_t keep_named(struct projector_gone *list, size_t count, const json_t *again)
{
    struct projector_gone named[LIMIT_RETIRED_PAGE];
    size_t named_count = read_list(again, named), kept = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < named_count; k++)
            if (str_eq(list[i].id, named[k].id)) {
                list[kept++] = list[i];
                break;
            }
    return kept;
}

static int tell_gone(struct retired *retired, const struct projector_gone *list, size_t count,
                     size_t *gone, struct err *err)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < count; i++)
        if (list[i].removed)
            json_array_append_new(keys, json_string(list[i].key));
    *gone = json_array_size(keys);
    json_t *body = json_pack("{s:o}", "gone", keys);
    json_t *answer = *gone ? ask(retired, body, err) : NULL;
    int rc = *gone == 0 || answer ? 0 : -1;
    json_decref(answer);
    json_decref(body);
    return rc;
}

/* *gone: how many went. 0, or -1 with *err. */
static int remove_page(struct retired *retired, size_t *gone, struct err *err)
{
    struct projector_gone list[LIMIT_RETIRED_PAGE];
    struct projector *projector = retired->config.projector;
    json_t *again = NULL, *page = ask(retired, NULL, err);
    size_t count = page ? read_list(page, list) : 0;
    int rc = page ? 0 : -1;
    *gone = 0;
    if (count == 0)
        goto out;
    projector_hold(projector, list, count);
    again = ask(retired, NULL, err);
    crash_point("retired.asked");
    rc = -1;
    if (again) {
        count = keep_named(list, count, again);
        rc = projector_remove(projector, list, count, err);
    }
    projector_release(projector);
    crash_point("retired.removed");
    if (again && tell_gone(retired, list, count, gone, rc == 0 ? err : &(struct err){0}) < 0)
        rc = -1;
    crash_point("retired.told");
out:
    json_decref(again);
    json_decref(page);
    return rc;
}

static void look(struct retired *retired)
{
    struct err err = {0};
    size_t gone, all = 0;
    int rc;
    do {
        rc = remove_page(retired, &gone, &err);
        all += gone;
    } while (rc == 0 && gone > 0 && background_sleep(&retired->thread, PAUSE_MS));
    if (rc < 0 && background_sleep(&retired->thread, 0))
        log_warn("transcripts of archived tasks stay for now: %s", err.message);
    if (all)
        log_info("%zu transcripts of archived tasks were removed", all);
}

static void *retired_loop(void *arg)
{
    struct retired *retired = arg;
    int64_t every = retired->config.keep_ms / LOOKS_PER_TERM;
    every = every < LEAST_MS ? LEAST_MS : every > LOOK_MS ? LOOK_MS : every;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    for (bool goes_on = background_sleep(&retired->thread, every < START_MS ? every : START_MS); goes_on;
         goes_on = background_sleep(&retired->thread, every))
        look(retired);
    return NULL;
}

struct retired *retired_open(const struct retired_config *config)
{
    struct retired *retired = mem_zalloc(sizeof(*retired));
    retired->config = *config;
    retired->cancel = fetch_cancel_open();
    background_init(&retired->thread);
    if (config->keep_ms < 0)
        return retired;
    if (background_start(&retired->thread, "retired", retired_loop, retired) < 0)
        log_warn("no thread could be started: transcripts of archived tasks stay");
    return retired;
}

void retired_close(struct retired *retired)
{
    if (!retired)
        return;
    background_end(&retired->thread);
    fetch_cancel(retired->cancel);
    background_fini(&retired->thread);
    fetch_cancel_close(retired->cancel);
    free(retired);
}
