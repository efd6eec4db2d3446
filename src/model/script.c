/* The script model: finds the first rule that matches and plays its answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "model/pause.h"
#include "model/script.h"
#include "model/script_rules.h"
#include "model/script_text.h"

struct script {
    struct model base;
    struct script_rules *parts[1 + SCRIPT_PARTS]; /* one file each, in the order of looking */
    size_t part_count;
};

struct play { /* one call */
    const struct model_request *request;
    struct script_rule *rule;
    size_t number; /* of the rule, from 1, through all files */
    double pace;
    struct script_talk talk;
    struct arena arena;
};

static bool pattern_matches(const struct script_pattern *pattern, const char *text)
{
    if (!pattern->text)
        return true;
    if (pattern->is_regex)
        return regexec(&pattern->regex, text, 0, NULL, 0) == 0;
    return strcasestr(text, pattern->text) != NULL;
}

static bool tool_matches(const json_t *tools, const char *tool)
{
    size_t i;
    json_t *name;
    json_array_foreach (tools, i, name) {
        if (str_eq(json_string_value(name), tool))
            return true;
    }
    return tools == NULL;
}

static bool rule_matches(const struct script_rule *rule, const struct script_talk *talk)
{
    bool asks_result = rule->contains.text || rule->failed >= 0;
    return (!rule->model || str_eq(rule->model, talk->model)) &&
           (rule->step < 0 || rule->step == talk->step) && (!asks_result || talk->tool) &&
           (rule->failed < 0 || rule->failed == talk->failed) &&
           tool_matches(rule->tools, talk->tool) && pattern_matches(&rule->system, talk->system) &&
           pattern_matches(&rule->contains, talk->result) &&
           pattern_matches(&rule->user, talk->user);
}

static void find_groups(struct play *play)
{
    regmatch_t found[SCRIPT_GROUPS];
    const struct script_pattern *user = &play->rule->user;
    if (!user->is_regex || regexec(&user->regex, play->talk.user, SCRIPT_GROUPS, found, 0))
        return;
    for (size_t i = 0; i < SCRIPT_GROUPS; i++) {
        if (found[i].rm_so >= 0)
            play->talk.groups[i] = arena_memdup(&play->arena, play->talk.user + found[i].rm_so,
                                                (size_t)(found[i].rm_eo - found[i].rm_so));
    }
}

/* A rule that only fails, and has failed as often as it shall, lets the others answer. */
static bool is_over(const struct script_rule *rule)
{
    return !rule->say && !rule->calls && rule->fault.times >= 0 &&
           atomic_load(&rule->faults_done) >= rule->fault.times;
}

/* The last rule of all matches anything. */
static void find_rule(struct play *play, const struct script *script)
{
    for (size_t part = 0; part < script->part_count; part++) {
        struct script_rules *rules = script->parts[part];
        for (size_t i = 0; i < rules->count; i++) {
            bool is_last = part + 1 == script->part_count && i + 1 == rules->count;
            play->number++;
            play->rule = &rules->rules[i];
            if (is_last || (rule_matches(play->rule, &play->talk) && !is_over(play->rule))) {
                find_groups(play);
                return;
            }
        }
    }
}

/* Waits; MODEL_CANCELLED, or MODEL_UNREACHABLE where the deadline comes first. */
static enum model_outcome wait_for(struct play *play, int64_t ms, struct err *err)
{
    const struct model_request *request = play->request;
    int64_t left = request->deadline_boot_ms - time_boot_ms();
    bool late = request->deadline_boot_ms != 0 && left < ms;
    if (!pause_ms(late ? left : ms, request->cancel)) {
        err_set(err, "model_cancelled", "the call was cancelled");
        return MODEL_CANCELLED;
    }
    if (!late)
        return MODEL_OK;
    err_set(err, "model_timeout", "rule %zu of the script answers after the deadline",
            play->number);
    return MODEL_UNREACHABLE;
}

