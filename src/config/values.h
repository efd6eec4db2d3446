/* Reading one value of hq.yaml as what its key wants. */
#ifndef HQ_CONFIG_VALUES_H
#define HQ_CONFIG_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/keys.h"

struct arena;

struct listen {
    const char *host;
    int port;
};

enum listen_result { LISTEN_OK, LISTEN_MALFORMED, LISTEN_WIDE };

/* Each returns false where the value is not of that form, and leaves *out alone. */
bool value_to_int(const json_t *value, const struct config_key *key, int64_t *out);
bool value_duration(const json_t *value, const struct config_key *key, int64_t *ms);
bool value_usd(const json_t *value, int64_t *micro_usd);
bool value_amount(const json_t *value, const struct config_key *key, int64_t *out); /* 400k */
bool value_bytes(const json_t *value, const struct config_key *key, int64_t *out);  /* 10MB */
bool value_number(const json_t *value, const struct config_key *key, double *out);
bool value_is_name(const char *text);     /* A-Z a-z 0-9 - _, a letter first, ≤ 64 */
bool value_is_file(const char *text);     /* a relative path without "..", plain characters */
bool value_is_decider(const char *text);  /* person:ID, role:ID */
bool value_is_id(const char *text);       /* a-z 0-9 -, no - in front, ≤ 40 */
bool value_is_provider(const char *text); /* the same with _ */
bool value_is_model(const char *text);    /* provider/name */
bool value_is_env(const char *text);
bool value_is_url(const char *text); /* http(s)://host…, without user information */
bool value_has_control(const char *text);

/* Splits "127.0.0.1:18700", "[::1]:18700", "localhost:18700". */
enum listen_result value_listen(const char *text, struct arena *arena, struct listen *out);

/* "hooks/" → "/hooks" (OpenClaw's rule); NULL for "/" and for what is no path of a URL. */
char *value_route(const char *text, struct arena *arena);

/* The value as a finding quotes it: at most 60 characters, secrets starred. In the arena. */
const char *value_shown(const json_t *value, struct arena *arena);

#endif
