/* What secrets a company has: which hq.yaml names, which hq made itself, which nobody uses; and how
 * each of them is. Values stay here: nothing of a short one leaves, of a long key its two ends. */
#ifndef HQ_SETUP_SECRET_BOOK_H
#define HQ_SETUP_SECRET_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"

enum secret_kind {
    SECRET_KEY,    /* of a provider of models */
    SECRET_HEADER, /* of a request to a receiver outside (telemetry) */
    SECRET_URL,    /* of a webhook */
    SECRET_TOKEN,  /* of hq itself: made by `hq up` */
    SECRET_UNUSED, /* in secrets/, and nothing of hq.yaml names it */
};

struct secret_entry {
    const char *name; /* "router.key": what `hq secret set` takes; of a variable its name */
    const char *path; /* absolute; NULL: an environment variable */
    enum secret_kind kind;
    bool is_env;
    const char *used_by; /* "model router, webhook reports" */
    bool is_needed;      /* an agent's primary model cannot work without it */
    bool is_there;
    unsigned mode;      /* of the file */
    int64_t changed_at; /* wall ms; 0: not there, or a variable */
    const char *shown;  /* "sk-…9f2c", or "" */
    struct config_secret reference;
};

struct secret_book {
    struct secret_entry *entries;
    size_t count;
};

/* Looks at everything; the texts live in the arena. Reads files, never fails: what cannot be looked
 * at is not there. */
struct secret_book secret_book_read(const struct config *config, struct arena *arena);

/* The entry that a person means by "router.key", "secrets/router.key", a provider's or a webhook's
 * name, or a variable's; NULL: none. */
const struct secret_entry *secret_book_find(const struct secret_book *book,
                                            const struct config *config, const char *word,
                                            struct arena *arena);

struct secret_finding {
    const struct secret_entry *entry; /* NULL: the folder */
    bool is_error;
    const char *message, *fix;
};

/* Everything that is wrong or odd, errors and warnings, in the arena; *count of them. */
struct secret_finding *secret_book_check(const struct config *config,
                                         const struct secret_book *book, struct arena *arena,
                                         size_t *count);

#endif
