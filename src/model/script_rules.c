/* YAML → rules, with every mistake named by its place. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/yaml.h"
#include "model/script_rules.h"
#include "model/script_text.h"

enum { CALLS_MAX = 1000 }; /* more than a turn runs: that, too, is to be played */

struct reader {
    struct script_rules *rules;
    struct findings *findings;
    struct arena *arena;
    struct script_rule *rule; /* the one that is being read */
    enum script_part part;
};

struct at { /* an object of the file and its JSON pointer */
    const json_t *object;
    const char *pointer;
};

static struct place place_of(struct reader *reader, struct at at, const char *key)
{
    return yaml_place(reader->rules->document, yaml_pointer(reader->arena, at.pointer, key));
}

static void complain(struct reader *reader, struct at at, const char *key, const char *must)
{
    finding_error(reader->findings, place_of(reader, at, key), "%s: must be %s", key, must);
}

/* False where `at` is no object; unknown keys are errors. */
static bool check_keys(struct reader *reader, struct at at, const char *what,
                       const char *const *known)
{
    struct yaml_document *document = reader->rules->document;
    const char *key;
    json_t *value;
    if (!json_is_object(at.object)) {
        finding_error(reader->findings, yaml_place(document, at.pointer),
                      "%s: must be a mapping of keys", what);
        return false;
    }
    json_object_foreach ((json_t *)at.object, key, value) {
        if (str_in(key, known))
            continue;
        const char *near = str_nearest(key, known);
        finding_error(reader->findings,
                      yaml_key_place(document, yaml_pointer(reader->arena, at.pointer, key)),
                      "%s: unknown key \"%s\"", what, key);
        if (near)
            finding_hint(reader->findings, "did you mean \"%s\"?", near);
    }
    return true;
}

static const char *read_text(struct reader *reader, struct at at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    if (value && !json_is_string(value))
        complain(reader, at, key, "text (quote it)");
    return json_string_value(value);
}

static int64_t read_int(struct reader *reader, struct at at, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(at.object, key);
    if (!value)
        return fallback;
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) <= 1000000000)
        return json_integer_value(value);
    complain(reader, at, key, "a whole number from 0");
    return fallback;
}

static int64_t read_duration(struct reader *reader, struct at at, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(at.object, key);
    int64_t ms = fallback;
    if (value && (!json_is_string(value) || !time_parse_duration(json_string_value(value), &ms)))
        complain(reader, at, key, "a duration such as 200ms or 3s");
    return ms;
}

/* regcomp writes repetitions out: nested ones multiply. */
static bool is_too_large(const char *regex)
{
    int64_t product = 1;
    for (const char *at = regex; (at = strchr(at, '{')); at++) {
        char *end;
        unsigned long most = strtoul(at + 1, &end, 10);
        if (*end == ',' && end[1] != '}')
            most = strtoul(end + 1, NULL, 10);
        if (most > LIMIT_REGEX_REPEATS)
            return true;
        product *= most > 1 ? (int64_t)most : 1;
        if (product > LIMIT_REGEX_REPEATS)
            return true;
    }
    return strlen(regex) > LIMIT_REGEX;
}

static void compile_regex(struct reader *reader, struct at at, const char *key,
                          struct script_pattern *pattern)
{
    size_t len = strlen(pattern->text);
    int flags = REG_EXTENDED;
    if (pattern->text[len - 1] == 'i') {
        flags |= REG_ICASE;
        len--;
    }
    const char *inner = arena_memdup(reader->arena, pattern->text + 1, len - 2);
    if (is_too_large(inner)) {
        complain(reader, at, key, "a smaller expression (1000 bytes, 1000 repetitions in all)");
        return;
    }
    int rc = regcomp(&pattern->regex, inner, flags);
    pattern->is_regex = rc == 0;
    if (rc) {
        char why[128];
        regerror(rc, &pattern->regex, why, sizeof(why));
        finding_error(reader->findings, place_of(reader, at, key),
                      "%s: %s is no POSIX extended regular expression: %s", key, pattern->text,
                      why);
    }
}

