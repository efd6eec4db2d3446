/* hq agent rm: an agent leaves hq.yaml, and with it everybody's permission to ask it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/table.h"
#include "config/config.h"
#include "setup/config_edit.h"
#include "supervise/control.h"

static const struct command_option rm_options[] = {
    {"keep-files", 0, NULL, "its folders stay (they do anyway)"},
    {"delete-files", 0, NULL, "its workspace, its transcripts and its tokens go, too"},
    {"dry-run", 0, NULL, "print the new hq.yaml, and write nothing"},
    {0},
};

struct removal {
    const struct invocation *invocation;
    const struct config *config;
    const struct config_agent *agent;
    struct config_edit edit;
    bool is_up;
};

static int fail(const struct removal *removal, int code, const struct err *err)
{
    return output_fail(removal->invocation, code, err);
}

/* ---- what speaks against it ---- */

/* How many of its tasks are open, with the first one's id; -1 after saying why nobody knows. */
static int count_open(struct removal *removal, const char **first, int *code)
{
    static const char *const states[] = {"working", "waiting", "queued", NULL};
    struct operator_line line;
    int count = 0;
    *code = operator_open(removal->invocation, &line);
    for (const char *const *state = states; *state && *code == COMMAND_OK; state++) {
        json_t *answer = NULL;
        const char *path =
            arena_printf(removal->invocation->arena, "/v1/tasks?agent=%s&state=%s&limit=100",
                         removal->agent->id, *state);
        *code = operator_call(&line, "GET", path, NULL, 0, &answer);
        const json_t *items = json_object_get(answer, "items");
        if (json_array_size(items) && !*first)
            *first = arena_strdup(removal->invocation->arena,
                                  json_get_text(json_array_get(items, 0), "id", "?"));
        count += (int)json_array_size(items);
        json_decref(answer);
    }
    operator_close(&line);
    return *code == COMMAND_OK ? count : -1;
}

static int check_tasks(struct removal *removal)
{
    struct err err = {0};
    const char *first = NULL;
    int code = COMMAND_OK;
    if (!control_look(removal->config, "hub", NULL)) {
        output_note(removal->invocation,
                    "the company is down: whether tasks of %s are open was not looked at",
                    removal->agent->id);
        return COMMAND_OK;
    }
    int open = count_open(removal, &first, &code);
    if (open <= 0)
        return code;
    err_set(&err, "has_tasks", "%s has %d open task%s, like %s", removal->agent->id, open,
            open == 1 ? "" : "s", first);
    err_hint(&err,
             "let them end, hq task cancel them, or hq task reassign them: hq task list "
             "--agent %s",
             removal->agent->id);
    return fail(removal, COMMAND_USAGE, &err);
}

static int check_place(struct removal *removal)
{
    struct err err = {0};
    const struct config *config = removal->config;
    const char *id = removal->agent->id;
    if (config->agent_count == 1)
        err_set(&err, "last_agent", "%s is the only agent: a company has at least one", id);
    else if (str_eq(config->shared_gatekeeper, id))
        err_set(&err, "is_gatekeeper",
                "%s is the gatekeeper of the shared folder; name another in "
                "hq.yaml first (shared.gatekeeper)",
                id);
    else if (invocation_has(removal->invocation, "delete-files") &&
             control_look(config, arena_printf(removal->invocation->arena, "gateway-%s", id), NULL))
        err_set(&err, "runs", "%s runs in its folder; first: hq stop %s", id, id);
    return *err.code ? fail(removal, COMMAND_USAGE, &err) : COMMAND_OK;
}

/* ---- doing it ---- */

static int draft(struct removal *removal, struct err *err)
{
    struct arena *arena = removal->invocation->arena;
    const struct config_agent *agent = removal->agent;
    size_t count = 0;
    while (agent->aliases[count])
        count++;
    const char **words = arena_alloc(arena, (count + 2) * sizeof(*words));
    words[0] = agent->id;
    memcpy(words + 1, agent->aliases, count * sizeof(*words));
    if (config_edit_open(&removal->edit, removal->config->path, arena, err) < 0 ||
        config_edit_remove_agent(&removal->edit, agent->id, words, err) < 0)
        return -1;
    return config_edit_check(&removal->edit, removal->invocation->state, err);
}

