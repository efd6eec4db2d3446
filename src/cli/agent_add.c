/* hq agent add: a new agent in hq.yaml, with a workspace of its own. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/values.h"
#include "config/yaml.h"
#include "setup/company_folder.h"
#include "setup/config_edit.h"
#include "setup/free_ports.h"
#include "supervise/control.h"

enum { FIRST_PORT = 18800, APART = 4, WORDS_MOST = 64 };

static const struct command_option add_options[] = {
    {"name", 0, "NAME", "what people see (without: the id)"},
    {"model", 0, "MODEL", "provider/name (without: as the others)"},
    {"port", 0, "N", "its own door (without: the next free one, four apart)"},
    {"capability", 0, "WORD", "what it is good at; may be repeated"},
    {"delegates", 0, "LIST", "whom it may ask: ids, \"*\", \"!id\", by commas"},
    {"dry-run", 0, NULL, "print the new hq.yaml, and write nothing"},
    {0},
};

struct adding {
    const struct invocation *invocation;
    const struct config *config; /* as it is now */
    const char *id, *name;
    json_t *members;
    int port;
    struct config_edit edit;
    const struct config_agent *agent; /* of the new file */
    struct company_files files;
};

static int fail(const struct adding *adding, const struct err *err)
{
    return output_fail(adding->invocation, str_eq(err->code, "busy") ? COMMAND_BUSY : COMMAND_USAGE,
                       err);
}

/* ---- what it is ---- */

static json_t *repeated(const struct invocation *invocation, const char *option)
{
    json_t *list = json_array();
    size_t at = 0;
    for (const char *value; (value = invocation_next(invocation, option, &at));)
        json_array_append_new(list, json_text(value, strlen(value)));
    return list;
}

static json_t *by_commas(const struct invocation *invocation, const char *option)
{
    json_t *list = json_array();
    size_t at = 0;
    for (const char *value; (value = invocation_next(invocation, option, &at));) {
        while (*value) {
            size_t len = strcspn(value, ",");
            const char *word =
                str_trim(invocation->arena, arena_memdup(invocation->arena, value, len));
            if (*word)
                json_array_append_new(list, json_text(word, strlen(word)));
            value += len + (value[len] == ',');
        }
    }
    return list;
}

static void set_list(json_t *members, const char *key, json_t *list)
{
    if (json_array_size(list))
        json_object_set(members, key, list);
    json_decref(list);
}

/* Behind the highest, so that the ports tell the order; gaps are somebody's who is away. */
static int settle_port(struct adding *adding, struct err *err)
{
    const char *said = invocation_value(adding->invocation, "port");
    int64_t port = FIRST_PORT;
    if (said && !str_to_int(said, 1, 65535, &port))
        return err_set(err, "usage", "--port: \"%s\" is not a port (1–65535)", said);
    for (size_t i = 0; !said && i < adding->config->agent_count; i++)
        if (adding->config->agents[i].port + APART > port)
            port = adding->config->agents[i].port + APART;
    adding->port = said ? (int)port : free_ports_next(adding->config, (int)port);
    if (!adding->port)
        adding->port = free_ports_next(adding->config, FIRST_PORT);
    return adding->port ? 0 : err_set(err, "no_ports", "there is no free port; say one: --port N");
}

/* Where `defaults` names none, a new agent thinks as the first one does. */
static const char *model_of(const struct adding *adding, const json_t *root)
{
    const char *said = invocation_value(adding->invocation, "model");
    if (said || json_object_get(json_object_get(root, "defaults"), "model"))
        return said;
    return adding->config->agents[0].model;
}

static int describe(struct adding *adding, const json_t *root, struct err *err)
{
    const struct invocation *invocation = adding->invocation;
    const char *name = invocation_value(invocation, "name");
    const struct config_agent *same = config_agent(adding->config, adding->id);
    adding->name = name ? name : adding->id;
    if (!value_is_id(adding->id)) {
        err_set(err, "bad_id", "\"%s\" is not an id (a-z, 0-9 and -, at most 40)", adding->id);
        err_hint(err, "names for people: --name");
        return -1;
    }
    if (same) {
        err_set(err, "is_there", "%s has an agent \"%s\" already%s%s", adding->config->company,
                adding->id, str_eq(same->id, adding->id) ? "" : ": an alias of ",
                str_eq(same->id, adding->id) ? "" : same->id);
        return -1;
    }
    if (settle_port(adding, err) < 0)
        return -1;
    if (name)
        json_object_set_new(adding->members, "name", json_text(name, strlen(name)));
    json_object_set_new(adding->members, "port", json_integer(adding->port));
    json_set_text(adding->members, "model", model_of(adding, root));
    set_list(adding->members, "capabilities", repeated(invocation, "capability"));
    set_list(adding->members, "delegates", by_commas(invocation, "delegates"));
    return 0;
}

