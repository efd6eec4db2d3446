/* The courier against a small receiver on loopback, with the store's double: what is sent, what is
 * written down, and what a hub that begins makes of what a dead one left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "hub/courier.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "net/http_server.h"

enum { DEADLINE_MS = 20000, KEPT = 16 };

struct scene {
    struct arena arena;
    struct http_server *receiver;
    struct ledger *ledger;
    struct config_webhook webhooks[2];
    struct config_agent agents[1];
    struct config config;
    atomic_int status, requests;
    char ids[KEPT][64]; /* of the events that came, in order */
};

static const char *const none[] = {NULL};

static enum http_verdict receive(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct scene *place = ctx;
    json_t *event = json_parse(request->body, request->body_len, NULL);
    int n = atomic_load(&place->requests);
    if (n < KEPT)
        snprintf(place->ids[n], sizeof(place->ids[n]), "%s",
                 json_get_text(event, "id", json_get_text(event, "content", "")));
    json_decref(event);
    atomic_store(&place->requests, n + 1);
    return http_json(request, response, atomic_load(&place->status),
                     json_pack("{s:s}", "id", "their-id"));
}

static const struct http_route routes[] = {{"POST", "/hook", receive}, {NULL, NULL, NULL}};

static int apply(struct scene *place, struct op *op)
{
    struct err err = {0};
    struct outcome outcome = {0};
    struct batch batch = {.actor = "operator", .ops = op, .count = 1};
    if (ledger_apply(place->ledger, &batch, &outcome, &err) < 0 || outcome.status != LEDGER_OK)
        fail_msg("%s %s", err.message, outcome.message);
    return 0;
}

static int setup(void **state)
{
    struct err err = {0};
    struct scene *place = calloc(1, sizeof(*place));
    struct http_config http = {.name = "receiver",
                               .address = "127.0.0.1",
                               .unix_fd = -1,
                               .routes = routes,
                               .ctx = place,
                               .body_limit = 1 << 20,
                               .handlers = 1};
    atomic_store(&place->status, 200);
    place->receiver = http_server_open(&http, &err);
    assert_non_null(place->receiver);
    char *url =
        arena_printf(&place->arena, "http://127.0.0.1:%d/hook", http_server_port(place->receiver));
    place->webhooks[0] = (struct config_webhook){
        .name = "team", .form = "cloudevents", .per_minute = 600, .url = {.value = url}};
    place->webhooks[1] = (struct config_webhook){
        .name = "ops", .form = "discord", .per_minute = 600, .url = {.value = url}};
    place->agents[0] = (struct config_agent){.id = "manager", .name = "Manager", .aliases = none};
    place->config = (struct config){.company = "test",
                                    .webhooks = place->webhooks,
                                    .webhook_count = 2,
                                    .agents = place->agents,
                                    .agent_count = 1};
    place->ledger = ledger_open(store_mem_open(), &err);
    assert_non_null(place->ledger);
    struct task task = {.id = "t-1",
                        .agent = "manager",
                        .caller = "operator",
                        .kind = "ask",
                        .session = "ask:t-1",
                        .instruction = "work",
                        .parent_step = -1,
                        .parent_index = -1};
    *state = place;
    return apply(place, &(struct op){.type = OP_SUBMIT,
                                     .task = &task,
                                     .root_limits = "{\"depth\":4,\"live\":16,\"tasks\":64,"
                                                    "\"fan_out\":16,\"wall_ms\":600000}"});
}

static int teardown(void **state)
{
    struct scene *place = *state;
    ledger_close(place->ledger);
    http_server_close(place->receiver, 1000);
    arena_fini(&place->arena);
    free(place);
    return 0;
}

static void put(struct scene *place, const char *id, const char *destination)
{
    struct effect effect = {.id = id,
                            .task = "t-1",
                            .kind = "webhook",
                            .destination = destination,
                            .body = arena_printf(&place->arena, "{\"text\":\"%s\"}", id)};
    apply(place, &(struct op){.type = OP_EFFECT, .task_id = "t-1", .effect = &effect});
}

