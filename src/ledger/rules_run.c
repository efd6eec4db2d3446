/* DEFINE: what a run is pinned to, kept once under its hash. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/rules.h"

int rule_define(struct tx *tx, const struct op *op)
{
    struct definition definition = *op->definition, known = {.sha256 = definition.sha256};
    char hex[HASH_HEX] = "";
    if (definition.text)
        hash_hex(definition.text, strlen(definition.text), hex);
    if (!definition.text || !str_eq(definition.sha256, hex))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_definition",
                         "A definition is kept under the hash of its text, %s; not under %s.", hex,
                         definition.sha256 ? definition.sha256 : "none");
    int rc = tx_get(tx, &definition_record, &known);
    if (rc != LEDGER_NONE)
        return rc;
    definition.text_blob = NULL;
    definition.created_at = tx->now;
    rc = tx_spill(tx, &definition.text, &definition.text_blob, LIMIT_INLINE);
    return rc ? rc : tx_put(tx, &definition_record, &definition);
}
