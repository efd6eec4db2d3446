/* Canned answers: what a test file says that a step answers, as the fact that it would be. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/simulate.h"
#include "flow/test_state.h"

/* What stands for the step at the path; each but the last name leads into a sub-workflow. */
static const json_t *find_answers(const json_t *steps, const char *path)
{
    const char *slash = strchr(path, '/');
    struct arena arena = {0};
    const char *id = slash ? arena_memdup(&arena, path, (size_t)(slash - path)) : path;
    const json_t *found = json_object_get(steps, id);
    arena_fini(&arena);
    if (!slash)
        return found;
    if (json_is_array(found)) /* of a sub-workflow that runs more than once: the last one's */
        found = json_array_get(found, json_array_size(found) - 1);
    return find_answers(json_object_get(found, "steps"), slash + 1);
}

/* Of a list: the next one; the last one again where there are no more. */
static const json_t *next_answer(const struct test_answers *answers, const char *path,
                                 const json_t *found)
{
    if (!json_is_array(found))
        return found;
    size_t asked = (size_t)(uintptr_t)map_get(answers->asked, path);
    size_t last = json_array_size(found) - 1;
    map_put(answers->asked, path, (void *)(uintptr_t)(asked + 1));
    return json_array_get(found, asked < last ? asked : last);
}

static void copy(json_t *body, const json_t *answer, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(answer, *names))
            json_object_set(body, *names, json_object_get(answer, *names));
}

static void worker_answer(const json_t *answer, struct sim_answer *out)
{
    static const char *const names[] = {"output", "status", NULL};
    const char *class = json_get_text(answer, "fail", NULL);
    out->type = "step.ended";
    copy(out->body, answer, names);
    json_set_text(out->body, "state",
                  !class                       ? "done"
                  : str_eq(class, "timeout")   ? "timed_out"
                  : str_eq(class, "cancelled") ? "cancelled"
                                               : "failed");
    json_set_text(out->body, "failure_class", class);
    json_set_text(out->body, "failure_message", json_get_text(answer, "message", NULL));
}

static void gate_answer(const json_t *action, const json_t *answer, struct sim_answer *out)
{
    static const char *const names[] = {"decision", "by", "feedback", "answer", NULL};
    out->type = "approval.decided";
    copy(out->body, answer, names);
    if (json_object_get(action, "form") && !json_object_get(answer, "answer"))
        json_object_set_new(out->body, "answer", json_object());
    if (str_eq(json_get_text(answer, "decision", ""), "expired") &&
        !json_object_get(answer, "after"))
        out->after_ms = json_get_int(action, "expires_ms", 0);
}

static void fill(const json_t *action, const json_t *answer, struct sim_answer *out)
{
    static const char *const effect[] = {"state", "receiver_id", "reason", NULL};
    static const char *const job[] = {"status", "output", "message", NULL};
    static const char *const wait[] = {"payload", "by", NULL};
    const char *what = json_get_text(action, "do", "");
    const char *after = json_get_text(answer, "after", NULL);
    out->body = json_object();
    if (after)
        time_parse_duration(after, &out->after_ms);
    if (str_eq(what, "approve")) {
        gate_answer(action, answer, out);
    } else if (str_eq(what, "effect")) {
        out->type = "effect.settled";
        copy(out->body, answer, effect);
    } else if (str_eq(what, "job")) {
        out->type = "job.ended";
        copy(out->body, answer, job);
    } else if (str_eq(what, "wait")) {
        out->type = "signal.received";
        copy(out->body, answer, wait);
    } else {
        worker_answer(answer, out);
    }
}

/* Gates and signals have none: nobody decides by default. */
static json_t *default_answer(const json_t *action, const json_t *fallback)
{
    const char *what = json_get_text(action, "do", "");
    if (!fallback || str_eq(what, "approve") || str_eq(what, "wait"))
        return NULL;
    json_t *answer = json_copy((json_t *)fallback);
    bool fails = json_object_get(fallback, "fail");
    if (str_eq(what, "effect"))
        json_set_text(answer, "state", fails ? "dead" : "confirmed");
    if (str_eq(what, "job"))
        json_set_text(answer, "status", fails ? "failed" : "completed");
    return answer;
}

static int no_answer(const char *path, const char *what, struct err *err)
{
    bool has_default = !str_eq(what, "approve") && !str_eq(what, "wait");
    err_set(err, "no_answer", "step \"%s\" (%s) has no canned answer", path, what);
    err_hint(err, "give it one under steps%s",
             has_default ? ", or a default for all: default: { output: null }" : "");
    return -1;
}

int flow_test_answer(void *ctx, const json_t *action, struct sim_answer *answer, struct err *err)
{
    const struct test_answers *answers = ctx;
    const char *path = json_get_text(action, "path", "");
    const char *what = json_get_text(action, "do", "");
    bool is_workflow = str_eq(what, "workflow");
    const json_t *found = next_answer(answers, path, find_answers(answers->steps, path));
    if (is_workflow && !json_object_get(found, "output") && !json_object_get(found, "fail"))
        return 0; /* it runs for real */
    if (found) {
        if (!json_is_true(json_object_get(found, "never")))
            fill(action, found, answer);
        return 0;
    }
    json_t *fallback = default_answer(action, answers->fallback);
    if (!fallback)
        return no_answer(path, what, err);
    fill(action, fallback, answer);
    json_decref(fallback);
    return 0;
}
