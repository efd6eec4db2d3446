/* Statuses, codes and texts of Chat Completions servers → enum model_outcome and a sentence. */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "model/openai_error.h"
#include "model/redact.h"

enum { SHOWN_TEXT = 300 }; /* bytes of a server's text in our sentence */

/* What the servers that we know of say when the conversation does not fit. */
static const char *const too_long_words[] = {
    "context_length_exceeded",          /* OpenAI, Groq */
    "context length",                   /* OpenAI, vLLM, OpenRouter, DeepSeek, LM Studio */
    "context window",                   /* Mistral, Anthropic */
    "prompt is too long",               /* Anthropic */
    "exceed_context_size",              /* llama.cpp */
    "available context size",           /* llama.cpp */
    "maximum number of tokens allowed", /* Gemini */
    "maximum prompt length",            /* xAI */
    "reduce the length of",             /* OpenAI, Groq */
    NULL,
};

static const char *const no_quota_words[] = {
    "insufficient_quota",
    "insufficient credits",
    "insufficient balance",
    NULL,
};

/* A 403 that is about the text, not about the key (OpenRouter). */
static const char *const flagged_words[] = {
    "moderation",
    "flagged",
    "content policy",
    NULL,
};

static bool has_word(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcasestr(text, *words))
            return true;
    }
    return false;
}

/* The text of a page without its tags, scripts and white space. */
static char *strip_html(struct arena *arena, const char *html)
{
    const char *title = strcasestr(html, "<title>");
    const char *end = title ? strcasestr(title, "</title>") : NULL;
    if (end)
        return str_trim(arena, arena_memdup(arena, title + 7, (size_t)(end - title - 7)));
    char *text = arena_strdup(arena, html), *to = text;
    bool in_tag = false;
    for (const char *from = html; *from; from++) {
        if (*from == '<')
            in_tag = true;
        else if (!in_tag)
            *to++ = *from;
        else if (*from == '>')
            in_tag = false;
    }
    *to = '\0';
    return str_trim(arena, text);
}

/* Runs of white space and control characters become one blank; cut to what a sentence can bear. */
static char *shorten(struct arena *arena, const char *text)
{
    struct buf out = {0};
    for (; *text && out.len <= SHOWN_TEXT; text++) {
        bool blank = (unsigned char)*text <= ' ' || *text == 0x7F;
        if (!blank)
            buf_putc(&out, *text);
        else if (out.len && out.bytes[out.len - 1] != ' ')
            buf_putc(&out, ' ');
    }
    size_t keep = str_utf8_cut(buf_text(&out), out.len, SHOWN_TEXT);
    char *cut = arena_printf(arena, "%.*s%s", (int)keep, buf_text(&out), *text ? "…" : "");
    buf_fini(&out);
    return cut;
}

/* The sentence inside an error body: OpenAI's error.message, FastAPI's detail, Ollama's error. */
static const char *message_of(const json_t *body)
{
    const json_t *error =
        json_object_get(json_is_array(body) ? json_array_get(body, 0) : body, "error");
    if (json_is_string(error))
        return json_string_value(error);
    if (!json_is_object(error))
        error = json_is_array(body) ? json_array_get(body, 0) : body;
    const char *message = json_get_text(error, "message", NULL);
    return message ? message : json_get_text(error, "detail", NULL);
}

static char *readable(struct arena *arena, const struct openai_failure *failure)
{
    char *text = str_clean_utf8(arena, failure->body, failure->len);
    json_t *body = json_parse(text, strlen(text), NULL);
    const char *message = message_of(body);
    if (message)
        text = arena_strdup(arena, message);
    else if (text[strspn(text, " \t\r\n")] == '<')
        text = strip_html(arena, text);
    json_decref(body);
    return shorten(arena, redact(arena, text, failure->secret));
}

/* What every sentence ends in: `: "their words"`, or nothing. */
static const char *quoted(struct arena *arena, const char *text)
{
    return *text ? arena_printf(arena, ": %s", text) : "";
}

static enum model_outcome say_auth(const struct openai_failure *failure, const char *text,
                                   struct err *err)
{
    if (failure->status == 401 || failure->status == 403) {
        err_set(err, "model_auth", "provider \"%s\" does not accept the key (%d)%s",
                failure->provider, failure->status, text);
        err_hint(err, "check models.%s.api_key", failure->provider);
        return MODEL_AUTH;
    }
    err_set(err, "model_no_quota", "the account at provider \"%s\" has nothing left (%d)%s",
            failure->provider, failure->status, text);
    err_hint(err, "fill it up, or name another model as a fallback");
    return MODEL_AUTH;
}

