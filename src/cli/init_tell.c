/* The end of `hq init`: files, model, ports, and the next three commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/init.h"
#include "cli/model_show.h"
#include "cli/output.h"
#include "setup/yaml_word.h"

const char *init_shell_word(const char *text, struct arena *arena)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._-/+,=:@";
    if (*text && strspn(text, plain) == strlen(text))
        return text;
    const char *quoted = "'";
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "'");
        quoted = arena_printf(arena, "%s%.*s%s", quoted, (int)len, at, at[len] ? "'\\''" : "");
        at += len + (at[len] == '\'');
    }
    return arena_printf(arena, "%s'", quoted);
}

static const char *state_word(enum company_file_state state)
{
    static const char *const words[] = {"new", "same", "differs"};
    return words[state];
}

static const char *const *next_commands(const struct init *init)
{
    struct arena *arena = init->invocation->arena;
    const char **next = arena_alloc(arena, 4 * sizeof(*next));
    const char *dir = *init->dir == '-' ? arena_printf(arena, "./%s", init->dir) : init->dir;
    next[0] = arena_printf(arena, "cd %s", init_shell_word(dir, arena));
    next[1] = init->boot ? "hq service install && hq up" : "hq up -d";
    next[2] = arena_printf(arena, "hq ask %s \"Who are you, and what can you do?\"",
                           init->first_agent ? init->first_agent : "AGENT");
    return next;
}

static json_t *files_json(const struct init *init)
{
    json_t *items = json_array();
    for (size_t i = 0; i < init->files.count; i++) {
        const struct company_file *file = &init->files.items[i];
        json_t *item = json_pack("{s:s,s:s}", "path", file->path, "state", state_word(file->state));
        if (file->state == COMPANY_FILE_DIFFERS)
            json_object_set_new(item, "line", json_integer(file->line));
        json_array_append_new(items, item);
    }
    return items;
}

static int tell_json(const struct init *init)
{
    json_t *next = json_array();
    const char *const *commands = next_commands(init);
    bool dry = invocation_has(init->invocation, "dry-run");
    for (size_t i = 0; commands[i]; i++)
        json_array_append_new(next, json_string(commands[i]));
    json_t *document =
        json_pack("{s:b,s:s,s:b,s:b,s:I,s:o,s:o}", "ok", 1, "dir", init->path, "dry_run", dry,
                  "was_company", init->is_company, "agents", (json_int_t)init->agent_count, "items",
                  files_json(init), "next", next);
    json_set_text(document, "template", init->choice.template ? init->choice.template->name : NULL);
    json_set_text(document, "model", init->choice.provider ? init->choice.model : NULL);
    json_object_set_new(document, "test",
                        init->tested ? model_proof_json(init->choice.model, &init->proof)
                                     : json_null());
    json_object_set_new(document, "port_shift", json_integer(init->choice.port_shift));
    return output_json(document);
}

static size_t count_of(const struct init *init, enum company_file_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < init->files.count; i++)
        count += init->files.items[i].state == state;
    return count;
}

/* Folders with how many files of theirs are new, so that fifty files are some lines. */
static void print_new(const struct init *init)
{
    struct arena *arena = init->invocation->arena;
    for (size_t i = 0; i < init->files.count; i++) {
        const char *path = init->files.items[i].path;
        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : 0, files = 0;
        const char *folder = arena_memdup(arena, path, len);
        bool seen = false;
        for (size_t j = 0; j < init->files.count && len; j++) {
            const char *other = init->files.items[j].path;
            bool is_beside = strncmp(other, path, len + 1) == 0 && !strchr(other + len + 1, '/');
            seen = seen || (is_beside && j < i);
            files += is_beside && init->files.items[j].state == COMPANY_FILE_NEW;
        }
        if (!len && init->files.items[i].state == COMPANY_FILE_NEW)
            printf("  %s\n", path);
        else if (len && !seen && files)
            printf("  %s/ (%zu file%s)\n", folder, files, files == 1 ? "" : "s");
    }
}

static void print_kept(const struct init *init)
{
    for (size_t i = 0; i < init->files.count; i++) {
        const struct company_file *file = &init->files.items[i];
        if (file->state == COMPANY_FILE_DIFFERS)
            printf("  kept %s: yours differs from line %d on\n", file->path, file->line);
    }
}

static void print_model(const struct init *init)
{
    const struct invocation *invocation = init->invocation;
    if (init->is_company)
        return;
    if (!init->choice.provider)
        puts("Model: the offline script. A real one: hq help init, docs/models.md.");
    else if (!init->tested)
        printf("Model: %s, not tested. Test it: hq model test\n", init->choice.model);
    else
        printf("Model: %s, it has answered.\n", init->choice.model);
    if (init->wrote_key)
        printf("Key: %s, mode 0600.\n", init->choice.key_file);
    if (init->kept_key)
        output_note(invocation, "kept %s, which was there; another: hq secret set %s",
                    init->choice.key_file, init->choice.provider);
    if (init->choice.key_env)
        printf("Key: the variable %s, wherever hq up is typed%s.\n", init->choice.key_env,
               getenv(init->choice.key_env) ? "" : "; it is not set now");
}

/* The owner's file is not ours to change: what to put into it. */
static void print_block(const struct init *init)
{
    struct arena *arena = init->invocation->arena;
    if (!init->is_company || !init->choice.provider)
        return;
    printf("To use %s, put this into hq.yaml, then hq reload:\n\nmodels:\n%s", init->choice.model,
           company_draft_provider(&init->choice, arena));
    printf("agents:\n  AGENT: { model: %s }\n\n", yaml_word(init->choice.model, arena));
    if (init->choice.key_file)
        printf("and its key into its place: hq secret set %s.key\n", init->choice.provider);
}

static void print_ports(const struct init *init)
{
    if (init->taken)
        printf("Ports: from %d on, because %d is taken.\n",
               TEMPLATE_AGENT_PORT + init->choice.port_shift, init->taken);
}

int init_tell(const struct init *init)
{
    const struct invocation *invocation = init->invocation;
    bool dry = invocation_has(invocation, "dry-run");
    size_t fresh = count_of(init, COMPANY_FILE_NEW), same = count_of(init, COMPANY_FILE_SAME);
    if (invocation->json)
        return tell_json(init);
    if (init->is_company)
        printf("%s is a company already; its hq.yaml stays as it is.\n", init->path);
    if (fresh)
        printf("%s in %s:\n", dry ? "Would be written" : "Written", init->path);
    print_new(init);
    if (same)
        printf("  %zu file%s there already, as %s should be\n", same, same == 1 ? " is" : "s are",
               same == 1 ? "it" : "they");
    print_kept(init);
    print_model(init);
    print_block(init);
    print_ports(init);
    if (dry) {
        puts("Nothing was written (--dry-run).");
        return COMMAND_OK;
    }
    puts("\nNext:");
    for (const char *const *next = next_commands(init); *next; next++)
        printf("  %s\n", *next);
    return COMMAND_OK;
}
