/* Prints what came of asking a model. */
#include "cli/model_show.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/output.h"

enum { NAME_COLUMNS = 32 };

json_t *model_proof_json(const char *reference, const struct proof *proof)
{
    json_t *item =
        json_pack("{s:s,s:b,s:s,s:I,s:I,s:I}", "model", reference, "ok", proof->class == PROOF_OK,
                  "class", proof->word, "ms", (json_int_t)proof->ms, "tokens_in",
                  (json_int_t)proof->usage.in, "tokens_out", (json_int_t)proof->usage.out);
    if (proof->status)
        json_object_set_new(item, "status", json_integer(proof->status));
    if (proof->class == PROOF_OK && proof->cost_micro_usd >= 0)
        json_object_set_new(item, "cost_micro_usd",
                            json_integer((json_int_t)proof->cost_micro_usd));
    json_set_text(item, "said", proof->said);
    json_set_text(item, "message", proof->message);
    json_set_text(item, "fix", proof->fix);
    return item;
}

/* Text of a provider on its way to a terminal. */
static void put_harmless(struct buf *out, const char *text)
{
    cell_put(out, text, cell_width(text), output_is_utf8());
    cell_end_line(out);
}

void model_proof_print(const struct invocation *invocation, const char *reference,
                       const struct proof *proof, FILE *out)
{
    struct buf text = {0};
    char took[TIME_TEXT];
    time_print_duration(proof->ms, took);
    buf_puts(&text, proof->class == PROOF_OK ? "ok    " : "fail  ");
    if (proof->class == PROOF_OK) {
        cell_put(&text, reference, NAME_COLUMNS, output_is_utf8());
        buf_printf(&text, " %-6s %lld tokens in, %lld out  %s", took, (long long)proof->usage.in,
                   (long long)proof->usage.out,
                   proof->cost_micro_usd < 0
                       ? "unpriced"
                       : figure_money(proof->cost_micro_usd, invocation->arena));
        cell_end_line(&text);
        buf_printf(&text, "      %s",
                   proof->said ? "it says: " : "it answers with a call of a tool");
        put_harmless(&text, proof->said ? proof->said : "");
    } else {
        put_harmless(&text, reference);
        buf_puts(&text, "      ");
        put_harmless(&text, proof->message);
        buf_puts(&text, "      fix: ");
        put_harmless(&text, proof->fix);
    }
    fputs(buf_text(&text), out);
    buf_fini(&text);
}
