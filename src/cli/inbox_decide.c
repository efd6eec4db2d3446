/* hq inbox approve, reject, changes and answer: a person's word, bound to the bytes that were
 * looked at. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/table.h"

enum { HASH_LEAST = 8 /* digits of --hash: fewer are met by chance */ };

static const struct command_option approve_options[] = {
    {"message", 'm', "TEXT", "a remark that goes with it"},
    {"answer", 0, "JSON|-", "what the item's form asks for"},
    {"hash", 0, "SHA256", "decide only on these bytes (8 digits of it do)"},
    {"as", 0, "PERSON", "in this person's name"},
    {0},
};

static const struct command_option reject_options[] = {
    {"message", 'm', "TEXT", "why; it is told to whoever works on"},
    {"hash", 0, "SHA256", "decide only on these bytes"},
    {"as", 0, "PERSON", "in this person's name"},
    {0},
};

static const struct command_option answer_options[] = {
    {"hash", 0, "SHA256", "answer only this question"},
    {"as", 0, "PERSON", "in this person's name"},
    {0},
};

/* One command's word. */
struct word {
    const struct invocation *invocation;
    const char *decision;
    const char *message; /* NULL: none */
    const char *text;    /* of answer; NULL: none */
    json_t *answer;      /* what is sent; NULL: none */
    struct err err;
};

static const char *id_of(const json_t *item)
{
    return json_get_text(item, "id", "");
}

/* A question is answered, everything else approved. */
static int check_kind(struct word *word, const json_t *item)
{
    bool question = str_eq(json_get_text(item, "kind", ""), "question");
    if (question && str_eq(word->decision, "approved")) {
        err_set(&word->err, "usage", "%s is a question: it wants an answer", id_of(item));
        err_hint(&word->err, "hq inbox answer %s TEXT", id_of(item));
        return -1;
    }
    if (!question && str_eq(word->decision, "answered")) {
        err_set(&word->err, "usage", "%s is no question: approve or reject it", id_of(item));
        err_hint(&word->err, "hq inbox show %s", id_of(item));
        return -1;
    }
    return 0;
}

/* --hash: the beginning of the hash of what the item asks about now. */
static int check_hash(struct word *word, const json_t *item)
{
    const char *given = invocation_value(word->invocation, "hash");
    const char *hash = json_get_text(item, "subject_hash", "");
    if (!given)
        return 0;
    if (strlen(given) < HASH_LEAST)
        return err_set(&word->err, "usage", "--hash: give at least %d digits, not \"%s\"",
                       HASH_LEAST, given);
    if (str_starts(hash, str_lower(word->invocation->arena, given)))
        return 0;
    err_set(&word->err, "other_bytes",
            "%s asks about other bytes than those: sha256 %.12s…, not %s", id_of(item), hash,
            given);
    err_hint(&word->err, "look again: hq inbox show %s", id_of(item));
    return -1;
}

static json_t *parse(struct word *word, const char *text)
{
    struct err why;
    json_t *value = json_parse(text, strlen(text), &why);
    if (!value)
        err_set(&word->err, "bad_answer", "the answer must be JSON that fits the form: %s",
                why.message);
    return value;
}

/* One of the options by its number or as it stands; JSON where there is a form; else the text. */
static int set_answer(struct word *word, const json_t *item)
{
    int64_t number;
    const json_t *options = json_object_get(item, "options");
    const char *text = word->text ? question_text(word->invocation, word->text, &word->err) : NULL;
    if (!word->text)
        return 0;
    if (!text)
        return -1;
    bool chosen = str_to_int(text, 1, (int64_t)json_array_size(options), &number);
    if (json_object_get(item, "form"))
        word->answer = parse(word, text);
    else if (chosen)
        word->answer = json_incref(json_array_get(options, (size_t)number - 1));
    else
        word->answer = json_text(text, strlen(text));
    return word->answer ? 0 : -1;
}

static json_t *body_of(struct word *word, const json_t *item)
{
    char request[33];
    json_t *body = json_object();
    rand_hex(request, 32);
    json_set_text(body, "request", request);
    json_set_text(body, "decision", word->decision);
    json_set_text(body, "subject_hash", json_get_text(item, "subject_hash", NULL));
    json_set_text(body, "feedback", word->message);
    json_set_text(body, "via", "cli");
    if (word->answer)
        json_object_set(body, "answer", word->answer);
    return body;
}