/* ---- doing it ---- */

static int draft(struct adding *adding, struct err *err)
{
    struct arena *arena = adding->invocation->arena;
    struct findings findings;
    if (config_edit_open(&adding->edit, adding->config->path, arena, err) < 0)
        return -1;
    findings_init(&findings, arena);
    struct yaml_document *document =
        yaml_read(adding->edit.old, adding->edit.old_len, arena, &findings);
    int rc = describe(adding, document->root, err);
    yaml_close(document);
    if (rc == 0)
        rc = config_edit_add_agent(&adding->edit, adding->id, adding->members, err);
    if (rc == 0)
        rc = config_edit_check(&adding->edit, adding->invocation->state, err);
    if (rc < 0)
        return -1;
    adding->agent = config_agent(adding->edit.config, adding->id);
    adding->files = company_workspace_plan(adding->agent->workspace, adding->name, arena);
    return 0;
}

static int tell(const struct adding *adding)
{
    const struct invocation *invocation = adding->invocation;
    const struct config_agent *agent = adding->agent;
    const char *next = control_is_up(adding->config) ? "hq reload" : "hq up -d";
    size_t written = 0;
    for (size_t i = 0; i < adding->files.count; i++)
        written += adding->files.items[i].state == COMPANY_FILE_NEW;
    if (invocation->json)
        return output_json(json_pack("{s:b,s:{s:s,s:i,s:s?,s:s},s:I,s:s}", "ok", 1, "agent", "id",
                                     agent->id, "port", agent->port, "model", agent->model,
                                     "workspace", agent->workspace, "files_written",
                                     (json_int_t)written, "next", next));
    if (invocation->quiet)
        return COMMAND_OK;
    printf("added %s: port %d, model %s\n", agent->id, agent->port,
           agent->model ? agent->model : "none");
    printf("its folder: %s (%zu files written; SOUL.md says who it is)\n", agent->workspace,
           written);
    if (!free_port(agent->port))
        output_note(invocation, "port %d is taken at the moment", agent->port);
    printf("next: %s\n", next);
    return COMMAND_OK;
}

static int add_agent(struct adding *adding)
{
    struct err err = {0};
    if (draft(adding, &err) < 0)
        return fail(adding, &err);
    if (invocation_has(adding->invocation, "dry-run")) {
        if (adding->invocation->json)
            return output_json(
                json_pack("{s:b,s:b,s:s}", "ok", 1, "dry_run", 1, "hq_yaml", adding->edit.text));
        fwrite(adding->edit.text, 1, adding->edit.len, stdout);
        return COMMAND_OK;
    }
    if (company_files_write(adding->agent->workspace, &adding->files, &err) < 0 ||
        config_edit_commit(&adding->edit, &err) < 0)
        return output_fail(adding->invocation, COMMAND_FAILED, &err);
    return tell(adding);
}

static int add_run(const struct invocation *invocation)
{
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    struct adding adding = {.invocation = invocation,
                            .config = config,
                            .id = invocation->args[0],
                            .members = json_object(),
                            .edit = {.lock = -1}};
    int code = add_agent(&adding);
    config_edit_close(&adding.edit);
    json_decref(adding.members);
    config_free(config);
    return code;
}

const struct command command_agent_add = {
    .name = "agent add",
    .group = "SETUP",
    .usage = "ID",
    .summary = "a new agent: its lines in hq.yaml, and its folder",
    .details = "Comments and order of hq.yaml stay as they are; the file is checked before it is "
               "replaced, and\nthe old one stays as hq.yaml.bak. Then: hq reload.\n",
    .examples = "hq agent add webster --capability research\n"
                "hq agent add deputy --model openai/gpt-5 --delegates '*,!manager'\n",
    .options = add_options,
    .min_args = 1,
    .max_args = 1,
    .run = add_run,
};
