/* The table of hq.yaml's keys, and walks over it. A key is added here and nowhere else. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "config/keys.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define KEYS(...) ((const struct config_key[]){__VA_ARGS__, {0}})

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

static const struct config_key tools_keys[] = {
    {"allow", KEY_WORD, .list = true, .fallback = "[read, write, edit, exec, delegate]",
     .words = WORDS("read", "write", "edit", "exec", "delegate", "task_status", "task_wait",
                    "task_cancel", "report", "agents_list", "sessions_list", "sessions_history",
                    "sessions_send", "sessions_spawn", "ask_human"),
     .later_words = WORDS("process", "web_fetch", "message", "task", "workflow", "memory_search",
                          "memory_get", "cron"),
     .doc = "The tools that the agent may use. An empty list is none."},
    {"exec", KEY_MAP, .strict = true, .doc = "How commands of the tool `exec` run.",
     .keys = KEYS(
         {"network", KEY_BOOL, .fallback = "false",
          .doc = "Whether commands may open network connections."},
         {
             "timeout",
             KEY_DURATION,
             .fallback = "120s",
             .min = SECOND,
             .max = DAY,
             .doc = "A command is ended after this long, unless its call asks for another.",
         },
         {
             "on_unknown",
             KEY_WORD,
             .fallback = "tell",
             .words = WORDS("tell", "ask"),
             .doc = "What becomes of a command that was running when its process died: `tell` "
                    "tells the model that it may have run in part, `ask` asks a person whether "
                    "it runs again.",
         })},
    {0}};

static const struct config_key model_choice_keys[] = {
    {"primary", KEY_MODEL, .doc = "The model that the agent thinks with: `provider/name`."},
    {"fallbacks", KEY_MODEL, .list = true, .later = true, .fallback = "[]",
     .doc = "Models to try in turn when the primary one cannot be reached."},
    {0}};

static const struct config_key heartbeat_keys[] = {
    {"every", KEY_DURATION, .min = SECOND, .max = INT64_C(31) * DAY,
     .doc = "How often the agent looks at its HEARTBEAT.md. Absent: never."},
    {"target", KEY_TARGET, .doc = "Where a heartbeat's message goes: `channel:…` or `user:…`."},
    {0}};

/* What `defaults` and each agent share; an agent's own value wins. */
#define AGENT_SETTINGS(workspace_default, instance_default)                                        \
    {"model", KEY_MAP, .plain = "primary", .keys = model_choice_keys,                              \
     .doc = "The model: `provider/name`, or a map. Taken as a whole from the agent or from "       \
            "`defaults`."},                                                                        \
        {"workspace", KEY_PATH, .fallback = workspace_default,                                     \
         .doc = "The agent's folder: personality, memory, files; the only place its tools may "    \
                "write. `{agent}` stands for the agent's id."},                                    \
        {"instance", KEY_PATH, .fallback = instance_default,                                       \
         .doc = "The folder of runtime state: transcripts and sessions. `{agent}` as above."},     \
        {"tools", KEY_MAP, .strict = true, .keys = tools_keys, .doc = "What the agent may use."},  \
        {"turns",                                                                                  \
         KEY_INT,                                                                                  \
         .fallback = "8",                                                                          \
         .min = 1,                                                                                 \
         .max = LIMIT_TURNS_AT_ONCE,                                                               \
         .doc = "How many turns the agent may run at once."},                                      \
        {"delegates", KEY_DELEGATE, .list = true, .fallback = "[]",                                \
         .doc =                                                                                    \
             "Whom the agent may ask: ids, `\"*\"` for all, `\"!id\"` for all but that one (it "   \
             "wins, whatever the order)."},                                                        \
        {"revisits", KEY_AGENT, .list = true, .fallback = "[]",                                    \
         .doc = "Whom the agent may ask although they are already at work further up in the same " \
                "request."},                                                                       \
        {"deliver", KEY_DELIVER,                                                                   \
         .doc =                                                                                    \
             "Where answers go that are to be delivered and name no place of their own (a hook's " \
             "do, unless it says `deliver: false`): `webhook:NAME`. Absent: nowhere."},            \
    {                                                                                              \
        "heartbeat", KEY_MAP, .later = true, .keys = heartbeat_keys,                               \
                              .doc = "A regular look around."                                      \
    }

