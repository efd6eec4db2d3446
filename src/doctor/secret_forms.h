/* Private to doctor/: the forms in which a secret may turn up in a text. */
#ifndef HQ_DOCTOR_SECRET_FORMS_H
#define HQ_DOCTOR_SECRET_FORMS_H

#include <stddef.h>

/* Below this a text would be found everywhere by chance: it is not hidden by value. */
enum { SECRET_SHORTEST = 6 };

/* Hands each form to `take`: as it is, percent-encoded (RFC 3986), as hex, JSON-escaped, and base64
 * (RFC 4648, both alphabets) however it is aligned within a longer text. Forms may repeat. */
void secret_forms(const char *secret, void (*take)(void *ctx, const char *form, size_t len),
                  void *ctx);

#endif
