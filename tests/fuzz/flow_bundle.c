/* Any bytes as a workflow, and as the text of a bundle: read, checked, printed and told again
 * without a fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "flow/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A company of nobody: what it names is looked for, too. */
static struct config company;

static void look(const struct flow_bundle *bundle)
{
    struct buf out = {0};
    const struct flow_report *reports;
    const struct flow_file *files;
    size_t count = flow_bundle_reports(bundle, &reports);
    for (size_t i = 0; i < count; i++)
        config_print_findings(reports[i].path, reports[i].items, reports[i].count, &out);
    flow_bundle_blobs(bundle, &files);
    const struct flow *flow = flow_bundle_entry(bundle);
    if (flow && flow->step_count && flow_step_index(flow, flow->steps[0].id) != 0)
        abort();
    if (flow)
        json_decref(flow_inputs(flow, NULL, true, NULL));
    buf_fini(&out);
}

/* The canonical text of a bundle is its own canonical text. */
static void read_again(const struct flow_bundle *bundle)
{
    struct err err;
    const char *text = flow_bundle_text(bundle);
    struct flow_bundle *again = flow_bundle_parse(text, strlen(text), NULL, &err);
    if (!again || strcmp(flow_bundle_hash(again), flow_bundle_hash(bundle)) != 0)
        abort();
    flow_bundle_close(again);
}

static void try_text(const char *text, size_t len)
{
    struct err err;
    struct flow_bundle *bundle = flow_bundle_parse(text, len, &company, &err);
    if (bundle)
        look(bundle);
    if (bundle && flow_bundle_errors(bundle) == 0)
        read_again(bundle);
    flow_bundle_close(bundle);
}

/* The bytes as a workflow; a line "--- NAME" begins another file of the bundle. */
static json_t *split(const uint8_t *data, size_t size)
{
    json_t *files = json_object();
    struct arena arena = {0};
    char *text = arena_memdup(&arena, data, size), *rest = text;
    const char *name = "x.yaml";
    for (char *at; rest; rest = at) {
        at = strstr(rest, "\n--- ");
        size_t len = at ? (size_t)(at - rest) : size - (size_t)(rest - text);
        json_object_set_new(files, name, json_text(rest, len));
        if (!at)
            break;
        name = at + 5;
        at = strchr(name, '\n');
        if (!at)
            break;
        *at++ = '\0';
        name = str_clean_utf8(&arena, name, strlen(name));
    }
    arena_fini(&arena);
    return files;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *all =
        json_pack("{s:i,s:s,s:o,s:{}}", "v", 1, "entry", "x", "files", split(data, size), "blobs");
    char *text = json_dumps(all, JSON_COMPACT);
    try_text(text, strlen(text));
    try_text((const char *)data, size);
    free(text);
    json_decref(all);
    return 0;
}
