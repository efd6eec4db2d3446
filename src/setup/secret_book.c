/* Collects the secrets of a company from hq.yaml, from what hq makes itself and from secrets/. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"
#include "config/secret.h"
#include "setup/secret_book.h"

enum {
    SHOWN_FROM = 24, /* shorter values show nothing: four of them would be too much of it */
    SHOWN_END = 4,
    PREFIX_MOST = 4, /* "sk-", "gsk_": what the services put before their keys */
};

struct collector {
    const struct config *config;
    struct arena *arena;
    struct secret_book book;
    size_t cap;
};

static struct secret_entry *add(struct collector *all)
{
    struct secret_book *book = &all->book;
    if (book->count == all->cap) {
        all->cap = all->cap ? 2 * all->cap : 32;
        struct secret_entry *more = arena_alloc(all->arena, all->cap * sizeof(*more));
        if (book->count)
            memcpy(more, book->entries, book->count * sizeof(*more));
        book->entries = more;
    }
    return &book->entries[book->count++];
}

static struct secret_entry *find_same(struct collector *all, const struct config_secret *reference)
{
    for (size_t i = 0; i < all->book.count; i++) {
        struct secret_entry *entry = &all->book.entries[i];
        if (reference->env ? entry->is_env && str_eq(entry->name, reference->env)
                           : !entry->is_env && str_eq(entry->path, reference->file))
            return entry;
    }
    return NULL;
}

/* "sk-…9f2c" of a long key; nothing of anything else. */
static const char *shown_ends(const char *value, struct arena *arena)
{
    size_t len = strlen(value), prefix = strcspn(value, "-_");
    if (len < SHOWN_FROM)
        return "";
    prefix = prefix < PREFIX_MOST ? prefix + 1 : 0;
    return arena_printf(arena, "%.*s…%s", (int)prefix, value, value + len - SHOWN_END);
}

static const char *shown_of(struct collector *all, const struct secret_entry *entry)
{
    struct err err;
    if (entry->kind != SECRET_KEY)
        return "";
    struct arena scratch = {0};
    char *value = secret_resolve(&entry->reference, &scratch, &err);
    const char *shown = value ? shown_ends(value, all->arena) : "";
    if (value)
        explicit_bzero(value, strlen(value));
    arena_fini(&scratch);
    return shown;
}

static void look_at(struct collector *all, struct secret_entry *entry)
{
    struct stat info;
    if (entry->is_env) {
        entry->is_there = !str_is_empty(getenv(entry->name));
    } else if (stat(entry->path, &info) == 0) {
        entry->is_there = true;
        entry->mode = info.st_mode & 07777;
        entry->changed_at = (int64_t)info.st_mtim.tv_sec * 1000;
    }
    entry->shown = shown_of(all, entry);
}

/* "router.key" below secrets/, else the whole path. */
static const char *name_of(struct collector *all, const char *path)
{
    size_t len = strlen(all->config->secrets);
    bool is_below = strncmp(path, all->config->secrets, len) == 0 && path[len] == '/';
    return is_below ? path + len + 1 : path;
}

static void add_reference(struct collector *all, const struct config_secret *reference,
                          enum secret_kind kind, const char *user, bool is_needed)
{
    if (!reference->env && !reference->file)
        return;
    struct secret_entry *entry = find_same(all, reference);
    if (entry) {
        entry->used_by = arena_printf(all->arena, "%s, %s", entry->used_by, user);
        entry->is_needed = entry->is_needed || is_needed;
        return;
    }
    entry = add(all);
    *entry = (struct secret_entry){.kind = kind,
                                   .is_env = reference->env != NULL,
                                   .path = reference->file,
                                   .used_by = user,
                                   .is_needed = is_needed,
                                   .reference = *reference};
    entry->name = entry->is_env ? reference->env : name_of(all, reference->file);
    look_at(all, entry);
}

static bool is_primary(const struct config *config, const char *provider)
{
    size_t len = strlen(provider);
    for (size_t i = 0; i < config->agent_count; i++) {
        const char *model = config->agents[i].model;
        if (model && strncmp(model, provider, len) == 0 && model[len] == '/')
            return true;
    }
    return false;
}

