/* Which requests are over for long enough, and their way out of the ledger. Reads a page under the
 * turnstile at a time; writes through the commit thread like everybody. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/retire.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/store.h"

enum {
    PAGE = RETIRE_PAGE,
    WRITE_AT = 4 << 20, /* bytes of lines kept in memory */
    ROOTS_AT_ONCE = 16, /* looked at for one sync of the archive */
    UNWRITTEN_MS = 600000, /* so late nobody writes a transcript any more */
};

struct retiring {
    struct ledger *ledger;
    const struct ledger_retention *how;
    struct retire_walk walk; /* stop: something of the request is not over */
    struct retire_lines lines;
    int64_t at;    /* names the month's file */
    bool has_kept; /* blobs, since their folder was synced */
    struct err *err;
};

/* ---- blobs go along ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static int keep_bytes(struct retiring *r, const char *hex, const char *path)
{
    char *bytes;
    size_t len;
    struct err why;
    struct store *store = r->ledger->store;
    turnstile_enter(&r->ledger->turn);
    int rc = store->ops->blob_get(store, hex, &r->walk.arena, &bytes, &len, &why);
    turnstile_leave(&r->ledger->turn);
    if (rc != STORE_OK) /* no blob's name, or one that is damaged: not worse than before */
        return 0;
    return retire_keep(path, bytes, len, r->err);
}

/* A large blob gets a second name: its bytes are not read. */
static int keep_blob(struct retiring *r, const char *hex)
{
    const char *folder = arena_printf(&r->walk.arena, "%s/blobs", r->how->archive);
    const char *path = arena_printf(&r->walk.arena, "%s/%s", folder, hex);
    if (access(path, F_OK) == 0)
        return 0;
    r->has_kept = true;
    if (r->how->blobs) {
        const char *from = arena_printf(&r->walk.arena, "%s/%.2s/%s", r->how->blobs, hex, hex);
        if (access(from, F_OK) == 0 && folder_make(folder, r->err) == 0 && link(from, path) == 0)
            return 0;
    }
    return keep_bytes(r, hex, path);
}

static int keep_named(struct retiring *r, const char *text)
{
    for (const char *at = text; *at; at++) {
        size_t len = 0;
        while (is_hex(at[len]))
            len++;
        if (len == HASH_HEX - 1 && keep_blob(r, arena_memdup(&r->walk.arena, at, len)) < 0)
            return -1;
        at += len;
        if (!*at)
            break;
    }
    return 0;
}

/* Digests that name no blob are the most frequent: they stand in columns that say so. */
static int keep_blobs(struct retiring *r, const struct record *record, const void *row)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const char *text;
        if ((field->type != FIELD_TEXT && field->type != FIELD_JSON) ||
            str_ends(field->name, "hash") || str_eq(field->name, "prev"))
            continue;
        memcpy(&text, (const char *)row + field->offset, sizeof(text));
        if (text && keep_named(r, text) < 0)
            return -1;
    }
    return 0;
}

/* ---- one request's rows become lines ---- */

static int put_line(struct retiring *r, const struct record *record, const void *row)
{
    retire_line(&r->lines, record, row);
    if (keep_blobs(r, record, row) < 0)
        return -1;
    return r->lines.text.len < WRITE_AT ? 0
                                        : retire_write(r->how->archive, r->at, &r->lines, r->err);
}

static bool is_over(const struct record *record, const void *row)
{
    if (record == &effect_record) {
        const char *state = ((const struct effect *)row)->state;
        return !str_eq(state, EFFECT_INTENDED) && !str_eq(state, EFFECT_IN_FLIGHT) &&
               !str_eq(state, EFFECT_HELD);
    }
    if (record == &approval_record)
        return !str_eq(((const struct approval *)row)->state, APPROVAL_PENDING);
    if (record == &job_record)
        return job_state_is_terminal(((const struct job *)row)->state) &&
               ((const struct job *)row)->archived;
    if (record == &run_record)
        return run_state_is_terminal(((const struct run *)row)->state);
    return true;
}