static const struct config_key agent_keys[] = {
    {"name", KEY_TEXT, .max = 80, .doc = "The name that people see. Default: the id."},
    {"port", KEY_PORT,
     .doc = "The port N of the agent's own door on the loopback address; N+3 stays reserved. "
            "Default: 18800 + 4·i, i being the agent's place in the file, from 0."},
    {"aliases", KEY_ID, .list = true, .fallback = "[]", .doc = "Other words for the agent's id."},
    {"capabilities", KEY_TEXT, .list = true, .fallback = "[]", .max = 80,
     .doc = "What the agent is good at; shown on its card."},
    AGENT_SETTINGS("\"workspaces/{agent}\"", "\"instances/{agent}\""),
    {0}};

static const struct config_key default_keys[] = {
    AGENT_SETTINGS("\"workspaces/{agent}\"", "\"instances/{agent}\""), {0}};

static const struct config_key secret_keys[] = {
    {"env", KEY_ENV, .secret = true, .doc = "The environment variable that holds it."},
    {"file", KEY_PATH, .secret = true, .doc = "The file that holds it: mode 0600, yours."},
    {0}};

static const struct config_key price_keys[] = {
    {"in", KEY_USD, .required = true, .doc = "USD per million tokens read."},
    {"out", KEY_USD, .required = true, .doc = "USD per million tokens written."},
    {"cached", KEY_USD, .doc = "USD per million tokens read from a cache. Default: as `in`."},
    {0}};

static const struct config_key provider_keys[] = {
    {"api", KEY_WORD, .required = true, .words = WORDS("openai-chat", "script"),
     .later_words = WORDS("anthropic", "google", "openai-responses", "codex"),
     .doc = "The protocol. `openai-chat` reaches OpenAI, Ollama, llama.cpp, vLLM, OpenRouter; "
            "`script` is the offline model. The others load, and are refused when they are used."},
    {"base_url", KEY_URL, .doc = "Where the service is. Default: the api's own address."},
    {"file", KEY_PATH, .doc = "Of `script`: the file with its rules."},
    {"api_key", KEY_MAP, .strict = true, .secret = true, .keys = secret_keys,
     .doc = "Where the key lies, `{ env: NAME }` or `{ file: PATH }`; never the key itself."},
    {"price", KEY_MAP, .keys = price_keys,
     .doc = "What the model costs. Absent: tokens are counted, money is shown as unpriced."},
    {"max_tokens", KEY_INT, .fallback = "4096", .min = 1, .max = 1000000,
     .doc = "The longest answer to ask for, in tokens."},
    {"timeout", KEY_DURATION, .fallback = "10m", .min = SECOND, .max = DAY,
     .doc = "The longest time for one call of the model."},
    {"concurrent", KEY_INT, .min = 1, .max = 1000,
     .doc = "How many calls all agents together may have open. Absent: no limit."},
    {"per_minute", KEY_INT, .min = 1, .max = 100000,
     .doc = "How many calls all agents together may begin in a minute. Absent: no limit."},
    {0}};

static const struct config_key webhook_keys[] = {
    {"url", KEY_MAP, .required = true, .strict = true, .secret = true, .keys = secret_keys,
     .doc = "Where the URL lies, `{ env: NAME }` or `{ file: PATH }`: whoever knows it may post."},
    {"form", KEY_WORD, .fallback = "cloudevents", .words = WORDS("cloudevents", "discord"),
     .doc = "What is posted: a CloudEvent, or a message for Discord's incoming webhooks."},
    {"per_minute", KEY_INT, .fallback = "30", .min = 1, .max = 6000,
     .doc = "How many posts may begin in a minute."},
    {"on_unknown", KEY_WORD, .fallback = "ask", .words = WORDS("ask", "leave"),
     .doc = "What becomes of a post of which nobody knows whether it arrived: `ask` puts it in the "
            "inbox, `leave` only declares it."},
    {0}};

static const struct config_key person_keys[] = {
    {"roles", KEY_ID, .list = true, .fallback = "[]",
     .doc = "The person's roles: a gate may ask for `role:NAME`."},
    {"local", KEY_BOOL, .fallback = "false",
     .doc = "Whoever owns this folder on this machine is this person; others have a token of their "
            "own, `secrets/person.ID.token`. At most one."},
    {0}};

