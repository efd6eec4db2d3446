/* Reads and makes secrets: files of mode 0600 below a folder of mode 0700. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "config/secret.h"
#include "config/values.h"

enum { SECRET_MAX = 16384, TOKEN_DIGITS = 64 };

/* Writes a token under a name of its own and links it into place: a file that is there is whole,
 * even after a death in between. Returns 1, or 0 where another process was first. */
static int make_token(int dir, const char *name, struct err *err)
{
    char token[TOKEN_DIGITS + 2], draft[320], random[17];
    int result = -1;
    rand_hex(token, TOKEN_DIGITS);
    token[TOKEN_DIGITS] = '\n';
    rand_hex(random, 16);
    snprintf(draft, sizeof(draft), ".%s.%s", name, random);
    int fd = openat(dir, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "secret", "the token %s cannot be made", name);
    if (fchmod(fd, 0600) < 0 || file_write(fd, token, TOKEN_DIGITS + 1) < 0 || fsync(fd) < 0) {
        err_errno(err, "secret", "the token %s cannot be written", name);
    } else {
        crash_point("config.token.before");
        if (linkat(dir, draft, dir, name, 0) == 0)
            result = 1;
        else if (errno == EEXIST)
            result = 0;
        else
            err_errno(err, "secret", "the token %s cannot be put in place", name);
    }
    explicit_bzero(token, sizeof(token));
    close(fd);
    unlinkat(dir, draft, 0);
    return result;
}

static int open_folder(const char *path, struct err *err)
{
    struct stat info;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "secret", "the folder %s cannot be made", path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &info) < 0) {
        err_errno(err, "secret", "the folder %s cannot be opened", path);
    } else if (info.st_uid != geteuid()) {
        err_set(err, "secret", "the folder %s belongs to another user (%u)", path, info.st_uid);
        err_hint(err, "chown it, or run hq as that user");
    } else if (info.st_mode & 077) {
        err_set(err, "secret", "the folder %s is open to other users (mode %04o)", path,
                info.st_mode & 07777);
        err_hint(err, "chmod 700 %s", path);
    } else {
        return dir;
    }
    if (dir >= 0)
        close(dir);
    return -1;
}

/* Makes the token where it is missing; returns how many were made. */
static int ensure_token(int dir, const char *name, struct err *err)
{
    struct stat info;
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (errno != ENOENT)
        return err_errno(err, "secret", "the token %s cannot be looked at", name);
    return make_token(dir, name, err);
}

static int ensure_agent_tokens(int dir, const char *agent, struct err *err)
{
    char name[256];
    snprintf(name, sizeof(name), "%s.token", agent);
    int own = ensure_token(dir, name, err);
    snprintf(name, sizeof(name), "%s.hooks.token", agent);
    int hooks = own < 0 ? -1 : ensure_token(dir, name, err);
    return hooks < 0 ? -1 : own + hooks;
}

/* Whoever is `local` speaks as the operator. */
static int ensure_person_token(int dir, const struct config_person *person, struct err *err)
{
    char name[256];
    snprintf(name, sizeof(name), "person.%s.token", person->id);
    return person->local ? 0 : ensure_token(dir, name, err);
}

static int ensure_fixed_tokens(int dir, struct err *err)
{
    int own = ensure_token(dir, "operator.token", err);
    int runner = own < 0 ? -1 : ensure_token(dir, "runner.token", err);
    return runner < 0 ? -1 : own + runner;
}

/* Makes the names last: the folder's own entry lies in its parent. */
static int sync_folder(int dir, struct err *err)
{
    int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fsync(dir) < 0 || (parent >= 0 && fsync(parent) < 0);
    if (parent >= 0)
        close(parent);
    return failed ? err_errno(err, "secret", "the folder of secrets cannot be synced") : 0;
}

int secret_make_tokens(const struct config *config, struct err *err)
{
    int dir = open_folder(config->secrets, err);
    if (dir < 0)
        return -1;
    int made = ensure_fixed_tokens(dir, err);
    for (size_t i = 0; made >= 0 && i < config->agent_count; i++) {
        int more = ensure_agent_tokens(dir, config->agents[i].id, err);
        made = more < 0 ? -1 : made + more;
    }
    for (size_t i = 0; made >= 0 && i < config->person_count; i++) {
        int more = ensure_person_token(dir, &config->people[i], err);
        made = more < 0 ? -1 : made + more;
    }
    if (made > 0 && sync_folder(dir, err) < 0)
        made = -1;
    crash_point("config.token.after");
    close(dir);
    return made;
}

/* Refuses what others may read or could have put there. */
static int check_owner(int fd, const char *path, struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return err_errno(err, "secret", "the secret %s cannot be looked at", path);
    if (!S_ISREG(info.st_mode))
        return err_set(err, "secret", "the secret %s is not a file", path);
    if (info.st_uid != geteuid()) {
        err_set(err, "secret", "the secret %s belongs to another user (%u)", path, info.st_uid);
        if (geteuid() == 0)
            err_hint(err, "root does not act for others: sudo -u '#%u' hq …", info.st_uid);
        else
            err_hint(err, "chown it to the user that runs hq");
        return -1;
    }
    if (info.st_mode & 0177) {
        err_set(err, "secret", "the secret %s has mode %04o: other users must not read it", path,
                info.st_mode & 07777);
        err_hint(err, "chmod 600 %s", path);
        return -1;
    }
    if (info.st_size > SECRET_MAX)
        return err_set(err, "secret", "the secret %s has more than %d bytes", path, SECRET_MAX);
    return 0;
}

