/* The tool `ask_human`: puts a question into the people's inbox and reads their answer. The hub
 * keeps it; nothing happens here. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "tool/asking.h"
#include "tool/builtin.h"

enum { OPTIONS_MAX = 20, OPTION_BYTES = 200, TITLE_BYTES = 120 };

static const int64_t DEFAULT_EXPIRY_MS = 24 * INT64_C(3600000);

static bool role_is_held(const struct config *config, const char *role)
{
    bool local = false;
    for (size_t i = 0; i < config->person_count; i++) {
        if (str_in(role, config->people[i].roles))
            return true;
        local = local || config->people[i].local;
    }
    return !local; /* then the owner has every role */
}

static bool person_is_known(const struct config *config, const char *id)
{
    const char *const *roles;
    return config_person(config, id) || str_eq(id, config_person_of(config, "operator", &roles));
}

/* "role:lead, person:ceo": whom one may ask, for sentences. */
static const char *known_deciders(const struct config *config, struct arena *arena)
{
    const char *text = "";
    const char *const *roles;
    for (size_t i = 0; i < config->person_count; i++)
        text = arena_printf(arena, "%s%sperson:%s", text, *text ? ", " : "", config->people[i].id);
    return *text ? text
                 : arena_printf(arena, "person:%s", config_person_of(config, "operator", &roles));
}

/* The one word of `to`; an answer that nobody can give would be waited for in vain. */
static int check_decider(const struct config *config, const char *word, struct err *err)
{
    static const char role[] = "role:";
    bool known = false;
    if (word && str_starts(word, role))
        known = role_is_held(config, word + strlen(role));
    else if (word && str_starts(word, PERSON_PREFIX))
        known = person_is_known(config, word + strlen(PERSON_PREFIX));
    if (known)
        return 0;
    struct arena arena = {0};
    err_set(err, "bad_argument",
            "There is no %.80s to ask; leave \"to\" out for anybody, or ask one of: %s.",
            word ? word : "such person", known_deciders(config, &arena));
    arena_fini(&arena);
    return -1;
}

static int put_deciders(const struct config *config, const json_t *to, json_t *body,
                        struct err *err)
{
    size_t i;
    const json_t *word;
    if (!to)
        return 0;
    json_t *words = json_is_array(to) ? json_copy((json_t *)to) : json_pack("[O]", to);
    json_array_foreach (words, i, word) {
        if (check_decider(config, json_string_value(word), err) == 0)
            continue;
        json_decref(words);
        return -1;
    }
    if (json_array_size(words) > 0)
        json_object_set(body, "deciders", words);
    json_decref(words);
    return 0;
}

static int put_options(const json_t *options, json_t *body, struct err *err)
{
    size_t i;
    const json_t *option;
    if (json_array_size(options) > OPTIONS_MAX)
        return err_set(err, "bad_argument", "options has %zu entries, at most %d are allowed.",
                       json_array_size(options), OPTIONS_MAX);
    json_array_foreach (options, i, option)
        if (str_is_blank(json_string_value(option)) || json_string_length(option) > OPTION_BYTES)
            return err_set(err, "bad_argument", "Each of options is a text of 1 to %d bytes.",
                           OPTION_BYTES);
    if (json_array_size(options) > 0)
        json_object_set(body, "options", (json_t *)options);
    return 0;
}

static int put_expiry(const json_t *arguments, json_t *body, struct err *err)
{
    int64_t ms;
    if (asking_span(arguments, "expires", &ms, err) < 0)
        return -1;
    json_object_set_new(body, "expires_ms", json_integer(ms > 0 ? ms : DEFAULT_EXPIRY_MS));
    return 0;
}

/* The bytes that are answered, and their first line as the title. */
static void put_subject(const struct tool_place *place, const json_t *arguments, json_t *body)
{
    struct arena arena = {0};
    const char *question = json_get_text(arguments, "question", "");
    const char *line = question + strspn(question, " \t\r\n");
    size_t len = strcspn(line, "\r\n");
    json_t *title = json_text(line, str_utf8_cut(line, len, TITLE_BYTES));
    json_t *subject = json_pack("{s:O,s:s,s:s,s:s}", "title", title, "show", question, "agent",
                                place->agent, "task", place->task);
    json_set_text(subject, "context", json_get_text(arguments, "context", NULL));
    static const char *const shared[][2] = {{"options", "options"}, {"deciders", "by"}};
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(body, shared[i][0]))
            json_object_set(subject, shared[i][1], json_object_get(body, shared[i][0]));
    json_object_set_new(body, "title", title);
    json_set_text(body, "subject", json_print(&arena, subject));
    json_decref(subject);
    arena_fini(&arena);
}

static json_t *ask_body(const struct tool_place *place, const json_t *arguments, struct err *err)
{
    const char *context = json_get_text(arguments, "context", "");
    json_t *body = json_pack("{s:s}", "kind", "question");
    if (asking_instruction("question", json_get_text(arguments, "question", ""), err) == 0 &&
        (!*context || asking_instruction("context", context, err) == 0) &&
        put_deciders(place->config, json_object_get(arguments, "to"), body, err) == 0 &&
        put_options(json_object_get(arguments, "options"), body, err) == 0 &&
        put_expiry(arguments, body, err) == 0) {
        put_subject(place, arguments, body);
        return body;
    }
    json_decref(body);
    return NULL;
}

const struct tool tool_ask_human = {
    .name = "ask_human",
    .description =
        "Ask the people of the company and wait for their answer: for decisions that are "
        "theirs, or what only they know. They see only question, context and options.",
    .parameters =
        "{\"type\":\"object\",\"properties\":{"
        "\"question\":{\"type\":\"string\",\"description\":\"One question, complete in itself\"},"
        "\"context\":{\"type\":\"string\",\"description\":\"What they need to know to answer\"},"
        "\"options\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"The "
        "answers to choose from; leave out for free text\"},"
        "\"to\":{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"string\"},\"description\":"
        "\"Who may answer: person:NAME or role:NAME; default: anybody\"},"
        "\"expires\":{\"type\":[\"number\",\"string\"],\"description\":\"Seconds or \\\"5m\\\": "
        "wait "
        "so long at most (24h)\"}},"
        "\"required\":[\"question\"]}",
    .repeat = REPEAT_FREELY,
    .ask = ask_body,
};
