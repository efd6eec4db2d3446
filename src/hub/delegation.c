/* What is asked: its words, its limits, its grant. The target is delegation_target.c's. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/delegation.h"

enum {
    SESSION_BYTES = 200,     /* OpenClaw's keys are under 100 */
    NAME_BYTES = 120,        /* a label for people */
    PRIORITY_DELEGATION = 1, /* behind people, before heartbeats */
};
static const int64_t AMOUNT_MAX = 1000000000000; /* a million USD: a slip, no budget */

static int bad(const struct delegation_ask *ask, struct delegation *plan, const char *sentence)
{
    return delegation_refuse(ask, plan, "refused", "bad_request", "%s", sentence);
}

/* True where the field is absent, or a whole number within [min, max]. */
static bool int_is_sane(const json_t *object, const char *key, int64_t min, int64_t max)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return true;
    return json_is_integer(value) && json_integer_value(value) >= min &&
           json_integer_value(value) <= max;
}

static bool text_is_sane(const json_t *object, const char *key, size_t max)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return true;
    return json_is_string(value) && json_string_length(value) <= max;
}

static int check_words(const struct delegation_ask *ask, struct delegation *plan)
{
    const char *instruction = json_get_text(ask->json, "instruction", NULL);
    const json_t *schema = json_object_get(ask->json, "result_schema");
    struct err err = {0};
    if (str_is_blank(instruction))
        return bad(ask, plan, "the instruction is empty: say what is to be done");
    if (strlen(instruction) > LIMIT_INSTRUCTION)
        return delegation_refuse(
            ask, plan, "refused", "bad_request",
            "the instruction has %zu bytes; the limit is %d: put large data in a file",
            strlen(instruction), LIMIT_INSTRUCTION);
    if (schema && !json_is_null(schema) && json_schema_check(schema, &err) < 0)
        return bad(
            ask, plan,
            arena_printf(ask->arena, "result_schema must be a JSON Schema: %s", err.message));
    if (!text_is_sane(ask->json, "session", SESSION_BYTES) ||
        !text_is_sane(ask->json, "name", NAME_BYTES))
        return bad(ask, plan, "session and name are short texts");
    if (!text_is_sane(ask->json, "model", NAME_BYTES) ||
        !text_is_sane(ask->json, "thinking", NAME_BYTES))
        return bad(ask, plan, "model and thinking are short texts");
    return DELEGATION_PLANNED;
}

static int check_limits(const struct delegation_ask *ask, struct delegation *plan)
{
    const int64_t month_ms = 31LL * 24 * 3600 * 1000;
    const json_t *budget = json_object_get(ask->json, "budget");
    if (!int_is_sane(ask->json, "deadline_ms", 1, month_ms))
        return bad(ask, plan, "the deadline must lie in the future, within 31 days");
    if (!int_is_sane(ask->json, "patience_ms", 0, month_ms))
        return bad(ask, plan, "the time to wait must be 0 or more, and 31 days at most");
    if (!budget || json_is_null(budget))
        return DELEGATION_PLANNED;
    if (!json_is_object(budget) || !int_is_sane(budget, "micro_usd", 0, AMOUNT_MAX) ||
        !int_is_sane(budget, "tokens", 0, AMOUNT_MAX))
        return bad(ask, plan,
                   "a budget is an object with micro_usd and tokens: whole numbers, 0 or more");
    plan->limit.micro_usd = json_get_int(budget, "micro_usd", -1);
    plan->limit.tokens = json_get_int(budget, "tokens", -1);
    return DELEGATION_PLANNED;
}

static bool list_has(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_string_value(json_array_get(list, i)), word))
            return true;
    return false;
}

/* `tools` of the request must all be among those of the parent's own grant; NULL: it has all. */
static int narrow(const struct delegation_ask *ask, struct delegation *plan, const json_t *held,
                  const json_t *wanted)
{
    if (!json_is_array(wanted))
        return bad(ask, plan, "tools is a list of tool names");
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *tool = json_string_value(json_array_get(wanted, i));
        if (!tool)
            return bad(ask, plan, "tools is a list of tool names");
        if (held && !list_has(held, tool))
            return delegation_refuse(ask, plan, "refused", "grant",
                                     "this task may not hand on the tool %.60s: it was not given "
                                     "it itself",
                                     tool);
    }
    return DELEGATION_PLANNED;
}

