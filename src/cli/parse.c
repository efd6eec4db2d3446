/* Reads a command line by the table of commands: global flags anywhere, one or two words that name
 * the command, its options and arguments. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/command.h"

enum { WORDS_MAX = 128 };

const struct command_option command_globals[] = {
    {"dir", 'C', "DIR", "the company's folder (default: hq.yaml's, upwards)"},
    {"state", 0, "DIR", "where its state lies (default: <company>/state)"},
    {"json", 0, NULL, "one JSON document on standard output"},
    {"timeout", 0, "DUR", "stop waiting after DUR (30s, 5m) with exit 124"},
    {"quiet", 'q', NULL, "results only"},
    {"verbose", 'v', NULL, "say more"},
    {"color", 0, "WHEN", "auto, always or never"},
    {"no-input", 0, NULL, "ask nothing; what needs an answer fails"},
    {"yes", 'y', NULL, "agree beforehand where a command asks whether it may"},
    {"help", 'h', NULL, "what this command does"},
    {0},
};

struct reader {
    struct invocation *invocation;
    const struct command *const *commands;
    char *const *argv;
    int argc, at;
    const char *word; /* first word of a family, before its second */
    const char **args;
    struct given_option *given;
    struct err *err;
};

static bool name_has_first_word(const char *name, const char *word)
{
    size_t len = strlen(word);
    return strncmp(name, word, len) == 0 && name[len] == ' ';
}

const struct command *command_find(const struct command *const *commands, const char *name)
{
    for (; *commands; commands++)
        if (str_eq((*commands)->name, name))
            return *commands;
    return NULL;
}

static bool is_family(const struct command *const *commands, const char *word)
{
    for (; *commands; commands++)
        if (name_has_first_word((*commands)->name, word))
            return true;
    return false;
}

const char *command_shown(const struct invocation *invocation, const struct command *command)
{
    return command->is_link ? command->name
                            : arena_printf(invocation->arena, "hq %s", command->name);
}

/* The words one could have meant: first words, or the second words of `family`. */
static const char **known_words(const struct reader *reader, const char *family)
{
    size_t count = 0;
    for (const struct command *const *c = reader->commands; *c; c++)
        count++;
    struct arena *arena = reader->invocation->arena;
    const char **words = arena_alloc(arena, (count + 1) * sizeof(*words));
    count = 0;
    for (const struct command *const *c = reader->commands; *c; c++) {
        const char *name = (*c)->name;
        if (!family)
            words[count++] = arena_memdup(arena, name, strcspn(name, " "));
        else if (name_has_first_word(name, family))
            words[count++] = name + strlen(family) + 1;
    }
    return words;
}

static int fail_command(struct reader *reader, const char *family, const char *word)
{
    const char **words = known_words(reader, family);
    const char *near = str_nearest(word, words);
    const char *gap = family ? " " : "";
    family = family ? family : "";
    err_set(reader->err, "usage", "unknown command \"%s%s%s\"", family, gap, word);
    if (near)
        err_hint(reader->err, "Did you mean \"hq %s%s%s\"?", family, gap, near);
    else
        err_hint(reader->err, "See: hq help");
    return -1;
}

static int fail_family(struct reader *reader, const char *family)
{
    const char **words = known_words(reader, family);
    char list[200] = "";
    for (size_t i = 0; words[i] && strlen(list) + strlen(words[i]) + 3 < sizeof(list); i++) {
        strcat(list, i ? ", " : "");
        strcat(list, words[i]);
    }
    err_set(reader->err, "usage", "hq %s needs to know what to do: %s", family, list);
    err_hint(reader->err, "See: hq help %s", family);
    return -1;
}

/* Takes one word: the command's name, its second half, or an argument. */
static int take_word(struct reader *reader, const char *word)
{
    struct invocation *invocation = reader->invocation;
    if (invocation->command) {
        if (invocation->arg_count >= WORDS_MAX)
            return err_set(reader->err, "usage", "more than %d arguments", WORDS_MAX);
        reader->args[invocation->arg_count++] = word;
        return 0;
    }
    if (reader->word) {
        const char *name = arena_printf(invocation->arena, "%s %s", reader->word, word);
        invocation->command = command_find(reader->commands, name);
        return invocation->command ? 0 : fail_command(reader, reader->word, word);
    }
    invocation->command = command_find(reader->commands, word);
    if (!invocation->command && is_family(reader->commands, word))
        reader->word = word;
    else if (!invocation->command)
        return fail_command(reader, NULL, word);
    return 0;
}

