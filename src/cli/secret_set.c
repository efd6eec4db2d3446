/* hq secret set: puts a secret in its place, from standard input or typed unseen; never from argv,
 * which every user of the machine can read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/secret_value.h"
#include "cli/table.h"
#include "config/values.h"
#include "setup/secret_book.h"
#include "setup/secret_file.h"

enum { VALUE_MOST = 16384 };

/* All of standard input, without the line's end that every tool puts behind it. */
static char *read_input(const struct invocation *invocation, struct err *err)
{
    struct buf text = {0};
    char *value = NULL;
    if (file_read(STDIN_FILENO, VALUE_MOST, &text) < 0) {
        err_errno(err, "no_value", "standard input cannot be read");
    } else if (memchr(buf_text(&text), '\0', text.len)) {
        err_set(err, "bad_value", "the value is not text");
    } else {
        while (text.len && strchr("\r\n", text.bytes[text.len - 1]))
            text.bytes[--text.len] = '\0';
        value = arena_memdup(invocation->arena, buf_text(&text), text.len);
    }
    if (text.bytes)
        explicit_bzero(text.bytes, text.cap);
    buf_fini(&text);
    return value;
}

char *secret_value_read(const struct invocation *invocation, const char *question, struct err *err)
{
    char *value;
    if (!isatty(STDIN_FILENO)) {
        value = read_input(invocation, err);
    } else if (!prompt_can_ask(invocation)) {
        err_set(err, "no_value", "there is no value");
        err_hint(err, "give it on standard input: … < FILE");
        return NULL;
    } else {
        value = prompt_secret(invocation, question);
        if (!value)
            err_set(err, "no_value", "nothing was written");
    }
    if (!value || secret_value_check(value, err) == 0)
        return value;
    explicit_bzero(value, strlen(value));
    return NULL;
}

/* ---- which file is meant ---- */

