/* Spells a secret in every way that headers, URLs, JSON and logs do. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "doctor/secret_forms.h"

struct forms {
    void (*take)(void *ctx, const char *form, size_t len);
    void *ctx;
};

static void hand(const struct forms *forms, struct buf *form)
{
    if (form->len >= SECRET_SHORTEST)
        forms->take(forms->ctx, form->bytes, form->len);
    buf_fini(form);
}

/* A blank is %20 in a URL and + in a form's field. */
static void percent(const struct forms *forms, const char *secret, const char *digits, bool form)
{
    struct buf out = {0};
    for (const unsigned char *at = (const unsigned char *)secret; *at; at++) {
        if (isalnum(*at) || strchr("-._~", *at)) {
            buf_putc(&out, (char)*at);
        } else if (form && *at == ' ') {
            buf_putc(&out, '+');
        } else {
            buf_putc(&out, '%');
            buf_putc(&out, digits[*at >> 4]);
            buf_putc(&out, digits[*at & 15]);
        }
    }
    hand(forms, &out);
}

static void hex(const struct forms *forms, const char *secret, const char *digits)
{
    struct buf out = {0};
    for (const unsigned char *at = (const unsigned char *)secret; *at; at++) {
        buf_putc(&out, digits[*at >> 4]);
        buf_putc(&out, digits[*at & 15]);
    }
    hand(forms, &out);
}

static void json_escaped(const struct forms *forms, const char *secret)
{
    struct buf out = {0};
    for (; *secret; secret++) {
        if (strchr("\"\\", *secret))
            buf_putc(&out, '\\');
        buf_putc(&out, *secret);
    }
    hand(forms, &out);
}

/* What the secret gives `shift` bytes behind a group's start: only the characters that depend on
 * nothing else. */
static void base64(const struct forms *forms, const char *secret, size_t shift, const char *last)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct buf out = {0};
    size_t bits = (shift + strlen(secret)) * 8, first = (shift * 8 + 5) / 6;
    for (size_t i = first; (i + 1) * 6 <= bits; i++) {
        unsigned value = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            unsigned char byte = (unsigned char)secret[bit / 8 - shift];
            value = value << 1 | (byte >> (7 - bit % 8) & 1U);
        }
        buf_putc(&out, value < 62 ? letters[value] : last[value - 62]);
    }
    hand(forms, &out);
}

void secret_forms(const char *secret, void (*take)(void *ctx, const char *form, size_t len),
                  void *ctx)
{
    struct forms forms = {take, ctx};
    size_t len = strlen(secret);
    if (len < SECRET_SHORTEST)
        return;
    take(ctx, secret, len);
    for (int form = 0; form < 2; form++) {
        percent(&forms, secret, "0123456789ABCDEF", form);
        percent(&forms, secret, "0123456789abcdef", form);
    }
    hex(&forms, secret, "0123456789ABCDEF");
    hex(&forms, secret, "0123456789abcdef");
    json_escaped(&forms, secret);
    for (size_t shift = 0; shift < 3; shift++) {
        base64(&forms, secret, shift, "+/");
        base64(&forms, secret, shift, "-_");
    }
}
