/* A map from hash to compiled bundle; what nobody uses and is oldest goes first. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/definitions.h"
#include "flow/bundle.h"
#include "ledger/ledger.h"

enum { UNUSED_KEPT = 32 /* a company has some ten workflows */ };

struct pinned {
    struct flow_bundle *bundle;
    size_t users;
    uint64_t used; /* the larger, the later */
};

struct definitions {
    pthread_mutex_t mutex;
    struct ledger *ledger;
    struct map known;
    size_t unused;
    uint64_t uses;
};

struct definitions *definitions_open(struct ledger *ledger)
{
    struct definitions *definitions = mem_zalloc(sizeof(*definitions));
    definitions->ledger = ledger;
    pthread_mutex_init(&definitions->mutex, NULL);
    return definitions;
}

static void pinned_close(struct pinned *pinned)
{
    if (!pinned)
        return;
    flow_bundle_close(pinned->bundle);
    free(pinned);
}

void definitions_close(struct definitions *definitions)
{
    const char *key;
    void *pinned;
    if (!definitions)
        return;
    for (size_t at = 0; map_next(&definitions->known, &at, &key, &pinned);)
        pinned_close(pinned);
    map_fini(&definitions->known);
    pthread_mutex_destroy(&definitions->mutex);
    free(definitions);
}

int definition_text(struct ledger *ledger, const char *sha256, struct arena *arena,
                    const char **text, struct err *err)
{
    struct definition row = {.sha256 = sha256};
    char *bytes = NULL;
    size_t len;
    int rc = ledger_get(ledger, &definition_record, &row, arena, err);
    if (rc == 0 && !row.text && row.text_blob) {
        rc = ledger_blob_get(ledger, row.text_blob, arena, &bytes, &len, err);
        row.text = bytes;
    }
    *text = rc == 0 ? row.text : NULL;
    if (rc < 0 || *text)
        return rc;
    err_set(err, "no_definition", "its definition %.12s… is not in the ledger", sha256);
    return 1;
}

static struct pinned *compile(struct definitions *definitions, const char *sha256, int *rc,
                              struct err *err)
{
    struct arena arena = {0};
    const char *text;
    struct pinned *pinned = NULL;
    struct flow_bundle *bundle = NULL;
    *rc = definition_text(definitions->ledger, sha256, &arena, &text, err);
    if (*rc == 0) {
        bundle = flow_bundle_parse(text, strlen(text), NULL, err);
        *rc = bundle ? 0 : 1;
    }
    arena_fini(&arena);
    if (bundle && !str_eq(flow_bundle_hash(bundle), sha256)) {
        err_set(err, "bad_definition", "its definition %.12s… is not what its hash says", sha256);
        flow_bundle_close(bundle);
        bundle = NULL;
        *rc = 1;
    }
    if (!bundle)
        return NULL;
    pinned = mem_zalloc(sizeof(*pinned));
    pinned->bundle = bundle;
    return pinned;
}

/* Under the mutex. Takes the oldest unused one out where there are too many. */
static struct pinned *take_oldest(struct definitions *definitions)
{
    const char *key, *oldest_key = NULL;
    void *value;
    const struct pinned *oldest = NULL;
    if (definitions->unused <= UNUSED_KEPT)
        return NULL;
    for (size_t at = 0; map_next(&definitions->known, &at, &key, &value);) {
        const struct pinned *pinned = value;
        if (pinned->users == 0 && (!oldest || pinned->used < oldest->used)) {
            oldest = pinned;
            oldest_key = key;
        }
    }
    definitions->unused--;
    return oldest_key ? map_take(&definitions->known, oldest_key) : NULL;
}

/* Under the mutex: one more user. */
static const struct flow_bundle *use(struct definitions *definitions, struct pinned *pinned)
{
    if (pinned->users++ == 0)
        definitions->unused--;
    pinned->used = ++definitions->uses;
    return pinned->bundle;
}

int definitions_get(struct definitions *definitions, const char *sha256,
                    const struct flow_bundle **bundle, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&definitions->mutex);
    struct pinned *pinned = map_get(&definitions->known, sha256), *made = NULL;
    *bundle = pinned ? use(definitions, pinned) : NULL;
    pthread_mutex_unlock(&definitions->mutex);
    if (*bundle)
        return 0;
    made = compile(definitions, sha256, &rc, err);
    if (!made)
        return rc;
    pthread_mutex_lock(&definitions->mutex);
    pinned = map_get(&definitions->known, sha256);
    if (!pinned) {
        map_put(&definitions->known, sha256, made);
        definitions->unused++;
        pinned = made;
        made = NULL;
    }
    *bundle = use(definitions, pinned);
    pthread_mutex_unlock(&definitions->mutex);
    pinned_close(made);
    return 0;
}

void definitions_put(struct definitions *definitions, const struct flow_bundle *bundle)
{
    pthread_mutex_lock(&definitions->mutex);
    struct pinned *pinned = map_get(&definitions->known, flow_bundle_hash(bundle));
    if (pinned && --pinned->users == 0)
        definitions->unused++;
    struct pinned *gone = take_oldest(definitions);
    pthread_mutex_unlock(&definitions->mutex);
    pinned_close(gone);
}
