/* The table of known providers, and a look around. Sources: docs/models.md. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/values.h"
#include "setup/presets.h"
#include "setup/server.h"

enum { LOOK_MS = 400 };

const struct preset presets[] = {
    {"anthropic", "Anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY",
     "claude-opus-4-6"},
    {"google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
     "GEMINI_API_KEY", "gemini-2.5-pro"},
    {"openai", "OpenAI", NULL, "OPENAI_API_KEY", "gpt-5"},
    {"openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
     "anthropic/claude-sonnet-4.5"},
    {"ollama", "Ollama", "http://127.0.0.1:11434/v1", NULL, NULL},
    {"lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", NULL, NULL},
    {"llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1", NULL, NULL},
    {"vllm", "vLLM", "http://127.0.0.1:8000/v1", NULL, NULL},
    {0},
};

const struct preset *preset_find(const char *name)
{
    for (const struct preset *preset = presets; preset->name; preset++)
        if (str_eq(preset->name, name))
            return preset;
    return NULL;
}

bool url_is_here(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]", NULL};
    const char *host = url ? strstr(url, "://") : NULL;
    for (size_t i = 0; host && hosts[i]; i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(host + 3, hosts[i], len) == 0 &&
            (!host[3 + len] || strchr(":/", host[3 + len])))
            return true;
    }
    return false;
}

/* Ollama's own variable: [http://]HOST[:PORT]; 0.0.0.0 is what its server listens on. */
static const char *ollama_url(const char *usual, struct arena *arena)
{
    const char *said = getenv("OLLAMA_HOST");
    if (str_is_empty(said))
        return usual;
    const char *host = strstr(said, "://") ? strstr(said, "://") + 3 : said;
    if (str_starts(host, "0.0.0.0"))
        host = arena_printf(arena, "127.0.0.1%s", host + strlen("0.0.0.0"));
    size_t len = strcspn(host, "/");
    const char *port = memchr(host, ':', len) ? "" : ":11434";
    const char *url = arena_printf(arena, "http://%.*s%s/v1", (int)len, host, port);
    return value_is_url(url) && url_is_here(url) ? url : usual;
}

const char *preset_model(const struct preset *preset, const char *base_url, struct arena *arena)
{
    if (preset && preset->model)
        return preset->model;
    struct config_model server = {.name = "server", .base_url = base_url};
    const char *const *names = server_models(&server, LOOK_MS, arena);
    return names ? names[0] : NULL;
}

size_t presets_at_hand(struct at_hand *found, size_t cap, struct arena *arena)
{
    size_t count = 0;
    for (const struct preset *preset = presets; preset->name && count < cap; preset++) {
        struct at_hand hand = {preset, preset->base_url, preset->model};
        if (preset->env && str_is_empty(getenv(preset->env)))
            continue;
        if (str_eq(preset->name, "ollama"))
            hand.base_url = ollama_url(preset->base_url, arena);
        if (!preset->env)
            hand.model = preset_model(preset, hand.base_url, arena);
        if (hand.model)
            found[count++] = hand;
    }
    return count;
}
