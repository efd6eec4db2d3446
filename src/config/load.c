/* Finds, reads and checks hq.yaml; looks things up in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/build.h"
#include "config/check.h"
#include "config/load.h"
#include "config/secret.h"

static const char file_name[] = "hq.yaml";

/* realpath where the path exists, else the text made absolute. */
static char *absolute(const char *path, struct arena *arena)
{
    char *real = realpath(path, NULL);
    char *cwd = real ? NULL : getcwd(NULL, 0);
    char *found =
        real ? arena_strdup(arena, real) : config_path(cwd ? cwd : "/", path, NULL, arena);
    free(real);
    free(cwd);
    return found;
}

static char *find_in(const char *dir, struct arena *arena)
{
    char *path = arena_printf(arena, "%s/%s", dir, file_name);
    return access(path, F_OK) == 0 ? path : NULL;
}

static char *find_named(const char *dir, const char *said_by, struct arena *arena, struct err *err)
{
    char *found = find_in(absolute(dir, arena), arena);
    if (found)
        return found;
    err_set(err, "no_config", "there is no hq.yaml in %s (%s)", dir, said_by);
    err_hint(err, "name the folder of a company's hq.yaml");
    return NULL;
}

char *config_find(const char *dir, struct arena *arena, struct err *err)
{
    const char *home = getenv("HQ_DIR");
    if (dir)
        return find_named(dir, "-C", arena, err);
    if (!str_is_empty(home))
        return find_named(home, "HQ_DIR", arena, err);
    char *start = absolute(".", arena), *at = arena_strdup(arena, start);
    for (;;) {
        char *found = find_in(at, arena);
        if (found)
            return found;
        char *slash = strrchr(at, '/');
        if (!slash || !at[1])
            break;
        slash[slash == at] = '\0';
    }
    err_set(err, "no_config", "there is no hq.yaml in %s or above it", start);
    err_hint(err, "go to a company's folder, or name it with -C DIR or HQ_DIR");
    return NULL;
}

/* Reads a regular file; a pipe or device would hold up the process. */
static bool read_file(const char *path, struct buf *out, struct findings *findings)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) < 0) {
        finding_error(findings, (struct place){0}, "cannot be opened: %s", strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        finding_error(findings, (struct place){0}, "is not a file");
    } else if (file_read(fd, LIMIT_CONFIG_BYTES, out) < 0) {
        finding_error(findings, (struct place){0}, "cannot be read: %s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return findings->errors == 0;
}

static struct config *config_new(const char *path, const char *state)
{
    struct config *config = mem_zalloc(sizeof(*config));
    const char *env = getenv("HQ_STATE");
    char *folder = arena_strdup(&config->arena, path), *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    config->dir = absolute(!slash ? "." : *folder ? folder : "/", &config->arena);
    config->path =
        config_path(config->dir, slash ? path + (slash - folder) + 1 : path, NULL, &config->arena);
    config->secrets = config_path(config->dir, "secrets", NULL, &config->arena);
    if (!state && !str_is_empty(env))
        state = env;
    config->state = state ? absolute(state, &config->arena)
                          : config_path(config->dir, "state", NULL, &config->arena);
    return config;
}

struct config *config_load_document(const char *path, const char *state, struct findings *findings,
                                    struct yaml_document **document)
{
    struct buf text = {0};
    *document = NULL;
    if (!read_file(path, &text, findings)) {
        buf_fini(&text);
        return NULL;
    }
    struct config *config = config_new(path, state);
    char hex[HASH_HEX];
    hash_hex(buf_text(&text), text.len, hex);
    config->hash = arena_strdup(&config->arena, hex);
    *document = yaml_read(buf_text(&text), text.len, findings->arena, findings);
    buf_fini(&text);
    if ((*document)->whole)
        check_keys(*document, findings);
    if ((*document)->whole && json_is_object((*document)->root)) {
        config_build(config, *document);
        check_relations(*document, config, findings);
    }
    findings_sort(findings);
    if (findings->errors == 0)
        return config;
    config_free(config);
    return NULL;
}

static const char *kept(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

/* What reading a large file takes is many times the size of what is found in it, and a process
 * keeps the arena for life. */
struct config *config_load(const char *path, const char *state, struct arena *arena,
                           struct finding **findings, size_t *count)
{
    struct findings found;
    struct yaml_document *document;
    struct arena scratch = {0};
    findings_init(&found, &scratch);
    struct config *config = config_load_document(path, state, &found, &document);
    yaml_close(document);
    *count = found.count;
    *findings = arena_alloc(arena, (found.count + 1) * sizeof(**findings));
    for (size_t i = 0; i < found.count; i++) {
        (*findings)[i] = found.items[i];
        (*findings)[i].message = kept(arena, found.items[i].message);
        (*findings)[i].hint = kept(arena, found.items[i].hint);
        (*findings)[i].source = kept(arena, found.items[i].source);
    }
    arena_fini(&scratch);
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    arena_fini(&config->arena);
    free(config);
}

const struct config_agent *config_agent(const struct config *config, const char *id_or_alias)
{
    for (size_t i = 0; id_or_alias && i < config->agent_count; i++)
        if (strcmp(config->agents[i].id, id_or_alias) == 0)
            return &config->agents[i];
    for (size_t i = 0; id_or_alias && i < config->agent_count; i++)
        if (str_in(id_or_alias, config->agents[i].aliases))
            return &config->agents[i];
    return NULL;
}

const struct config_model *config_model(const struct config *config, const char *provider)
{
    for (size_t i = 0; provider && i < config->model_count; i++)
        if (strcmp(config->models[i].name, provider) == 0)
            return &config->models[i];
    return NULL;
}

const struct config_webhook *config_webhook(const struct config *config, const char *name)
{
    for (size_t i = 0; name && i < config->webhook_count; i++)
        if (strcmp(config->webhooks[i].name, name) == 0)
            return &config->webhooks[i];
    return NULL;
}

const struct config_webhook *config_destination(const struct config *config,
                                                const char *destination)
{
    if (!destination || !str_starts(destination, WEBHOOK_PREFIX))
        return NULL;
    return config_webhook(config, destination + strlen(WEBHOOK_PREFIX));
}

bool config_agent_may_delegate(const struct config_agent *from, const struct config_agent *to)
{
    bool allowed = from == to;
    for (const char *const *word = from->delegates; *word; word++) {
        bool denies = **word == '!';
        const char *whom = *word + denies;
        if (!str_eq(whom, "*") && !str_eq(whom, to->id))
            continue;
        if (denies)
            return from == to;
        allowed = true;
    }
    return allowed;
}

bool config_may_delegate(const struct config *config, const char *caller, const char *target)
{
    const struct config_agent *from = config_agent(config, caller);
    const struct config_agent *to = config_agent(config, target);
    return from && to && config_agent_may_delegate(from, to);
}

const struct config_agent *config_next_colleague(const struct config *config,
                                                 const struct config_agent *agent, size_t *at)
{
    while (*at < config->agent_count) {
        const struct config_agent *other = &config->agents[(*at)++];
        if (!str_eq(other->id, agent->id) && config_agent_may_delegate(agent, other))
            return other;
    }
    return NULL;
}