static struct effect get(struct scene *place, const char *id)
{
    struct err err;
    struct effect effect = {.id = id};
    assert_int_equal(ledger_get(place->ledger, &effect_record, &effect, &place->arena, &err), 0);
    return effect;
}

static void move(struct scene *place, const char *id, const char *to)
{
    struct effect effect = {
        .id = id, .state = to, .fence = get(place, id).fence, .reason = "moved"};
    apply(place, &(struct op){.type = OP_EFFECT_STATE, .effect = &effect});
}

/* Until the effect is in that state; the double's keys are not listened to, so it is woken here. */
static struct effect await(struct scene *place, struct courier *courier, const char *id,
                           const char *state)
{
    int64_t until = time_boot_ms() + DEADLINE_MS;
    for (;;) {
        struct effect effect = get(place, id);
        if (str_eq(effect.state, state))
            return effect;
        if (time_boot_ms() > until)
            fail_msg("%s is %s (%s), not %s", id, effect.state, effect.reason, state);
        courier_wake(courier);
        poll(NULL, 0, 5);
    }
}

static void await_reason(struct scene *place, struct courier *courier, const char *id)
{
    int64_t until = time_boot_ms() + DEADLINE_MS;
    while (!get(place, id).reason) {
        if (time_boot_ms() > until)
            fail_msg("%s has no reason", id);
        courier_wake(courier);
        poll(NULL, 0, 5);
    }
}

static struct courier *begin(struct scene *place)
{
    struct err err = {0};
    struct courier *courier = courier_open(&place->config, place->ledger, &err);
    if (!courier)
        fail_msg("%s", err.message);
    return courier;
}

static void each_is_sent_once_and_in_order(void **state)
{
    struct scene *place = *state;
    struct courier *courier = begin(place);
    put(place, "e-1", "webhook:team");
    put(place, "e-2", "webhook:team");
    put(place, "e-3", "webhook:team");
    await(place, courier, "e-3", EFFECT_CONFIRMED);
    courier_close(courier);
    assert_int_equal(atomic_load(&place->requests), 3);
    assert_string_equal(place->ids[0], "e-1");
    assert_string_equal(place->ids[2], "e-3");
    struct effect effect = get(place, "e-1");
    assert_string_equal(effect.receiver_id, "their-id");
    assert_true(effect.attempts == 1 && effect.fence == 1 && !effect.reason);
}

static void what_is_refused_is_dead_and_the_next_is_sent(void **state)
{
    struct scene *place = *state;
    atomic_store(&place->status, 400);
    struct courier *courier = begin(place);
    put(place, "e-1", "webhook:team");
    struct effect effect = await(place, courier, "e-1", EFFECT_DEAD);
    assert_string_equal(effect.reason, "the receiver answered 400");
    atomic_store(&place->status, 200);
    put(place, "e-2", "webhook:team");
    await(place, courier, "e-2", EFFECT_CONFIRMED);
    courier_close(courier);
}

static void the_last_attempt_is_the_last(void **state)
{
    struct scene *place = *state;
    put(place, "e-1", "webhook:team");
    for (int i = 0; i + 1 < LIMIT_EFFECT_ATTEMPTS; i++) {
        move(place, "e-1", EFFECT_IN_FLIGHT);
        move(place, "e-1", EFFECT_INTENDED);
    }
    atomic_store(&place->status, 503);
    struct courier *courier = begin(place);
    struct effect effect = await(place, courier, "e-1", EFFECT_DEAD);
    courier_close(courier);
    assert_int_equal(effect.attempts, LIMIT_EFFECT_ATTEMPTS);
    assert_string_equal(effect.reason, "given up after 20 attempts: the receiver answered 503");
    assert_int_equal(atomic_load(&place->requests), 1);
}

static void fail_then_send(struct scene *place, bool starts_anew)
{
    atomic_store(&place->status, 500);
    struct courier *courier = begin(place);
    put(place, "e-9", "webhook:team");
    await_reason(place, courier, "e-9");
    put(place, "e-1", "webhook:team");
    if (starts_anew) {
        courier_close(courier);
        courier = begin(place);
    }
    atomic_store(&place->status, 200);
    await(place, courier, "e-1", EFFECT_CONFIRMED);
    courier_close(courier);
    assert_string_equal(get(place, "e-9").state, EFFECT_CONFIRMED);
    assert_string_equal(place->ids[atomic_load(&place->requests) - 1], "e-1");
}