static void read_pattern(struct reader *reader, struct at at, const char *key,
                         struct script_pattern *pattern)
{
    pattern->text = read_text(reader, at, key);
    if (!pattern->text)
        return;
    size_t len = strlen(pattern->text);
    bool closed = len >= 3 && (str_ends(pattern->text, "/") || str_ends(pattern->text, "/i"));
    if (len == 0)
        complain(reader, at, key, "text to look for, not empty");
    else if (pattern->text[0] == '/' && closed)
        compile_regex(reader, at, key, pattern);
}

/* `tool: read` or `tool: [read, exec]`. */
static const json_t *read_tools(struct reader *reader, struct at when)
{
    json_t *value = json_object_get(when.object, "tool"), *name;
    size_t i;
    if (json_is_string(value)) { /* as a list, kept alive by the document */
        json_t *list = json_pack("[O]", value);
        json_object_set_new((json_t *)when.object, "tool", list);
        return list;
    }
    if (value && json_array_size(value) == 0)
        complain(reader, when, "tool", "the name of a tool, or a list of names");
    json_array_foreach (value, i, name) {
        if (!json_is_string(name))
            complain(reader, when, "tool", "the name of a tool, or a list of names");
    }
    return value;
}

static void read_when(struct reader *reader, struct at when)
{
    static const char *const known[] = {"model", "system",   "user",   "step",
                                        "tool",  "contains", "failed", NULL};
    struct script_rule *rule = reader->rule;
    if (!check_keys(reader, when, "when", known))
        return;
    rule->model = read_text(reader, when, "model");
    read_pattern(reader, when, "system", &rule->system);
    read_pattern(reader, when, "user", &rule->user);
    read_pattern(reader, when, "contains", &rule->contains);
    rule->tools = read_tools(reader, when);
    rule->step = read_int(reader, when, "step", -1);
    const json_t *failed = json_object_get(when.object, "failed");
    if (failed && !json_is_boolean(failed))
        complain(reader, when, "failed", "true or false");
    else if (failed)
        rule->failed = json_is_true(failed);
}

static void check_text(struct reader *reader, struct at at, const char *key, const char *text)
{
    struct err why;
    if (text && script_text_check(text, reader->rule->user.is_regex, &why))
        finding_error(reader->findings, place_of(reader, at, key), "%s: %s", key, why.message);
}

static void check_with(struct reader *reader, struct at at, const char *key, const json_t *value)
{
    struct at inside = {value, yaml_pointer(reader->arena, at.pointer, key)};
    const char *name;
    json_t *member;
    size_t i;
    check_text(reader, at, key, json_string_value(value));
    json_object_foreach ((json_t *)value, name, member)
        check_with(reader, inside, name, member);
    json_array_foreach (value, i, member)
        check_with(reader, inside, arena_printf(reader->arena, "%zu", i), member);
}

static void read_calls(struct reader *reader, struct at at)
{
    static const char *const known[] = {"tool", "with", NULL};
    const json_t *list = json_object_get(at.object, "call");
    const char *pointer = yaml_pointer(reader->arena, at.pointer, "call");
    json_t *item;
    size_t i;
    reader->rule->calls = list;
    if (list && (json_array_size(list) == 0 || json_array_size(list) > CALLS_MAX))
        complain(reader, at, "call", "a list of 1 to 1000 calls: - { tool: …, with: { … } }");
    json_array_foreach (list, i, item) {
        struct at call = {item, arena_printf(reader->arena, "%s/%zu", pointer, i)};
        if (!check_keys(reader, call, "call", known))
            continue;
        const json_t *with = json_object_get(item, "with");
        if (str_is_empty(read_text(reader, call, "tool")))
            finding_error(reader->findings, yaml_place(reader->rules->document, call.pointer),
                          "call: \"tool\" is missing");
        if (with && !json_is_object(with))
            complain(reader, call, "with", "a mapping of the tool's parameters");
        else if (with)
            check_with(reader, call, "with", with);
    }
}