static const struct config_key runner_keys[] = {
    {"enabled", KEY_BOOL,
     .doc = "Whether a process is kept that runs the commands of `run` steps. Default: the folder "
            "of workflows is there."},
    {"timeout", KEY_DURATION, .fallback = "1h", .min = SECOND, .max = DAY,
     .doc = "The longest time for one command, whatever its step says."},
    {0}};

static const struct config_key logs_keys[] = {
    {"format", KEY_WORD, .fallback = "text", .words = WORDS("text", "json"),
     .doc = "What a line is: text for people, or one JSON object for programs."},
    {"size", KEY_BYTES, .fallback = "10MB", .min = 10000, .max = INT64_C(100000000000),
     .doc = "A process begins a new file when its log has this size."},
    {"keep", KEY_INT, .fallback = "5", .min = 0, .max = 1000,
     .doc = "How many old files of each process are kept (`manager.log.1` is the newest of them)."},
    {"age", KEY_DURATION, .fallback = "30d", .min = HOUR, .max = INT64_C(3660) * DAY,
     .doc = "An old file is removed when its newest line has this age. New files are begun often "
            "enough that no line stays much longer."},
    {0}};

static const struct config_key telemetry_keys[] = {
    {"otlp", KEY_URL, .required = true,
     .doc = "The receiver of traces, OTLP over HTTP with JSON; `/v1/traces` is added."},
    {"headers", KEY_NAMED, .secret = true, .keys = secret_keys,
     .doc = "Headers of each post, by name: where the value lies, `{ env: NAME }` or "
            "`{ file: PATH }`."},
    {"content", KEY_WORD, .fallback = "off", .words = WORDS("off", "on"),
     .doc = "Whether what is asked and answered goes along."},
    {0}};

static const struct config_key root_keys[] = {
    {"company", KEY_TEXT, .max = 64, .doc = "The company's name. Default: the folder's name."},
    {"ledger", KEY_LEDGER, .fallback = "sqlite",
     .doc = "Where everything durable lies: `sqlite` is `ledger.db` in the state folder."},
    {"hub", KEY_MAP, .doc = "The process that owns the ledger.",
     .keys = KEYS({"listen", KEY_LISTEN,
                   .doc = "A loopback `address:port` for dashboard and API. Absent: only the unix "
                          "socket."})},
    {"people", KEY_NAMED, .keys = person_keys,
     .doc = "Who decides what the inbox asks. Where nobody is `local`, whoever owns this folder is "
            "`owner` and has every role."},
    {"models", KEY_NAMED, .keys = provider_keys,
     .doc = "Providers of models, by a name of your choice: a model is `provider/name`."},
    {"webhooks", KEY_NAMED, .keys = webhook_keys,
     .doc = "Where results are posted to people outside, by a name of your choice."},
    {"defaults", KEY_MAP, .keys = default_keys,
     .doc = "Settings of every agent that does not say otherwise."},
    {"agents", KEY_NAMED, .required = true, .keys = agent_keys,
     .doc = "The agents, by id (a-z, 0-9, -)."},
    {"workflows", KEY_PATH, .fallback = "workflows",
     .doc = "The folder of the company's workflows (docs/workflows.md). It need not be there."},
    {"runner", KEY_MAP, .strict = true, .plain = "enabled", .keys = runner_keys,
     .doc = "The process that runs the commands of `run` steps, without any secret."},
    {"jobs", KEY_PATH,
     .doc = "The folder of the job bridge: its `outbox`, `inbox` and `archive` (docs/jobs.md). "
            "Absent: workflows can have no `job` steps."},
    {"retention", KEY_DURATION, .fallback = "90d", .min = SECOND, .max = INT64_C(3650) * DAY,
     .words = WORDS("forever"),
     .doc = "How long a request stays in the ledger after its end; then it goes, whole, into "
            "`archive/` in the state folder, a file per month. `forever`: it stays."},
    {"shared", KEY_MAP, .doc = "The folder that all agents share.",
     .keys =
         KEYS({"dir", KEY_PATH,
               .doc = "The folder: the tools of every agent may read it, and none may write it."},
              {"gatekeeper", KEY_AGENT,
               .doc = "The one agent whose tools may write its PROJECT_STATUS.md."})},
    {"limits", KEY_MAP, .doc = "What one request may grow to.",
     .keys = KEYS({"depth", KEY_INT, .fallback = "4", .min = 1, .max = 16,
                   .doc = "How deep delegation may go."},
                  {"tasks", KEY_INT, .fallback = "64", .min = 1, .max = 10000,
                   .doc = "How many tasks a request may have in total."},
                  {"live", KEY_INT, .fallback = "16", .min = 1, .max = 1000,
                   .doc = "How many of them may be unfinished at once."},
                  {"fan_out", KEY_INT, .fallback = "16", .min = 1, .max = 1000,
                   .doc = "How many tasks one task may delegate."},
                  {"wall", KEY_DURATION, .fallback = "2h", .min = SECOND, .max = INT64_C(31) * DAY,
                   .doc = "How long a request may take."},
                  {"usd", KEY_USD, .doc = "How much money a request may spend. Absent: no limit."},
                  {"tokens", KEY_INT, .min = 1, .max = INT64_C(1000000000000),
                   .doc = "How many tokens a request may read and write. Absent: no limit."})},
    {"budget", KEY_MAP, .strict = true, .doc = "What the company may spend.",
     .keys = KEYS({"usd", KEY_USD, .required = true, .doc = "The amount in USD."},
                  {"per", KEY_WORD, .fallback = "day",
                   .words = WORDS("hour", "day", "week", "month"), .doc = "The time it is for."})},
    {"logs", KEY_MAP, .strict = true, .keys = logs_keys,
     .doc = "The log files of the processes, `logs/NAME.log` in the state folder."},
    {"hooks", KEY_MAP, .doc = "Each agent's door for programs.",
     .keys =
         KEYS({"path", KEY_ROUTE, .fallback = "/hooks",
               .doc = "Where the door is on the agent's port. A leading slash is added, trailing "
                      "ones are cut."})},
    {"telemetry", KEY_MAP, .strict = true, .keys = telemetry_keys,
     .doc = "Traces of what the company does, for OpenTelemetry. Absent: none are made."},
    {0}};

