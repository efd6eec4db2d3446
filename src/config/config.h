/* The company as its hq.yaml describes it (docs/config.md): typed, checked, with defaults applied.
 */
#ifndef HQ_CONFIG_CONFIG_H
#define HQ_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/finding.h" /* config_print_findings() too */

struct err;

struct config_secret {      /* where a secret lies; at most one is set */
    const char *env, *file; /* file: absolute */
    const char *value;      /* refused for api_key in the YAML; used by nobody but tests */
    struct place at;        /* in the file */
};

struct config_model { /* a provider: how to reach models */
    const char *name;
    const char *api;      /* anthropic google openai-responses openai-chat codex script */
    const char *base_url; /* NULL: the api's own */
    const char *file;     /* script: absolute path */
    struct config_secret api_key;
    bool priced;
    int64_t price_in, price_out, price_cached; /* micro-USD per million tokens */
    int64_t max_tokens;                        /* output limit; 0: 4096 */
    int64_t timeout_ms;                        /* of one call; 0: 10 min */
    int64_t concurrent, per_minute;            /* calls of all agents together; 0: no limit */
};

#define WEBHOOK_PREFIX "webhook:" /* of a destination: "webhook:NAME" */

struct config_webhook { /* where results are posted to people outside */
    const char *name;
    struct config_secret url;
    const char *form;       /* cloudevents, discord */
    int64_t per_minute;     /* requests; default 30 */
    const char *on_unknown; /* ask (default): a person decides whether it is sent again; leave */
};

struct config_agent {
    const char *id, *name;
    int port;
    const char *const *aliases; /* NULL-terminated, never NULL */
    const char *const *capabilities;
    const char *const *delegates; /* ids (aliases resolved), "*", "!id" */
    const char *const *revisits;  /* ids that it may ask again although they are on the path */
    const char *deliver; /* "webhook:NAME": where its answers go by default; NULL: nowhere */
    const char *model;   /* primary: "provider/model" */
    const char *const *fallbacks;
    const char *workspace, *instance; /* absolute */
    const char *const *tools_allow;
    bool exec_network;
    int64_t exec_timeout_ms;
    const char *exec_on_unknown; /* tell (default): the model is told that it may have run in part;
                                  * ask: a person decides whether it runs again */
    int64_t turns;               /* at once; default LIMIT_TURNS_AT_ONCE */
    int64_t heartbeat_every_ms;  /* 0: off */
    const char *heartbeat_target;
};

#define CONFIG_OWNER "owner"    /* the person at this machine, where none is `local` */
#define PERSON_PREFIX "person:" /* of a principal: "person:ID" */

struct config_person {
    const char *id;
    const char *const *roles;
    bool local;
};

struct config_logs {
    bool json;                  /* lines are JSON objects; else text */
    int64_t size, keep, age_ms; /* base/log_rotate.h */
};

struct config_header { /* of a request to a receiver outside */
    const char *name;
    struct config_secret value;
};

struct config_telemetry { /* traces, OTLP over HTTP */
    const char *otlp;     /* the receiver's base URL; NULL: none are made */
    const struct config_header *headers;
    size_t header_count;
    bool content; /* instructions and results go along */
};