static void a_failing_one_goes_before_the_next(void **state)
{
    fail_then_send(*state, false);
}

static void also_when_the_hub_starts_anew(void **state)
{
    fail_then_send(*state, true);
}

static void what_a_dead_hub_left_is_settled_by_form(void **state)
{
    struct scene *place = *state;
    put(place, "e-1", "webhook:team");
    put(place, "e-2", "webhook:ops");
    put(place, "e-3", "webhook:removed");
    put(place, "e-4", "webhook:removed");
    move(place, "e-1", EFFECT_IN_FLIGHT);
    move(place, "e-2", EFFECT_IN_FLIGHT);
    move(place, "e-4", EFFECT_IN_FLIGHT);
    struct courier *courier = begin(place);
    struct effect sent = await(place, courier, "e-1", EFFECT_CONFIRMED);
    assert_int_equal(sent.attempts, 2);
    assert_string_equal(get(place, "e-2").state, EFFECT_UNKNOWN);
    assert_non_null(strstr(get(place, "e-2").reason, "may have arrived"));
    assert_string_equal(get(place, "e-3").state, EFFECT_HELD);
    assert_string_equal(get(place, "e-4").state, EFFECT_UNKNOWN);
    courier_close(courier);
    assert_int_equal(atomic_load(&place->requests), 1);
    place->webhooks[0].name = "removed"; /* it is there again */
    courier = begin(place);
    await(place, courier, "e-3", EFFECT_CONFIRMED);
    courier_close(courier);
}

static void a_webhook_that_is_gone_is_left_alone(void **state)
{
    struct scene *place = *state;
    atomic_store(&place->status, 404);
    struct courier *courier = begin(place);
    put(place, "e-1", "webhook:ops");
    await(place, courier, "e-1", EFFECT_DEAD);
    put(place, "e-2", "webhook:ops");
    struct effect effect = await(place, courier, "e-2", EFFECT_DEAD);
    courier_close(courier);
    assert_non_null(strstr(effect.reason, "404"));
    assert_int_equal(atomic_load(&place->requests), 1);
}

static void the_rate_is_held(void **state)
{
    struct scene *place = *state;
    place->webhooks[0].per_minute = 2;
    struct courier *courier = begin(place);
    put(place, "e-1", "webhook:team");
    put(place, "e-2", "webhook:team");
    put(place, "e-3", "webhook:team");
    put(place, "e-4", "webhook:ops");
    await(place, courier, "e-2", EFFECT_CONFIRMED);
    await(place, courier, "e-4", EFFECT_CONFIRMED); /* another's rate is its own */
    courier_close(courier);
    assert_string_equal(get(place, "e-3").state, EFFECT_INTENDED);
    assert_int_equal(get(place, "e-3").attempts, 0);
}

static void without_a_url_it_waits(void **state)
{
    struct scene *place = *state;
    place->webhooks[0].url = (struct config_secret){.env = "HQ_TEST_NO_SUCH_URL"};
    struct courier *courier = begin(place);
    put(place, "e-1", "webhook:team");
    await_reason(place, courier, "e-1");
    courier_close(courier);
    struct effect effect = get(place, "e-1");
    assert_string_equal(effect.state, EFFECT_INTENDED);
    assert_int_equal(effect.attempts, 0);
    assert_non_null(strstr(effect.reason, "HQ_TEST_NO_SUCH_URL"));
    assert_int_equal(atomic_load(&place->requests), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_sent_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_is_dead_and_the_next_is_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_last_attempt_is_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_one_goes_before_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(also_when_the_hub_starts_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_dead_hub_left_is_settled_by_form, setup, teardown),
        cmocka_unit_test_setup_teardown(a_webhook_that_is_gone_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rate_is_held, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_url_it_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