static void add_named(struct collector *all)
{
    const struct config *config = all->config;
    for (size_t i = 0; i < config->model_count; i++)
        add_reference(all, &config->models[i].api_key, SECRET_KEY,
                      arena_printf(all->arena, "model %s", config->models[i].name),
                      is_primary(config, config->models[i].name));
    for (size_t i = 0; i < config->telemetry.header_count; i++)
        add_reference(all, &config->telemetry.headers[i].value, SECRET_HEADER,
                      arena_printf(all->arena, "telemetry %s", config->telemetry.headers[i].name),
                      false);
    for (size_t i = 0; i < config->webhook_count; i++)
        add_reference(all, &config->webhooks[i].url, SECRET_URL,
                      arena_printf(all->arena, "webhook %s", config->webhooks[i].name), false);
}

static void add_token(struct collector *all, const char *name, const char *user)
{
    struct config_secret reference = {
        .file = arena_printf(all->arena, "%s/%s", all->config->secrets, name)};
    add_reference(all, &reference, SECRET_TOKEN, user, false);
}

static void add_tokens(struct collector *all)
{
    const struct config *config = all->config;
    add_token(all, "operator.token", "you, the operator");
    add_token(all, "runner.token", "the runner");
    for (size_t i = 0; i < config->agent_count; i++) {
        const char *id = config->agents[i].id;
        add_token(all, arena_printf(all->arena, "%s.token", id),
                  arena_printf(all->arena, "agent %s", id));
        add_token(all, arena_printf(all->arena, "%s.hooks.token", id),
                  arena_printf(all->arena, "hooks of %s", id));
    }
    for (size_t i = 0; i < config->person_count; i++)
        if (!config->people[i].local)
            add_token(all, arena_printf(all->arena, "person.%s.token", config->people[i].id),
                      arena_printf(all->arena, "person %s", config->people[i].id));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What lies in secrets/ and nobody names; in the order of names. */
static void add_unused(struct collector *all)
{
    enum { MOST = 4096 };
    const char **names = arena_alloc(all->arena, MOST * sizeof(*names));
    size_t count = 0;
    DIR *folder = opendir(all->config->secrets);
    for (struct dirent *file; folder && count < MOST && (file = readdir(folder));)
        if (!str_eq(file->d_name, ".") && !str_eq(file->d_name, ".."))
            names[count++] = arena_strdup(all->arena, file->d_name);
    if (folder)
        closedir(folder);
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        struct config_secret reference = {
            .file = arena_printf(all->arena, "%s/%s", all->config->secrets, names[i])};
        if (!find_same(all, &reference))
            add_reference(all, &reference, SECRET_UNUSED, "", false);
    }
}

struct secret_book secret_book_read(const struct config *config, struct arena *arena)
{
    struct collector all = {.config = config, .arena = arena};
    add_named(&all);
    add_tokens(&all);
    add_unused(&all);
    return all.book;
}

static const struct secret_entry *find_reference(const struct secret_book *book,
                                                 const struct config_secret *reference)
{
    for (size_t i = 0; i < book->count; i++) {
        const struct secret_entry *entry = &book->entries[i];
        if (entry->is_env ? str_eq(entry->name, reference->env)
                          : str_eq(entry->path, reference->file))
            return entry;
    }
    return NULL;
}

const struct secret_entry *secret_book_find(const struct secret_book *book,
                                            const struct config *config, const char *word,
                                            struct arena *arena)
{
    const char *below = str_starts(word, "secrets/") ? word + strlen("secrets/") : word;
    for (size_t i = 0; i < book->count; i++)
        if (str_eq(book->entries[i].name, below))
            return &book->entries[i];
    const struct config_model *model = config_model(config, word);
    const struct config_webhook *webhook = config_webhook(config, word);
    if (model && (model->api_key.file || model->api_key.env))
        return find_reference(book, &model->api_key);
    return webhook ? find_reference(book, &webhook->url) : NULL;
}
