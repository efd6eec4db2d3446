/* Every key that hq.yaml may have: one table drives the checker, the defaults, `hq config explain`,
 * the reference page and the JSON Schema. Workflows have a table of the same form (flow/keys.h). */
#ifndef HQ_CONFIG_KEYS_H
#define HQ_CONFIG_KEYS_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buf;

enum key_kind {
    KEY_MAP,   /* the keys of `keys` */
    KEY_NAMED, /* names of the company's own choice, each a map of `keys` */
    KEY_TEXT,  /* one line of text */
    KEY_WORD,  /* one of `words` or `later_words` */
    KEY_INT,   /* within min … max */
    KEY_BOOL,
    KEY_PORT,
    KEY_LISTEN,   /* loopback host:port */
    KEY_DURATION, /* 90s, 5m, 2h; within min … max milliseconds; or one of `words`: -1 */
    KEY_USD,      /* a number from 0 on */
    KEY_PATH,     /* relative to the file */
    KEY_URL,      /* http or https, no password in it */
    KEY_ROUTE,    /* the path of a URL */
    KEY_LEDGER,   /* sqlite */
    KEY_MODEL,    /* provider/name */
    KEY_ENV,      /* the name of an environment variable */
    KEY_TARGET,   /* channel:… or user:… */
    KEY_DELIVER,  /* webhook:NAME */
    KEY_ID,       /* a-z 0-9 - */
    KEY_AGENT,    /* an agent's id or alias */
    KEY_DELEGATE, /* an agent, "*", "!agent" */
    KEY_NAME,     /* a name within a file: A-Z a-z 0-9 _ -, a letter first */
    KEY_STRING,   /* text of up to `max` bytes, also of several lines */
    KEY_NUMBER,   /* with a fraction; within min … max */
    KEY_AMOUNT,   /* a whole number, also written 400k or 2M; within min … max */
    KEY_BYTES,    /* a size, 512kB, 10MB, 1GB (thousands); within min … max bytes */
    KEY_FILE,     /* a file in the folder of the file, never outside */
    KEY_DECIDER,  /* person:NAME or role:NAME */
    KEY_EXPR,     /* a workflow's expression */
    KEY_VALUE,    /* any value */
    KEY_VALUES,   /* a map of names of one's own choice to any values */
    KEY_SCHEMA,   /* a JSON Schema, or the file that holds one */
    KEY_KINDS
};

struct config_key {
    const char *name;
    enum key_kind kind;
    bool list;     /* a list of such values */
    bool required; /* where its map is there */
    bool later;    /* known, but this version does not act on it: warned */
    bool strict;   /* of a map: an unknown key may be a protection, so it is an error */
    bool secret;   /* never shown */
    int64_t min, max;
    const char *fallback;           /* the default, as YAML; NULL: none, or said in `doc` */
    const char *const *words;       /* end with NULL */
    const char *const *later_words; /* known words that this version does not act on */
    const char *plain;              /* of a map: a plain value stands for { plain: value } */
    const struct config_key *keys;  /* of a map; end with a key without name */
    const char *const *one_of;      /* of a map: exactly one of these keys is in it */
    const char *const *beside;      /* only along with one of these keys of the same map; with
                                     * `required`: needed where one of them is there */
    enum key_kind names;            /* of KEY_NAMED: KEY_NAME, or 0 for hq.yaml's own rules; then */
    const char *const *reserved; /* names that may not be chosen, and `max` bounds their number */
    const char *doc;
};

/* The file as a whole: a map. */
const struct config_key *config_keys(void);

/* The key at a dotted path ("agents.*.port", "agents.manager.port"): any name stands for "*".
 * NULL where there is none. */
const struct config_key *config_key_find(const char *path);

/* The same in any table of this form. *later: see below. */
const struct config_key *key_table_find(const struct config_key *root, const char *path,
                                        bool *later);

/* True where the key or a map around it is known but does nothing in this version. */
bool config_key_is_later(const char *path);

/* Calls `visit` for every key, parents first, with its dotted path ("agents.*.port"). */
void config_key_walk(void (*visit)(void *ctx, const char *path, const struct config_key *key),
                     void *ctx);

void key_table_walk(const struct config_key *root,
                    void (*visit)(void *ctx, const char *path, const struct config_key *key),
                    void *ctx);

/* What the key wants, for people: "a port (1–65535)", "a list of …". In the arena. */
const char *config_key_wants(const struct config_key *key, struct arena *arena);

#endif
