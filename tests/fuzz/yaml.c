/* Any bytes as hq.yaml: read, checked, built, explained and printed without a fault. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "config/build.h"
#include "config/check.h"
#include "config/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void build_and_check(const struct yaml_document *document, struct findings *findings)
{
    struct config config = {.dir = "/c", .state = "/c/state", .secrets = "/c/secrets"};
    check_keys(document, findings);
    if (json_is_object(document->root)) {
        config_build(&config, document);
        check_relations(document, &config, findings);
    }
    if (json_is_object(document->root) && findings->errors == 0)
        json_decref(config_effective(&config));
    arena_fini(&config.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct findings findings;
    struct buf out = {0};
    findings_init(&findings, &arena);
    struct yaml_document *document = yaml_read((const char *)data, size, &arena, &findings);
    if (document->whole)
        build_and_check(document, &findings);
    findings_sort(&findings);
    config_print_findings("f", findings.items, findings.count, &out);
    yaml_close(document);
    buf_fini(&out);
    arena_fini(&arena);
    return 0;
}
