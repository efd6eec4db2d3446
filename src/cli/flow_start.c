/* From a file and a command line to a run on the ledger. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/flow_start.h"
#include "cli/output.h"
#include "config/config.h"
#include "config/yaml.h"
#include "flow/bundle.h"

enum { BLOB_MS = 120000 };

/* ---- the workflow ---- */

static void print_reports(const struct flow_bundle *bundle)
{
    struct buf out = {0};
    const struct flow_report *reports;
    size_t count = flow_bundle_reports(bundle, &reports);
    for (size_t i = 0; i < count; i++)
        config_print_findings(reports[i].path, reports[i].items, reports[i].count, &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
}

/* With --json the first finding is the failure's message. */
static int fail_findings(const struct invocation *invocation, const struct flow_bundle *bundle)
{
    struct err err = {0};
    const struct flow_report *reports;
    size_t count = flow_bundle_reports(bundle, &reports);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < reports[i].count && !*err.message; j++)
            if (reports[i].items[j].is_error)
                err_set(&err, "bad_workflow", "%s:%d:%d: %s", reports[i].path,
                        reports[i].items[j].line, reports[i].items[j].column,
                        reports[i].items[j].message);
    err_hint(&err, "%zu errors in all; see: hq flow check", flow_bundle_errors(bundle));
    if (invocation->json)
        return output_fail(invocation, COMMAND_USAGE, &err);
    print_reports(bundle);
    return COMMAND_USAGE;
}

int flow_read(const struct invocation *invocation, const struct config *config, const char *name,
              struct flow_bundle **bundle)
{
    struct err err = {0};
    *bundle = NULL;
    const char *path = flow_find(config->workflows, name, invocation->arena, &err);
    if (!path)
        return output_fail(invocation, COMMAND_USAGE, &err);
    *bundle = flow_bundle_read(path, config);
    if (flow_bundle_errors(*bundle) == 0)
        return COMMAND_OK;
    int code = fail_findings(invocation, *bundle);
    flow_bundle_close(*bundle);
    *bundle = NULL;
    return code;
}

/* ---- the inputs ---- */

static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, "no_file", "%s cannot be read", path);
    int rc = file_read(fd, LIMIT_INSTRUCTION, out);
    if (rc < 0)
        err_errno(err, "no_file", "%s cannot be read", path);
    close(fd);
    if (rc == 0 && out->len > LIMIT_INSTRUCTION)
        rc = err_set(err, "too_large", "%s has more than %d bytes", path, LIMIT_INSTRUCTION);
    if (rc == 0 && !str_is_utf8(buf_text(out), out->len))
        rc = err_set(err, "bad_text", "%s is not UTF-8 text", path);
    return rc;
}

static const char *type_of(const struct flow *flow, const char *name)
{
    for (size_t i = 0; i < flow->input_count; i++)
        if (str_eq(flow->inputs[i].name, name))
            return flow->inputs[i].type;
    return "string"; /* the hub says that there is none */
}

static json_t *split_list(const char *text)
{
    json_t *list = json_array();
    for (size_t len; *text; text += len + (text[len] == ',')) {
        len = strcspn(text, ",");
        json_array_append_new(list, json_stringn(text, len));
    }
    return list;
}

/* A text by its input's type; what cannot be read as that stays text, which the check refuses. */
static json_t *typed(const char *type, const char *text)
{
    if (str_eq(type, "string"))
        return json_text(text, strlen(text));
    json_t *value = json_parse(text, strlen(text), NULL);
    if (!value && str_eq(type, "list"))
        return split_list(text);
    return value ? value : json_text(text, strlen(text));
}

static int add_input(const struct flow *flow, struct arena *arena, const char *given,
                     json_t *inputs, struct err *err)
{
    const char *equals = strchr(given, '=');
    struct buf file = {0};
    int rc = 0;
    if (!equals || equals == given)
        return err_set(err, "usage", "-i: \"%s\" is not NAME=VALUE", given);
    const char *name = arena_memdup(arena, given, (size_t)(equals - given));
    const char *text = equals + 1;
    if (text[0] == '@' && text[1] != '@' && text[1]) {
        rc = read_file(text + 1, &file, err);
        text = buf_text(&file);
    } else if (text[0] == '@' && text[1] == '@') {
        text++;
    }
    if (rc == 0)
        json_object_set_new(inputs, name, typed(type_of(flow, name), text));
    buf_fini(&file);
    return rc;
}

