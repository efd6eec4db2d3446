/* Tells null, booleans and numbers from text. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/yaml_scalar.h"

/* Length of the run of characters of `set` at text. */
static size_t run(const char *text, const char *set)
{
    return strspn(text, set);
}

static const char *after_sign(const char *text)
{
    return *text == '-' || *text == '+' ? text + 1 : text;
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ (YAML 1.2.2, section 10.3.2); returns the base or 0. */
static int int_base(const char *text)
{
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        size_t digits = run(text + 2, text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF");
        return digits && !text[2 + digits] ? (text[1] == 'o' ? 8 : 16) : 0;
    }
    const char *digits = after_sign(text);
    return *digits && !digits[run(digits, "0123456789")] ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_real(const char *text)
{
    const char *at = after_sign(text);
    size_t whole = run(at, "0123456789"), part = 0;
    at += whole;
    if (*at == '.') {
        part = run(at + 1, "0123456789");
        at += 1 + part;
    }
    if (!whole && !part)
        return false;
    if (*at == 'e' || *at == 'E') {
        at = after_sign(at + 1);
        size_t exponent = run(at, "0123456789");
        if (!exponent)
            return false;
        at += exponent;
    }
    return !*at;
}

json_t *yaml_scalar(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const odd[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    if (str_in(text, nulls))
        return json_null();
    if (str_in(text, trues))
        return json_true();
    if (str_in(text, falses))
        return json_false();
    int base = int_base(text);
    errno = 0;
    if (base) {
        long long number = strtoll(base == 10 ? text : text + 2, NULL, base);
        return errno ? NULL : json_integer(number);
    }
    if (is_real(text)) {
        double number = strtod(text, NULL);
        return isfinite(number) ? json_real(number) : NULL;
    }
    return str_in(after_sign(text), odd) ? NULL : json_string(text);
}
