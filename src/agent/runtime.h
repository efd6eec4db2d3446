/* What every turn of one agent uses: made once by its process, read by all its threads. */
#ifndef HQ_AGENT_RUNTIME_H
#define HQ_AGENT_RUNTIME_H

#include <jansson.h>

struct config;
struct config_agent;
struct hub_client;
struct models;
struct projector;
struct prompt_store;

struct agent_runtime {
    const struct config *config;
    const struct config_agent *agent;
    struct hub_client *hub;
    struct models *models;
    struct prompt_store *prompts; /* system prompts that the hub has already */
    struct projector *projector;  /* transcripts and sessions.json */
    json_t *tools;                /* the agent's catalogue; nobody changes it or counts references */
    size_t tools_bytes;           /* as JSON */
    const char *nonce;            /* of this process */
    const char *lock_dir;         /* where tasks' lock files lie */
    const char *bin_dir;          /* where hq and its links lie, for commands of tools */
};

#endif
