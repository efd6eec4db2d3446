/* CANCEL: stops a task and the whole tree below it. Who works on one is told by its next extend. */
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/rules.h"

enum { CANCEL_PAGE = 100 /* children read at once */ };

static int cancel_one(struct tx *tx, struct task *task, const char *reason)
{
    if (task_state_is_terminal(task->state) || task->cancel)
        return 0;
    task->cancel = reason;
    if (!str_eq(task->state, TASK_WORKING))
        return task_end_cancelled(tx, task);
    int rc = task_put(tx, task, task->state);
    return rc ? rc
              : event_append(tx, task->id, "task.cancel_requested",
                             json_pack("{s:s}", "reason", reason));
}

static int cancel_children(struct tx *tx, const char *parent, const char *reason);

static int cancel_page(struct tx *tx, struct task *children, size_t count, const char *reason)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct task *child; /* read again: the end of a sibling may have changed it */
        rc = task_get(tx, children[i].id, &child);
        if (rc == 0)
            rc = cancel_one(tx, child, reason);
        if (rc == 0)
            rc = cancel_children(tx, children[i].id, reason);
    }
    return rc;
}

/* Recursion is as deep as delegation may be. */
static int cancel_children(struct tx *tx, const char *parent, const char *reason)
{
    struct scan scan = {
        .record = &task_record,
        .index = "task_parent",
        .eq = {value_text(parent)},
        .eq_count = 1,
        .has_low = true,
        .max = CANCEL_PAGE,
    };
    for (int64_t after = 0;;) {
        struct task *children;
        size_t count;
        scan.low = value_int(after + 1);
        int rc = tx_scan(tx, &scan, &children, &count);
        if (rc == 0)
            rc = cancel_page(tx, children, count, reason);
        if (rc || count < CANCEL_PAGE)
            return rc;
        after = children[count - 1].seq;
    }
}

int task_cancel_tree(struct tx *tx, struct task *task, const char *reason)
{
    const char *id = task->id;
    int rc = cancel_one(tx, task, reason);
    return rc ? rc : cancel_children(tx, id, reason);
}

int rule_cancel(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = task_get(tx, op->task_id, &task);
    if (rc)
        return rc;
    if (task_state_is_terminal(task->state))
        return tx_refuse(tx, LEDGER_CONFLICT, "already_ended", "Task %s has ended: %s.", task->id,
                         task->state);
    bool timeout = str_eq(op->cancel.reason, "timeout");
    return task_cancel_tree(tx, task, timeout ? "timeout" : "cancelled");
}
