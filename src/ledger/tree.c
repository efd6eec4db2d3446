/* The tree's rules, a table: a refusal's code, its class, and the look that finds it. Looked at in
 * this order: what will never be allowed comes first, what another moment may allow comes last. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/loop.h"
#include "ledger/rules.h"
#include "ledger/submit.h"
#include "ledger/tree.h"

/* What the looks share. */
struct look {
    struct tree_ask *ask;
    int64_t depth, tasks, live, fan_out; /* the root's limits */
    const char *why;                     /* a sentence: refused */
};

static void say(struct tx *tx, struct look *look, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct tx *tx, struct look *look, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    look->why = arena_vprintf(tx->arena, format, args);
    va_end(args);
}

static const char *path_text(struct tx *tx, const char *path)
{
    json_t *agents = json_loads(path ? path : "[]", 0, NULL), *agent;
    const char *text = "";
    size_t i;
    json_array_foreach (agents, i, agent)
        text = arena_printf(tx->arena, "%s%s%s", text, i ? " > " : "", json_string_value(agent));
    json_decref(agents);
    return text;
}

static bool path_has(const char *path, const char *agent)
{
    json_t *agents = json_loads(path ? path : "[]", 0, NULL), *item;
    bool found = false;
    size_t i;
    json_array_foreach (agents, i, item)
        found |= str_eq(json_string_value(item), agent);
    json_decref(agents);
    return found;
}

/* An agent may hand work to itself (a sub-agent): depth bounds that. */
static int look_path(struct tx *tx, struct look *look)
{
    const struct tree_ask *ask = look->ask;
    const char *agent = ask->child->agent;
    if (ask->may_revisit || str_eq(agent, ask->parent->agent) ||
        !path_has(ask->parent->path, agent))
        return 0;
    say(tx, look,
        "%s is at work above you on this request (%s): asking it again would go in a circle. Do "
        "this part yourself, or ask an agent that is not among them.",
        agent, path_text(tx, ask->parent->path));
    return 0;
}

static void say_asked(struct tx *tx, struct look *look, const struct task *earlier)
{
    const char *agent = earlier->agent;
    if (str_eq(earlier->id, look->ask->parent->id))
        say(tx, look,
            "That is, word for word, the task that you work on (%s). Do it yourself, or hand on a "
            "smaller part of it.",
            earlier->id);
    else if (str_eq(earlier->state, TASK_DONE))
        say(tx, look,
            "%s was asked the same in this request and has answered: the result is with task %s. "
            "Use it, or ask something else.",
            agent, earlier->id);
    else
        say(tx, look,
            "%s was asked the same in this request and is not done (task %s is %s). Go on with "
            "something else, its result will be there; or ask something else.",
            agent, earlier->id, earlier->state);
}

static int look_same_question(struct tx *tx, struct look *look)
{
    struct task *same;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_ask",
        .eq = {value_text(look->ask->parent->root), value_text(look->ask->child->ask_hash)},
        .eq_count = 2,
    };
    int rc = tx_scan(tx, &scan, &same, &count);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (str_eq(same[i].state, TASK_DONE) || !task_state_is_terminal(same[i].state)) {
            say_asked(tx, look, &same[i]);
            return 0;
        }
    if (count >= LIMIT_SAME_QUESTION)
        say(tx, look,
            "%s was asked the same %zu times in this request, the last time as %s (%s); %d times "
            "is the most. Ask otherwise, ask another agent, or go on without it.",
            look->ask->child->agent, count, same[count - 1].id, same[count - 1].state,
            LIMIT_SAME_QUESTION);
    return 0;
}

static int look_circle(struct tx *tx, struct look *look)
{
    const struct tree_ask *ask = look->ask;
    struct session session = {.agent = ask->child->agent, .key = ask->child->session};
    bool found = false;
    if (!ask->sync || !session.key)
        return 0;
    int rc = tx_get(tx, &session_record, &session);
    if (rc == 0 && session.open_task)
        rc = loop_find(tx, ask->parent->id, session.open_task, &found);
    if (found)
        say(tx, look,
            "Session %s of %s belongs to task %s, which cannot end before yours: waiting there "
            "would never end. Leave the session out, or do not wait for the answer (async).",
            session.key, session.agent, session.open_task);
    return rc == LEDGER_NONE ? 0 : rc;
}

