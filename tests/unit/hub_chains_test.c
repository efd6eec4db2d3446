/* Chains of waiting: straight ones, forks, circles, and what they end in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "hub/chains.h"

/* The chains as one line each: "a>b>c agent". */
static const char *lines(const struct chain_link *links, size_t count, size_t max,
                         struct arena *arena)
{
    json_t *chains = chains_walk(links, count, max);
    const char *text = "";
    for (size_t i = 0; i < json_array_size(chains); i++) {
        const json_t *chain = json_array_get(chains, i);
        const json_t *tasks = json_object_get(chain, "tasks");
        assert_int_equal(json_array_size(tasks), json_array_size(json_object_get(chain, "agents")));
        for (size_t t = 0; t < json_array_size(tasks); t++)
            text = arena_printf(arena, "%s%s%s", text, t ? ">" : "",
                                json_string_value(json_array_get(tasks, t)));
        text = arena_printf(arena, "%s %s%s\n", text, json_get_text(chain, "ends", ""),
                            json_get_bool(chain, "cycle", false) ? " cycle" : "");
    }
    json_decref(chains);
    return text;
}

static void a_chain_goes_from_who_nobody_waits_for_to_its_end(void **state)
{
    struct arena arena = {0};
    const struct chain_link links[] = {
        {"b", "tech-lead", "c", "webster", "agent"},
        {"a", "manager", "b", "tech-lead", "agent"},
        {"x", "auditor", NULL, NULL, "rate"},
    };
    assert_string_equal(lines(links, 3, 10, &arena), "a>b>c agent\nx rate\n");
    arena_fini(&arena);
}

static void a_fork_is_a_chain_each(void **state)
{
    struct arena arena = {0};
    const struct chain_link links[] = {
        {"a", "manager", "b", "webster", "agent"},
        {"a", "manager", "c", "nx", "agent"},
        {"c", "nx", NULL, NULL, "approval g-1"},
    };
    assert_string_equal(lines(links, 3, 10, &arena), "a>b agent\na>c approval g-1\n");
    assert_string_equal(lines(links, 3, 1, &arena), "a>b agent\n");
    arena_fini(&arena);
}

static void circles_are_marked(void **state)
{
    struct arena arena = {0};
    const struct chain_link ring[] = {
        {"a", "manager", "b", "tech-lead", "agent"},
        {"b", "tech-lead", "c", "webster", "agent"},
        {"c", "webster", "a", "manager", "agent"},
    };
    assert_string_equal(lines(ring, 3, 10, &arena), "a>b>c>a cycle cycle\n");
    const struct chain_link tail[] = {
        {"t", "manager", "a", "manager", "agent"},
        {"a", "manager", "a", "manager", "agent"},
    };
    assert_string_equal(lines(tail, 2, 10, &arena), "t>a>a cycle cycle\n");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_goes_from_who_nobody_waits_for_to_its_end),
        cmocka_unit_test(a_fork_is_a_chain_each),
        cmocka_unit_test(circles_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