static int refuse_variable(const struct invocation *invocation, const struct secret_entry *entry)
{
    struct err err;
    err_set(&err, "is_variable", "%s is an environment variable (%s)", entry->name, entry->used_by);
    err_hint(&err, "export it before hq up, or write { file: secrets/NAME } in hq.yaml instead");
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int refuse_token(const struct invocation *invocation, const struct secret_entry *entry)
{
    struct err err;
    err_set(&err, "is_token", "%s is made by hq itself (%s)", entry->name, entry->used_by);
    err_hint(&err, "for a new one: hq down, rm %s, hq up -d", entry->path);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int refuse_name(const struct invocation *invocation, const char *name)
{
    struct err err;
    err_set(&err, "bad_name", "\"%s\" is not a name for a secret", name);
    err_hint(&err, "A-Z a-z 0-9 . - _, as hq.yaml names it: { file: secrets/NAME }");
    return output_fail(invocation, COMMAND_USAGE, &err);
}

/* The name without its ending: "other.key" is no slip of "router.key". */
static const char *stem(const char *name, struct arena *arena)
{
    const char *point = strrchr(name, '.');
    return point ? arena_memdup(arena, name, (size_t)(point - name)) : name;
}

static const char *nearest(const struct secret_book *book, const char *name, struct arena *arena)
{
    const char **stems = arena_alloc(arena, (book->count + 1) * sizeof(*stems));
    const char **names = arena_alloc(arena, (book->count + 1) * sizeof(*names));
    size_t used = 0;
    for (size_t i = 0; i < book->count; i++) {
        const struct secret_entry *entry = &book->entries[i];
        if (entry->is_env || entry->kind == SECRET_TOKEN || entry->kind == SECRET_UNUSED)
            continue;
        names[used] = entry->name;
        stems[used++] = stem(entry->name, arena);
    }
    const char *near = str_nearest(stem(name, arena), stems);
    for (size_t i = 0; near && i < used; i++)
        if (str_eq(near, stems[i]))
            return names[i];
    return NULL;
}

/* A name that hq.yaml does not know yet; a slip of one that it knows is refused. */
static int new_path(const struct invocation *invocation, const struct config *config,
                    const struct secret_book *book, const char **path)
{
    struct err err;
    const char *name = invocation->args[0];
    if (str_starts(name, "secrets/"))
        name += strlen("secrets/");
    if (!secret_name_is_good(name))
        return refuse_name(invocation, invocation->args[0]);
    const char *near = nearest(book, name, invocation->arena);
    *path = arena_printf(invocation->arena, "%s/%s", config->secrets, name);
    if (!near)
        return COMMAND_OK;
    err_set(&err, "unknown_secret", "hq.yaml names no secret \"%s\"", name);
    err_hint(&err, "Did you mean hq secret set %s?", near);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int find_path(const struct invocation *invocation, const struct config *config,
                     const struct secret_book *book, const struct secret_entry **entry,
                     const char **path)
{
    *entry = secret_book_find(book, config, invocation->args[0], invocation->arena);
    if (!*entry)
        return new_path(invocation, config, book, path);
    if ((*entry)->is_env)
        return refuse_variable(invocation, *entry);
    if ((*entry)->kind == SECRET_TOKEN)
        return refuse_token(invocation, *entry);
    *path = (*entry)->path;
    return COMMAND_OK;
}

/* ---- writing ---- */

static int tell_done(const struct invocation *invocation, const struct secret_entry *entry,
                     const char *path)
{
    bool is_named = entry && entry->kind != SECRET_UNUSED;
    const char *used_by = is_named ? entry->used_by : NULL;
    if (invocation->json)
        return output_json(json_pack("{s:b,s:s,s:s?,s:b,s:[]}", "ok", 1, "path", path, "used_by",
                                     used_by, "replaced", entry && entry->is_there, "reload"));
    if (!invocation->quiet)
        printf("%s %s\n", entry && entry->is_there ? "replaced" : "wrote", path);
    if (is_named)
        output_note(invocation, "used by %s; read again at each use: nobody has to be restarted",
                    used_by);
    else
        output_note(invocation, "nothing in hq.yaml names it yet: api_key: { file: secrets/%s }",
                    strrchr(path, '/') + 1);
    if (is_named && entry->kind == SECRET_KEY)
        output_note(invocation, "try it: hq model test");
    return COMMAND_OK;
}

static int put(const struct invocation *invocation, const struct secret_entry *entry,
               const char *path)
{
    struct err err = {0};
    char *value = secret_value_read(
        invocation, arena_printf(invocation->arena, "value of %s", invocation->args[0]), &err);
    int rc = value ? 0 : -1;
    if (value && entry && entry->kind == SECRET_URL && !value_is_url(value)) {
        rc = err_set(&err, "bad_value",
                     "this is not a URL that starts with http:// or https:// (%s)", entry->used_by);
        err_hint(&err, "it must carry no name or password and nothing but the URL");
    }
    bool is_good = rc == 0;
    if (is_good)
        rc = secret_file_put(path, value, &err);
    if (value)
        explicit_bzero(value, strlen(value));
    return rc < 0 ? output_fail(invocation, is_good ? COMMAND_FAILED : COMMAND_USAGE, &err)
                  : tell_done(invocation, entry, path);
}

static int set_run(const struct invocation *invocation)
{
    const struct secret_entry *entry;
    const char *path;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    struct secret_book book = secret_book_read(config, invocation->arena);
    int code = find_path(invocation, config, &book, &entry, &path);
    if (code == COMMAND_OK)
        code = put(invocation, entry, path);
    config_free(config);
    return code;
}

const struct command command_secret_set = {
    .name = "secret set",
    .group = "SETUP",
    .usage = "NAME",
    .summary = "put a key or a URL into secrets/, from standard input",
    .details =
        "NAME is what hq.yaml says behind file: (secrets/ may be left out), or the name of "
        "a\nprovider or webhook. The value comes from standard input, or is asked for "
        "without being\nshown; it is never an argument, which every user of the machine "
        "could read. The file is\nreplaced whole, mode 0600; it is read again at each use.\n",
    .examples = "hq secret set router.key < key.txt\n"
                "hq secret set router\n",
    .min_args = 1,
    .max_args = 1,
    .run = set_run,
};
