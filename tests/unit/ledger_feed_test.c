/* All events in one order: numbers without gaps, whatever was refused or undone in between. */
#include "ledger_case.h"

#include <stdio.h>

static struct ledger_feed feed_of(struct ledger_case *c, int64_t after, size_t max)
{
    struct ledger_feed feed;
    assert_int_equal(ledger_feed(c->ledger, after, max, &c->arena, &feed, &c->err), 0);
    return feed;
}

/* Every event from 1 on, each once. */
static void assert_whole(struct ledger_case *c)
{
    struct ledger_feed feed = feed_of(c, 0, 1000);
    assert_int_equal(feed.newest, feed.count);
    for (size_t i = 0; i < feed.count; i++)
        assert_int_equal(feed.events[i].no, i + 1);
}

static void events_of_all_streams_have_one_order(void **state)
{
    struct ledger_case *c = *state;
    assert_int_equal(feed_of(c, 0, 10).newest, 0);
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "bob", "main");
    assert_whole(c);
    struct ledger_feed all = feed_of(c, 0, 1000);
    assert_true(all.count >= 2);
    assert_string_equal(all.events[0].stream, "t-1");
    struct ledger_feed rest = feed_of(c, 1, 1);
    assert_int_equal(rest.count, 1);
    assert_int_equal(rest.events[0].no, 2);
    assert_int_equal(rest.newest, all.newest);
    assert_int_equal(rest.retired, 0);
    assert_int_equal(feed_of(c, all.newest, 10).count, 0);
    case_assert_clean(c);
}

static void what_is_refused_takes_no_number(void **state)
{
    struct ledger_case *c = *state;
    case_submit(c, "t-1", "ada", "main");
    int64_t newest = feed_of(c, 0, 1).newest;
    struct event event = {.stream = "system", .type = "said", .body = "{}"};
    struct op ops[] = {{.type = OP_EVENT, .event = &event},
                       {.type = OP_CANCEL, .task_id = "t-none", .cancel = {.reason = "cancelled"}}};
    assert_int_equal(case_apply(c, ops, 2), LEDGER_NONE);
    assert_int_equal(feed_of(c, 0, 1).newest, newest);
    assert_int_equal(case_apply(c, ops, 1), LEDGER_OK);
    assert_int_equal(feed_of(c, 0, 1).newest, newest + 1);
    assert_whole(c);
    case_assert_clean(c);
}

static void numbers_go_on_after_a_restart(void **state)
{
    struct ledger_case *c = *state;
    case_submit(c, "t-1", "ada", "main");
    int64_t newest = feed_of(c, 0, 1).newest;
    case_restart(c);
    assert_int_equal(feed_of(c, 0, 1).newest, newest);
    case_submit(c, "t-2", "ada", "other");
    assert_true(feed_of(c, 0, 1).newest > newest);
    assert_whole(c);
    case_assert_clean(c);
}

static void a_ledger_keeps_its_id_until_it_is_given_another(void **state)
{
    struct ledger_case *c = *state;
    const char *first = arena_strdup(&c->arena, ledger_id(c->ledger));
    assert_int_equal(strlen(first), 32);
    case_restart(c);
    assert_string_equal(ledger_id(c->ledger), first);
    assert_int_equal(ledger_renew_id(c->ledger, &c->err), 0);
    const char *second = arena_strdup(&c->arena, ledger_id(c->ledger));
    assert_string_not_equal(second, first);
    case_restart(c);
    assert_string_equal(ledger_id(c->ledger), second);
}

static void the_end_of_a_request_is_noted(void **state)
{
    struct ledger_case *c = *state;
    struct root root = {.id = "t-1"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    assert_int_equal(ledger_get(c->ledger, &root_record, &root, &c->arena, &c->err), 0);
    assert_int_equal(root.ended_at, 0);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_finish(c, "t-1", fence, "\"done\""), LEDGER_OK);
    assert_int_equal(ledger_get(c->ledger, &root_record, &root, &c->arena, &c->err), 0);
    assert_true(root.ended_at > 0);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events_of_all_streams_have_one_order),
        CASE(what_is_refused_takes_no_number),
        CASE(numbers_go_on_after_a_restart),
        CASE(a_ledger_keeps_its_id_until_it_is_given_another),
        CASE(the_end_of_a_request_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