static enum model_outcome say_refused(const struct openai_failure *failure, const char *text,
                                      struct err *err)
{
    if (failure->status == 404) {
        err_set(err, "model_not_found", "provider \"%s\" has no model \"%s\" (404)%s",
                failure->provider, failure->model, text);
        err_hint(err,
                 "check the name behind the slash, and that models.%s.base_url ends as the "
                 "provider says, mostly in /v1",
                 failure->provider);
        return MODEL_REFUSED;
    }
    err_set(err, "model_refused", "provider \"%s\" refused the request for \"%s\" (%d)%s",
            failure->provider, failure->model, failure->status, text);
    return MODEL_REFUSED;
}

static enum model_outcome say_trouble(const struct openai_failure *failure, const char *text,
                                      int64_t *retry_after_ms, struct err *err)
{
    int status = failure->status;
    bool named = status == 503 && failure->retry_after_ms >= 0;
    if (status == 429 || status == 529 || named) {
        *retry_after_ms = failure->retry_after_ms;
        err_set(err, "model_busy", "provider \"%s\" asks to come back later (%d)%s",
                failure->provider, status, text);
        return MODEL_RETRY_LATER;
    }
    err_set(err, "model_unreachable", "provider \"%s\" is in trouble (%d)%s", failure->provider,
            status, text);
    return MODEL_UNREACHABLE;
}

static enum model_outcome say_too_long(const struct openai_failure *failure, const char *text,
                                       struct err *err)
{
    err_set(err, "model_too_long", "the conversation does not fit model \"%s\" of \"%s\" (%d)%s",
            failure->model, failure->provider, failure->status, text);
    return MODEL_TOO_LONG;
}

/* `words` is where codes and texts are looked up: all that the server sent. */
static enum model_outcome tell_apart(const struct openai_failure *failure, const char *words,
                                     const char *text, struct err *err)
{
    int status = failure->status;
    if (status == 403 && has_word(words, flagged_words))
        return say_refused(failure, text, err);
    if (status == 401 || status == 403 || status == 402 ||
        (status == 429 && has_word(words, no_quota_words)))
        return say_auth(failure, text, err);
    bool may_be_long = status == 400 || status == 413 || status == 422 || status == 500;
    if (status == 413 || (may_be_long && has_word(words, too_long_words)))
        return say_too_long(failure, text, err);
    return say_refused(failure, text, err);
}

static bool is_trouble(const struct openai_failure *failure, const char *words)
{
    int status = failure->status;
    if (status == 429)
        return !has_word(words, no_quota_words);
    if (status == 500)
        return !has_word(words, too_long_words);
    return status > 500 || status == 408;
}

enum model_outcome openai_failure(const struct openai_failure *failure, int64_t *retry_after_ms,
                                  struct err *err)
{
    struct arena arena = {0};
    const char *words = str_clean_utf8(&arena, failure->body, failure->len);
    const char *text = quoted(&arena, readable(&arena, failure));
    enum model_outcome outcome = is_trouble(failure, words)
                                     ? say_trouble(failure, text, retry_after_ms, err)
                                     : tell_apart(failure, words, text, err);
    arena_fini(&arena);
    return outcome;
}

/* OpenRouter sends a status as code; others only words. */
static int status_of(const json_t *error, const char *words)
{
    static const struct {
        const char *word;
        int status;
    } table[] = {
        {"insufficient_quota", 429}, {"rate_limit", 429},      {"overloaded", 529},
        {"authentication", 401},     {"invalid_api_key", 401}, {"permission", 403},
        {"not_found", 404},          {"invalid_request", 400}, {"context_length_exceeded", 400},
    };
    int64_t code = json_get_int(error, "code", 0);
    if (code >= 400 && code < 600)
        return (int)code;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcasestr(words, table[i].word))
            return table[i].status;
    }
    return 500;
}

enum model_outcome openai_stream_failure(struct openai_failure *failure, const json_t *error,
                                         int64_t *retry_after_ms, struct err *err)
{
    struct arena arena = {0};
    json_t *body = json_object();
    json_object_set(body, "error", (json_t *)error);
    failure->body = json_print(&arena, body);
    failure->len = strlen(failure->body);
    failure->status = status_of(error, failure->body);
    enum model_outcome outcome = openai_failure(failure, retry_after_ms, err);
    failure->body = NULL;
    failure->len = 0;
    json_decref(body);
    arena_fini(&arena);
    return outcome;
}
