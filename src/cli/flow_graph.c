/* hq flow graph: a workflow as a picture. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/flow_file.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/graph.h"

static const struct command_option graph_options[] = {
    {"format", 0, "FORM", "text (the default), dot or mermaid"},
    {0},
};

static const struct form {
    const char *name;
    void (*put)(const struct flow *flow, struct buf *out); /* NULL: for this terminal */
} forms[] = {{"text", NULL}, {"dot", graph_dot}, {"mermaid", graph_mermaid}};

static const struct form *form_called(const char *name)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (str_eq(forms[i].name, name))
            return &forms[i];
    return NULL;
}

static int show(const struct invocation *invocation, const struct flow *flow,
                const struct form *form)
{
    struct graph_look look = {.width = output_columns(), .ascii = !output_is_utf8()};
    struct buf out = {0};
    int code = COMMAND_OK;
    if (form->put)
        form->put(flow, &out);
    else
        graph_text(flow, &look, &out);
    if (invocation->json)
        code = output_json(json_pack("{s:s,s:s,s:s}", "name", flow->name, "format", form->name,
                                     "graph", buf_text(&out)));
    else
        fputs(buf_text(&out), stdout);
    buf_fini(&out);
    return code;
}

static int graph_run(const struct invocation *invocation)
{
    struct config *config;
    struct flow_bundle *bundle;
    struct err err = {0};
    const char *name = invocation_value(invocation, "format");
    const struct form *form = form_called(name ? name : "text");
    if (!form) {
        err_set(&err, "usage", "--format: \"%s\" is not text, dot or mermaid", name);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    int code = flow_open_right(invocation, invocation->args[0], &config, &bundle);
    if (code != COMMAND_OK)
        return code;
    code = show(invocation, flow_bundle_entry(bundle), form);
    flow_bundle_close(bundle);
    config_free(config);
    return code;
}

const struct command command_flow_graph = {
    .name = "flow graph",
    .group = "WORK",
    .usage = "FILE|NAME",
    .summary = "who waits for whom, as a picture",
    .details =
        "Steps from above to below; what may run at the same time stands side by side. A line\n"
        "that only crosses another leaves a gap in it; one that ends with an arrow joins a\n"
        "step that another line leads to already. What is too wide or too long is a list.\n",
    .examples = "hq flow graph material-trade-study\n"
                "hq flow graph design-review --format dot | dot -Tsvg >review.svg\n",
    .options = graph_options,
    .min_args = 1,
    .max_args = 1,
    .run = graph_run,
    .reads = true,
};
