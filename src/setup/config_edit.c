/* Edits, drafts and replaces hq.yaml. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/limits.h"
#include "base/str.h"
#include "setup/config_edit.h"
#include "setup/yaml_edit.h"

static int read_whole(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || file_read(fd, LIMIT_CONFIG_BYTES, out) < 0)
        err_errno(err, "bad_config", "%s cannot be read", path);
    else
        err = NULL;
    if (fd >= 0)
        close(fd);
    return err ? -1 : 0;
}

int config_edit_open(struct config_edit *edit, const char *path, struct arena *arena,
                     struct err *err)
{
    struct buf text = {0};
    struct stat info;
    *edit = (struct config_edit){.arena = arena, .path = path, .lock = -1};
    edit->dir = arena_memdup(arena, path, (size_t)(strrchr(path, '/') - path));
    if (lstat(path, &info) < 0 || !S_ISREG(info.st_mode)) {
        err_set(err, "unusual_form", "%s is not a file of its own, but a link or worse", path);
        err_hint(err, "edit what it leads to by hand, then hq reload");
        return -1;
    }
    edit->mode = info.st_mode & 07777;
    edit->lock = open(edit->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (edit->lock < 0 || flock(edit->lock, LOCK_EX | LOCK_NB) < 0) {
        err_errno(err, "busy", "%s is being edited by another command", path);
        err_hint(err, "try again in a moment");
        return -1;
    }
    if (read_whole(path, &text, err) < 0) {
        buf_fini(&text);
        return -1;
    }
    edit->old = edit->text = arena_memdup(arena, buf_text(&text), text.len);
    edit->old_len = edit->len = text.len;
    buf_fini(&text);
    return 0;
}

/* ---- changing the text ---- */

static int unusual(const struct config_edit *edit, struct err *err)
{
    err_set(err, "unusual_form", "%s has a form that this command cannot change safely",
            edit->path);
    err_hint(err, "change it by hand, then hq config validate and hq reload");
    return -1;
}

/* Takes the new text where it means exactly `expected`, order included. */
static int accept_text(struct config_edit *edit, const char *text, size_t len,
                       const json_t *expected, struct err *err)
{
    struct yaml_text read;
    struct err ignored;
    if (!text)
        return unusual(edit, err);
    bool is_good = yaml_text_open(&read, text, len, edit->arena, &ignored) == 0;
    char *means = is_good ? json_dumps(read.document->root, 0) : NULL;
    char *wanted = json_dumps(expected, 0);
    is_good = is_good && str_eq(means, wanted);
    free(means);
    free(wanted);
    yaml_text_close(&read);
    if (!is_good)
        return unusual(edit, err);
    edit->text = text;
    edit->len = len;
    return 0;
}

int config_edit_add_agent(struct config_edit *edit, const char *id, const json_t *members,
                          struct err *err)
{
    struct yaml_text text;
    size_t len = 0;
    int rc = yaml_text_open(&text, edit->text, edit->len, edit->arena, err);
    if (rc == 0) {
        char *added = yaml_add_entry(&text, "/agents", id, members, &len);
        json_t *expected = json_deep_copy(text.document->root);
        json_object_set_new(json_object_get(expected, "agents"), id, json_deep_copy(members));
        rc = accept_text(edit, added, len, expected, err);
        json_decref(expected);
    }
    yaml_text_close(&text);
    return rc;
}

/* An item of a list that names the agent. */
struct mention {
    const char *list; /* its pointer */
    size_t index;
    struct place at;
};

struct mentions {
    struct yaml_text *text;
    const char *const *words;
    struct mention *items;
    size_t count, cap;
};

/* The first item of the list at `pointer` that names the agent; one of a list at a time. */
static void look_at_list(struct mentions *all, const char *pointer, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item) {
        const char *word = json_string_value(item);
        if (!word || !str_in(word + (*word == '!'), all->words))
            continue;
        if (all->count == all->cap) {
            all->cap = all->cap ? 2 * all->cap : 64;
            all->items = realloc(all->items, all->cap * sizeof(*all->items));
            if (!all->items)
                abort();
        }
        const char *at = arena_printf(all->text->arena, "%s/%zu", pointer, i);
        all->items[all->count++] =
            (struct mention){pointer, i, yaml_place(all->text->document, at)};
        return;
    }
}

static void look_at_holder(struct mentions *all, const char *pointer, const json_t *holder)
{
    static const char *const lists[] = {"delegates", "revisits", NULL};
    for (const char *const *list = lists; *list; list++)
        look_at_list(all, arena_printf(all->text->arena, "%s/%s", pointer, *list),
                     json_object_get(holder, *list));
}

/* Those further down first: what is cut there moves nothing above it. */
static int by_place(const void *a, const void *b)
{
    const struct mention *first = a, *second = b;
    if (first->at.line != second->at.line)
        return second->at.line - first->at.line;
    return second->at.column - first->at.column;
}

static void find_mentions(struct mentions *all, const char *id)
{
    const char *name;
    json_t *agent, *root = all->text->document->root;
    look_at_holder(all, "/defaults", json_object_get(root, "defaults"));
    json_object_foreach (json_object_get(root, "agents"), name, agent)
        if (!str_eq(name, id))
            look_at_holder(all, yaml_pointer(all->text->arena, "/agents", name), agent);
    if (all->count)
        qsort(all->items, all->count, sizeof(*all->items), by_place);
}

