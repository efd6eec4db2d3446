/* The picture of a tree: branches, what waits for what, circles, failures, widths, money. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/figures.h"
#include "cli/handoff_text.h"
#include "cli/tree_text.h"
#include "wire/handoff.h"

static json_t *parse(const char *text)
{
    struct err err;
    json_t *value = json_parse(text, strlen(text), &err);
    if (!value)
        print_error("%s\n", err.message);
    assert_non_null(value);
    return value;
}

static char *print(const char *json, int columns, bool utf8)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct tree_look look = {.utf8 = utf8, .columns = columns};
    json_t *answer = parse(json);
    assert_true(time_parse_rfc3339("2026-11-22T18:10:00.000Z", &look.now_ms));
    tree_print(answer, &look, &arena, &out);
    json_decref(answer);
    arena_fini(&arena);
    return buf_take(&out);
}

#define TASK(id, parent, agent, state, more)                                                       \
    "{\"task\":{\"id\":\"" id "\"," parent "\"agent\":\"" agent "\",\"state\":\"" state            \
    "\",\"created_at\":\"2026-11-22T18:09:00.000Z\"" more "}"
#define CHILD_OF(id) "\"parent\":\"" id "\","

static const char family[] =
    "{\"root\":{\"tasks_total\":4,\"tasks_live\":3,\"model_calls\":7,\"tokens_in\":12345,"
    "\"tokens_out\":800,\"cost_micro_usd\":420000,\"unpriced\":2,\"deadline_at\":\"2026-11-22T20:08:00.000Z\"},"
    "\"budget\":{\"micro_usd\":4480000,\"tokens\":12345},\"items\":["
    TASK("t-aaaaaaaaaa", "", "manager", "waiting", "")
    ",\"waits\":[{\"kind\":\"task\",\"id\":\"t-cccccccccc\",\"satisfied\":false},"
    "{\"kind\":\"patience\",\"id\":\"9:t-cccccccccc\",\"satisfied\":false},"
    "{\"kind\":\"task\",\"id\":\"t-bbbbbbbbbb\",\"satisfied\":true}]},"
    TASK("t-bbbbbbbbbb", CHILD_OF("t-aaaaaaaaaa"), "webster", "done",
         ",\"finished_at\":\"2026-11-22T18:09:14.000Z\"")
    ",\"handoff\":{\"status\":\"partial\",\"result\":\"three papers\\nand more\"}},"
    TASK("t-cccccccccc", CHILD_OF("t-aaaaaaaaaa"), "tech-lead", "working", "")
    ",\"note\":\"step 2: exec wc\"},"
    TASK("t-dddddddddd", CHILD_OF("t-cccccccccc"), "nx-expert", "timed_out",
         ",\"failure_class\":\"timeout\",\"failure_message\":\"no result in 30 s\"")
    "}]}";

static void children_stand_below_their_parents(void **state)
{
    char *text = print(family, 80, true);
    assert_string_equal(
        text,
        "manager t-aaaaaaaa          waiting    1m00s for tech-lead (t-cccccccc)\n"
        "├─ webster t-bbbbbbbb       done         14s partial: three papers and more\n"
        "└─ tech-lead t-cccccccc     working    1m00s step 2: exec wc\n"
        "   └─ nx-expert t-dddddddd  timed out  1m00s timeout: no result in 30 s\n"
        "4 tasks, 3 open · 7 model calls · 12.3k tokens in, 800 out · $0.42 + 2 unpriced\n"
        "left: $4.48, 12.3k tokens, 1h58m\n");
    free(text);
}

static void no_line_is_wider_than_asked(void **state)
{
    for (int columns = 50; columns <= 120; columns += 10) {
        for (int utf8 = 0; utf8 <= 1; utf8++) {
            char *text = print(family, columns, utf8);
            for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                int wide = 0;
                for (char *c = line; *c; c++)
                    wide += ((unsigned char)*c & 0xc0) != 0x80;
                assert_true(wide <= columns);
                for (char *c = line; *c && !utf8; c++)
                    assert_true((unsigned char)*c < 0x80);
            }
            free(text);
        }
    }
}

static void a_circle_of_waits_is_marked(void **state)
{
    static const char circle[] =
        "{\"root\":{},\"items\":["
        TASK("t-aaaaaaaaaa", "", "manager", "waiting", "")
        ",\"waits\":[{\"kind\":\"task\",\"id\":\"t-bbbbbbbbbb\",\"satisfied\":false}]},"
        TASK("t-bbbbbbbbbb", CHILD_OF("t-aaaaaaaaaa"), "webster", "waiting", "")
        ",\"waits\":[{\"kind\":\"task\",\"id\":\"t-cccccccccc\",\"satisfied\":false}]},"
        TASK("t-cccccccccc", CHILD_OF("t-bbbbbbbbbb"), "auditor", "waiting", "")
        ",\"waits\":[{\"kind\":\"task\",\"id\":\"t-bbbbbbbbbb\",\"satisfied\":false}]}]}";
    char *text = print(circle, 80, false);
    assert_non_null(strstr(text, "for webster (t-bbbbbbbb)\n"));
    assert_non_null(strstr(text, "@ circle: for auditor (t-cccccccc)"));
    assert_non_null(strstr(text, "@ circle: for webster (t-bbbbbbbb)"));
    assert_null(strstr(text, "@ circle: for webster (t-bbbbbbbb)\n`- webster"));
    free(text);
    json_t *answer = parse(circle), *ids = tree_circle(answer);
    assert_int_equal(json_array_size(ids), 2);
    json_decref(ids);
    json_decref(answer);
}

static void broken_parents_end(void **state)
{
    char *text = print("{\"items\":["
                       TASK("t-aaaaaaaaaa", CHILD_OF("t-bbbbbbbbbb"), "a", "queued", "") "},"
                       TASK("t-bbbbbbbbbb", CHILD_OF("t-aaaaaaaaaa"), "b", "queued", "") "},"
                       TASK("t-cccccccccc", CHILD_OF("t-gone"), "c", "queued", "") "}]}",
                       80, true);
    assert_non_null(strstr(text, "a t-aaaaaaaa"));
    assert_non_null(strstr(text, "b t-bbbbbbbb"));
    assert_non_null(strstr(text, "c t-cccccccc"));
    free(text);
    text = print("{}", 80, true);
    assert_non_null(strstr(text, "0 tasks"));
    free(text);
}

static void money_is_honest(void **state)
{
    struct arena arena = {0};
    assert_string_equal(figure_money(3120000, &arena), "$3.12");
    assert_string_equal(figure_money(4200, &arena), "$0.0042");
    assert_string_equal(figure_money(0, &arena), "$0.00");
    assert_string_equal(figure_cost(0, 0, 0, &arena), "nothing");
    assert_string_equal(figure_cost(3, 0, 3, &arena), "unpriced");
    assert_string_equal(figure_cost(3, 2500000, 1, &arena), "$2.50 + 1 unpriced");
    assert_string_equal(figure_cost(3, 2500000, 0, &arena), "$2.50");
    assert_string_equal(figure_count(9999, &arena), "9999");
    assert_string_equal(figure_count(4100000, &arena), "4.1M");
    arena_fini(&arena);
}

static void a_failure_makes_no_result(void **state)
{
    struct err err = {0};
    struct handoff_labels labels = {.run_id = "r1", .attempt = 2};
    json_t *answer = parse(TASK("t-aaaaaaaaaa", "", "webster", "timed_out",
                                ",\"caller\":\"operator\",\"fence\":3,\"failure_class\":"
                                "\"timeout\",\"failure_message\":\"late\"") "}");
    json_t *form = handoff_form(answer, &labels);
    assert_string_equal(json_get_text(form, "status", ""), "failed");
    assert_string_equal(json_get_text(form, "run_id", ""), "t-aaaaaaaaaa/3");
    assert_string_equal(json_get_text(form, "label", ""), "r1");
    assert_true(json_is_null(json_object_get(form, "result")));
    assert_string_equal(json_get_text(json_object_get(form, "failure"), "class", ""), "timeout");
    assert_int_equal(json_get_int(form, "attempt", 0), 2);
    assert_int_equal(handoff_check(form, &err), 0);
    json_decref(form);
    json_decref(answer);
}

static void a_result_is_passed_on_whole(void **state)
{
    struct err err = {0};
    struct handoff_labels labels = {.attempt = 1};
    json_t *answer =
        parse(TASK("t-aaaaaaaaaa", "", "webster", "done", "")
              ",\"handoff\":{\"task\":\"t-aaaaaaaaaa\",\"v\":1,\"status\":\"complete\","
              "\"result\":{\"wall\":2.4},\"confidence\":\"high\",\"artefacts\":[],"
              "\"run_id\":\"t-aaaaaaaaaa/1\",\"agent\":\"webster\",\"caller\":\"operator\"}}");
    json_t *form = handoff_form(answer, &labels);
    assert_true(json_number_value(json_object_get(json_object_get(form, "result"), "wall")) > 2);
    assert_true(json_is_null(json_object_get(form, "failure")));
    assert_null(json_object_get(form, "label"));
    assert_int_equal(handoff_check(form, &err), 0);
    json_object_set_new(form, "confidence", json_string("sure"));
    assert_int_equal(handoff_check(form, &err), -1);
    assert_string_equal(err.code, "malformed");
    json_decref(form);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_stand_below_their_parents),
        cmocka_unit_test(no_line_is_wider_than_asked),
        cmocka_unit_test(a_circle_of_waits_is_marked),
        cmocka_unit_test(broken_parents_end),
        cmocka_unit_test(money_is_honest),
        cmocka_unit_test(a_failure_makes_no_result),
        cmocka_unit_test(a_result_is_passed_on_whole),
    };
    return cmocka_run_group_tests_name("cli_tree", tests, NULL, NULL);
}