/* "hq inbox" alone, or with an option that only one of its members knows. */
static void take_default(struct reader *reader)
{
    if (!reader->word || reader->invocation->command)
        return;
    for (const struct command *const *c = reader->commands; *c; c++)
        if ((*c)->is_default && name_has_first_word((*c)->name, reader->word))
            reader->invocation->command = *c;
}

static int set_color(struct reader *reader, const char *value)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    for (int i = 0; words[i]; i++) {
        if (str_eq(words[i], value)) {
            reader->invocation->color = (enum color_choice)i;
            return 0;
        }
    }
    return err_set(reader->err, "usage", "--color: \"%s\" is not auto, always or never", value);
}

static int set_timeout(struct reader *reader, const char *value)
{
    if (time_parse_duration(value, &reader->invocation->timeout_ms))
        return 0;
    err_set(reader->err, "usage", "--timeout: \"%s\" is not a duration", value);
    err_hint(reader->err, "Write 500ms, 30s, 5m, 2h or 1d.");
    return -1;
}

static int set_global(struct reader *reader, const char *name, const char *value)
{
    struct invocation *invocation = reader->invocation;
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"json", &invocation->json},       {"quiet", &invocation->quiet},
                 {"verbose", &invocation->verbose}, {"no-input", &invocation->no_input},
                 {"yes", &invocation->yes},         {"help", &invocation->help}};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (str_eq(flags[i].name, name))
            *flags[i].flag = true;
    if (str_eq(name, "dir"))
        invocation->dir = value;
    else if (str_eq(name, "state"))
        invocation->state = value;
    else if (str_eq(name, "color"))
        return set_color(reader, value);
    else if (str_eq(name, "timeout"))
        return set_timeout(reader, value);
    return 0;
}