static json_t *list_in(json_t *root, const char *pointer, struct arena *arena)
{
    json_t *value = root;
    while (value && *pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        value = json_object_get(value, arena_memdup(arena, pointer, len));
        pointer += len;
    }
    return value;
}

/* One pass: at most one item of each list goes. Returns how many went, or -1. */
static int cut_mentions(struct config_edit *edit, const char *id, const char *const *words,
                        struct err *err)
{
    struct yaml_text text;
    if (yaml_text_open(&text, edit->text, edit->len, edit->arena, err) < 0) {
        yaml_text_close(&text);
        return -1;
    }
    struct mentions all = {.text = &text, .words = words};
    json_t *expected = json_deep_copy(text.document->root);
    struct yaml_text changed = text;
    int rc = 0;
    find_mentions(&all, id);
    for (size_t i = 0; i < all.count && rc == 0; i++) {
        char *cut = yaml_cut_item(&changed, all.items[i].list, all.items[i].index, &changed.len);
        json_array_remove(list_in(expected, all.items[i].list, edit->arena), all.items[i].index);
        changed.bytes = cut;
        rc = cut ? 0 : unusual(edit, err);
    }
    if (rc == 0 && all.count)
        rc = accept_text(edit, changed.bytes, changed.len, expected, err);
    json_decref(expected);
    yaml_text_close(&text);
    free(all.items);
    return rc < 0 ? -1 : (int)all.count;
}

int config_edit_remove_agent(struct config_edit *edit, const char *id, const char *const *words,
                             struct err *err)
{
    struct yaml_text text;
    size_t len = 0;
    int cut;
    while ((cut = cut_mentions(edit, id, words, err)) > 0)
        continue;
    if (cut < 0)
        return -1;
    int rc = yaml_text_open(&text, edit->text, edit->len, edit->arena, err);
    if (rc == 0) {
        char *rest = yaml_cut_entry(&text, "/agents", id, &len);
        json_t *expected = json_deep_copy(text.document->root);
        json_object_del(json_object_get(expected, "agents"), id);
        rc = accept_text(edit, rest, len, expected, err);
        json_decref(expected);
    }
    yaml_text_close(&text);
    return rc;
}

/* ---- putting it in place ---- */

static int write_draft(struct config_edit *edit, struct err *err)
{
    const char *path = arena_printf(edit->arena, "%s/.hq.yaml.new", edit->dir);
    unlink(path); /* of a command that was killed: the lock is ours */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "no_file", "%s cannot be written", path);
    edit->draft = path;
    int rc = 0;
    if (file_write(fd, edit->text, edit->len) < 0 || fchmod(fd, edit->mode) < 0 || fsync(fd) < 0)
        rc = err_errno(err, "no_file", "%s cannot be written", path);
    close(fd);
    return rc;
}

int config_edit_check(struct config_edit *edit, const char *state, struct err *err)
{
    struct finding *findings;
    size_t count, at = 0;
    if (write_draft(edit, err) < 0)
        return -1;
    edit->config = config_load(edit->draft, state, edit->arena, &findings, &count);
    if (edit->config)
        return 0;
    while (at + 1 < count && !findings[at].is_error)
        at++;
    err_set(err, "bad_config", "hq.yaml would not be right then: %s", findings[at].message);
    if (findings[at].hint)
        err_hint(err, "%s", findings[at].hint);
    return -1;
}

/* Editors know nothing of our lock. */
static int check_unchanged(struct config_edit *edit, struct err *err)
{
    struct buf now = {0};
    if (read_whole(edit->path, &now, err) < 0) {
        buf_fini(&now);
        return -1;
    }
    bool same = now.len == edit->old_len && memcmp(buf_text(&now), edit->old, now.len) == 0;
    buf_fini(&now);
    if (same)
        return 0;
    err_set(err, "changed", "%s was changed by somebody else meanwhile", edit->path);
    err_hint(err, "try again");
    return -1;
}

int config_edit_commit(struct config_edit *edit, struct err *err)
{
    const char *old = arena_printf(edit->arena, "%s.bak", edit->path);
    if (check_unchanged(edit, err) < 0)
        return -1;
    crash_point("setup.config.before");
    if (unlink(old) < 0 && errno != ENOENT)
        return err_errno(err, "no_file", "%s cannot be replaced", old);
    if (link(edit->path, old) < 0)
        return err_errno(err, "no_file", "%s cannot be kept as %s", edit->path, old);
    crash_point("setup.config.kept");
    if (rename(edit->draft, edit->path) < 0)
        return err_errno(err, "no_file", "%s cannot be replaced", edit->path);
    edit->draft = NULL;
    crash_point("setup.config.after");
    return folder_sync(edit->dir, err);
}

void config_edit_close(struct config_edit *edit)
{
    config_free(edit->config);
    if (edit->draft)
        unlink(edit->draft);
    if (edit->lock >= 0)
        close(edit->lock);
    edit->config = NULL;
    edit->draft = NULL;
    edit->lock = -1;
}