/* JSON or YAML, an object at the top. */
static json_t *read_input_file(const char *path, struct arena *arena, struct err *err)
{
    struct buf text = {0};
    struct findings findings;
    json_t *inputs = NULL;
    findings_init(&findings, arena);
    struct yaml_document *document = NULL;
    if (read_file(path, &text, err) == 0)
        document = yaml_read(buf_text(&text), text.len, arena, &findings);
    if (document && findings.errors)
        err_set(err, "bad_file", "%s:%d:%d: %s", path, findings.items[0].line,
                findings.items[0].column, findings.items[0].message);
    else if (document && !json_is_object(document->root))
        err_set(err, "bad_file", "%s: the inputs are to be a mapping of names to values", path);
    else if (document)
        inputs = json_deep_copy(document->root);
    if (document)
        yaml_close(document);
    buf_fini(&text);
    return inputs;
}

json_t *flow_given_inputs(const struct invocation *invocation, const struct flow *flow,
                          struct err *err)
{
    const char *file = invocation_value(invocation, "input-file"), *given;
    json_t *inputs = file ? read_input_file(file, invocation->arena, err) : json_object();
    size_t at = 0;
    int rc = inputs ? 0 : -1;
    while (rc == 0 && (given = invocation_next(invocation, "input", &at)))
        rc = add_input(flow, invocation->arena, given, inputs, err);
    for (size_t i = 1; rc == 0 && i < invocation->arg_count; i++)
        rc = add_input(flow, invocation->arena, invocation->args[i], inputs, err);
    if (rc == 0)
        return inputs;
    json_decref(inputs);
    return NULL;
}

/* ---- the start ---- */

static int put_file(struct operator_line *line, const struct flow_file *file)
{
    struct err err = {0};
    char hex[HASH_HEX];
    struct buf bytes = {0};
    int code = COMMAND_OK;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || file_read(fd, LIMIT_FLOW_FOLDER, &bytes) < 0) {
        err_errno(&err, "no_file", "%s cannot be read", file->path);
        code = output_fail(line->invocation, COMMAND_USAGE, &err);
    } else {
        enum hub_outcome outcome =
            hub_put_blob(line->hub, buf_text(&bytes), bytes.len, BLOB_MS, line->cancel, hex, &err);
        if (outcome == HUB_OK && !str_eq(hex, file->sha256)) {
            err_set(&err, "changed", "%s changed while it was read; start again", file->name);
            outcome = HUB_REFUSED;
        }
        if (outcome != HUB_OK)
            code = output_fail(line->invocation, operator_exit_code(outcome, 0), &err);
    }
    if (fd >= 0)
        close(fd);
    buf_fini(&bytes);
    return code;
}

static json_t *start_body(const struct flow_order *order)
{
    char uuid[UUID_TEXT];
    const char *text = flow_bundle_text(order->bundle);
    json_t *body = json_object();
    rand_uuid(uuid);
    json_object_set_new(body, "bundle", json_parse(text, strlen(text), NULL));
    json_object_set(body, "inputs", (json_t *)order->inputs);
    json_set_text(body, "key", order->key ? order->key : uuid);
    return body;
}

int flow_start(struct operator_line *line, const struct flow_order *order, json_t **run)
{
    const struct flow_file *files;
    json_t *answer = NULL;
    size_t count = flow_bundle_blobs(order->bundle, &files);
    *run = NULL;
    for (size_t i = 0; i < count; i++) {
        int code = put_file(line, &files[i]);
        if (code != COMMAND_OK)
            return code;
    }
    json_t *body = start_body(order);
    int code = operator_call(line, "POST", "/v1/runs", body, 0, &answer);
    if (code == COMMAND_OK)
        *run = json_incref(json_object_get(answer, "run"));
    json_decref(answer);
    json_decref(body);
    return code;
}
