/* What goes out, what comes in, what is counted: effects, inbox, events, projections. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/str.h"

static int effect_put(struct ledger_case *c, const char *id, const char *state)
{
    struct effect effect = {.id = id,
                            .kind = "message",
                            .destination = "discord:channel:1",
                            .body = "{\"text\":\"hi\"}",
                            .state = state};
    return case_op(c, (struct op){.type = OP_EFFECT, .task_id = "t-1", .effect = &effect});
}

static int effect_move(struct ledger_case *c, const char *id, const char *state, int64_t fence)
{
    struct effect effect = {.id = id, .state = state, .fence = fence, .receiver_id = "m-77"};
    return case_op(c, (struct op){.type = OP_EFFECT_STATE, .effect = &effect});
}

static struct effect *effect_get(struct ledger_case *c, const char *id)
{
    struct effect *effect = arena_alloc(&c->arena, sizeof(*effect));
    effect->id = id;
    assert_int_equal(ledger_get(c->ledger, &effect_record, effect, &c->arena, &c->err), 0);
    return effect;
}

static void effects_are_confirmed_once(void **state)
{
    struct ledger_case *c = *state;
    case_submit(c, "t-1", "ada", "main");
    assert_int_equal(effect_put(c, "e-1", NULL), LEDGER_OK);
    assert_int_equal(effect_put(c, "e-1", NULL), LEDGER_DUP);
    assert_string_equal(c->outcome.existing, "e-1");
    const struct effect *effect = effect_get(c, "e-1");
    assert_string_equal(effect->state, EFFECT_INTENDED);
    assert_string_equal(effect->dedup_key, "e-1");
    assert_string_equal(effect->task, "t-1");
    assert_string_equal(effect->root, "t-1");
    assert_int_equal(effect_move(c, "e-1", EFFECT_IN_FLIGHT, 0), LEDGER_OK);
    assert_int_equal(effect_move(c, "e-1", EFFECT_IN_FLIGHT, 0), LEDGER_LOST);
    assert_int_equal(effect_move(c, "e-1", EFFECT_CONFIRMED, 0), LEDGER_LOST);
    assert_int_equal(effect_move(c, "e-1", "gone", 1), LEDGER_REFUSED);
    assert_int_equal(effect_move(c, "e-1", EFFECT_CONFIRMED, 1), LEDGER_OK);
    assert_int_equal(effect_move(c, "e-1", EFFECT_DEAD, 1), LEDGER_CONFLICT);
    assert_int_equal(effect_move(c, "e-none", EFFECT_DEAD, 1), LEDGER_NONE);
    effect = effect_get(c, "e-1");
    assert_string_equal(effect->receiver_id, "m-77");
    assert_int_equal(effect->attempts, 1);
    assert_int_equal(case_events(c, "t-1", "effect.confirmed"), 1);
    case_assert_clean(c);
}

static void effects_may_be_held(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count;
    case_submit(c, "t-1", "ada", "main");
    assert_int_equal(effect_put(c, "e-1", EFFECT_HELD), LEDGER_OK);
    assert_int_equal(case_events(c, "t-1", "effect.held"), 1);
    assert_int_equal(ledger_query(c->ledger, LIST_EFFECTS_BY_STATE, EFFECT_HELD, NULL, 0, 0,
                                  &c->arena, &rows, &count, &c->err),
                     0);
    assert_int_equal(count, 1);
    assert_int_equal(
        ledger_query(c->ledger, LIST_EFFECTS, "t-1", NULL, 0, 0, &c->arena, &rows, &count, &c->err),
        0);
    assert_int_equal(count, 1);
}

/* An effect of a batch that finishes is there exactly when the task has finished. */
static void an_effect_stands_or_falls_with_its_batch(void **state)
{
    struct ledger_case *c = *state;
    struct handoff handoff = {.status = "complete", .result = "1"};
    struct effect effect = {.id = "e-1", .kind = "message", .destination = "slack"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    struct op ops[] = {
        {.type = OP_EFFECT, .task_id = "t-1", .fence = fence, .effect = &effect},
        {.type = OP_FINISH, .task_id = "t-1", .fence = fence + 1, .finish = {.handoff = &handoff}},
    };
    assert_int_equal(case_apply(c, ops, 2), LEDGER_LOST);
    struct effect none = {.id = "e-1"};
    assert_int_equal(ledger_get(c->ledger, &effect_record, &none, &c->arena, &c->err), LEDGER_NONE);
    ops[1].fence = fence;
    assert_int_equal(case_apply(c, ops, 2), LEDGER_OK);
    effect_get(c, "e-1");
    ops[0].effect = &(struct effect){.id = "e-2"};
    assert_int_equal(case_apply(c, ops, 1), LEDGER_LOST);
    case_assert_clean(c);
}

static void a_message_is_taken_once(void **state)
{
    struct ledger_case *c = *state;
    struct inbox inbox = {.source = "discord", .message_id = "9", .task = "t-1"};
    struct task first = {.id = "t-1", .agent = "ada", .kind = "chat"};
    struct task second = {.id = "t-2", .agent = "ada", .kind = "chat"};
    struct op ops[] = {{.type = OP_SUBMIT, .task = &first}, {.type = OP_INBOX, .inbox = &inbox}};
    assert_int_equal(case_apply(c, ops, 2), LEDGER_OK);
    ops[0].task = &second;
    assert_int_equal(case_apply(c, ops, 2), LEDGER_DUP);
    assert_string_equal(c->outcome.existing, "t-1");
    struct task none = {.id = "t-2"};
    assert_int_equal(ledger_get(c->ledger, &task_record, &none, &c->arena, &c->err), LEDGER_NONE);
    inbox.message_id = NULL;
    assert_int_equal(case_op(c, ops[1]), LEDGER_REFUSED);
}

static void events_are_chained(void **state)
{
    struct ledger_case *c = *state;
    struct event event = {.type = "note.made", .body = "{\"b\":1,\"a\":[2,\"ü\"]}"};
    struct event *events;
    size_t count;
    char hex[65];
    case_submit(c, "t-1", "ada", "main");
    for (int i = 0; i < 3; i++)
        case_op(c, (struct op){.type = OP_EVENT, .task_id = "t-1", .event = &event});
    ledger_read(c->ledger, "t-1", 2, 2, &c->arena, &events, &count, &c->err);
    assert_int_equal(count, 2);
    assert_int_equal(events[0].seq, 2);
    assert_string_equal(events[0].actor, "operator");
    assert_string_equal(events[1].prev, events[0].hash);
    assert_int_equal(strlen(events[0].hash), 64);
    snprintf(hex, sizeof(hex), "%s", events[0].hash);
    case_assert_clean(c);
    event.body = "{\"a\":1,\"a\":2}";
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .task_id = "t-1", .event = &event}),
                     LEDGER_REFUSED);
    event.type = NULL;
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .task_id = "t-1", .event = &event}),
                     LEDGER_REFUSED);
}

