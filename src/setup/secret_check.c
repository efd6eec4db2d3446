/* What is wrong with a company's secrets: missing, open to others, odd, or shared. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "config/secret.h"
#include "setup/secret_book.h"

struct checker {
    const struct config *config;
    const struct secret_book *book;
    struct arena *arena;
    struct secret_finding *findings;
    size_t count, cap;
    char (*digests)[HASH_HEX]; /* beside the entries; "" where the value cannot be read */
};

static void find(struct checker *check, const struct secret_entry *entry, bool is_error,
                 const char *message, const char *fix)
{
    if (check->count == check->cap) {
        check->cap = check->cap ? 2 * check->cap : 16;
        struct secret_finding *more = arena_alloc(check->arena, check->cap * sizeof(*more));
        if (check->count)
            memcpy(more, check->findings, check->count * sizeof(*more));
        check->findings = more;
    }
    check->findings[check->count++] = (struct secret_finding){entry, is_error, message, fix};
}

static void check_folder(struct checker *check)
{
    struct stat info;
    const char *path = check->config->secrets;
    if (lstat(path, &info) < 0)
        return; /* `hq up` makes it */
    if (!S_ISDIR(info.st_mode))
        find(check, NULL, true, arena_printf(check->arena, "%s is not a folder", path),
             "move it away; hq up makes the folder");
    else if (info.st_uid != geteuid())
        find(check, NULL, true, arena_printf(check->arena, "%s belongs to another user", path),
             "chown it, or run hq as that user");
    else if (info.st_mode & 077)
        find(check, NULL, true,
             arena_printf(check->arena, "%s is open to other users (mode %04o)", path,
                          (unsigned)info.st_mode & 07777),
             arena_printf(check->arena, "chmod 700 %s", path));
}

static const char *fix_of(struct checker *check, const struct secret_entry *entry)
{
    if (entry->is_env)
        return arena_printf(check->arena, "export %s, then hq down and hq up -d", entry->name);
    if (entry->kind == SECRET_TOKEN)
        return "remove it; hq up makes another";
    return arena_printf(check->arena, "hq secret set %s", entry->name);
}

/* Whether it can be used at all, by the same function that uses it. Keeps a digest. */
static bool check_value(struct checker *check, size_t at)
{
    const struct secret_entry *entry = &check->book->entries[at];
    struct arena scratch = {0};
    struct err err = {0};
    char *value = secret_resolve(&entry->reference, &scratch, &err);
    bool is_error = entry->kind != SECRET_URL || entry->is_there;
    if (value) {
        hash_hex(value, strlen(value), check->digests[at]);
        explicit_bzero(value, strlen(value));
    } else {
        const char *fix = entry->is_there && str_starts(err.hint, "chmod")
                              ? arena_strdup(check->arena, err.hint)
                              : fix_of(check, entry);
        find(check, entry, is_error && (entry->is_needed || entry->is_there),
             arena_strdup(check->arena, err.message), fix);
    }
    arena_fini(&scratch);
    return value != NULL;
}

static void check_url(struct checker *check, const struct secret_entry *entry)
{
    struct arena scratch = {0};
    struct err err;
    struct config_webhook webhook = {.name = entry->name, .url = entry->reference};
    if (!secret_webhook_url(&webhook, &scratch, &err))
        find(check, entry, true, arena_strdup(check->arena, err.message), fix_of(check, entry));
    arena_fini(&scratch);
}

/* A line's end is how editors leave a file; spaces, tabs and carriage returns are a slip of hand.
 */
static void check_ends(struct checker *check, const struct secret_entry *entry)
{
    char bytes[16384];
    int fd = open(entry->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    if (fd >= 0)
        close(fd);
    if (len > 0 && bytes[len - 1] == '\n')
        len--;
    bool is_odd = len > 0 && (strchr(" \t\r\n", bytes[0]) || strchr(" \t\r\n", bytes[len - 1]));
    explicit_bzero(bytes, sizeof(bytes));
    if (is_odd)
        find(check, entry, false,
             arena_printf(check->arena,
                          "%s has white space around its value; hq leaves it out, others may not",
                          entry->name),
             fix_of(check, entry));
}

static void check_unused(struct checker *check, const struct secret_entry *entry)
{
    bool is_draft = *entry->name == '.';
    find(check, entry, false,
         arena_printf(check->arena,
                      is_draft ? "%s was left by a command that was killed"
                               : "%s is named by nothing in hq.yaml",
                      entry->name),
         arena_printf(check->arena, is_draft ? "rm %s" : "name it there, or rm %s", entry->path));
}

static void check_entry(struct checker *check, size_t at)
{
    const struct secret_entry *entry = &check->book->entries[at];
    if (entry->kind == SECRET_UNUSED)
        check_unused(check, entry);
    else if (entry->kind == SECRET_TOKEN && !entry->is_there)
        return;
    else if (!check_value(check, at))
        return;
    else if (entry->kind == SECRET_URL)
        check_url(check, entry);
    if (!entry->is_env && entry->is_there)
        check_ends(check, entry);
}

/* The same value twice: of tokens it takes one principal for another; of keys, whoever is replaced
 * or refused takes the other with it. */
static void check_sharing(struct checker *check)
{
    const struct secret_book *book = check->book;
    for (size_t i = 0; i < book->count; i++) {
        for (size_t j = 0; *check->digests[i] && j < i; j++) {
            const struct secret_entry *a = &book->entries[j], *b = &book->entries[i];
            if (strcmp(check->digests[i], check->digests[j]) != 0)
                continue;
            find(check, b, a->kind == SECRET_TOKEN || b->kind == SECRET_TOKEN,
                 arena_printf(check->arena, "%s (%s) and %s (%s) are the same", a->name, a->used_by,
                              b->name, b->used_by),
                 b->kind == SECRET_TOKEN ? fix_of(check, b) : "give each its own");
            break;
        }
    }
}

struct secret_finding *secret_book_check(const struct config *config,
                                         const struct secret_book *book, struct arena *arena,
                                         size_t *count)
{
    struct checker check = {.config = config, .book = book, .arena = arena};
    check.digests = arena_alloc(arena, (book->count + 1) * sizeof(*check.digests));
    check_folder(&check);
    for (size_t i = 0; i < book->count; i++)
        check_entry(&check, i);
    check_sharing(&check);
    *count = check.count;
    return check.findings;
}