static int print_outcome(const struct invocation *invocation, const json_t *answer)
{
    const json_t *item = json_object_get(answer, "item");
    const char *state = json_get_text(item, "state", "");
    if (invocation->json)
        return output_json(json_pack("{s:O}", "item", (json_t *)item));
    if (invocation->quiet)
        return COMMAND_OK;
    if (str_eq(state, "pending"))
        printf("%s: your vote counts, %lld of %lld\n", id_of(item),
               (long long)json_get_int(item, "votes", 0),
               (long long)json_get_int(item, "quorum", 1));
    else
        printf("%s %s by %s\n", id_of(item), state, json_get_text(item, "decided_by", "?"));
    return COMMAND_OK;
}

/* Looks at the item first: the word is about what it asks now, byte for byte. */
static int say(struct operator_line *line, struct word *word)
{
    json_t *found = NULL, *answer = NULL, *body = NULL;
    const struct invocation *invocation = word->invocation;
    const char *path = arena_printf(invocation->arena, "/v1/inbox/%s", invocation->args[0]);
    int code = operator_call(line, "GET", path, NULL, 0, &found);
    if (code != COMMAND_OK)
        return code;
    const json_t *item = json_object_get(found, "item");
    if (check_kind(word, item) < 0 || set_answer(word, item) < 0) {
        code = output_fail(invocation, COMMAND_USAGE, &word->err);
    } else if (check_hash(word, item) < 0) {
        bool usage = str_eq(word->err.code, "usage");
        code = output_fail(invocation, usage ? COMMAND_USAGE : COMMAND_FAILED, &word->err);
    } else {
        body = body_of(word, item);
        path = arena_printf(invocation->arena, "/v1/inbox/%s", id_of(item));
        code = operator_call(line, "POST", path, body, 0, &answer);
    }
    if (answer)
        code = print_outcome(invocation, answer);
    json_decref(body);
    json_decref(answer);
    json_decref(found);
    json_decref(word->answer);
    return code;
}

static int decide(struct word *word)
{
    struct operator_line line;
    const struct invocation *invocation = word->invocation;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = say(&line, word);
    operator_close(&line);
    return code;
}

/* Who is told no is told why. */
static int need_message(struct word *word)
{
    const char *message = invocation_value(word->invocation, "message");
    if (message)
        message = question_text(word->invocation, message, &word->err);
    if (!str_is_blank(message)) {
        word->message = message;
        return COMMAND_OK;
    }
    if (!*word->err.code) {
        err_set(&word->err, "reason_missing", "hq %s needs a reason",
                word->invocation->command->name);
        err_hint(&word->err, "add -m TEXT: it is told to whoever works on");
    }
    return output_fail(word->invocation, COMMAND_USAGE, &word->err);
}

static int approve_run(const struct invocation *invocation)
{
    struct word word = {.invocation = invocation,
                        .decision = "approved",
                        .message = invocation_value(invocation, "message"),
                        .text = invocation_value(invocation, "answer")};
    return decide(&word);
}

static int reject_run(const struct invocation *invocation)
{
    struct word word = {.invocation = invocation, .decision = "rejected"};
    int code = need_message(&word);
    return code == COMMAND_OK ? decide(&word) : code;
}

static int changes_run(const struct invocation *invocation)
{
    struct word word = {.invocation = invocation, .decision = "changes_requested"};
    int code = need_message(&word);
    return code == COMMAND_OK ? decide(&word) : code;
}

static int answer_run(const struct invocation *invocation)
{
    struct word word = {
        .invocation = invocation, .decision = "answered", .text = invocation->args[1]};
    return decide(&word);
}

const struct command command_inbox_approve = {
    .name = "inbox approve",
    .group = "WORK",
    .usage = "ID",
    .summary = "say yes to a gate, or let something run again",
    .examples = "hq inbox approve g-7k2m -m \"looks good\"\n",
    .options = approve_options,
    .min_args = 1,
    .max_args = 1,
    .run = approve_run,
};

const struct command command_inbox_reject = {
    .name = "inbox reject",
    .group = "WORK",
    .usage = "ID",
    .summary = "say no, with a reason",
    .examples = "hq inbox reject g-7k2m -m \"the margin is without a unit\"\n",
    .options = reject_options,
    .min_args = 1,
    .max_args = 1,
    .run = reject_run,
};

const struct command command_inbox_changes = {
    .name = "inbox changes",
    .group = "WORK",
    .usage = "ID",
    .summary = "send a gate's work back, with what to change",
    .examples = "hq inbox changes g-7k2m -m \"say which temper\"\n",
    .options = reject_options,
    .min_args = 1,
    .max_args = 1,
    .run = changes_run,
};

const struct command command_inbox_answer = {
    .name = "inbox answer",
    .group = "WORK",
    .usage = "ID TEXT|-",
    .summary = "answer an agent's question",
    .examples = "hq inbox answer g-3m9x \"Friday at 14:00\"\n",
    .options = answer_options,
    .min_args = 2,
    .max_args = 2,
    .run = answer_run,
};