static int look_depth(struct tx *tx, struct look *look)
{
    if (look->ask->child->depth > look->depth)
        say(tx, look,
            "This would be %lld levels below the request; limits.depth allows %lld. Do it "
            "yourself, or finish and say what is missing.",
            (long long)look->ask->child->depth, (long long)look->depth);
    return 0;
}

static int look_tasks(struct tx *tx, struct look *look)
{
    if (look->ask->root.tasks_total >= look->tasks)
        say(tx, look,
            "This request has made %lld tasks; limits.tasks allows %lld. Work with what is there, "
            "and say in your result what is missing.",
            (long long)look->ask->root.tasks_total, (long long)look->tasks);
    return 0;
}

static int look_live(struct tx *tx, struct look *look)
{
    if (look->ask->root.tasks_live >= look->live)
        say(tx, look,
            "This request has %lld open tasks; limits.live allows %lld. Wait until one has ended, "
            "or do it yourself.",
            (long long)look->ask->root.tasks_live, (long long)look->live);
    return 0;
}

static int look_fan_out(struct tx *tx, struct look *look)
{
    if (look->ask->parent->children >= look->fan_out)
        say(tx, look,
            "Your task has delegated %lld times; limits.fan_out allows %lld for each task. Do the "
            "rest yourself, or give several parts to one agent at once.",
            (long long)look->ask->parent->children, (long long)look->fan_out);
    return 0;
}

/* What a parent keeps of its time to read the answer and to finish. */
static int64_t wrap_up(int64_t left)
{
    int64_t part = left / LIMIT_WRAP_UP_PART;
    part = part > LIMIT_WRAP_UP_MIN_MS ? part : LIMIT_WRAP_UP_MIN_MS;
    return part < LIMIT_WRAP_UP_MAX_MS ? part : LIMIT_WRAP_UP_MAX_MS;
}

static int look_deadline(struct tx *tx, struct look *look)
{
    const struct tree_ask *ask = look->ask;
    int64_t asked = ask->child->deadline_at, own = ask->parent->deadline_at;
    int64_t until = ask->root.deadline_at, kept = 0;
    if (own) {
        kept = ask->of_run ? 0 : wrap_up(own - tx->now); /* a run reads nothing at its end */
        until = !until || own - kept < until ? own - kept : until;
    }
    if (asked && asked <= tx->now)
        say(tx, look,
            "The deadline asked for passed %lld ms ago. Leave it out, or give one that is ahead.",
            (long long)(tx->now - asked));
    else if (until && until <= tx->now)
        say(tx, look,
            "%lld ms are left until the deadline, and %lld ms of them are kept for your own end: "
            "nothing is left to hand on. Finish with what you have.",
            (long long)((own ? own : until) - tx->now), (long long)kept);
    else
        ask->child->deadline_at = asked && (!until || asked < until) ? asked : until;
    return 0;
}

static int look_queue(struct tx *tx, struct look *look)
{
    if (submit_queue_is_full(tx, look->ask->child->agent))
        say(tx, look,
            "%s has %d open tasks, the most that an agent may have. Ask another agent, or try "
            "again when some have ended.",
            look->ask->child->agent, LIMIT_QUEUE_PER_AGENT);
    return 0;
}

static const struct {
    const char *code, *class;
    int (*look)(struct tx *tx, struct look *look); /* NULL: found elsewhere */
    bool of_runs;                                  /* a run's steps are held to it, too */
} rules[] = {
    {"path", "loop", look_path, false},
    {"same_question", "loop", look_same_question, false},
    {"circle", "loop", look_circle, false},
    {"limits", "refused", look_depth, true},
    {"limits", "refused", look_tasks, true},
    {"fan_out", "refused", look_fan_out, false},
    {"limits", "refused", look_live, false},
    {"deadline", "refused", look_deadline, true},
    {"queue_full", "refused", look_queue, false},
    {"budget", "budget", NULL, true},
};
enum { RULE_COUNT = sizeof(rules) / sizeof(rules[0]) };

