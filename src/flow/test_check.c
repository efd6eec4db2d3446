/* The check of a test file: every key known and of its form, every step's name one of the workflow.
 */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/test_state.h"

enum form { ANY, TEXT, WORD, MAP, LIST, DURATION, FLAG, NUMBER };

struct test_key {
    const char *name;
    enum form form;
    const char *const *words;
    bool required;
};

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const classes[] = {"failed",      "timeout",   "malformed", "crashed",
                                      "unreachable", "refused",   "budget",    "loop",
                                      "blocked",     "cancelled", NULL};

static const struct test_key file_keys[] = {{.name = "workflow", .form = TEXT},
                                            {.name = "company", .form = TEXT},
                                            {.name = "tests", .form = LIST, .required = true},
                                            {0}};
static const struct test_key case_keys[] = {{.name = "name", .form = TEXT, .required = true},
                                            {.name = "inputs", .form = MAP},
                                            {.name = "steps", .form = MAP},
                                            {.name = "default", .form = MAP},
                                            {.name = "expect", .form = MAP},
                                            {0}};
static const struct test_key expect_keys[] = {
    {.name = "state", .form = WORD, .words = WORDS("done", "failed", "rejected", "timed_out")},
    {.name = "output", .form = ANY},
    {.name = "steps", .form = MAP},
    {.name = "after", .form = MAP},
    {.name = "failure", .form = MAP},
    {.name = "hash", .form = TEXT},
    {0}};
static const struct test_key after_keys[] = {
    {.name = "min", .form = DURATION}, {.name = "max", .form = DURATION}, {0}};
static const struct test_key failure_keys[] = {{.name = "step", .form = TEXT},
                                               {.name = "class", .form = TEXT},
                                               {.name = "message", .form = TEXT},
                                               {0}};

static const char *const step_states[] = {"pending", "running", "waiting",  "done",      "skipped",
                                          "not_run", "failed",  "rejected", "cancelled", NULL};
static const struct test_key step_keys[] = {{.name = "state", .form = WORD, .words = step_states},
                                            {.name = "output", .form = ANY},
                                            {.name = "tries", .form = NUMBER},
                                            {.name = "round", .form = NUMBER},
                                            {.name = "failure", .form = WORD, .words = classes},
                                            {0}};

/* ---- canned answers, by kind of step ---- */

static const struct test_key worker_keys[] = {
    {.name = "output", .form = ANY},     {.name = "fail", .form = WORD, .words = classes},
    {.name = "message", .form = TEXT},   {.name = "status", .form = TEXT},
    {.name = "after", .form = DURATION}, {0}};
static const struct test_key workflow_keys[] = {
    {.name = "output", .form = ANY},     {.name = "fail", .form = WORD, .words = classes},
    {.name = "message", .form = TEXT},   {.name = "steps", .form = MAP},
    {.name = "after", .form = DURATION}, {0}};
static const struct test_key approve_keys[] = {
    {.name = "decision",
     .form = WORD,
     .words = WORDS("approved", "rejected", "changes_requested", "expired"),
     .required = true},
    {.name = "by", .form = TEXT},
    {.name = "feedback", .form = TEXT},
    {.name = "answer", .form = ANY},
    {.name = "after", .form = DURATION},
    {0}};
static const struct test_key effect_keys[] = {{.name = "state",
                                               .form = WORD,
                                               .words = WORDS("confirmed", "dead", "unknown"),
                                               .required = true},
                                              {.name = "receiver_id", .form = TEXT},
                                              {.name = "reason", .form = TEXT},
                                              {.name = "after", .form = DURATION},
                                              {0}};
static const struct test_key job_keys[] = {{.name = "status",
                                            .form = WORD,
                                            .words = WORDS("completed", "failed", "cancelled"),
                                            .required = true},
                                           {.name = "output", .form = ANY},
                                           {.name = "message", .form = TEXT},
                                           {.name = "after", .form = DURATION},
                                           {0}};
static const struct test_key wait_keys[] = {{.name = "payload", .form = ANY},
                                            {.name = "by", .form = TEXT},
                                            {.name = "after", .form = DURATION},
                                            {.name = "never", .form = FLAG},
                                            {0}};

static const struct test_key *const answer_keys[] = {
    [FLOW_TASK] = worker_keys,       [FLOW_APPROVE] = approve_keys, [FLOW_EFFECT] = effect_keys,
    [FLOW_RUN] = worker_keys,        [FLOW_WAIT] = wait_keys,       [FLOW_JOB] = job_keys,
    [FLOW_WORKFLOW] = workflow_keys,
};

/* ---- looks at values ---- */