static const struct config_key root = {"", KEY_MAP, .keys = root_keys, .doc = "hq.yaml"};

const struct config_key *config_keys(void)
{
    return &root;
}

static const struct config_key *child_of(const struct config_key *key, const char *name, size_t len)
{
    for (const struct config_key *child = key->keys; child && child->name; child++)
        if (strlen(child->name) == len && strncmp(child->name, name, len) == 0)
            return child;
    return NULL;
}

const struct config_key *key_table_find(const struct config_key *table, const char *path,
                                        bool *later)
{
    const struct config_key *key = table;
    bool name_is_next = false;
    while (key && *path) {
        size_t len = strcspn(path, ".");
        if (!len)
            return NULL;
        if (!name_is_next)
            key = child_of(key, path, len);
        *later = *later || (key && key->later);
        name_is_next = key && key->kind == KEY_NAMED && !name_is_next;
        path += len + (path[len] == '.');
    }
    return key;
}

const struct config_key *config_key_find(const char *path)
{
    bool later = false;
    return key_table_find(&root, path, &later);
}

bool config_key_is_later(const char *path)
{
    bool later = false;
    return key_table_find(&root, path, &later) && later;
}

struct walk {
    void (*visit)(void *ctx, const char *path, const struct config_key *key);
    void *ctx;
};

static void walk_keys(const struct walk *walk, const char *prefix, const struct config_key *key)
{
    struct buf path = {0};
    for (const struct config_key *child = key->keys; child && child->name; child++) {
        buf_clear(&path);
        buf_printf(&path, "%s%s%s", prefix, *prefix ? "." : "", child->name);
        walk->visit(walk->ctx, buf_text(&path), child);
        if (child->kind == KEY_NAMED)
            buf_puts(&path, ".*");
        walk_keys(walk, buf_text(&path), child);
    }
    buf_fini(&path);
}

void key_table_walk(const struct config_key *table,
                    void (*visit)(void *ctx, const char *path, const struct config_key *key),
                    void *ctx)
{
    struct walk walk = {visit, ctx};
    walk_keys(&walk, "", table);
}

void config_key_walk(void (*visit)(void *ctx, const char *path, const struct config_key *key),
                     void *ctx)
{
    key_table_walk(&root, visit, ctx);
}

