/* Any bytes as {"schema","value"}: checked, held to, without a fault and within bounds. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf findings = {0};
    json_t *both = json_parse((const char *)data, size, NULL);
    const json_t *schema = json_object_get(both, "schema"), *value = json_object_get(both, "value");
    if (schema && value && json_schema_check(schema, NULL) == 0)
        json_schema_fits(schema, value, &findings);
    buf_fini(&findings);
    json_decref(both);
    return 0;
}
