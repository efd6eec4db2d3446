/* Agents, capabilities, webhooks, people and roles that a workflow names: are they in hq.yaml? */
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "config/values.h"
#include "flow/compile.h"

struct company {
    struct flow_compile *compile;
    const struct config *config;
    const char *const *agents; /* all words for near misses, each made when first needed */
    const char *const *capabilities, *const *webhooks, *const *people, *const *roles;
};

struct words {
    struct arena *arena;
    const char **items;
    size_t count, cap;
};

static void word_add(struct words *words, const char *word)
{
    if (words->count + 1 >= words->cap) {
        size_t cap = words->cap ? words->cap * 2 : 16;
        const char **items = arena_alloc(words->arena, cap * sizeof(*items));
        if (words->count)
            memcpy(items, words->items, words->count * sizeof(*items));
        words->items = items;
        words->cap = cap;
    }
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void words_add(struct words *words, const char *const *more)
{
    for (; more && *more; more++)
        word_add(words, *more);
}

static const char *const *words_end(struct words *words)
{
    static const char *const none[] = {NULL};
    return words->count ? words->items : none;
}

static void collect(struct company *company)
{
    struct arena *arena = company->compile->arena;
    const struct config *config = company->config;
    struct words agents = {.arena = arena}, capabilities = {.arena = arena},
                 webhooks = {.arena = arena}, people = {.arena = arena}, roles = {.arena = arena};
    for (size_t i = 0; i < config->agent_count; i++) {
        word_add(&agents, config->agents[i].id);
        words_add(&agents, config->agents[i].aliases);
        words_add(&capabilities, config->agents[i].capabilities);
    }
    for (size_t i = 0; i < config->webhook_count; i++)
        word_add(&webhooks, config->webhooks[i].name);
    for (size_t i = 0; i < config->person_count; i++) {
        word_add(&people, config->people[i].id);
        words_add(&roles, config->people[i].roles);
    }
    company->agents = words_end(&agents);
    company->capabilities = words_end(&capabilities);
    company->webhooks = words_end(&webhooks);
    company->people = words_end(&people);
    company->roles = words_end(&roles);
}

struct mention {
    const char *pointer, *thing, *name;
    const char *const *known;
};

/* An error where the name is not known: "there is no agent "x"". */
static void check_known(struct company *company, const struct mention *mention)
{
    struct flow_compile *compile = company->compile;
    const char *pointer = mention->pointer, *name = mention->name;
    if (str_in(name, mention->known))
        return;
    finding_error(compile->findings, flow_place(compile, pointer), "%s: there is no %s \"%s\"",
                  flow_what(compile, pointer), mention->thing, name);
    const char *near = str_nearest(name, mention->known);
    if (near)
        finding_hint(compile->findings, "did you mean \"%s\"?", near);
    else
        finding_hint(compile->findings, "hq.yaml names them");
}

static void check_by(struct company *company, const struct flow_step *step, const char *pointer)
{
    const struct config *config = company->config;
    static const char *const owner[] = {"owner", NULL};
    for (size_t i = 0; step->approve.by[i]; i++) {
        const char *by = step->approve.by[i];
        const char *at = arena_printf(company->compile->arena, "%s/approve/by/%zu", pointer, i);
        const char *name = strchr(by, ':') ? strchr(by, ':') + 1 : by;
        if (!value_is_decider(by))
            continue; /* refused */
        if (str_starts(by, "person:"))
            check_known(company, &(struct mention){at, "person", name,
                                                   config->person_count ? company->people : owner});
        else if (str_starts(by, "role:") && config->person_count)
            check_known(company, &(struct mention){at, "role", name, company->roles});
    }
}

static bool may_decide(const struct config_person *person, const char *const *by)
{
    bool all = !by[0];
    for (; *by; by++) {
        const char *name = strchr(*by, ':') ? strchr(*by, ':') + 1 : *by;
        all = all ||
              (str_starts(*by, "person:") ? str_eq(name, person->id) : str_in(name, person->roles));
    }
    return all;
}

/* More votes than there are people who may give one would never come together. */
static void check_votes(struct company *company, const struct flow_step *step, const char *pointer)
{
    const struct config *config = company->config;
    struct flow_compile *compile = company->compile;
    bool has_local = false;
    int64_t people = 0;
    for (size_t i = 0; i < config->person_count; i++) {
        has_local = has_local || config->people[i].local;
        people += may_decide(&config->people[i], step->approve.by);
    }
    people += !has_local; /* the owner, who has every role */
    if (step->approve.votes <= people || compile->findings->errors)
        return;
    const char *at = arena_printf(compile->arena, "%s/approve/votes", pointer);
    finding_error(compile->findings, flow_place(compile, at),
                  "%s: %lld votes cannot come together: hq.yaml knows %lld who may decide",
                  flow_what(compile, at), (long long)step->approve.votes, (long long)people);
}

/* What a step's kind needs of the company. */
static void check_means(struct company *company, const struct flow_step *step, const char *pointer)
{
    struct flow_compile *compile = company->compile;
    struct place at =
        flow_key_place(compile, flow_below(compile, pointer, flow_kind_word(step->kind)));
    if (step->kind == FLOW_JOB && !company->config->jobs) {
        finding_error(compile->findings, at, "%s: hq.yaml has no folder for jobs",
                      flow_what(compile, pointer));
        finding_hint(compile->findings, "add it, like jobs: job-queue");
    } else if (step->kind == FLOW_RUN && !company->config->runner) {
        finding_warn(compile->findings, at, "%s: hq.yaml keeps no runner, so nobody runs this",
                     flow_what(compile, pointer));
        finding_hint(compile->findings, "add it: runner: true");
    }
}

static void check_step(struct company *company, const struct flow_step *step, const char *pointer)
{
    struct flow_compile *compile = company->compile;
    if (step->agent && value_is_id(step->agent))
        check_known(company, &(struct mention){flow_below(compile, pointer, "agent"), "agent",
                                               step->agent, company->agents});
    if (step->capability && !strstr(step->capability, "${{"))
        check_known(company, &(struct mention){flow_below(compile, pointer, "capability"),
                                               "agent with the capability", step->capability,
                                               company->capabilities});
    if (step->kind == FLOW_APPROVE && step->approve.by) {
        check_by(company, step, pointer);
        check_votes(company, step, pointer);
    }
    check_means(company, step, pointer);
    if (step->kind != FLOW_EFFECT)
        return;
    const char *id = step->id;
    const json_t *map = json_object_get(
        json_object_get(json_object_get(compile->document->root, "steps"), id), "with");
    const char *to = json_string_value(json_object_get(map, "to"));
    if (!to || !str_starts(to, WEBHOOK_PREFIX) || !value_is_provider(to + strlen(WEBHOOK_PREFIX)))
        return;
    to += strlen(WEBHOOK_PREFIX);
    const char *at = arena_printf(compile->arena, "%s/with/to", pointer);
    check_known(company, &(struct mention){at, "webhook", to, company->webhooks});
}

void flow_check_company(struct flow_compile *compile, const struct config *config)
{
    struct company company = {.compile = compile, .config = config};
    collect(&company);
    for (size_t i = 0; i < compile->flow->step_count; i++)
        check_step(&company, &compile->steps[i],
                   flow_below(compile, "/steps", compile->steps[i].id));
    if (compile->flow->on_failure)
        check_step(&company, compile->flow->on_failure, "/on_failure");
}
