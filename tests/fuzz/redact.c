/* Any text on its way into a bundle: bounded in size, and each line by itself, so that nothing
 * before a secret's line can keep it from being taken out. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "doctor/redactor.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRETS "sk-Planted0123456789\npassword=\"planted\"\nAuthorization: planted\n"
#define HIDDEN "[secret]\npassword=\"[secret]\"\nAuthorization: [secret]\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = {0}, before = {0}, whole = {0};
    buf_put(&text, data, size);
    buf_putc(&text, '\n');
    redact_patterns(text.bytes, text.len, &before);
    PROPERTY(before.len <= strlen("[secret]") * text.len, "a mark stands for a byte at least");
    buf_puts(&before, HIDDEN);
    buf_puts(&text, SECRETS);
    redact_patterns(text.bytes, text.len, &whole);
    PROPERTY(whole.len == before.len && memcmp(whole.bytes, before.bytes, whole.len) == 0,
             "a line is read by itself");
    buf_fini(&text);
    buf_fini(&before);
    buf_fini(&whole);
    return 0;
}