static void read_usage(struct reader *reader, struct at at)
{
    static const char *const known[] = {"in", "out", NULL};
    struct at usage = {json_object_get(at.object, "usage"),
                       yaml_pointer(reader->arena, at.pointer, "usage")};
    if (!usage.object || !check_keys(reader, usage, "usage", known))
        return;
    reader->rule->usage_in = read_int(reader, usage, "in", -1);
    reader->rule->usage_out = read_int(reader, usage, "out", -1);
}

static void set_fault_kind(struct reader *reader, struct at at, const char *key, const char *kind)
{
    static const struct script_fault kinds[] = {
        {.kind = "retry_later", .outcome = MODEL_RETRY_LATER},
        {.kind = "unreachable", .outcome = MODEL_UNREACHABLE},
        {.kind = "cut", .outcome = MODEL_UNREACHABLE, .is_cut = true},
        {.kind = "refused", .outcome = MODEL_REFUSED},
        {.kind = "auth", .outcome = MODEL_AUTH},
        {.kind = "malformed", .outcome = MODEL_MALFORMED},
        {.kind = "too_long", .outcome = MODEL_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_eq(kinds[i].kind, kind))
            reader->rule->fault = kinds[i];
    }
    reader->rule->fault.after_ms = -1;
    reader->rule->fault.times = -1;
    if (!reader->rule->fault.kind)
        complain(reader, at, key,
                 "retry_later, unreachable, cut, refused, auth, malformed or too_long");
}

static void read_fault(struct reader *reader, struct at at)
{
    static const char *const known[] = {"kind", "after", "times", NULL};
    struct at fault = {json_object_get(at.object, "fault"),
                       yaml_pointer(reader->arena, at.pointer, "fault")};
    if (!fault.object)
        return;
    if (json_is_string(fault.object)) {
        set_fault_kind(reader, at, "fault", json_string_value(fault.object));
    } else if (check_keys(reader, fault, "fault", known)) {
        set_fault_kind(reader, fault, "kind", read_text(reader, fault, "kind"));
        reader->rule->fault.after_ms = read_duration(reader, fault, "after", -1);
        reader->rule->fault.times = read_int(reader, fault, "times", -1);
    }
    bool later = reader->rule->fault.outcome == MODEL_RETRY_LATER;
    if (reader->rule->fault.kind && later != (reader->rule->fault.after_ms >= 0))
        finding_error(reader->findings, place_of(reader, at, "fault"),
                      later ? "fault: retry_later needs \"after\", as in { kind: retry_later, "
                              "after: 3s }"
                            : "fault: \"after\" belongs to retry_later");
}

static void read_rule(struct reader *reader, struct at at)
{
    static const char *const known[] = {"when",   "say",   "think", "call",  "delay",
                                        "stream", "pause", "usage", "fault", NULL};
    struct script_rule *rule = reader->rule;
    const json_t *when = json_object_get(at.object, "when");
    *rule = (struct script_rule){.step = -1, .failed = -1, .usage_in = -1, .usage_out = -1};
    if (!check_keys(reader, at, "rule", known))
        return;
    if (when)
        read_when(reader, (struct at){when, yaml_pointer(reader->arena, at.pointer, "when")});
    rule->say = read_text(reader, at, "say");
    rule->think = read_text(reader, at, "think");
    check_text(reader, at, "say", rule->say);
    check_text(reader, at, "think", rule->think);
    read_calls(reader, at);
    rule->delay_ms = read_duration(reader, at, "delay", 0);
    rule->pause_ms = read_duration(reader, at, "pause", 0);
    rule->pieces = read_int(reader, at, "stream", 1);
    read_usage(reader, at);
    read_fault(reader, at);
    if (!rule->say && !rule->calls && !json_object_get(at.object, "fault"))
        finding_error(reader->findings, yaml_place(reader->rules->document, at.pointer),
                      "this rule answers nothing: give it \"say\", \"call\" or \"fault\"");
}