static int64_t paced(const struct play *play, int64_t ms)
{
    return (int64_t)((double)ms * play->pace);
}

/* Gives `len` bytes of text to the listener in the rule's number of pieces. */
static enum model_outcome stream_text(struct play *play, const char *text, size_t len,
                                      struct err *err)
{
    size_t pieces = (size_t)play->rule->pieces;
    size_t step = pieces > 1 ? (len + pieces - 1) / pieces : len;
    for (size_t at = 0; at < len;) {
        enum model_outcome outcome =
            wait_for(play, at ? paced(play, play->rule->pause_ms) : 0, err);
        if (outcome != MODEL_OK)
            return outcome;
        size_t piece = str_utf8_cut(text + at, len - at, step);
        if (piece == 0) /* a code point longer than the step */
            piece = str_utf8_cut(text + at, len - at, step + 3);
        if (play->request->on_text)
            play->request->on_text(play->request->ctx, text + at, piece);
        at += piece;
    }
    return MODEL_OK;
}

static bool fault_is_due(struct script_rule *rule)
{
    if (!rule->fault.kind)
        return false;
    return rule->fault.times < 0 || atomic_fetch_add(&rule->faults_done, 1) < rule->fault.times;
}

static enum model_outcome play_fault(struct play *play, const char *say, int64_t *retry_after_ms,
                                     struct err *err)
{
    const struct script_fault *fault = &play->rule->fault;
    if (fault->is_cut) {
        enum model_outcome outcome =
            stream_text(play, say, str_utf8_cut(say, strlen(say), strlen(say) / 2), err);
        if (outcome != MODEL_OK)
            return outcome;
    }
    *retry_after_ms = fault->after_ms;
    err_set(err, "model_scripted_fault", "rule %zu of the script fails: %s", play->number,
            fault->kind);
    return fault->outcome;
}

static json_t *calls_of(struct play *play)
{
    json_t *calls = json_array(), *item;
    size_t i;
    json_array_foreach (play->rule->calls, i, item) {
        const json_t *with = json_object_get(item, "with");
        const char *id =
            arena_printf(&play->arena, "call_%zu_%zu", json_array_size(play->request->messages), i);
        json_array_append_new(
            calls,
            json_pack("{s:s, s:O, s:o}", "id", id, "name", json_object_get(item, "tool"),
                      "arguments",
                      with ? script_json_fill(&play->arena, with, &play->talk) : json_object()));
    }
    return calls;
}

static json_t *message_of(struct play *play, const char *say)
{
    json_t *message = json_object();
    if (*say)
        json_set_text(message, "text", say);
    else
        json_object_set_new(message, "text", json_null());
    if (play->rule->think)
        json_set_text(message, "thinking",
                      script_text_fill(&play->arena, play->rule->think, &play->talk));
    if (play->rule->calls)
        json_object_set_new(message, "tool_calls", calls_of(play));
    json_set_text(message, "stop", play->rule->calls ? "tool_use" : "stop");
    return message;
}

static int64_t by_size(size_t bytes)
{
    return (int64_t)(bytes + 2) / 3;
}

static struct model_usage usage_of(const struct play *play, const json_t *message)
{
    const struct script_rule *rule = play->rule;
    size_t in = strlen(play->talk.system) + json_dumpb(play->request->messages, NULL, 0, 0);
    struct model_usage usage = {
        .in = rule->usage_in >= 0 ? rule->usage_in : by_size(in),
        .out = rule->usage_out >= 0 ? rule->usage_out : by_size(json_dumpb(message, NULL, 0, 0)),
        .estimated = rule->usage_in < 0 || rule->usage_out < 0,
    };
    return usage;
}