struct config {
    struct arena arena; /* owns everything below */
    const char *path;   /* absolute path of the hq.yaml */
    const char *dir;    /* its folder: the company's */
    const char *hash;   /* sha256 of the file: status says "config changed" */
    const char *company;
    const char *ledger;            /* "sqlite" or a postgresql:// URL */
    const char *state;             /* absolute: <dir>/state or --state */
    const char *secrets;           /* absolute: <dir>/secrets */
    const char *hub_address;       /* host of hub.listen */
    int hub_port;                  /* 0: no TCP listener */
    const char *hooks_path;        /* "/hooks" */
    const char *shared_dir;        /* absolute or NULL */
    const char *shared_gatekeeper; /* agent id or NULL */
    int64_t limit_depth, limit_tasks, limit_live, limit_fan_out, limit_wall_ms;
    int64_t limit_micro_usd, limit_tokens; /* of one request; -1: none */
    int64_t budget_micro_usd;              /* of the company per period; -1: none */
    const char *budget_per;                /* hour, day, week, month */
    const struct config_webhook *webhooks;
    size_t webhook_count;
    const struct config_model *models;
    size_t model_count;
    const struct config_agent *agents;
    size_t agent_count;
    const struct config_person *people;
    size_t person_count;
    const char *workflows; /* absolute: the folder of the company's workflows; default
                            * <dir>/workflows, which need not be there */
    int64_t retention_ms; /* how long what has ended stays in the ledger; -1: for ever */
    const char *jobs; /* absolute: the job bridge's folder (inbox, outbox, archive); NULL: none */
    bool runner; /* a runner's process is kept for `run` steps. Default: `workflows` is there */
    int64_t runner_timeout_ms; /* the longest time for one command; default 1 h */
    struct config_logs logs;
    struct config_telemetry telemetry;
};

/* Finds the file: `dir` (-C), else HQ_DIR, else the nearest hq.yaml upwards from the working
 * directory. Returns an absolute path in the arena or NULL with *err (code "no_config"). */
char *config_find(const char *dir, struct arena *arena, struct err *err);

/* Reads, checks, applies defaults. `state` is the state folder;
 * `state` NULL: HQ_STATE, else beside the file. All findings are collected in `arena`, in the order
 * of the file. Returns the config, which config_free() frees, or NULL where any finding is an
 * error. Reads only the one file, looks at no secret, does not block. */
struct config *config_load(const char *path, const char *state, struct arena *arena,
                           struct finding **findings, size_t *count);
void config_free(struct config *config);

/* Agent by id or alias; NULL when there is none. */
const struct config_agent *config_agent(const struct config *config, const char *id_or_alias);
const struct config_model *config_model(const struct config *config, const char *provider);

/* May `caller` ask `target` (agent ids)? Its `delegates` decide: "!x" wins whatever the order;
 * itself always. */
bool config_may_delegate(const struct config *config, const char *caller, const char *target);
/* The same of two agents that were found already: for looks at many. */
bool config_agent_may_delegate(const struct config_agent *from, const struct config_agent *to);
/* The next agent after the first *at that `agent` may ask, itself left out; *at is moved behind it.
 * NULL: no more. */
const struct config_agent *config_next_colleague(const struct config *config,
                                                 const struct config_agent *agent, size_t *at);
const struct config_webhook *config_webhook(const struct config *config, const char *name);

const struct config_person *config_person(const struct config *config, const char *id);

/* Who a principal is as a person: "person:ceo" is ceo; the operator is the `local` one, or, where
 * there is none, "owner" with every role ("*"). *roles is NULL-terminated. NULL: no person (an
 * agent, a door). */
const char *config_person_of(const struct config *config, const char *principal,
                             const char *const **roles);

/* The same for a destination, "webhook:NAME"; NULL where it is none of the company's. */
const struct config_webhook *config_destination(const struct config *config,
                                                const char *destination);

/* Whether two readings of the file are the same to an agent's gateway (false where one of them does
 * not know the agent), and to the runner: a reload restarts those to whom they are not. Whatever of
 * the file a gateway reads counts, the agents that it may ask among it; what only the hub reads does
 * not. */
bool config_gateway_equal(const struct config *was, const struct config *now, const char *agent);
bool config_runner_equal(const struct config *was, const struct config *now);

/* Looks whether every secret that a provider names can be read: a missing one is an error where an
 * agent's primary model needs it, else a warning; so is a webhook's URL that is missing or none.
 * For `hq up`, before anything starts. Reads files.
 */
void config_check_secrets(const struct config *config, struct arena *arena,
                          struct finding **findings, size_t *count);

#endif
