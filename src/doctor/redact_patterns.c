/* What looks like a secret: headers, values behind telling names, URLs, keys of known services,
 * long random texts. Errs on the side of hiding. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/str.h"
#include "doctor/redactor.h"

#define HIDDEN "[secret]"

enum {
    HEX_LEAST = 32,    /* ids of hq have 26 characters, and are no hex */
    RANDOM_LEAST = 24, /* with letters of both cases and digits */
    LETTERS_LEAST = 40,
    KEY_LEAST = 12, /* of a known service, prefix included */
    JUDGED = 256,   /* bytes by which a long text shows that it is base64 */
};

/* The text on its way; `end` is behind its last byte. */
struct reading {
    const char *at, *end;
    struct buf *out;
};

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool is_random_byte(char c)
{
    return is_name_byte(c) || c == '+';
}

static size_t span(const struct reading *reading, bool (*fits)(char))
{
    size_t len = 0;
    while (reading->at + len < reading->end && fits(reading->at[len]))
        len++;
    return len;
}

static void copy(struct reading *reading, size_t len)
{
    buf_put(reading->out, reading->at, len);
    reading->at += len;
}

static void hide(struct reading *reading, size_t len)
{
    buf_puts(reading->out, HIDDEN);
    reading->at += len;
}

static bool holds(const char *text, size_t len, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= len; i++)
        if (strncasecmp(text + i, word, size) == 0)
            return true;
    return false;
}

/* ---- name: value ---- */

enum telling { TELLS_NOTHING, TELLS_VALUE, TELLS_LINE, TELLS_ANY };

/* What the name says of its value: nothing, that it is secret unless it is a number (tokens are
 * counted, too), that it is secret to the end of its line, or in any case. */
static enum telling name_tells(const char *name, size_t len)
{
    static const char *const lines[] = {"authorization", "cookie", NULL};
    static const char *const any[] = {"password", "passwd", "passphrase", NULL};
    static const char *const values[] = {"secret",      "token",      "api_key",
                                         "apikey",      "api-key",    "access_key",
                                         "private_key", "credential", NULL};
    for (size_t i = 0; lines[i]; i++)
        if (holds(name, len, lines[i]))
            return TELLS_LINE;
    for (size_t i = 0; any[i]; i++)
        if (holds(name, len, any[i]))
            return TELLS_ANY;
    for (size_t i = 0; values[i]; i++)
        if (holds(name, len, values[i]))
            return TELLS_VALUE;
    return TELLS_NOTHING;
}

/* Copies `": "` between a name and its value; false where there is no value behind the name. */
static bool copy_separator(struct reading *reading)
{
    const char *at = reading->at;
    while (at < reading->end && strchr("\"'\\ ", *at) && *at)
        at++;
    if (at == reading->end || (*at != ':' && *at != '='))
        return false;
    at++;
    while (at < reading->end && strchr("\"'\\ \t", *at) && *at)
        at++;
    copy(reading, (size_t)(at - reading->at));
    return true;
}

static size_t value_length(const struct reading *reading, enum telling telling)
{
    const char *stop = telling == TELLS_LINE ? "\r\n\"'" : "\r\n\"' \t,;&}])";
    size_t len = 0;
    while (reading->at + len < reading->end && !strchr(stop, reading->at[len]))
        len++;
    return len;
}

static bool is_plain_value(const char *text, size_t len)
{
    static const char *const words[] = {"null", "true", "false", NULL};
    size_t digits = 0;
    for (size_t i = 0; words[i]; i++)
        if (len == strlen(words[i]) && memcmp(text, words[i], len) == 0)
            return true;
    while (digits < len && (isdigit((unsigned char)text[digits]) || text[digits] == '.'))
        digits++;
    return digits == len && len <= KEY_LEAST;
}

/* A name was copied; hides its value where it is one. Maps and lists are read on. */
static void read_value(struct reading *reading, enum telling telling)
{
    if (!copy_separator(reading) || reading->at == reading->end || strchr("{[", *reading->at))
        return;
    size_t len = value_length(reading, telling);
    if (len && (telling != TELLS_VALUE || !is_plain_value(reading->at, len)))
        hide(reading, len);
}

/* ---- URLs ---- */

static bool is_this_machine(const char *host, size_t len)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(names[i]);
        if (len >= size && strncasecmp(host, names[i], size) == 0 &&
            (len == size || host[size] == ':'))
            return true;
    }
    return false;
}

