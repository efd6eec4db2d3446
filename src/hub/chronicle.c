/* Reads the chronicle page by page: logs first, then the deliveries, then the cursor. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/background.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "channel/delivery.h"
#include "config/config.h"
#include "hub/chronicle.h"
#include "hub/chronicle_text.h"
#include "hub/journal.h"
#include "hub/unreported_end.h"
#include "ledger/ledger.h"

enum {
    PAGE = 2 * LIMIT_BATCH_OPS, /* what was delegated in one batch is on one page */
    IDLE_MS = 60000,
    TROUBLE_MS = 30000,
    GATHER_MS = 1000, /* a busy company's ends are written together: each write is synced */
};

enum { PROJECT_LOG, ORCHESTRATION_LOG };

struct chronicle {
    const struct config *config;
    struct ledger *ledger;
    struct journal *journal;
    struct background thread;
};

/* One page being written down. */
struct page {
    struct chronicle *chronicle;
    struct arena arena;
    struct event *events;
    json_t **bodies;
    size_t count;
    struct buf texts[JOURNAL_FILES];
};

/* An answer that says nothing (a heartbeat's acknowledgement) is no entry in a log. */
static bool is_silent(struct page *page, const json_t *completed)
{
    struct err err;
    struct handoff handoff = {.task = json_get_text(completed, "task", "")};
    if (!str_eq(json_get_text(completed, "state", ""), TASK_DONE) ||
        ledger_get(page->chronicle->ledger, &handoff_record, &handoff, &page->arena, &err) != 0)
        return false;
    json_t *row = record_to_json(&handoff_record, &handoff);
    const json_t *result = json_object_get(row, "result");
    bool silent = json_is_string(result) && delivery_is_silent(json_string_value(result)) &&
                  !str_is_blank(json_string_value(result));
    json_decref(row);
    return silent;
}

static int take_completed(struct page *page, size_t i, struct err *err)
{
    const json_t *body = page->bodies[i];
    if (chronicle_has_line(body) && !is_silent(page, body))
        chronicle_line(&page->texts[PROJECT_LOG], page->events[i].at, body);
    return unreported_end_deliver(page->chronicle->config, page->chronicle->ledger, body, err);
}

static const char *wanted_of(struct page *page, const json_t *delegated)
{
    struct err err;
    struct task task = {.id = json_get_text(delegated, "child", "")};
    if (ledger_get(page->chronicle->ledger, &task_record, &task, &page->arena, &err) != 0 ||
        !task.result_schema)
        return NULL;
    return "a result that fits its JSON Schema";
}

static const char *title_of(struct page *page, const json_t *delegated)
{
    struct err err;
    struct task task = {.id = json_get_text(delegated, "parent", "")};
    return ledger_get(page->chronicle->ledger, &task_record, &task, &page->arena, &err) == 0
               ? task.name
               : NULL;
}

static bool is_delegated(const struct page *page, size_t i)
{
    return str_eq(page->events[i].type, "task.delegated");
}

/* How many delegations from `first` on belong together: one task's, committed at once. */
static size_t count_together(const struct page *page, size_t first)
{
    const char *parent = json_get_text(page->bodies[first], "parent", "");
    size_t end = first + 1;
    while (end < page->count && is_delegated(page, end) &&
           page->events[end].at == page->events[first].at &&
           str_eq(json_get_text(page->bodies[end], "parent", ""), parent))
        end++;
    return end - first;
}

static void take_delegated(struct page *page, size_t first, size_t count)
{
    const char **wants = arena_alloc(&page->arena, count * sizeof(*wants));
    for (size_t i = 0; i < count; i++)
        wants[i] = wanted_of(page, page->bodies[first + i]);
    const struct chronicle_plan plan = {
        .at = page->events[first].at,
        .title = title_of(page, page->bodies[first]),
        .delegated = (const json_t *const *)page->bodies + first,
        .wants = wants,
        .count = count,
    };
    chronicle_section(&page->texts[ORCHESTRATION_LOG], &plan);
}

/* Takes the events in order; *seq is the last that was taken. A set of delegations that reaches the
 * end of a full page is left for the next one, where it is whole. */
