/* Any text on its way out of the machine, with a secret put into it somewhere: the secret is not in what is
 * left, whatever stands around it. The first byte says where. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "doctor/redactor.h"
#include "folder.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "Planted-Secret-0123456789"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = {.secrets = fuzz_folder()};
    struct buf text = {0}, out = {0}, patterns = {0};
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1, at = len * data[0] / 255;
    struct redactor *redactor = redactor_open(&config);
    redactor_add(redactor, SECRET, "[secret]");
    buf_put(&text, bytes, at);
    buf_puts(&text, SECRET);
    buf_put(&text, bytes + at, len - at);
    redactor_put(redactor, buf_text(&text), text.len, &out);
    PROPERTY(!memmem(buf_text(&out), out.len, SECRET, strlen(SECRET)), "a secret stays here");
    redact_patterns(bytes, len, &patterns);
    redactor_close(redactor);
    buf_fini(&text);
    buf_fini(&out);
    buf_fini(&patterns);
    return 0;
}
