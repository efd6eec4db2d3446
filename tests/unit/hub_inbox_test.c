/* Who may do what with people's and the runner's tokens, and the inbox over HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "hub_company.h"

static void people_read_everything_and_give_no_work(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "k1");
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s", id);
    expect(place, "person.eve.token", "GET", path, NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/status", NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/events?stream=system", NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/sessions?agent=manager", NULL, 200, NULL);
    expect(place, "person.eve.token", "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"k2\"}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST", "/v1/admin/check", "{}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST",
           arena_printf(&place->arena, "/v1/tasks/%s/cancel", id), "{}", 403, "not_allowed");
}

static void the_runner_works_for_its_queue_only(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "k1");
    expect(place, "runner.token", "POST", "/v1/register",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 200, NULL);
    expect(place, "runner.token", "POST", "/v1/claim",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"max\":1}", 200, NULL);
    expect(place, "runner.token", "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "manager.token", "POST", "/v1/register",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "runner.token", "GET", arena_printf(&place->arena, "/v1/tasks/%s", id), NULL, 404,
           "unknown_task");
    expect(place, "runner.token", "GET", "/v1/status", NULL, 403, "not_allowed");
    expect(place, "runner.token", "GET",
           arena_printf(&place->arena, "/v1/blobs/%064d?task=%s", 0, id), NULL, 404,
           "unknown_task");
    expect(place, "runner.token", "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"k2\"}", 403, "not_allowed");
    expect(place, "runner.token", "POST", "/v1/batch",
           arena_printf(&place->arena,
                        "{\"request\":\"r\",\"ops\":[{\"op\":\"delegate\",\"task\":\"%s\","
                        "\"fence\":1,\"step\":0,\"idx\":1,\"agent\":\"manager\"}]}",
                        id),
           400, "bad_request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(people_read_everything_and_give_no_work),
        HUB_TEST(the_runner_works_for_its_queue_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