/* A port that is not written down follows from the place in the file. */
static void tell_moved_ports(const struct removal *removal)
{
    const struct config *now = removal->edit.config;
    for (size_t i = 0; i < now->agent_count; i++) {
        const struct config_agent *agent = &now->agents[i];
        int before = config_agent(removal->config, agent->id)->port;
        if (agent->port != before)
            output_note(removal->invocation,
                        "%s moves from port %d to %d: hq.yaml names none for it", agent->id, before,
                        agent->port);
    }
}

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static int delete_files(const struct removal *removal, struct err *err)
{
    struct arena *arena = removal->invocation->arena;
    const struct config *config = removal->config;
    const char *folders[] = {removal->agent->workspace, removal->agent->instance};
    const char *id = removal->agent->id;
    for (size_t i = 0; i < 2; i++) {
        if (!is_below(folders[i], config->dir))
            return err_set(err, "elsewhere", "%s is not in the company's folder, and stays",
                           folders[i]);
        if (folder_remove(folders[i], err) < 0)
            return -1;
    }
    unlink(arena_printf(arena, "%s/%s.token", config->secrets, id));
    unlink(arena_printf(arena, "%s/%s.hooks.token", config->secrets, id));
    return 0;
}

static int tell(const struct removal *removal, bool deleted)
{
    const struct invocation *invocation = removal->invocation;
    const struct config_agent *agent = removal->agent;
    if (invocation->json)
        return output_json(json_pack("{s:b,s:s,s:b,s:s,s:s?}", "ok", 1, "agent", agent->id,
                                     "files_deleted", deleted, "workspace", agent->workspace,
                                     "next", removal->is_up ? "hq reload" : NULL));
    if (invocation->quiet)
        return COMMAND_OK;
    printf("%s is out of hq.yaml (the old one: hq.yaml.bak)\n", agent->id);
    printf("%s %s\n", deleted ? "deleted" : "its folder stays:", agent->workspace);
    if (access(removal->config->workflows, F_OK) == 0)
        puts("does a workflow name it? hq flow check");
    if (removal->is_up)
        puts("next: hq reload");
    return COMMAND_OK;
}

static int confirm(const struct removal *removal)
{
    bool deletes = invocation_has(removal->invocation, "delete-files");
    return prompt_confirm(removal->invocation,
                          arena_printf(removal->invocation->arena, "Remove %s from %s%s%s?",
                                       removal->agent->id, removal->config->company,
                                       deletes ? ", and delete " : "",
                                       deletes ? removal->agent->workspace : ""));
}

static int remove_agent(struct removal *removal)
{
    struct err err = {0};
    bool deletes = invocation_has(removal->invocation, "delete-files");
    bool dry = invocation_has(removal->invocation, "dry-run");
    int code = check_place(removal);
    if (code == COMMAND_OK)
        code = check_tasks(removal);
    if (code == COMMAND_OK && draft(removal, &err) < 0)
        code = fail(removal, str_eq(err.code, "busy") ? COMMAND_BUSY : COMMAND_USAGE, &err);
    if (code != COMMAND_OK)
        return code;
    tell_moved_ports(removal);
    if (dry && removal->invocation->json)
        return output_json(
            json_pack("{s:b,s:b,s:s}", "ok", 1, "dry_run", 1, "hq_yaml", removal->edit.text));
    if (dry)
        return fwrite(removal->edit.text, 1, removal->edit.len, stdout) == removal->edit.len
                   ? COMMAND_OK
                   : COMMAND_FAILED;
    code = confirm(removal);
    if (code != COMMAND_OK)
        return code;
    if (config_edit_commit(&removal->edit, &err) < 0 ||
        (deletes && delete_files(removal, &err) < 0))
        return fail(removal, COMMAND_FAILED, &err);
    return tell(removal, deletes);
}

static int rm_run(const struct invocation *invocation)
{
    struct err err;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    struct removal removal = {.invocation = invocation,
                              .config = config,
                              .agent = config_agent(config, invocation->args[0]),
                              .edit = {.lock = -1},
                              .is_up = control_is_up(config)};
    int code;
    if (removal.agent) {
        code = remove_agent(&removal);
    } else {
        company_no_agent(config, invocation->args[0], invocation->arena, &err);
        code = output_fail(invocation, COMMAND_USAGE, &err);
    }
    config_edit_close(&removal.edit);
    config_free(config);
    return code;
}

const struct command command_agent_rm = {
    .name = "agent rm",
    .group = "SETUP",
    .usage = "AGENT",
    .summary = "take an agent out of the company; its files stay",
    .details = "It goes from hq.yaml and from everybody's delegates and revisits; comments stay. "
               "Refused while\ntasks of it are open. --delete-files takes its workspace, "
               "transcripts and tokens away for good.\n",
    .examples = "hq agent rm webster\nhq agent rm webster --yes --delete-files\n",
    .options = rm_options,
    .min_args = 1,
    .max_args = 1,
    .run = rm_run,
};