const char *tree_class(const char *code)
{
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (str_eq(rules[i].code, code))
            return rules[i].class;
    return NULL;
}

const char *tree_ask_hash(struct tx *tx, const struct task *task)
{
    char hex[HASH_HEX];
    const char *instruction = task->instruction_blob;
    json_t *parts = json_array();
    if (task->instruction) {
        hash_hex(task->instruction, strlen(task->instruction), hex);
        instruction = arena_strdup(tx->arena, hex);
    }
    const char *const texts[] = {task->agent, instruction, task->data};
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(parts,
                              texts[i] ? json_text(texts[i], strlen(texts[i])) : json_null());
    const char *text = json_print(tx->arena, parts);
    hash_hex(text, strlen(text), hex);
    json_decref(parts);
    return arena_strdup(tx->arena, hex);
}

const char *tree_path(struct tx *tx, const char *path, const char *agent)
{
    json_t *agents = path ? json_loads(path, 0, NULL) : NULL;
    if (!agents)
        agents = json_array();
    json_array_append_new(agents, json_text(agent, strlen(agent)));
    const char *text = json_print(tx->arena, agents);
    json_decref(agents);
    return text;
}

/* A grant only narrows: what the child is given and its parent has. */
static const char *grant_narrow(struct tx *tx, const char *given, const char *above)
{
    json_t *mine = given ? json_loads(given, 0, NULL) : NULL;
    json_t *theirs = above ? json_loads(above, 0, NULL) : NULL;
    json_t *tools = json_object_get(mine, "tools"), *limit = json_object_get(theirs, "tools");
    const char *grant = given ? given : above;
    if (tools && limit) {
        json_t *both = json_array(), *tool, *other;
        size_t i, k;
        json_array_foreach (tools, i, tool)
            json_array_foreach (limit, k, other) {
                if (json_equal(tool, other)) {
                    json_array_append(both, tool);
                    break;
                }
            }
        json_object_set_new(mine, "tools", both);
        grant = json_print(tx->arena, mine);
    } else if (limit) {
        grant = above;
    }
    json_decref(mine);
    json_decref(theirs);
    return grant;
}

static void place(struct tx *tx, struct tree_ask *ask)
{
    const struct task *parent = ask->parent;
    struct task *child = ask->child;
    child->parent = parent->id;
    child->root = parent->root;
    child->depth = parent->depth + 1;
    child->path = tree_path(tx, parent->path, child->agent);
    child->priority = parent->priority;
    child->grant = grant_narrow(tx, child->grant, parent->grant);
    child->ask_hash = task_has_lane(child) ? tree_ask_hash(tx, child) : NULL;
}

int tree_look(struct tx *tx, struct tree_ask *ask)
{
    struct look look = {.ask = ask};
    place(tx, ask);
    ask->root.id = ask->parent->root;
    int rc = ask->of_run ? 0 : tx_get(tx, &root_record, &ask->root);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_root", "The tree %s of task %s is gone.", ask->root.id,
                         ask->parent->id);
    if (rc)
        return rc;
    json_t *limits = ask->root.limits ? json_loads(ask->root.limits, 0, NULL) : NULL;
    look.depth = json_get_int(limits, "depth", INT64_MAX);
    look.tasks = json_get_int(limits, "tasks", INT64_MAX);
    look.live = json_get_int(limits, "live", INT64_MAX);
    look.fan_out = json_get_int(limits, "fan_out", INT64_MAX);
    json_decref(limits);
    for (size_t i = 0; i < RULE_COUNT && rc == 0 && !look.why; i++)
        if (rules[i].look && (rules[i].of_runs || !ask->of_run)) {
            rc = rules[i].look(tx, &look);
            if (rc == 0 && look.why)
                return tx_refuse(tx, LEDGER_REFUSED, rules[i].code, "%s", look.why);
        }
    return rc;
}