static int put_votes(struct retiring *r, const struct approval *approval)
{
    struct vote *votes;
    size_t count;
    struct scan scan = {.record = &vote_record, .eq = {value_text(approval->id)}, .eq_count = 1};
    int rc = retire_read(&r->walk, &scan, &votes, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = put_line(r, &vote_record, &votes[i]);
    return rc;
}

static int put_row(void *ctx, const struct record *record, const void *row)
{
    struct retiring *r = ctx;
    r->walk.stop |= !is_over(record, row);
    int rc = put_line(r, record, row);
    if (rc == 0 && record == &approval_record)
        rc = put_votes(r, row);
    return rc;
}

static int put_parts(struct retiring *r, enum retire_owner kind, const char *owner)
{
    int rc = 0;
    for (size_t i = 0; i < retire_part_count && rc == 0 && !r->walk.stop; i++)
        if (retire_parts[i].owner == kind)
            rc = retire_walk_part(&r->walk, &retire_parts[i], owner);
    return rc;
}

/* A turn that is in no transcript yet would be lost to its agent. In a session of its own it may
 * never get there (cancelled before it began; a death before it was written), and nobody is to read
 * it there: it does not hold its request back for ever. */
static int look_at_session(struct retiring *r, const struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    int rc =
        task_has_lane(task) ? retire_read_row(&r->walk, &session_record, &session) : LEDGER_NONE;
    bool may_come = !task_has_own_session(task) ||
                    ledger_now(r->ledger) - task->finished_at < UNWRITTEN_MS;
    r->walk.stop |= rc == 0 && may_come && session.projected < task->finish_no;
    return rc < 0 ? -1 : 0;
}

static int put_budgets(struct retiring *r, const char *owner)
{
    static const char *const units[] = {"usd", "tokens"};
    int rc = 0;
    for (size_t i = 0; i < 2 && rc >= 0; i++) {
        struct budget row = {.id = arena_printf(&r->walk.arena, "%s/%s", owner, units[i])};
        rc = retire_read_row(&r->walk, &budget_record, &row);
        if (rc == 0)
            rc = put_line(r, &budget_record, &row);
    }
    return rc < 0 ? -1 : 0;
}

static int put_task(struct retiring *r, const struct task *task)
{
    char run[RUN_ID_TEXT];
    run_id_of_task(task->id, run);
    r->walk.stop |= !task_state_is_terminal(task->state);
    if (look_at_session(r, task) < 0 || r->walk.stop)
        return r->walk.stop ? 0 : -1;
    int rc = put_line(r, &task_record, task);
    if (rc == 0)
        rc = put_budgets(r, task->id);
    if (rc == 0)
        rc = put_parts(r, RETIRE_TASK, task->id);
    if (rc == 0 && str_eq(task->agent, FLOW_AGENT))
        rc = put_parts(r, RETIRE_RUN, run);
    return rc;
}

static int put_tasks(struct retiring *r, const char *root)
{
    size_t count = PAGE;
    int64_t after = 0;
    int rc = 0;
    while (rc == 0 && count == PAGE && !r->walk.stop) {
        struct task *tasks;
        struct scan scan = {.record = &task_record,
                            .index = "task_root",
                            .eq = {value_text(root)},
                            .eq_count = 1,
                            .has_low = true,
                            .low = value_int(after + 1),
                            .max = PAGE};
        rc = retire_read(&r->walk, &scan, &tasks, &count);
        for (size_t i = 0; i < count && rc == 0 && !r->walk.stop; i++) {
            after = tasks[i].seq;
            rc = put_task(r, &tasks[i]);
        }
    }
    return rc;
}

/* What the ledger is to forget is on the disk before. */
static int sync_blobs(struct retiring *r)
{
    if (!r->has_kept)
        return 0;
    r->has_kept = false;
    const char *folder = arena_printf(&r->walk.arena, "%s/blobs", r->how->archive);
    return access(folder, F_OK) == 0 ? folder_sync(folder, r->err) : 0; /* a name of no blob */
}

/* Lines that were begun for a request that stays are without an end: no reader takes them. */
static int put_root(struct retiring *r, const struct root *root)
{
    r->walk.stop = root->tasks_live != 0;
    r->lines.root = root->id;
    r->lines.rows = 0;
    r->at = root->ended_at;
    int rc = r->walk.stop ? 0 : put_line(r, &root_record, root);
    if (rc == 0)
        rc = put_tasks(r, root->id);
    if (rc == 0)
        rc = put_parts(r, RETIRE_ROOT, root->id);
    if (rc == 0 && !r->walk.stop) {
        retire_end(&r->lines);
        rc = sync_blobs(r);
    }
    return rc == 0 && !r->walk.stop ? retire_write(r->how->archive, r->at, &r->lines, r->err) : rc;
}

/* ---- writing ---- */

struct removal {
    const struct root *root;
    struct retire_slice slice;
};

static int remove_some(struct tx *tx, void *arg)
{
    struct removal *removal = arg;
    int rc =
        removal->root->retired_at ? 0 : retire_mark(tx, removal->root->id, removal->root->ended_at);
    return rc ? rc : retire_rows(tx, &removal->slice);
}

static int remove_definition(struct tx *tx, void *arg)
{
    return retire_definition(tx, arg);
}

static int submit(struct retiring *r, int (*run)(struct tx *tx, void *arg), void *arg,
                  bool *refused)
{
    struct outcome outcome = {0};
    struct submission submission = {.run = run,
                                    .arg = arg,
                                    .actor = "system",
                                    .frees = true,
                                    .outcome = &outcome,
                                    .err = r->err};
    int rc = commit_submit(r->ledger, &submission);
    *refused = rc == 0 && outcome.status != LEDGER_OK;
    return rc;
}

static int remove_root(struct retiring *r, const struct root *root)
{
    struct root now = *root;
    struct removal removal = {.root = &now, .slice = {.root = root->id, .more = true}};
    bool refused = false;
    int rc = 0;
    while (rc == 0 && removal.slice.more && !refused) {
        rc = submit(r, remove_some, &removal, &refused);
        now.retired_at = 1; /* marked by the first slice */
    }
    if (rc == 0 && removal.slice.definition[0])
        rc = submit(r, remove_definition, removal.slice.definition, &refused);
    return rc;
}

static int retire_root(struct retiring *r, const struct root *root, struct ledger_retired *done)
{
    int rc = root->retired_at ? 0 : put_root(r, root);
    if (rc == 0 && !r->walk.stop) {
        rc = remove_root(r, root);
        done->roots++;
    }
    buf_clear(&r->lines.text);
    arena_fini(&r->walk.arena);
    r->walk.stop = false;
    return rc;
}

/* ---- which ---- */

static int next_roots(struct retiring *r, const struct ledger_retired *done, int64_t horizon,
                      size_t max, struct arena *arena, struct root **roots, size_t *count)
{
    struct arena own = r->walk.arena;
    struct scan scan = {.record = &root_record,
                        .index = "root_ended",
                        .has_low = true,
                        .low = value_int(done->after_at > 1 ? done->after_at : 1),
                        .has_high = true,
                        .high = value_int(horizon),
                        .max = max};
    r->walk.arena = *arena;
    int rc = retire_read(&r->walk, &scan, roots, count);
    *arena = r->walk.arena;
    r->walk.arena = own;
    return rc;
}

static int retire_some(struct retiring *r, struct ledger_retired *done, int64_t horizon)
{
    struct arena arena = {0};
    struct root *roots;
    size_t count, max = ROOTS_AT_ONCE, fresh = 0;
    int rc;
    do { /* a page that ends among those of one millisecond is read with more of them */
        rc = next_roots(r, done, horizon, max, &arena, &roots, &count);
        for (size_t i = 0; i < count && rc == 0; i++) {
            if (roots[i].ended_at == done->after_at && strcmp(roots[i].id, done->after_id) <= 0)
                continue;
            fresh++;
            done->after_at = roots[i].ended_at;
            snprintf(done->after_id, sizeof(done->after_id), "%s", roots[i].id);
            rc = retire_root(r, &roots[i], done);
        }
        done->more = rc == 0 && count == max;
        max *= 4;
    } while (rc == 0 && done->more && fresh == 0);
    arena_fini(&arena);
    return rc;
}

/* ---- the company's own streams ---- */

struct stream_cut {
    const char *stream;
    int64_t upto;
    bool more;
};

static int cut_some(struct tx *tx, void *arg)
{
    struct stream_cut *cut = arg;
    return retire_stream(tx, cut->stream, cut->upto, &cut->more);
}

/* One page of old events, archived and cut. */
static int cut_stream(struct retiring *r, const char *stream, int64_t horizon, bool *more)
{
    struct event *events;
    size_t count, old = 0;
    struct stream_cut cut = {.stream = stream, .more = true};
    struct scan scan = {
        .record = &event_record, .eq = {value_text(stream)}, .eq_count = 1, .max = PAGE};
    bool refused = false;
    int rc = retire_read(&r->walk, &scan, &events, &count);
    r->lines.root = NULL;
    for (; old < count && events[old].at <= horizon && rc == 0; old++) {
        r->at = events[old].at;
        rc = put_line(r, &event_record, &events[old]);
    }
    *more = old == PAGE;
    if (rc == 0 && old) {
        cut.upto = events[old - 1].seq;
        rc = retire_write(r->how->archive, r->at, &r->lines, r->err);
    }
    while (rc == 0 && old && cut.more && !refused)
        rc = submit(r, cut_some, &cut, &refused);
    buf_clear(&r->lines.text);
    arena_fini(&r->walk.arena);
    return rc;
}

static int cut_streams(struct retiring *r, struct ledger_retired *done, int64_t horizon)
{
    static const char *const streams[] = {"chronicle", "system", "inbox"};
    int rc = 0;
    for (size_t i = 0; i < 3 && rc == 0; i++) {
        bool more = false;
        rc = cut_stream(r, streams[i], horizon, &more);
        done->more |= more;
    }
    return rc;
}

int ledger_retire(struct ledger *ledger, const struct ledger_retention *how,
                  struct ledger_retired *done, struct err *err)
{
    struct retiring retiring = {.ledger = ledger, .how = how, .err = err};
    retiring.walk =
        (struct retire_walk){.ledger = ledger, .visit = put_row, .ctx = &retiring, .err = err};
    int64_t horizon = ledger_now(ledger) - how->keep_ms;
    done->more = false;
    int rc = horizon > 0 ? retire_some(&retiring, done, horizon) : 0;
    if (rc == 0 && horizon > 0)
        rc = cut_streams(&retiring, done, horizon);
    buf_fini(&retiring.lines.text);
    arena_fini(&retiring.walk.arena);
    return rc;
}