static enum model_outcome play_rule(struct play *play, struct model_answer *answer,
                                    int64_t *retry_after_ms, struct err *err)
{
    const char *say = play->rule->say ? play->rule->say : "";
    say = script_text_fill(&play->arena, say, &play->talk);
    enum model_outcome outcome = wait_for(play, paced(play, play->rule->delay_ms), err);
    if (outcome != MODEL_OK)
        return outcome;
    if (fault_is_due(play->rule))
        return play_fault(play, say, retry_after_ms, err);
    outcome = stream_text(play, say, strlen(say), err);
    if (outcome != MODEL_OK)
        return outcome;
    answer->message = message_of(play, say);
    answer->usage = usage_of(play, answer->message);
    return MODEL_OK;
}

static enum model_outcome script_complete(struct model *model, const struct model_request *request,
                                          struct model_answer *answer, int64_t *retry_after_ms,
                                          struct err *err)
{
    struct script *script = (struct script *)model;
    struct play play = {.request = request, .pace = script->parts[0]->pace};
    script_talk_init(&play.talk, request);
    find_rule(&play, script);
    enum model_outcome outcome = play_rule(&play, answer, retry_after_ms, err);
    arena_fini(&play.arena);
    return outcome;
}

static void script_close(struct model *model)
{
    struct script *script = (struct script *)model;
    for (size_t i = 0; i < script->part_count; i++)
        script_rules_close(script->parts[i]);
    free(script);
}

static const struct model_ops script_ops = {script_complete, script_close};

/* The file's bytes, one more than allowed at most: the reader refuses that by its size. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, "no_script", "the script \"%s\" cannot be opened", path);
    int rc = file_read(fd, LIMIT_CONFIG_BYTES, out);
    if (rc < 0)
        err_errno(err, "no_script", "the script \"%s\" cannot be read", path);
    close(fd);
    return rc;
}

static void say_findings(const char *path, const struct findings *findings, struct err *err)
{
    const struct finding *first = findings->items;
    while (!first->is_error)
        first++;
    err_set(err, "bad_script", "%s:%d:%d: %s", path, first->line, first->column, first->message);
    if (findings->errors > 1)
        err_hint(err, "%zu more mistakes follow in that file", findings->errors - 1);
    else if (first->hint)
        err_hint(err, "%s", first->hint);
}

static struct script_rules *load(const char *path, enum script_part part, struct err *err)
{
    struct arena arena = {0};
    struct buf text = {0};
    struct findings findings;
    struct script_rules *rules = NULL;
    findings_init(&findings, &arena);
    if (read_file(path, &text, err))
        goto out;
    rules = script_rules_read(buf_text(&text), text.len, part, &findings);
    findings_sort(&findings);
    if (!rules)
        say_findings(path, &findings, err);
out:
    buf_fini(&text);
    arena_fini(&arena);
    return rules;
}

/* The files that the first one names, which lie beside it. */
static int load_others(struct script *script, const char *path, struct err *err)
{
    struct arena arena = {0};
    const char *const *also = script->parts[0]->also;
    const char *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash - path + 1) : 0;
    int rc = 0;
    for (size_t i = 0; also[i] && rc == 0; i++) {
        const char *other = arena_printf(&arena, "%.*s%s", dir, path, also[i]);
        struct script_rules *rules = load(other, also[i + 1] ? SCRIPT_MIDDLE : SCRIPT_LAST, err);
        if (rules)
            script->parts[script->part_count++] = rules;
        else
            rc = -1;
    }
    arena_fini(&arena);
    return rc;
}

struct model *script_open(const struct config_model *config, struct fetch *fetch, struct err *err)
{
    if (str_is_empty(config->file)) {
        err_set(err, "no_script", "provider \"%s\" has api script but no file", config->name);
        err_hint(err, "add models.%s.file: scripts/company.yaml", config->name);
        return NULL;
    }
    struct script_rules *rules = load(config->file, SCRIPT_WHOLE, err);
    if (!rules)
        return NULL;
    struct script *script = mem_zalloc(sizeof(*script));
    script->base = (struct model){&script_ops, config->name, config->api};
    script->parts[script->part_count++] = rules;
    if (load_others(script, config->file, err) == 0)
        return &script->base;
    script_close(&script->base);
    return NULL;
}
