/* A script's text: rules or findings, never a crash. */
#include <stdint.h>
#include <stdlib.h>

#include "model/script_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct findings findings;
    findings_init(&findings, &arena);
    struct script_rules *rules = script_rules_read((const char *)data, size, SCRIPT_WHOLE, &findings);
    if ((rules == NULL) != (findings.errors > 0))
        abort();
    script_rules_close(rules);
    arena_fini(&arena);
    return 0;
}