/* Only the last rule answers anything, and it does. */
static void check_reach(struct reader *reader, struct at at, bool is_last)
{
    size_t asked = json_object_size(json_object_get(at.object, "when"));
    struct place place = yaml_place(reader->rules->document, at.pointer);
    if (is_last && json_object_get(at.object, "when")) {
        finding_error(reader->findings, place,
                      "the last rule has a \"when\": it must answer anything");
        finding_hint(reader->findings,
                     "add a rule at the end: - say: \"I have no rule for: {{user}}\"");
    } else if (!is_last && asked == 0) {
        finding_error(reader->findings, place,
                      "this rule has no \"when\": the rules behind it would never be reached");
    }
}

static void read_pace(struct reader *reader, struct at top)
{
    const json_t *pace = json_object_get(top.object, "pace");
    reader->rules->pace = 1;
    if (!pace)
        return;
    if (!json_is_number(pace) || json_number_value(pace) < 0 || json_number_value(pace) > 100)
        complain(reader, top, "pace", "a number from 0 to 100");
    else
        reader->rules->pace = json_number_value(pace);
}

/* `also: talk.yaml` or `also: [workflows.yaml, talk.yaml]`. */
static void read_also(struct reader *reader, struct at top)
{
    const json_t *also = json_object_get(top.object, "also"), *name;
    size_t i, count = json_array_size(also);
    if (json_is_string(also))
        reader->rules->also[0] = json_string_value(also);
    else if (also && (count == 0 || count > SCRIPT_PARTS))
        complain(reader, top, "also", "the name of a file beside this one, or a list of 1 to 8");
    json_array_foreach (also, i, name) {
        if (!json_is_string(name))
            complain(reader, top, "also", "a list of file names");
        else if (i < SCRIPT_PARTS)
            reader->rules->also[i] = json_string_value(name);
    }
}

/* False where its keys are wrong. */
static bool read_top(struct reader *reader, struct at top)
{
    static const char *const known[] = {"rules", "pace", "also", NULL};
    if (!check_keys(reader, top, "script", known))
        return false;
    for (size_t i = 1; reader->part != SCRIPT_WHOLE && known[i]; i++)
        if (json_object_get(top.object, known[i]))
            finding_error(reader->findings, place_of(reader, top, known[i]),
                          "%s: belongs into the file that hq.yaml names", known[i]);
    read_pace(reader, top);
    read_also(reader, top);
    return true;
}

static void read_rules(struct reader *reader)
{
    struct script_rules *rules = reader->rules;
    struct at top = {rules->document->root, ""};
    const json_t *list = json_object_get(top.object, "rules"), *item;
    size_t i;
    if (!read_top(reader, top))
        return;
    bool others_follow = rules->also[0] || reader->part == SCRIPT_MIDDLE;
    if (json_array_size(list) == 0 && !(rules->also[0] && !list)) {
        finding_error(reader->findings, yaml_place(rules->document, ""),
                      "\"rules\" must be a list with at least one rule");
        return;
    }
    rules->rules = arena_alloc(&rules->arena, (json_array_size(list) + 1) * sizeof(*rules->rules));
    json_array_foreach (list, i, item) {
        struct at at = {item, arena_printf(reader->arena, "/rules/%zu", i)};
        reader->rule = &rules->rules[i];
        rules->count = i + 1;
        read_rule(reader, at);
        check_reach(reader, at, !others_follow && i + 1 == json_array_size(list));
    }
}

struct script_rules *script_rules_read(const char *bytes, size_t len, enum script_part part,
                                       struct findings *findings)
{
    struct script_rules *rules = mem_zalloc(sizeof(*rules));
    rules->document = yaml_read(bytes, len, &rules->arena, findings);
    struct reader reader = {
        .rules = rules, .findings = findings, .arena = &rules->arena, .part = part};
    if (findings->errors == 0)
        read_rules(&reader);
    if (findings->errors == 0)
        return rules;
    script_rules_close(rules);
    return NULL;
}

static void free_pattern(struct script_pattern *pattern)
{
    if (pattern->is_regex)
        regfree(&pattern->regex);
}

void script_rules_close(struct script_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        free_pattern(&rules->rules[i].system);
        free_pattern(&rules->rules[i].user);
        free_pattern(&rules->rules[i].contains);
    }
    yaml_close(rules->document);
    arena_fini(&rules->arena);
    free(rules);
}
