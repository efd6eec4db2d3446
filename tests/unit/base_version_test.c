/* Which releases a hub works together with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/version.h"

static void its_own_minor_and_the_one_before(void **state)
{
    assert_true(version_serves("0.4.2", "0.4.2"));
    assert_true(version_serves("0.4.0", "0.4.9"));
    assert_true(version_serves("0.4.0", "0.3.7"));
    assert_false(version_serves("0.4.0", "0.2.9"));
    assert_false(version_serves("0.4.0", "0.5.0")); /* the hub is upgraded first */
    assert_false(version_serves("1.0.0", "0.9.0"));
    assert_true(version_serves(hq_version, hq_version));
}

static void what_is_no_version_is_not_served(void **state)
{
    static const char *const wrong[] = {"", "0", "0.4", "x", "-0.4.0", "0.-1.0"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(version_serves("0.4.0", wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_minor_and_the_one_before),
        cmocka_unit_test(what_is_no_version_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