static const char *join_words(const struct config_key *key, struct arena *arena)
{
    struct buf text = {0};
    for (const char *const *word = key->words; word && *word; word++)
        buf_printf(&text, "%s%s", text.len ? ", " : "", *word);
    for (const char *const *word = key->later_words; word && *word; word++)
        buf_printf(&text, "%s%s", text.len ? ", " : "", *word);
    const char *joined = arena_strdup(arena, buf_text(&text));
    buf_fini(&text);
    return joined;
}

/* As one writes it in the file: the limits of the table are whole seconds, hours, days. */
static const char *duration_text(int64_t ms, char text[TIME_TEXT])
{
    bool days = ms >= DAY && ms % DAY == 0;
    snprintf(text, TIME_TEXT, "%lld%s", (long long)(days ? ms / DAY : ms / SECOND),
             days ? "d" : "s");
    return text;
}

static const char *wants_one(const struct config_key *key, struct arena *arena)
{
    static const char *const texts[KEY_KINDS] = {
        [KEY_MAP] = "a map",
        [KEY_NAMED] = "a map of names",
        [KEY_TEXT] = "a line of text",
        [KEY_BOOL] = "true or false",
        [KEY_PORT] = "a port (1–65535)",
        [KEY_LISTEN] = "a loopback address with a port, like 127.0.0.1:18700",
        [KEY_USD] = "an amount of USD (a number from 0 on)",
        [KEY_PATH] = "a path",
        [KEY_URL] = "a URL that starts with http:// or https://",
        [KEY_ROUTE] = "a path like /hooks",
        [KEY_LEDGER] = "a ledger (sqlite)",
        [KEY_MODEL] = "a model (provider/name)",
        [KEY_ENV] = "the name of an environment variable",
        [KEY_TARGET] = "a target (channel:… or user:…)",
        [KEY_DELIVER] = "a destination (webhook:NAME)",
        [KEY_ID] = "an id (a-z, 0-9 and -, at most 40)",
        [KEY_AGENT] = "an agent",
        [KEY_DELEGATE] = "an agent, \"*\" or \"!agent\"",
        [KEY_NAME] = "a name (A-Z, a-z, 0-9, - and _, a letter first, at most 64)",
        [KEY_FILE] = "a file in this folder, like tools/mesh.py",
        [KEY_DECIDER] = "person:NAME or role:NAME",
        [KEY_EXPR] = "an expression, like ${{ steps.review.output.ok }}",
        [KEY_VALUE] = "any value",
        [KEY_VALUES] = "a map of names to values",
        [KEY_SCHEMA] = "a JSON Schema (a map), or the file that holds one",
    };
    if (key->kind == KEY_STRING)
        return arena_printf(arena, "text (1–%lld bytes)", (long long)key->max);
    if (key->kind == KEY_NUMBER)
        return arena_printf(arena, "a number (%lld–%lld)", (long long)key->min,
                            (long long)key->max);
    if (key->kind == KEY_AMOUNT)
        return arena_printf(arena, "a whole number, also like 400k or 2M (%lld–%lld)",
                            (long long)key->min, (long long)key->max);
    if (key->kind == KEY_BYTES)
        return arena_printf(arena, "a size, like 512kB, 10MB or 1GB (%lld–%lld bytes)",
                            (long long)key->min, (long long)key->max);
    if (key->kind == KEY_INT)
        return arena_printf(arena, "a whole number (%lld–%lld)", (long long)key->min,
                            (long long)key->max);
    if (key->kind == KEY_DURATION) {
        char least[TIME_TEXT], most[TIME_TEXT];
        return arena_printf(arena, "a time, like 30s, 5m or 2h (%s–%s)%s%s",
                            duration_text(key->min, least), duration_text(key->max, most),
                            key->words ? ", or " : "", key->words ? join_words(key, arena) : "");
    }
    if (key->kind == KEY_WORD && key->words && key->words[0] && !key->words[1] && !key->later_words)
        return arena_printf(arena, "%s (the only choice)", key->words[0]);
    if (key->kind == KEY_WORD)
        return arena_printf(arena, "one of %s", join_words(key, arena));
    return texts[key->kind];
}

const char *config_key_wants(const struct config_key *key, struct arena *arena)
{
    const char *one = wants_one(key, arena);
    if (key->list)
        return arena_printf(arena, "a list, each %s", one);
    if (key->plain)
        return arena_printf(arena, "%s, or a map", wants_one(&key->keys[0], arena));
    return one;
}