/* "/tests/0/steps/gate" → "tests[0].steps.gate" */
static const char *name_of(struct flow_tests *tests, const char *pointer)
{
    struct buf text = {0};
    while (*pointer) {
        const char *part = ++pointer;
        size_t len = strcspn(part, "/");
        bool is_index = len && strspn(part, "0123456789") >= len;
        buf_printf(&text, is_index ? "[%.*s]" : text.len ? ".%.*s" : "%.*s", (int)len, part);
        pointer += len;
    }
    const char *name = text.len ? arena_strdup(&tests->arena, buf_text(&text)) : "the file";
    buf_fini(&text);
    return name;
}

static void wrong(struct flow_tests *tests, const char *pointer, const char *wants)
{
    finding_error(&tests->findings, yaml_place(tests->document, pointer), "%s: must be %s",
                  name_of(tests, pointer), wants);
}

static const char *words_text(const char *const *words, struct arena *arena)
{
    const char *text = words[0];
    for (size_t i = 1; words[i]; i++)
        text = arena_printf(arena, "%s, %s", text, words[i]);
    return text;
}

static void check_word(struct flow_tests *tests, const json_t *value, const char *pointer,
                       const char *const *words)
{
    const char *text = json_string_value(value);
    if (text && str_in(text, words))
        return;
    wrong(tests, pointer,
          arena_printf(&tests->arena, "one of %s", words_text(words, &tests->arena)));
    const char *nearest = text ? str_nearest(text, words) : NULL;
    if (nearest)
        finding_hint(&tests->findings, "did you mean \"%s\"?", nearest);
}

static void check_form(struct flow_tests *tests, const json_t *value, const char *pointer,
                       const struct test_key *key)
{
    int64_t ms;
    const char *text = json_string_value(value);
    if (key->form == WORD)
        check_word(tests, value, pointer, key->words);
    else if (key->form == TEXT && str_is_blank(text))
        wrong(tests, pointer, "a text");
    else if (key->form == MAP && !json_is_object(value))
        wrong(tests, pointer, "a map");
    else if (key->form == LIST && !json_array_size(value))
        wrong(tests, pointer, "a list with something in it");
    else if (key->form == DURATION && (!text || !time_parse_duration(text, &ms)))
        wrong(tests, pointer, "a duration (90s, 5m, 2h, 3d)");
    else if (key->form == FLAG && !json_is_boolean(value))
        wrong(tests, pointer, "true or false");
    else if (key->form == NUMBER && !json_is_integer(value))
        wrong(tests, pointer, "a whole number");
}

static const struct test_key *find_key(const struct test_key *keys, const char *name)
{
    while (keys->name && !str_eq(keys->name, name))
        keys++;
    return keys->name ? keys : NULL;
}

static void unknown_key(struct flow_tests *tests, const char *pointer, const char *name,
                        const struct test_key *keys)
{
    const char *names[16];
    size_t count = 0;
    for (; keys[count].name; count++)
        names[count] = keys[count].name;
    names[count] = NULL;
    const char *nearest = str_nearest(name, names);
    finding_error(&tests->findings,
                  yaml_key_place(tests->document, yaml_pointer(&tests->arena, pointer, name)),
                  "%s: there is no \"%s\" here (%s)", name_of(tests, pointer), name,
                  words_text(names, &tests->arena));
    if (nearest)
        finding_hint(&tests->findings, "did you mean \"%s\"?", nearest);
}

/* False where it is no map at all. */
static bool check_map(struct flow_tests *tests, const json_t *map, const char *pointer,
                      const struct test_key *keys)
{
    const char *name;
    json_t *value;
    if (!json_is_object(map)) {
        wrong(tests, pointer, "a map");
        return false;
    }
    json_object_foreach ((json_t *)map, name, value) {
        const struct test_key *key = find_key(keys, name);
        if (!key)
            unknown_key(tests, pointer, name, keys);
        else
            check_form(tests, value, yaml_pointer(&tests->arena, pointer, name), key);
    }
    for (; keys->name; keys++)
        if (keys->required && !json_object_get(map, keys->name))
            wrong(tests, pointer, arena_printf(&tests->arena, "a map with \"%s\"", keys->name));
    return true;
}

/* ---- steps ---- */

static const struct flow_step *find_step(struct flow_tests *tests, const struct flow *flow,
                                         const char *id, const char *pointer)
{
    const char **names = arena_alloc(&tests->arena, (flow->step_count + 2) * sizeof(*names));
    int64_t at = flow_step_index(flow, id);
    if (at >= 0)
        return &flow->steps[at];
    if (flow->on_failure && str_eq(id, "on_failure"))
        return flow->on_failure;
    for (size_t i = 0; i < flow->step_count; i++)
        names[i] = flow->steps[i].id;
    const char *nearest = str_nearest(id, names);
    finding_error(&tests->findings, yaml_key_place(tests->document, pointer),
                  "%s: %s has no step \"%s\"", name_of(tests, pointer), flow->path, id);
    if (nearest)
        finding_hint(&tests->findings, "did you mean \"%s\"?", nearest);
    return NULL;
}

