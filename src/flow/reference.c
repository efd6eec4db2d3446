/* The table of a workflow's keys for editors and for docs/workflows.md. */
#include "config/explain.h"
#include "flow/bundle.h"
#include "flow/keys.h"

json_t *flow_editor_schema(void)
{
    return key_table_schema(flow_keys(), "A workflow of hq", true);
}

void flow_reference(struct buf *out)
{
    key_table_reference(flow_keys(), out);
}
