/* Lines of the chronicle: who did what, in the words of the request. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/chronicle.h"
#include "ledger/event.h"
#include "ledger/tx.h"

enum { CHRONICLE_LINE = 120 /* bytes: fits a line of a log */ };

/* The first line of what was asked; a text that lies in a blob is not fetched for it. */
static const char *first_line(struct tx *tx, const struct task *task)
{
    const char *text = task->instruction;
    if (!text)
        return task->instruction_blob ? "…" : "";
    text += strspn(text, " \t\r\n");
    size_t len = strcspn(text, "\r\n");
    return arena_memdup(tx->arena, text, str_utf8_cut(text, len, CHRONICLE_LINE));
}

/* Its name; but what a door calls everything that comes in says nothing. */
static const char *what(struct tx *tx, const struct task *task)
{
    static const char *const of_doors[] = {"Hook", "Wake", NULL};
    const char *name = task->name;
    if (str_is_blank(name) || str_in(name, of_doors))
        return first_line(tx, task);
    return arena_memdup(tx->arena, name, str_utf8_cut(name, strlen(name), CHRONICLE_LINE));
}

int chronicle_ended(struct tx *tx, const struct task *task, const char *status)
{
    json_t *body = json_object();
    json_set_text(body, "task", task->id);
    json_set_text(body, "root", task->root);
    json_set_text(body, "agent", task->agent);
    json_set_text(body, "kind", task->kind);
    json_set_text(body, "status", status);
    json_set_text(body, "state", task->state);
    json_set_text(body, "failure_class", task->failure_class);
    json_set_text(body, "what", what(tx, task));
    return event_append(tx, "chronicle", "task.completed", body);
}

int chronicle_delegated(struct tx *tx, const struct task *parent, const struct task *child,
                        const char *mode)
{
    json_t *body = json_object();
    json_set_text(body, "root", child->root);
    json_set_text(body, "parent", parent->id);
    json_set_text(body, "by", parent->agent);
    json_set_text(body, "child", child->id);
    json_set_text(body, "agent", child->agent);
    json_set_text(body, "mode", mode);
    json_set_text(body, "what", what(tx, child));
    json_set_text(body, "objective", first_line(tx, parent));
    return event_append(tx, "chronicle", "task.delegated", body);
}