static void check_steps(struct flow_tests *tests, const struct flow *flow, const json_t *steps,
                        const char *pointer);

static void check_answer(struct flow_tests *tests, const struct flow_step *step,
                         const json_t *answer, const char *pointer)
{
    const json_t *within = json_object_get(answer, "steps");
    if (step->kind == FLOW_WAIT && !step->signal) {
        wrong(tests, pointer, "left out: the step waits for time, which passes by itself");
        return;
    }
    if (!check_map(tests, answer, pointer, answer_keys[step->kind]) || !within)
        return;
    const struct flow *flow =
        step->kind == FLOW_WORKFLOW ? flow_bundle_find(tests->bundle, step->workflow) : NULL;
    if (flow)
        check_steps(tests, flow, within, yaml_pointer(&tests->arena, pointer, "steps"));
}

static void check_answers(struct flow_tests *tests, const struct flow_step *step,
                          const json_t *answers, const char *pointer)
{
    size_t i;
    const json_t *answer;
    if (!json_is_array(answers)) {
        check_answer(tests, step, answers, pointer);
        return;
    }
    if (!json_array_size(answers))
        wrong(tests, pointer, "a map, or a list of maps: one for each time that the step is tried");
    json_array_foreach (answers, i, answer)
        check_answer(tests, step, answer, arena_printf(&tests->arena, "%s/%zu", pointer, i));
}

static void check_steps(struct flow_tests *tests, const struct flow *flow, const json_t *steps,
                        const char *pointer)
{
    const char *id;
    json_t *answers;
    json_object_foreach ((json_t *)steps, id, answers) {
        const char *at = yaml_pointer(&tests->arena, pointer, id);
        const struct flow_step *step = find_step(tests, flow, id, at);
        if (step)
            check_answers(tests, step, answers, at);
    }
}

/* "sub/cte": of the run of a sub-workflow. */
static void check_expected_step(struct flow_tests *tests, const char *path, const json_t *expected,
                                const char *pointer)
{
    const struct flow *flow = flow_bundle_entry(tests->bundle);
    const char *slash;
    for (; flow && (slash = strchr(path, '/')); path = slash + 1) {
        const char *id = arena_memdup(&tests->arena, path, (size_t)(slash - path));
        const struct flow_step *step = find_step(tests, flow, id, pointer);
        if (!step)
            return;
        flow = step->workflow ? flow_bundle_find(tests->bundle, step->workflow) : NULL;
    }
    if (!flow)
        wrong(tests, pointer, "a step, or STEP/STEP in a sub-workflow");
    else if (find_step(tests, flow, path, pointer) && json_is_string(expected))
        check_word(tests, expected, pointer, step_states);
    else if (!json_is_string(expected))
        check_map(tests, expected, pointer, step_keys);
}

static void check_expect(struct flow_tests *tests, const json_t *expect, const char *pointer)
{
    const char *id;
    json_t *value;
    if (!expect || !check_map(tests, expect, pointer, expect_keys))
        return;
    if (json_object_get(expect, "after"))
        check_map(tests, json_object_get(expect, "after"),
                  yaml_pointer(&tests->arena, pointer, "after"), after_keys);
    if (json_object_get(expect, "failure"))
        check_map(tests, json_object_get(expect, "failure"),
                  yaml_pointer(&tests->arena, pointer, "failure"), failure_keys);
    const char *steps = yaml_pointer(&tests->arena, pointer, "steps");
    json_object_foreach (json_object_get(expect, "steps"), id, value)
        check_expected_step(tests, id, value, yaml_pointer(&tests->arena, steps, id));
}

static void check_case(struct flow_tests *tests, const json_t *item, const char *pointer)
{
    const struct flow *flow = flow_bundle_entry(tests->bundle);
    const json_t *fallback = json_object_get(item, "default");
    if (!check_map(tests, item, pointer, case_keys) || !flow)
        return;
    check_steps(tests, flow, json_object_get(item, "steps"),
                yaml_pointer(&tests->arena, pointer, "steps"));
    if (fallback)
        check_map(tests, fallback, yaml_pointer(&tests->arena, pointer, "default"), worker_keys);
    check_expect(tests, json_object_get(item, "expect"),
                 yaml_pointer(&tests->arena, pointer, "expect"));
}

void flow_tests_check(struct flow_tests *tests)
{
    size_t i;
    const json_t *item;
    if (!check_map(tests, tests->document->root, "", file_keys))
        return;
    tests->items = json_object_get(tests->document->root, "tests");
    json_array_foreach (tests->items, i, item)
        check_case(tests, item, arena_printf(&tests->arena, "/tests/%zu", i));
}