/* Grants only narrow on the way down the tree. */
static int grant(const struct delegation_ask *ask, struct delegation *plan, const char **granted)
{
    json_t *own = ask->parent->grant ? json_loads(ask->parent->grant, 0, NULL) : NULL;
    const json_t *held = json_object_get(own, "tools");
    const json_t *wanted = json_object_get(ask->json, "tools");
    int rc = DELEGATION_PLANNED;
    *granted = ask->parent->grant;
    if (held && !list_has(held, "delegate"))
        rc = delegation_refuse(ask, plan, "refused", "grant",
                               "this task was given no right to delegate: do the work yourself");
    else if (wanted && !json_is_null(wanted))
        rc = narrow(ask, plan, held, wanted);
    if (rc == DELEGATION_PLANNED && wanted && !json_is_null(wanted)) {
        json_t *object = json_pack("{s:O}", "tools", wanted);
        *granted = json_print(ask->arena, object);
        json_decref(object);
    }
    json_decref(own);
    return rc;
}

static const char *printed(const struct delegation_ask *ask, const char *key)
{
    const json_t *value = json_object_get(ask->json, key);
    return value && !json_is_null(value) ? json_print(ask->arena, value) : NULL;
}

/* Data always travels as a list of parts. */
static const char *data_parts(const struct delegation_ask *ask)
{
    const json_t *value = json_object_get(ask->json, "data");
    const char *text = printed(ask, "data");
    return text && !json_is_array(value) ? arena_printf(ask->arena, "[%s]", text) : text;
}

static void fill_child(const struct delegation_ask *ask, const struct config_agent *target,
                       const char *id, struct task *child)
{
    struct arena *arena = ask->arena;
    const char *session = json_get_text(ask->json, "session", NULL);
    int64_t deadline_ms = json_get_int(ask->json, "deadline_ms", 0);
    *child = (struct task){
        .id = id,
        .kind = "delegation",
        .agent = target->id,
        .capability = json_get_text(ask->json, "capability", NULL),
        .caller = arena_printf(arena, "agent:%s", ask->caller->id),
        .parent = ask->parent->id,
        .name = json_get_text(ask->json, "name", NULL),
        .instruction = json_get_text(ask->json, "instruction", NULL),
        .data = data_parts(ask),
        .session = str_is_blank(session) ? arena_printf(arena, "delegation:%s", id)
                                         : str_lower(arena, session),
        .deliver = printed(ask, "deliver"),
        .model = json_get_text(ask->json, "model", NULL),
        .thinking = json_get_text(ask->json, "thinking", NULL),
        .result_schema = printed(ask, "result_schema"),
        .priority = PRIORITY_DELEGATION,
        .parent_step = -1,
        .parent_index = -1,
    };
    if (deadline_ms > 0)
        child->deadline_at = ledger_now(ask->hub->ledger) + deadline_ms;
}

int delegation_plan(const struct delegation_ask *ask, struct delegation *plan, struct err *err)
{
    const struct config_agent *target = NULL;
    const char *granted;
    char *id = arena_alloc(ask->arena, TASK_ID_TEXT);
    plan->limit = (struct amount){-1, -1};
    int rc = grant(ask, plan, &granted);
    if (rc == DELEGATION_PLANNED)
        rc = check_words(ask, plan);
    if (rc == DELEGATION_PLANNED)
        rc = check_limits(ask, plan);
    if (rc == DELEGATION_PLANNED)
        rc = delegation_target(ask, plan, &target, id, err);
    if (rc != DELEGATION_PLANNED)
        return rc;
    plan->child = arena_alloc(ask->arena, sizeof(*plan->child));
    fill_child(ask, target, id, plan->child);
    plan->child->grant = granted;
    plan->may_revisit = target == ask->caller ||
                        (ask->caller->revisits && str_in(target->id, ask->caller->revisits));
    return DELEGATION_PLANNED;
}
