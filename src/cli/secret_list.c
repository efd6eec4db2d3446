/* hq secret list and hq secret check: which secrets there are, and what is wrong with them. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/table.h"
#include "setup/secret_book.h"

enum { NAME_COLUMNS = 22, USER_COLUMNS = 26, MODE_COLUMNS = 5, AGE_COLUMNS = 8 };

static const struct command_option list_options[] = {
    {"all", 'a', NULL, "hq's own tokens, too"},
    {0},
};

static const char *kind_word(enum secret_kind kind)
{
    static const char *const words[] = {"key", "header", "url", "token", "unused"};
    return words[kind];
}

static json_t *entry_json(const struct secret_entry *entry, struct arena *arena)
{
    json_t *item =
        json_pack("{s:s,s:s,s:b,s:b}", "name", entry->name, "kind", kind_word(entry->kind),
                  "present", entry->is_there, "needed", entry->is_needed);
    json_set_text(item, "from", entry->is_env ? "environment" : "file");
    json_set_text(item, "path", entry->path);
    json_set_text(item, "used_by", entry->used_by);
    json_set_text(item, "shown", *entry->shown ? entry->shown : NULL);
    if (entry->path && entry->is_there) {
        char text[TIME_TEXT];
        time_rfc3339(entry->changed_at, text);
        json_set_text(item, "mode", arena_printf(arena, "%04o", entry->mode));
        json_set_text(item, "changed_at", text);
    }
    return item;
}

static void put_row(struct buf *out, const struct secret_entry *entry, struct arena *arena)
{
    char age[TIME_TEXT] = "";
    bool utf8 = output_is_utf8();
    if (entry->changed_at)
        time_print_duration(time_wall_ms() - entry->changed_at, age);
    cell_put(out, entry->name, NAME_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, *entry->used_by ? entry->used_by : "nobody", USER_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out,
             entry->is_env     ? "env"
             : entry->is_there ? arena_printf(arena, "%04o", entry->mode)
                               : "-",
             MODE_COLUMNS, utf8);
    cell_put(out, age, AGE_COLUMNS, utf8);
    const char *absent = entry->kind == SECRET_TOKEN ? "hq up makes it" : "missing";
    buf_printf(out, " %s", entry->is_there ? entry->shown : absent);
    cell_end_line(out);
}

static void print_table(const struct invocation *invocation, const struct secret_book *book)
{
    struct buf out = {0};
    size_t tokens = 0;
    bool all = invocation_has(invocation, "all");
    buf_printf(&out, "%-*s %-*s %-*s%-*s %s\n", NAME_COLUMNS, "NAME", USER_COLUMNS, "USED BY",
               MODE_COLUMNS, "MODE", AGE_COLUMNS, "AGE", "VALUE");
    for (size_t i = 0; i < book->count; i++) {
        bool is_token = book->entries[i].kind == SECRET_TOKEN;
        tokens += is_token && book->entries[i].is_there;
        if (!is_token || all)
            put_row(&out, &book->entries[i], invocation->arena);
    }
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
    if (tokens && !all)
        output_note(invocation, "and %zu tokens of hq's own: --all", tokens);
}

static int list_run(const struct invocation *invocation)
{
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    int code = COMMAND_OK;
    struct secret_book book = secret_book_read(config, invocation->arena);
    if (invocation->json) {
        json_t *items = json_array();
        for (size_t i = 0; i < book.count; i++)
            json_array_append_new(items, entry_json(&book.entries[i], invocation->arena));
        code = output_json(json_pack("{s:o}", "items", items));
    } else {
        print_table(invocation, &book);
    }
    config_free(config);
    return code;
}

/* ---- check ---- */

static json_t *finding_json(const struct secret_finding *finding)
{
    json_t *item = json_pack("{s:s,s:s,s:s}", "level", finding->is_error ? "error" : "warning",
                             "message", finding->message, "fix", finding->fix);
    json_set_text(item, "name", finding->entry ? finding->entry->name : NULL);
    json_set_text(item, "used_by", finding->entry ? finding->entry->used_by : NULL);
    return item;
}

static void print_finding(const struct secret_finding *finding)
{
    const struct secret_entry *entry = finding->entry;
    bool is_used = entry && *entry->used_by;
    printf("%-5s %s%s%s%s\n", finding->is_error ? "fail" : "warn", finding->message,
           is_used ? " (" : "", is_used ? entry->used_by : "", is_used ? ")" : "");
    printf("      fix: %s\n", finding->fix);
}

static int check_run(const struct invocation *invocation)
{
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    size_t count, errors = 0, looked = 0;
    struct secret_book book = secret_book_read(config, invocation->arena);
    struct secret_finding *found = secret_book_check(config, &book, invocation->arena, &count);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        errors += found[i].is_error;
        json_array_append_new(items, finding_json(&found[i]));
        if (!invocation->json)
            print_finding(&found[i]);
    }
    for (size_t i = 0; i < book.count; i++)
        looked += book.entries[i].is_there;
    int code = COMMAND_OK;
    if (invocation->json)
        code = output_json(json_pack("{s:b,s:I,s:O}", "ok", errors == 0, "looked_at",
                                     (json_int_t)looked, "items", items));
    else if (!invocation->quiet)
        printf("%zu secret%s looked at, %zu failure%s, %zu warning%s\n", looked,
               looked == 1 ? "" : "s", errors, errors == 1 ? "" : "s", count - errors,
               count - errors == 1 ? "" : "s");
    json_decref(items);
    config_free(config);
    return errors ? COMMAND_CREDENTIAL : code;
}

const struct command command_secret_list = {
    .name = "secret list",
    .group = "SETUP",
    .usage = "",
    .summary = "secrets: who uses them, mode, age; never a value",
    .details = "Of a long key both ends are shown (sk-…9f2c), of anything else nothing.\n",
    .examples = "hq secret list\nhq secret list --all --json\n",
    .options = list_options,
    .run = list_run,
    .reads = true,
    .is_default = true,
};

const struct command command_secret_check = {
    .name = "secret check",
    .group = "SETUP",
    .usage = "",
    .summary = "what is wrong with the secrets; exit 4 then",
    .details = "Looks for what is missing, open to other users, not one line of text, the same in "
               "two places\nor named by nothing. Whether a provider takes a key: hq model test.\n",
    .examples = "hq secret check\n",
    .run = check_run,
    .reads = true,
};