static int find_option(const struct command_option *options, const char *name, size_t len,
                       char letter)
{
    for (int i = 0; options && options[i].name; i++) {
        if (letter && options[i].letter == letter)
            return i;
        if (!letter && strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
            return i;
    }
    return -1;
}

static int fail_option(struct reader *reader, const char *shown)
{
    const struct command *command = reader->invocation->command;
    const char *words[COMMAND_OPTIONS_MAX + 16] = {0};
    size_t count = 0;
    for (const struct command_option *o = command ? command->options : NULL; o && o->name; o++)
        words[count++] = o->name;
    for (const struct command_option *o = command_globals; o->name; o++)
        words[count++] = o->name;
    const char *near = str_starts(shown, "--") ? str_nearest(shown + 2, words) : NULL;
    if (command)
        err_set(reader->err, "usage", "%s: unknown option \"%s\"", command->name, shown);
    else
        err_set(reader->err, "usage", "unknown option \"%s\"", shown);
    if (near)
        err_hint(reader->err, "Did you mean \"--%s\"?", near);
    else
        err_hint(reader->err, "See: hq help%s%s", command ? " " : "", command ? command->name : "");
    return -1;
}

/* Takes one option; `rest` is what follows its letter in the same word, or its "=value". Returns 1
 * where `rest` was used up as the value, 0 where not, -1 with the error. */
static int take_option(struct reader *reader, const char *name, size_t len, char letter,
                       const char *rest)
{
    struct invocation *invocation = reader->invocation;
    if (find_option(command_globals, name, len, letter) < 0)
        take_default(reader);
    const struct command_option *options =
        invocation->command ? invocation->command->options : NULL;
    int at = find_option(options, name, len, letter);
    bool own = at >= 0;
    if (!own) {
        options = command_globals;
        at = find_option(options, name, len, letter);
    }
    const char dash[] = {'-', letter, '\0'};
    if (at < 0)
        return fail_option(
            reader, letter ? dash : arena_printf(invocation->arena, "--%.*s", (int)len, name));
    const struct command_option *option = &options[at];
    if (!option->value && rest && !letter)
        return err_set(reader->err, "usage", "--%s takes no value", option->name);
    const char *value = option->value ? rest : "";
    if (!value) {
        if (reader->at >= reader->argc)
            return err_set(reader->err, "usage", "--%s needs a value (%s)", option->name,
                           option->value);
        value = reader->argv[reader->at++];
    }
    if (own) {
        if (invocation->given_count >= WORDS_MAX)
            return err_set(reader->err, "usage", "more than %d options", WORDS_MAX);
        invocation->values[at] = value;
        reader->given[invocation->given_count++] = (struct given_option){at, value};
    } else if (set_global(reader, option->name, value) < 0)
        return -1;
    return option->value && rest ? 1 : 0;
}

static int take_long(struct reader *reader, const char *text)
{
    size_t len = strcspn(text, "=");
    return take_option(reader, text, len, 0, text[len] ? text + len + 1 : NULL) < 0 ? -1 : 0;
}

static int take_letters(struct reader *reader, const char *letters)
{
    for (; *letters; letters++) {
        int rc = take_option(reader, NULL, 0, *letters, letters[1] ? letters + 1 : NULL);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
    return 0;
}

static int check_count(struct reader *reader)
{
    const struct invocation *invocation = reader->invocation;
    const struct command *command = invocation->command;
    if (invocation->help)
        return 0;
    if (!command) {
        take_default(reader);
        command = invocation->command;
    }
    if (!command)
        return reader->word ? fail_family(reader, reader->word) : 0;
    size_t count = invocation->arg_count;
    if (count >= command->min_args && count <= command->max_args)
        return 0;
    const char *shown = command_shown(invocation, command);
    if (count < command->min_args)
        err_set(reader->err, "usage", "%s needs %s", shown, command->usage);
    else
        err_set(reader->err, "usage", "%s: \"%s\" is one argument too many", shown,
                invocation->args[command->max_args]);
    err_hint(reader->err, "Usage: %s%s%s", shown, *command->usage ? " " : "", command->usage);
    return -1;
}

int command_parse(const struct command *const *commands, int argc, char *const *argv,
                  struct invocation *invocation, struct err *err)
{
    struct reader reader = {
        .invocation = invocation, .commands = commands, .argv = argv, .argc = argc, .err = err};
    bool words_only = false;
    reader.args = arena_alloc(invocation->arena, (WORDS_MAX + 1) * sizeof(*reader.args));
    reader.given = arena_alloc(invocation->arena, WORDS_MAX * sizeof(*reader.given));
    invocation->commands = commands;
    invocation->args = reader.args;
    invocation->given = reader.given;
    invocation->timeout_ms = -1;
    while (reader.at < argc) {
        const char *word = argv[reader.at++];
        int rc;
        if (words_only || word[0] != '-' || !word[1])
            rc = take_word(&reader, word);
        else if (str_eq(word, "--"))
            rc = 0, words_only = true;
        else if (word[1] == '-')
            rc = take_long(&reader, word + 2);
        else
            rc = take_letters(&reader, word + 1);
        if (rc < 0)
            return -1;
    }
    if (reader.word && !invocation->command && invocation->help)
        reader.args[invocation->arg_count++] = reader.word;
    return check_count(&reader);
}

const char *invocation_value(const struct invocation *invocation, const char *name)
{
    int at = find_option(invocation->command->options, name, strlen(name), 0);
    return at < 0 ? NULL : invocation->values[at];
}

const char *invocation_next(const struct invocation *invocation, const char *name, size_t *at)
{
    int wanted = find_option(invocation->command->options, name, strlen(name), 0);
    while (*at < invocation->given_count) {
        const struct given_option *given = &invocation->given[(*at)++];
        if (given->at == wanted)
            return given->value;
    }
    return NULL;
}

bool invocation_has(const struct invocation *invocation, const char *name)
{
    return invocation_value(invocation, name) != NULL;
}

int invocation_word(const struct invocation *invocation, const char *name, const char *what,
                    const char *const *words, const char **out, struct err *err)
{
    *out = invocation_value(invocation, name);
    if (!*out || str_in(*out, words))
        return 0;
    const char *near = str_nearest(*out, words);
    err_set(err, "usage", "there is no %s \"%s\"", what, *out);
    if (near)
        err_hint(err, "did you mean %s?", near);
    return -1;
}

int invocation_duration(const struct invocation *invocation, const char *name, int64_t fallback,
                        int64_t *out, struct err *err)
{
    const char *text = invocation_value(invocation, name);
    *out = fallback;
    if (!text || time_parse_duration(text, out))
        return 0;
    err_set(err, "usage", "--%s: \"%s\" is not a duration", name, text);
    err_hint(err, "Write 500ms, 30s, 5m, 2h or 1d.");
    return -1;
}

int invocation_number(const struct invocation *invocation, const char *name, int64_t fallback,
                      int64_t *out, struct err *err)
{
    const char *text = invocation_value(invocation, name);
    *out = fallback;
    if (!text || str_to_int(text, 0, 1000000, out))
        return 0;
    return err_set(err, "usage", "--%s: \"%s\" is not a number from 0 to 1000000", name, text);
}