/* At "://": keeps host and port, and the path where the host is this machine. RFC 3986, 3.2. */
static void read_url(struct reading *reading)
{
    copy(reading, 3);
    size_t all = 0, host = 0;
    while (reading->at + all < reading->end && !strchr("\r\n\"'<> \t,}])", reading->at[all]))
        all++;
    while (host < all && !strchr("/?#", reading->at[host]))
        host++;
    for (size_t i = host; i-- > 0;)
        if (reading->at[i] == '@') {
            hide(reading, i);
            all -= i;
            host -= i;
            break;
        }
    size_t at = host > 0 && *reading->at == '@';
    bool is_here = is_this_machine(reading->at + at, host - at);
    copy(reading, host);
    size_t rest = all - host, path = 0;
    while (path < rest && !strchr("?#", reading->at[path]))
        path++;
    if (!is_here && path > 1)
        hide(reading, rest);
    else if (path < rest) {
        redact_patterns(reading->at, path, reading->out);
        reading->at += path;
        hide(reading, rest - path);
    }
}

/* ---- random texts ---- */

static bool is_service_key(const char *text, size_t len)
{
    static const char *const prefixes[] = {"sk-",         "sk_",   "rk_",   "ghp_",  "gho_", "ghs_",
                                           "github_pat_", "xoxb-", "xoxp-", "xapp-", "AKIA", "AIza",
                                           "glpat-",      "hf_",   "eyJ",   "ya29",  NULL};
    for (size_t i = 0; prefixes[i] && len >= KEY_LEAST; i++)
        if (len > strlen(prefixes[i]) && memcmp(text, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

struct tally {
    size_t lower, upper, digits, hex;
};

static struct tally count_kinds(const char *text, size_t len)
{
    struct tally tally = {0};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        tally.lower += islower(c) != 0;
        tally.upper += isupper(c) != 0;
        tally.digits += isdigit(c) != 0;
        tally.hex += isxdigit(c) != 0;
    }
    return tally;
}

static bool looks_random(const char *text, size_t len)
{
    struct tally tally = count_kinds(text, len);
    bool mixed = tally.lower && tally.upper;
    return (len >= HEX_LEAST && tally.hex == len) ||
           (len >= RANDOM_LEAST && mixed && tally.digits) || (len >= LETTERS_LEAST && mixed);
}

static bool is_base64_byte(char c)
{
    return is_random_byte(c) || c == '/' || c == '=';
}

/* Base64 has slashes, and so have paths; but paths have few capitals and digits. */
static bool looks_like_base64(const char *text, size_t len)
{
    struct tally tally = count_kinds(text, len);
    return len >= LETTERS_LEAST && tally.upper * 6 >= len && tally.digits * 12 >= len &&
           tally.lower * 6 >= len;
}

static bool hide_random(struct reading *reading, size_t len)
{
    struct reading start =
        *reading; /* judged by its beginning: paths of any length are read once */
    if (start.end - start.at > JUDGED)
        start.end = start.at + JUDGED;
    if (looks_like_base64(start.at, span(&start, is_base64_byte)))
        hide(reading, span(reading, is_base64_byte));
    else if (is_service_key(reading->at, len) || looks_random(reading->at, len))
        hide(reading, len);
    else
        return false;
    return true;
}

/* ---- all of it ---- */

/* "Bearer x", "Basic x" outside of a header. */
static void read_scheme(struct reading *reading)
{
    if (reading->at == reading->end || *reading->at != ' ')
        return;
    copy(reading, 1);
    size_t len = value_length(reading, TELLS_VALUE);
    if (len >= 8)
        hide(reading, len);
}

static void read_word(struct reading *reading)
{
    const char *name = reading->at;
    size_t len = span(reading, is_name_byte);
    if (hide_random(reading, span(reading, is_random_byte)))
        return;
    copy(reading, len ? len : 1);
    enum telling telling = name_tells(name, len);
    if (reading->end - reading->at > 3 && memcmp(reading->at, "://", 3) == 0)
        read_url(reading);
    else if (telling != TELLS_NOTHING)
        read_value(reading, telling);
    else if ((len == 6 && strncasecmp(name, "bearer", 6) == 0) ||
             (len == 5 && strncasecmp(name, "basic", 5) == 0))
        read_scheme(reading);
}

void redact_patterns(const char *text, size_t len, struct buf *out)
{
    struct reading reading = {text, text + len, out};
    while (reading.at < reading.end) {
        if (is_random_byte(*reading.at))
            read_word(&reading);
        else
            copy(&reading, 1);
    }
}
