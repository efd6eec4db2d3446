/* hq task tree: everything that one request became. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/tree_text.h"

static void print_tree(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    struct tree_look look = {
        .utf8 = output_is_utf8(), .columns = output_columns(), .now_ms = time_wall_ms()};
    time_parse_rfc3339(json_get_text(answer, "now", ""), &look.now_ms); /* the hub's clock counts */
    tree_print(answer, &look, invocation->arena, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
}

/* Each item as scripts know a task, with its place in the tree. */
static json_t *tree_document(const json_t *answer)
{
    static const char *const places[] = {"parent", "root", "depth", "instruction", "deadline_at"};
    size_t i;
    const json_t *item;
    json_t *items = json_array();
    json_array_foreach (json_object_get(answer, "items"), i, item) {
        const json_t *task = json_object_get(item, "task");
        json_t *object = task_object(item);
        for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
            if (json_object_get(task, places[p]))
                json_object_set(object, places[p], json_object_get(task, places[p]));
        json_array_append_new(items, object);
    }
    json_t *document = json_pack("{s:O?,s:o,s:o}", "root", json_object_get(answer, "root"), "items",
                                 items, "circle", tree_circle(answer));
    if (json_object_get(answer, "budget"))
        json_object_set(document, "budget", json_object_get(answer, "budget"));
    return document;
}

static int tree_run(const struct invocation *invocation)
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/tasks/%s/tree", invocation->args[0]);
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    if (code == COMMAND_OK && invocation->json)
        code = output_json(tree_document(answer));
    else if (code == COMMAND_OK)
        print_tree(invocation, answer);
    json_decref(answer);
    operator_close(&line);
    return code;
}

const struct command command_task_tree = {
    .name = "task tree",
    .group = "WORK",
    .usage = "ID",
    .summary = "a whole request: who works, who waits for whom",
    .examples = "hq task tree t-7f4a\n",
    .min_args = 1,
    .max_args = 1,
    .run = tree_run,
    .reads = true,
    .in_task = true,
};
