/* hq route: who would get a piece of work, and why; it sends nothing. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/route.h"
#include "cli/table.h"

enum { NAME_COLUMNS = 16 };

static const struct command_option route_options[] = {
    {"capability", 0, "NAME", "only who has this capability; TEXT may be left out"},
    {"as", 0, "AGENT", "with the rights of this agent"},
    {0},
};

int route_ask(struct operator_line *line, const struct route_query *query, json_t **answer)
{
    json_t *body = json_object();
    json_set_text(body, "text", query->text);
    json_set_text(body, "capability", query->capability);
    json_set_text(body, "caller", query->caller);
    int code = operator_call(line, "POST", "/v1/route", body, 0, answer);
    json_decref(body);
    return code;
}

/* "research, papers" of an array of texts. */
static const char *words_of(const json_t *list, struct arena *arena)
{
    size_t i;
    const json_t *word;
    const char *text = "";
    json_array_foreach (list, i, word)
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                            json_is_string(word) ? json_string_value(word) : "?");
    return text;
}

static const json_t *candidate_called(const json_t *answer, const char *agent)
{
    size_t i;
    const json_t *candidate;
    json_array_foreach (json_object_get(answer, "candidates"), i, candidate)
        if (str_eq(json_get_text(candidate, "agent", NULL), agent))
            return candidate;
    return NULL;
}

static int fail_choice(const struct invocation *invocation)
{
    struct err err = {0};
    err_set(&err, "no_candidate", "nobody fits this text");
    err_hint(&err, "hq route \"TEXT\" says why; hq agent list shows who is there");
    return output_fail(invocation, COMMAND_USAGE, &err);
}

int route_choose(struct operator_line *line, const char *text, const char **agent)
{
    struct arena *arena = line->invocation->arena;
    struct route_query query = {.text = text};
    json_t *answer = NULL;
    *agent = NULL;
    int code = route_ask(line, &query, &answer);
    if (code != COMMAND_OK)
        return code;
    *agent = arena_strdup(arena, json_get_text(answer, "chosen", NULL));
    const char *why = words_of(json_object_get(candidate_called(answer, *agent), "matched"), arena);
    if (!*agent)
        code = fail_choice(line->invocation);
    else
        output_note(line->invocation, "asking %s%s%s%s", *agent, *why ? " (" : "", why,
                    *why ? ")" : "");
    json_decref(answer);
    return code;
}

/* "fits research; 1 working, 2 queued; 9 of 10 done": what counted for a candidate. */
static const char *reasons_of(const json_t *candidate, struct arena *arena)
{
    const char *matched = words_of(json_object_get(candidate, "matched"), arena);
    const json_t *price = json_object_get(candidate, "price");
    long long done = json_get_int(candidate, "done", 0);
    long long failed = json_get_int(candidate, "failed", 0);
    const char *text = *matched ? arena_printf(arena, "fits %s; ", matched) : "";
    long long working = json_get_int(candidate, "working", 0);
    long long queued = json_get_int(candidate, "queued", 0);
    text = working + queued
               ? arena_printf(arena, "%s%lld working, %lld queued", text, working, queued)
               : arena_printf(arena, "%sfree", text);
    if (done + failed > 0)
        text = arena_printf(arena, "%s; %lld of %lld done", text, done, done + failed);
    if (json_is_integer(price)) /* of 1,000 tokens in and as many out */
        text = arena_printf(arena, "%s; %s per 1k", text,
                            figure_money(json_integer_value(price), arena));
    return text;
}

static void put_able(const struct invocation *invocation, const json_t *candidate, bool chosen,
                     struct buf *out)
{
    bool utf8 = output_is_utf8();
    buf_puts(out, chosen ? "> " : "  ");
    cell_put(out, json_get_text(candidate, "agent", "?"), NAME_COLUMNS, utf8);
    buf_printf(out, " %5lld  ", (long long)json_get_int(candidate, "score", 0));
    cell_put(out, reasons_of(candidate, invocation->arena), output_columns() - NAME_COLUMNS - 10,
             utf8);
    cell_end_line(out);
}

/* Those who are out for the same reason as candidate `at`, told once, by the first of them. */
static void put_excluded(const json_t *candidates, size_t at, struct buf *out)
{
    size_t i;
    const json_t *candidate;
    int column = 0, most = output_columns() - 1;
    const char *reason = json_get_text(json_array_get(candidates, at), "excluded", "");
    struct buf names = {0};
    json_array_foreach (candidates, i, candidate) {
        const char *name = json_get_text(candidate, "agent", "?");
        if (!str_eq(json_get_text(candidate, "excluded", NULL), reason))
            continue;
        if (i < at)
            return; /* nothing is in `names` yet */
        bool wraps = column && column + 2 + cell_width(name) > most;
        buf_printf(&names, "%s%s", !column ? "    " : wraps ? ",\n    " : ", ", name);
        column = (!column || wraps ? 4 : column + 2) + cell_width(name);
    }
    buf_printf(out, "  not: %s:\n%s\n", reason, buf_text(&names));
    buf_fini(&names);
}

static void print_candidates(const struct invocation *invocation, const json_t *answer)
{
    struct buf out = {0};
    size_t i;
    const json_t *candidate, *candidates = json_object_get(answer, "candidates");
    const char *chosen = json_get_text(answer, "chosen", NULL);
    if (chosen)
        buf_printf(&out, "%s would be asked\n", chosen);
    else
        buf_printf(&out, "nobody would be asked: %s\n",
                   json_get_text(answer, "reason", "nobody fits"));
    json_array_foreach (candidates, i, candidate) {
        if (json_object_get(candidate, "excluded"))
            put_excluded(candidates, i, &out);
        else
            put_able(invocation, candidate, str_eq(json_get_text(candidate, "agent", NULL), chosen),
                     &out);
    }
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
}

static int check_words(const struct invocation *invocation)
{
    struct err err = {0};
    if (invocation->arg_count || invocation_has(invocation, "capability"))
        return COMMAND_OK;
    err_set(&err, "usage", "hq route needs TEXT or --capability NAME");
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int show(const struct invocation *invocation, json_t *answer)
{
    if (invocation->json)
        return output_json(answer);
    print_candidates(invocation, answer);
    json_decref(answer);
    return COMMAND_OK;
}

static int route_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err = {0};
    json_t *answer = NULL;
    struct route_query query = {.capability = invocation_value(invocation, "capability"),
                                .caller = invocation_value(invocation, "as")};
    int code = check_words(invocation);
    if (code != COMMAND_OK)
        return code;
    if (invocation->arg_count) {
        query.text = question_text(invocation, invocation->args[0], &err);
        if (!query.text)
            return output_fail(invocation, COMMAND_USAGE, &err);
    }
    code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = route_ask(&line, &query, &answer);
    if (code == COMMAND_OK)
        code = json_get_text(answer, "chosen", NULL) ? COMMAND_OK : COMMAND_FAILED;
    if (answer) {
        int shown = show(invocation, answer);
        code = code == COMMAND_OK ? shown : code;
    }
    operator_close(&line);
    return code;
}

const struct command command_route = {
    .name = "route",
    .group = "WORK",
    .usage = "TEXT|-",
    .summary = "who would be asked, and why; sends nothing",
    .examples = "hq route \"sources for the fatigue limit of 6061-T6\"\n"
                "hq route --capability audit --json\n",
    .options = route_options,
    .max_args = 1,
    .run = route_run,
    .reads = true,
    .in_task = true,
};
