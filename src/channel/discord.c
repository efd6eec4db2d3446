/* Texts for Discord: what fits into a message, and the whole as a file where it does not. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "channel/discord.h"
#include "config/config.h"

enum {
    USERNAME_MAX = 80, /* of a webhook's name */
    FENCE_ROOM = 4,    /* "\n```" */
};

static const char whole_is_attached[] = "\n*(cut: the whole text is in answer.md)*";

/* Bytes of the beginning that has at most `max` UTF-16 units: four bytes of UTF-8 are two units. */
static size_t bytes_of_units(const char *text, size_t max)
{
    size_t units = 0;
    const char *at = text;
    while (*at) {
        unsigned char c = (unsigned char)*at;
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        units += len == 4 ? 2 : 1;
        if (units > max)
            break;
        at += strnlen(at, len);
    }
    return (size_t)(at - text);
}

/* The length behind the last `mark` within the second half of text[0…len), or 0. */
static size_t cut_behind(const char *text, size_t len, const char *mark)
{
    size_t size = strlen(mark);
    for (size_t at = len; at > len / 2 && at >= size; at--)
        if (memcmp(text + at - size, mark, size) == 0)
            return at;
    return 0;
}

static bool fence_is_open(const char *text, size_t len)
{
    bool open = false;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) - at : len - at;
        if (line >= 3 && memcmp(text + at, "```", 3) == 0)
            open = !open;
        at += line + 1;
    }
    return open;
}

const char *discord_cut(const char *text, size_t max, struct arena *arena, bool *cut)
{
    static const char *const marks[] = {"\n\n", "\n", " "};
    size_t len = bytes_of_units(text, max), at = 0;
    *cut = text[len] != '\0';
    if (!*cut)
        return text;
    len = bytes_of_units(text, max > FENCE_ROOM ? max - FENCE_ROOM : 0);
    for (size_t i = 0; i < 3 && at == 0; i++)
        at = cut_behind(text, len, marks[i]);
    len = at ? at : len;
    bool open = fence_is_open(text, len);
    while (len > 0 && strchr("\n ", text[len - 1]))
        len--;
    return arena_printf(arena, "%.*s%s", (int)len, text, open ? "\n```" : "");
}

/* Discord refuses names with these words (webhook-object: "clyde", "discord"; users: "everyone").
 */
static const char *username_of(const struct webhook_message *message, struct arena *arena)
{
    static const char *const refused[] = {"clyde", "discord", "everyone", "here", "```"};
    const char *id =
        json_get_text(message->body, "agent", json_get_text(message->body, "workflow", ""));
    const struct config_agent *agent = config_agent(message->config, id);
    const char *name = agent ? agent->name : id;
    const char *low = str_lower(arena, name);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (strstr(low, refused[i]))
            return NULL;
    return *name ? arena_memdup(arena, name, bytes_of_units(name, USERNAME_MAX)) : NULL;
}

/* The text with what a person must see of a bad end before it. */
static const char *text_of(const json_t *body, struct arena *arena)
{
    const char *status = json_get_text(body, "status", "complete");
    const char *text = json_get_text(body, "text", "");
    const json_t *failure = json_object_get(body, "failure");
    if (failure)
        return arena_printf(arena, "**%s** (%s): %s%s%s",
                            str_eq(status, "blocked") ? "Blocked" : "Failed",
                            json_get_text(failure, "class", "failed"),
                            json_get_text(failure, "message", ""), *text ? "\n" : "", text);
    if (str_eq(status, "partial"))
        return arena_printf(arena, "**Partial:** %s", text);
    if (str_eq(status, "blocked"))
        return arena_printf(arena, "**Blocked:** %s", text);
    return text;
}

static const char *payload(const struct webhook_message *message, const char *content,
                           struct arena *arena)
{
    json_t *object = json_pack("{s:s,s:{s:[]}}", "content", content, "allowed_mentions", "parse");
    json_set_text(object, "username", username_of(message, arena));
    const char *text = json_print(arena, object);
    json_decref(object);
    return text;
}

/* The boundary is random: no text can hold it and add a part of its own. */
static void multipart(const char *json, const char *text, struct arena *arena,
                      struct webhook_post *post)
{
    struct buf body = {0};
    char boundary[33];
    rand_hex(boundary, 32);
    buf_printf(&body,
               "--%s\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n"
               "Content-Type: application/json\r\n\r\n%s\r\n",
               boundary, json);
    buf_printf(&body,
               "--%s\r\nContent-Disposition: form-data; name=\"files[0]\"; "
               "filename=\"answer.md\"\r\nContent-Type: text/markdown; charset=utf-8\r\n\r\n",
               boundary);
    buf_puts(&body, text);
    buf_printf(&body, "\r\n--%s--\r\n", boundary);
    const char **headers = arena_alloc(arena, 2 * sizeof(*headers));
    headers[0] = arena_printf(arena, "Content-Type: multipart/form-data; boundary=%s", boundary);
    post->headers = headers;
    post->body = arena_memdup(arena, body.bytes, body.len);
    post->body_len = body.len;
    buf_fini(&body);
}

/* wait=true: the answer is the message, and only then an error is one. */
static const char *url_with_wait(const char *url, struct arena *arena)
{
    size_t len = strcspn(url, "#");
    return arena_printf(arena, "%.*s%cwait=true", (int)len, url, memchr(url, '?', len) ? '&' : '?');
}

void discord_post(const struct webhook_message *message, struct arena *arena,
                  struct webhook_post *post)
{
    static const char *const json_headers[] = {"Content-Type: application/json", NULL};
    bool cut;
    const char *text = text_of(message->body, arena), *content = text;
    content = discord_cut(text, DISCORD_CONTENT, arena, &cut);
    *post = (struct webhook_post){.url = url_with_wait(message->url, arena)};
    if (cut) {
        content = discord_cut(text, DISCORD_CONTENT - (sizeof(whole_is_attached) - 1), arena, &cut);
        content = arena_printf(arena, "%s%s", content, whole_is_attached);
        multipart(payload(message, content, arena), text, arena, post);
        return;
    }
    post->headers = json_headers;
    post->body = payload(message, *content ? content : "(no text)", arena);
    post->body_len = strlen(post->body);
}
