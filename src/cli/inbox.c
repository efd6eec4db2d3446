/* hq inbox list and show: what waits for people. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/inbox_text.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command_option list_options[] = {
    {"all", 'a', NULL, "also what was decided, expired or is no longer asked"},
    {"limit", 'n', "N", "how many at most (200)"},
    {"as", 0, "PERSON", "as this person sees it"},
    {0},
};

static const struct command_option show_options[] = {
    {"raw", 0, NULL, "only the exact bytes that are decided on"},
    {"as", 0, "PERSON", "as this person sees it"},
    {0},
};

static struct inbox_look look_of(const json_t *answer)
{
    struct inbox_look look = {output_is_utf8(), output_columns(), time_wall_ms()};
    time_parse_rfc3339(json_get_text(answer, "now", ""), &look.now_ms);
    return look;
}

static int show_list(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    size_t i;
    const json_t *item, *items = json_object_get(answer, "items");
    if (invocation->json)
        return output_json(json_pack("{s:O}", "items", items));
    struct inbox_look look = look_of(answer);
    if (invocation->quiet)
        json_array_foreach (items, i, item)
            buf_printf(&out, "%s\n", json_get_text(item, "id", ""));
    else if (json_array_size(items) > 0)
        inbox_print_list(items, invocation_has(invocation, "all"), &look, &out);
    else
        output_note(invocation, "nothing waits for people");
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

static int list_run(const struct invocation *invocation)
{
    struct err err;
    int64_t limit;
    if (invocation_number(invocation, "limit", 200, &limit, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    const char *path = arena_printf(invocation->arena, "/v1/inbox?limit=%lld%s", (long long)limit,
                                    invocation_has(invocation, "all") ? "&state=all" : "");
    return operator_show(invocation, path, show_list);
}

static int show_item(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    struct inbox_look look = look_of(answer);
    const json_t *item = json_object_get(answer, "item");
    if (invocation->json)
        return output_json(json_pack("{s:O}", "item", item));
    if (invocation_has(invocation, "raw"))
        buf_puts(&out, json_get_text(item, "subject", ""));
    else
        inbox_print_item(item, &look, invocation->arena, &out);
    fwrite(buf_text(&out), 1, out.len, stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

static int show_run(const struct invocation *invocation)
{
    return operator_show(invocation,
                         arena_printf(invocation->arena, "/v1/inbox/%s", invocation->args[0]),
                         show_item);
}

const struct command command_inbox_list = {
    .name = "inbox list",
    .group = "WORK",
    .usage = "",
    .summary = "what waits for people: gates, questions, doubts",
    .examples = "hq inbox\n"
                "hq inbox --all\n",
    .options = list_options,
    .run = list_run,
    .reads = true,
    .is_default = true,
};

const struct command command_inbox_show = {
    .name = "inbox show",
    .group = "WORK",
    .usage = "ID",
    .summary = "one item: what is decided, who asks, what follows",
    .examples = "hq inbox show g-7k2m\n",
    .options = show_options,
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .reads = true,
};
