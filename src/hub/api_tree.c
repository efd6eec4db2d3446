/* The whole tree of a request: every task of it with its result and what it waits for. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/run_view.h"

static int add_root(struct hub *hub, const char *id, json_t *answer, struct arena *arena,
                    struct err *err)
{
    struct root root = {.id = id};
    struct task first = {.id = id};
    int rc = ledger_get(hub->ledger, &root_record, &root, arena, err);
    if (rc == 0)
        json_object_set_new(answer, "root", record_to_json(&root_record, &root));
    if (rc == 0)
        rc = ledger_get(hub->ledger, &task_record, &first, arena, err);
    if (rc == 0)
        rc = api_add_budget(hub, &first, answer, err);
    return rc < 0 ? -1 : 0;
}

/* One task of the tree. NULL with *err. */
static json_t *tree_item(struct hub *hub, const struct task *task, struct arena *arena,
                         struct err *err)
{
    char note[128];
    void *rows;
    size_t count;
    struct handoff handoff = {.task = task->id};
    int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
    if (rc < 0 || ledger_query(hub->ledger, LIST_WAITS, task->id, NULL, 0, LIMIT_LIST, arena, &rows,
                               &count, err) < 0)
        return NULL;
    json_t *item = json_pack("{s:o}", "task", record_to_json(&task_record, task));
    if (rc == 0)
        json_object_set_new(item, "handoff", record_to_json(&handoff_record, &handoff));
    if (count > 0) {
        json_t *waits = api_items(&wait_record, rows, count);
        json_object_set(item, "waits", json_object_get(waits, "items"));
        json_decref(waits);
    }
    if (api_add_pause(hub, task, item, err) < 0) {
        json_decref(item);
        return NULL;
    }
    ledger_task_note(hub->ledger, task->id, note);
    json_set_text(item, "note", *note ? note : run_view_note(hub, task, arena));
    return item;
}

/* All tasks that the caller may see. */
static int add_tasks(struct hub *hub, struct http_request *request, const char *root,
                     json_t *answer, struct err *err)
{
    void *rows;
    size_t count;
    json_t *items = json_array();
    json_object_set_new(answer, "items", items);
    if (ledger_query(hub->ledger, LIST_TREE, root, NULL, 0, LIMIT_TREE, &request->arena, &rows,
                     &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct task *task = &((struct task *)rows)[i];
        if (!api_may_read(request, task))
            continue;
        json_t *item = tree_item(hub, task, &request->arena, err);
        if (!item)
            return -1;
        json_array_append_new(items, item);
    }
    return 0;
}

enum http_verdict api_task_tree(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task task = {0};
    enum http_verdict verdict = api_task(hub, request, response, request->params[0], &task);
    if (verdict != HTTP_PASS)
        return verdict;
    json_t *answer = json_object();
    if (add_root(hub, task.root, answer, &request->arena, &err) < 0 ||
        add_tasks(hub, request, task.root, answer, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}
