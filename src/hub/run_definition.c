/* From a run's row to its definition's, and to its blob where that is large. */
#include "hub/run_definition.h"

#include "base/err.h"
#include "ledger/ledger.h"

int run_definition(struct ledger *ledger, struct run *run, const char **text, struct arena *arena,
                   struct err *err)
{
    char *bytes;
    size_t len;
    int rc = ledger_get(ledger, &run_record, run, arena, err);
    if (rc != 0)
        return rc;
    struct definition definition = {.sha256 = run->definition ? run->definition : ""};
    rc = ledger_get(ledger, &definition_record, &definition, arena, err);
    *text = definition.text;
    if (rc != 0 || *text || !definition.text_blob)
        return rc;
    rc = ledger_blob_get(ledger, definition.text_blob, arena, &bytes, &len, err);
    *text = rc == 0 ? bytes : NULL;
    return rc;
}