static int take_page(struct page *page, int64_t *seq, struct err *err)
{
    for (size_t i = 0; i < page->count;) {
        size_t together = is_delegated(page, i) ? count_together(page, i) : 1;
        if (i > 0 && page->count == PAGE && i + together == page->count && is_delegated(page, i))
            return 0;
        if (is_delegated(page, i))
            take_delegated(page, i, together);
        else if (str_eq(page->events[i].type, "task.completed") && take_completed(page, i, err) < 0)
            return -1;
        i += together;
        *seq = page->events[i - 1].seq;
    }
    return 0;
}

static void page_read_bodies(struct page *page)
{
    page->bodies = arena_alloc(&page->arena, (page->count + 1) * sizeof(json_t *));
    for (size_t i = 0; i < page->count; i++) {
        const char *body = page->events[i].body;
        page->bodies[i] = body ? json_parse(body, strlen(body), NULL) : NULL;
    }
}

static void page_fini(struct page *page)
{
    for (size_t i = 0; page->bodies && i < page->count; i++)
        json_decref(page->bodies[i]);
    for (size_t i = 0; i < JOURNAL_FILES; i++)
        buf_fini(&page->texts[i]);
    arena_fini(&page->arena);
}

/* Writes one page down. Returns how many events it had, or -1 with *err. */
static int take(struct chronicle *chronicle, struct err *err)
{
    struct page page = {.chronicle = chronicle};
    int64_t seq = journal_seq(chronicle->journal);
    int rc = ledger_read(chronicle->ledger, "chronicle", seq + 1, PAGE, &page.arena, &page.events,
                         &page.count, err);
    if (rc == 0 && page.count > 0) {
        page_read_bodies(&page);
        rc = take_page(&page, &seq, err);
        const char *texts[JOURNAL_FILES];
        for (size_t i = 0; i < JOURNAL_FILES; i++)
            texts[i] = buf_text(&page.texts[i]);
        if (rc == 0)
            rc = journal_write(chronicle->journal, seq, texts, err);
    }
    rc = rc < 0 ? -1 : (int)page.count;
    page_fini(&page);
    return rc;
}

static int open_journal(struct chronicle *chronicle, struct err *err)
{
    struct arena arena = {0};
    const struct journal_place place = {
        .cursor = arena_printf(&arena, "%s/chronicle.json", chronicle->config->state),
        .dir = chronicle->config->shared_dir,
        .names = {"project_log.md", "orchestration-log.md"},
    };
    if (!chronicle->journal)
        chronicle->journal = journal_open(&place, err);
    arena_fini(&arena);
    return chronicle->journal ? 0 : -1;
}

/* Returns how long there is nothing to do. */
static int64_t step(struct chronicle *chronicle)
{
    struct err err = {0};
    int taken = open_journal(chronicle, &err) < 0 ? -1 : take(chronicle, &err);
    if (taken < 0)
        log_warn("the shared logs wait: %s%s%s", err.message, *err.hint ? "; " : "", err.hint);
    return taken < 0 ? TROUBLE_MS : taken > 0 ? 0 : IDLE_MS;
}

/* False when it is to end. A wake cuts only idleness short, neither trouble nor gathering. */
static bool rest(struct chronicle *chronicle, int64_t ms)
{
    return ms == IDLE_MS ? background_wait(&chronicle->thread, ms)
                         : background_sleep(&chronicle->thread, ms);
}

static void *chronicle_loop(void *arg)
{
    struct chronicle *chronicle = arg;
    int64_t wait;
    do {
        wait = step(chronicle);
        if (wait == 0)
            wait = GATHER_MS;
    } while (rest(chronicle, wait));
    return NULL;
}

struct chronicle *chronicle_open(const struct config *config, struct ledger *ledger)
{
    struct chronicle *chronicle = mem_zalloc(sizeof(*chronicle));
    chronicle->config = config;
    chronicle->ledger = ledger;
    background_init(&chronicle->thread);
    if (background_start(&chronicle->thread, "hub-chronicle", chronicle_loop, chronicle) < 0)
        log_error("the shared logs are not kept: no thread can be started");
    return chronicle;
}

void chronicle_wake(struct chronicle *chronicle)
{
    background_wake(&chronicle->thread);
}

void chronicle_close(struct chronicle *chronicle)
{
    if (!chronicle)
        return;
    background_fini(&chronicle->thread);
    journal_close(chronicle->journal);
    free(chronicle);
}