/* Reads and trims; one line of text without control characters. */
static char *read_secret(int fd, const char *path, struct arena *arena, struct err *err)
{
    char bytes[SECRET_MAX];
    char *text = NULL;
    ssize_t len;
    while ((len = read(fd, bytes, sizeof(bytes) - 1)) < 0 && errno == EINTR)
        continue;
    if (len < 0) {
        err_errno(err, "secret", "the secret %s cannot be read", path);
        return NULL;
    }
    bytes[len] = '\0';
    if (strlen(bytes) == (size_t)len)
        text = str_trim(arena, bytes);
    explicit_bzero(bytes, sizeof(bytes));
    if (str_is_empty(text)) {
        err_set(err, "secret", "the secret %s is %s", path, text ? "empty" : "not text");
        return NULL;
    }
    if (strpbrk(text, "\r\n")) {
        err_set(err, "secret", "the secret %s has more than one line", path);
        return NULL;
    }
    return text;
}

static char *read_path(const char *path, struct arena *arena, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        err_errno(err, "secret", "the secret %s cannot be opened", path);
        return NULL;
    }
    char *text = check_owner(fd, path, err) < 0 ? NULL : read_secret(fd, path, arena, err);
    close(fd);
    return text;
}

char *secret_read(const struct config *config, const char *name, struct arena *arena,
                  struct err *err)
{
    return read_path(arena_printf(arena, "%s/%s", config->secrets, name), arena, err);
}

/* A unit's environment holds no secret; what LoadCredential= gives it lies in a folder that systemd
 * guards, with an owner and a mode of its own choice: systemd.exec(5). NULL: there is none. */
static char *read_credential(const char *name, struct arena *arena)
{
    struct err ignored;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (str_is_empty(folder) || strchr(name, '/'))
        return NULL;
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *text = fd < 0 ? NULL : read_secret(fd, path, arena, &ignored);
    if (fd >= 0)
        close(fd);
    return text;
}

static char *read_env(const char *name, struct arena *arena, struct err *err)
{
    const char *value = getenv(name);
    char *text = str_is_empty(value) ? NULL : str_trim(arena, value);
    if (str_is_empty(text))
        text = read_credential(name, arena);
    if (!str_is_empty(text))
        return text;
    err_set(err, "secret", "the environment variable %s is %s", name, value ? "empty" : "not set");
    err_hint(err, "set it before `hq up`, or keep the secret in a file: { file: PATH }");
    return NULL;
}

char *secret_resolve(const struct config_secret *secret, struct arena *arena, struct err *err)
{
    if (secret->env)
        return read_env(secret->env, arena, err);
    if (secret->file)
        return read_path(secret->file, arena, err);
    if (secret->value)
        return arena_strdup(arena, secret->value);
    err_set(err, "secret", "no secret is named");
    return NULL;
}

char *secret_webhook_url(const struct config_webhook *webhook, struct arena *arena, struct err *err)
{
    char *url = secret_resolve(&webhook->url, arena, err);
    if (!url || value_is_url(url))
        return url;
    err_set(err, "secret", "what %s %s holds is not a URL that starts with http:// or https://",
            webhook->url.env ? "the environment variable" : "the file",
            webhook->url.env ? webhook->url.env : webhook->url.file);
    err_hint(err, "it must carry no name or password and nothing but the URL");
    return NULL;
}

static bool is_primary(const struct config *config, const struct config_model *model)
{
    size_t len = strlen(model->name);
    for (size_t i = 0; i < config->agent_count; i++) {
        const char *primary = config->agents[i].model;
        if (str_starts(primary, model->name) && primary[len] == '/')
            return true;
    }
    return false;
}

static void check_webhook(const struct config_webhook *webhook, struct findings *found)
{
    struct arena scratch = {0};
    struct err err;
    if (!secret_webhook_url(webhook, &scratch, &err)) {
        finding_warn(found, webhook->url.at, "%s%s: %s", WEBHOOK_PREFIX, webhook->name,
                     err.message);
        if (*err.hint)
            finding_hint(found, "%s", err.hint);
    }
    arena_fini(&scratch);
}

static void check_header(const struct config_header *header, struct findings *found)
{
    struct arena scratch = {0};
    struct err err;
    if (!secret_resolve(&header->value, &scratch, &err)) {
        finding_warn(found, header->value.at, "telemetry.headers.%s: %s", header->name,
                     err.message);
        if (*err.hint)
            finding_hint(found, "%s", err.hint);
    }
    arena_fini(&scratch);
}

void config_check_secrets(const struct config *config, struct arena *arena,
                          struct finding **findings, size_t *count)
{
    struct findings found;
    findings_init(&found, arena);
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        struct arena scratch = {0};
        struct err err;
        if ((model->api_key.env || model->api_key.file) &&
            !secret_resolve(&model->api_key, &scratch, &err)) {
            if (is_primary(config, model))
                finding_error(&found, model->api_key.at, "%s: %s", model->name, err.message);
            else
                finding_warn(&found, model->api_key.at, "%s: %s", model->name, err.message);
            if (*err.hint)
                finding_hint(&found, "%s", err.hint);
        }
        arena_fini(&scratch);
    }
    for (size_t i = 0; i < config->webhook_count; i++)
        check_webhook(&config->webhooks[i], &found);
    for (size_t i = 0; i < config->telemetry.header_count; i++)
        check_header(&config->telemetry.headers[i], &found);
    *findings = found.items;
    *count = found.count;
}