static void projections_only_go_on(void **state)
{
    struct ledger_case *c = *state;
    struct session session = {.agent = "ada", .key = "main", .projected = 1};
    struct op op = {.type = OP_PROJECTED, .session = &session};
    assert_int_equal(case_op(c, op), LEDGER_NONE);
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    case_finish(c, "t-1", case_claim_id(c, "ada", "n1", "t-1"), "1");
    assert_int_equal(case_op(c, op), LEDGER_OK);
    session.projected = 0;
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_int_equal(case_session(c, "ada", "main")->projected, 1);
    case_assert_clean(c);
}

static void blobs_come_back(void **state)
{
    struct ledger_case *c = *state;
    char hex[65], again[65], *bytes;
    size_t len;
    assert_int_equal(ledger_blob_put(c->ledger, "a\0b", 3, hex, &c->err), 0);
    assert_int_equal(ledger_blob_put(c->ledger, "a\0b", 3, again, &c->err), 0);
    assert_string_equal(hex, again);
    case_restart(c);
    assert_int_equal(ledger_blob_get(c->ledger, hex, &c->arena, &bytes, &len, &c->err), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 4);
    hex[0] = hex[0] == 'a' ? 'b' : 'a';
    assert_int_equal(ledger_blob_get(c->ledger, hex, &c->arena, &bytes, &len, &c->err),
                     LEDGER_NONE);
}

static bool has_key(const char **keys, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(keys[i], key))
            return true;
    return false;
}

/* Answers come before hints; a sweep in between makes sure that they are there. */
static void hear(struct ledger_case *c, const char ***keys, size_t *count)
{
    case_pass(c, 0);
    assert_true(ledger_wait(c->ledger, 0, &c->arena, keys, count));
}

static void the_listener_hears_what_changed(void **state)
{
    struct ledger_case *c = *state;
    const char **keys;
    size_t count;
    struct op fail = {.type = OP_FAIL_TRY, .task_id = "t-1"};
    case_register(c, "ada", "n1");
    hear(c, &keys, &count);
    case_submit(c, "t-1", "ada", "main");
    hear(c, &keys, &count);
    assert_true(has_key(keys, count, "queue:ada"));
    assert_true(has_key(keys, count, "task:t-1"));
    assert_true(has_key(keys, count, "stream:t-1"));
    hear(c, &keys, &count);
    assert_int_equal(count, 0);
    fail.fence = case_claim_id(c, "ada", "n1", "t-1");
    case_op(c, fail);
    hear(c, &keys, &count);
    assert_false(has_key(keys, count, "queue:ada")); /* not before its time */
    case_pass(c, 1000);
    hear(c, &keys, &count);
    assert_true(has_key(keys, count, "queue:ada"));
    struct task undone = {.id = "t-2", .agent = "ada", .kind = "ask"};
    struct op ops[] = {{.type = OP_SUBMIT, .task = &undone}, {.type = OP_CANCEL}};
    assert_int_equal(case_apply(c, ops, 2), LEDGER_NONE); /* nothing changed */
    hear(c, &keys, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(effects_are_confirmed_once),
        CASE(effects_may_be_held),
        CASE(an_effect_stands_or_falls_with_its_batch),
        CASE(a_message_is_taken_once),
        CASE(events_are_chained),
        CASE(projections_only_go_on),
        CASE(blobs_come_back),
        CASE(the_listener_hears_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
