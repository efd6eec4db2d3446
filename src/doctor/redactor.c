/* Secrets by value: a table of all their forms, looked up by their first two bytes. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/redactor.h"
#include "doctor/secret_forms.h"

extern char **environ;

enum { SECRET_FILE_MAX = 65536, BUCKETS = 65536 };

#define HIDDEN "[secret]"

struct needle {
    struct needle *next;
    const char *text, *label;
    size_t len;
};

struct redactor {
    struct arena arena;
    struct needle *buckets[BUCKETS];
    const char *label; /* of the secret whose forms are being taken */
};

static size_t bucket_of(const char *text)
{
    return (size_t)(unsigned char)text[0] << 8 | (unsigned char)text[1];
}

static void take_form(void *ctx, const char *form, size_t len)
{
    struct redactor *redactor = ctx;
    struct needle **head = &redactor->buckets[bucket_of(form)];
    for (struct needle *at = *head; at; at = at->next)
        if (at->len == len && memcmp(at->text, form, len) == 0)
            return;
    struct needle *needle = arena_alloc(&redactor->arena, sizeof(*needle));
    *needle = (struct needle){.next = *head,
                              .text = arena_memdup(&redactor->arena, form, len),
                              .label = redactor->label,
                              .len = len};
    *head = needle;
}

void redactor_add(struct redactor *redactor, const char *secret, const char *label)
{
    redactor->label = arena_strdup(&redactor->arena, label);
    secret_forms(secret, take_form, redactor);
}

/* Each line by itself: a key file of several lines is rarely quoted whole. */
static void add_lines(struct redactor *redactor, const char *text)
{
    struct arena scratch = {0};
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        redactor_add(redactor, str_trim(&scratch, arena_memdup(&scratch, text, len)), HIDDEN);
        text += len + (text[len] != '\0');
    }
    arena_fini(&scratch);
}

static void add_file(struct redactor *redactor, int dir, const char *name)
{
    struct buf text = {0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && file_read(fd, SECRET_FILE_MAX, &text) == 0)
        add_lines(redactor, buf_text(&text));
    if (fd >= 0)
        close(fd);
    if (text.bytes)
        explicit_bzero(text.bytes, text.len);
    buf_fini(&text);
}

static void add_folder(struct redactor *redactor, const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            add_file(redactor, dirfd(dir), entry->d_name);
    if (dir)
        closedir(dir);
}

static void add_reference(struct redactor *redactor, const struct config_secret *secret)
{
    if (secret->file)
        add_file(redactor, AT_FDCWD, secret->file);
    if (secret->env && getenv(secret->env))
        add_lines(redactor, getenv(secret->env));
}

static bool speaks_of_secret(const char *name, size_t len)
{
    static const char *const words[] = {"KEY",  "TOKEN",  "SECRET", "PASS", "CRED",
                                        "AUTH", "COOKIE", "PRIV",   NULL};
    char upper[64] = "";
    for (size_t i = 0; i < len && i < sizeof(upper) - 1; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    for (size_t i = 0; words[i]; i++)
        if (strstr(upper, words[i]))
            return true;
    return false;
}

static void add_environment(struct redactor *redactor)
{
    for (char **at = environ; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (equals && speaks_of_secret(*at, (size_t)(equals - *at)))
            add_lines(redactor, equals + 1);
    }
}

struct redactor *redactor_open(const struct config *config)
{
    struct redactor *redactor = mem_zalloc(sizeof(*redactor));
    add_folder(redactor, config->secrets);
    for (size_t i = 0; i < config->model_count; i++)
        add_reference(redactor, &config->models[i].api_key);
    for (size_t i = 0; i < config->webhook_count; i++)
        add_reference(redactor, &config->webhooks[i].url);
    for (size_t i = 0; i < config->telemetry.header_count; i++)
        add_reference(redactor, &config->telemetry.headers[i].value);
    add_environment(redactor);
    return redactor;
}

static void forget(struct redactor *redactor)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct needle *at = redactor->buckets[i]; at; at = at->next)
            explicit_bzero((void *)(uintptr_t)at->text, at->len);
}

void redactor_close(struct redactor *redactor)
{
    if (!redactor)
        return;
    forget(redactor);
    arena_fini(&redactor->arena);
    free(redactor);
}

/* The longest known text that begins here, or NULL. */
static const struct needle *needle_at(const struct redactor *redactor, const char *text,
                                      size_t left)
{
    const struct needle *best = NULL;
    if (left < SECRET_SHORTEST)
        return NULL;
    for (const struct needle *at = redactor->buckets[bucket_of(text)]; at; at = at->next)
        if (at->len <= left && (!best || at->len > best->len) &&
            memcmp(at->text, text, at->len) == 0)
            best = at;
    return best;
}

void redactor_put(const struct redactor *redactor, const char *text, size_t len, struct buf *out)
{
    struct buf known = {0};
    for (size_t i = 0; i < len;) {
        const struct needle *needle = needle_at(redactor, text + i, len - i);
        if (needle)
            buf_puts(&known, needle->label);
        else
            buf_putc(&known, text[i]);
        i += needle ? needle->len : 1;
    }
    redact_patterns(buf_text(&known), known.len, out);
    if (known.bytes)
        explicit_bzero(known.bytes, known.len);
    buf_fini(&known);
}
