/* Digests of the tokens, compared all of them each time. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "config/secret.h"
#include "hub/principal.h"
#include "wire/flow.h"
#include "wire/task.h"

struct entry {
    struct principal principal;
    unsigned char digest[HASH_BYTES];
};

struct principals {
    struct arena arena;
    struct entry *entries;
    size_t count;
};

static int add(struct principals *principals, const struct config *config, const char *file,
               struct principal principal, struct err *err)
{
    struct arena arena = {0};
    char *token = secret_read(config, file, &arena, err);
    if (token) {
        struct entry *entry = &principals->entries[principals->count++];
        entry->principal = principal;
        hash_bytes(token, strlen(token), entry->digest);
        OPENSSL_cleanse(token, strlen(token));
    }
    arena_fini(&arena);
    return token ? 0 : -1;
}

static int add_agent(struct principals *principals, const struct config *config, const char *id,
                     struct err *err)
{
    struct arena *arena = &principals->arena;
    const char *agent = arena_strdup(arena, id);
    struct principal self = {PRINCIPAL_AGENT, arena_printf(arena, "agent:%s", id), agent};
    struct principal door = {PRINCIPAL_OUTSIDE, arena_printf(arena, "outside:%s", id), agent};
    if (add(principals, config, arena_printf(arena, "%s.token", id), self, err) < 0)
        return -1;
    return add(principals, config, arena_printf(arena, "%s.hooks.token", id), door, err);
}

/* Whoever is `local` speaks as the operator. */
static int add_person(struct principals *principals, const struct config *config,
                      const struct config_person *person, struct err *err)
{
    struct arena *arena = &principals->arena;
    struct principal self = {PRINCIPAL_PERSON, arena_printf(arena, PERSON_PREFIX "%s", person->id),
                             NULL};
    if (person->local)
        return 0;
    return add(principals, config, arena_printf(arena, "person.%s.token", person->id), self, err);
}

struct principals *principals_open(const struct config *config, struct err *err)
{
    struct principals *principals = mem_zalloc(sizeof(*principals));
    size_t most = 2 + 2 * config->agent_count + config->person_count;
    principals->entries = mem_zalloc(most * sizeof(*principals->entries));
    struct principal operator= {PRINCIPAL_OPERATOR, "operator", NULL};
    struct principal runner = {PRINCIPAL_RUNNER, "runner", RUNNER_AGENT};
    if (add(principals, config, "operator.token", operator, err) < 0 ||
        add(principals, config, "runner.token", runner, err) < 0)
        goto fail;
    for (size_t i = 0; i < config->person_count; i++)
        if (add_person(principals, config, &config->people[i], err) < 0)
            goto fail;
    for (size_t i = 0; i < config->agent_count; i++)
        if (add_agent(principals, config, config->agents[i].id, err) < 0)
            goto fail;
    return principals;
fail:
    principals_close(principals);
    return NULL;
}

void principals_close(struct principals *principals)
{
    if (!principals)
        return;
    arena_fini(&principals->arena);
    free(principals->entries);
    free(principals);
}

const struct principal *principals_find(const struct principals *principals, const char *token)
{
    unsigned char digest[HASH_BYTES];
    const struct principal *found = NULL;
    if (!token || !*token)
        return NULL;
    hash_bytes(token, strlen(token), digest);
    for (size_t i = 0; i < principals->count; i++)
        if (CRYPTO_memcmp(principals->entries[i].digest, digest, HASH_BYTES) == 0)
            found = &principals->entries[i].principal;
    return found;
}

bool principal_is_person(const struct principal *principal)
{
    return principal->kind == PRINCIPAL_OPERATOR || principal->kind == PRINCIPAL_PERSON;
}

bool principal_is_worker(const struct principal *principal)
{
    return principal->kind == PRINCIPAL_AGENT || principal->kind == PRINCIPAL_RUNNER;
}

bool principal_may_read(const struct principal *principal, const struct task *task)
{
    if (principal_is_person(principal) || str_eq(task->caller, principal->name))
        return true;
    return principal_is_worker(principal) && str_eq(task->agent, principal->agent);
}
