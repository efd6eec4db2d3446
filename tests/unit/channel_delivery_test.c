/* Where an answer goes, what is sent, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "channel/delivery.h"
#include "config/config.h"
#include "wire/task.h"

static const char *const none[] = {NULL};
static const struct config_webhook webhooks[] = {{.name = "team", .form = "cloudevents"}};
static const struct config_agent agents[] = {
    {.id = "manager", .aliases = none, .deliver = "webhook:team"},
    {.id = "auditor", .aliases = none},
};
static const struct config config = {
    .agents = agents, .agent_count = 2, .webhooks = webhooks, .webhook_count = 1};

static json_t *effect_of(const char *agent, const char *deliver, const char *handoff_json,
                         const char *failure_class)
{
    const struct task task = {.id = "t-1", .root = "t-0", .agent = agent, .deliver = deliver};
    json_t *handoff = json_loads(handoff_json, 0, NULL);
    assert_non_null(handoff);
    const struct delivery delivery = {handoff, failure_class, failure_class ? "why" : NULL, 1000};
    json_t *effect = delivery_effect(&config, &task, &delivery);
    json_decref(handoff);
    return effect;
}

static const char done[] = "{\"status\":\"complete\",\"result\":\"the answer\"}";

static void the_destination_is_what_was_asked_for(void **state)
{
    static const struct {
        const char *agent, *deliver, *destination, *effect_state;
    } cases[] = {
        {"manager", NULL, NULL, NULL},
        {"manager", "{\"channel\":\"last\"}", "webhook:team", "intended"},
        {"manager", "{}", "webhook:team", "intended"},
        {"manager", "true", "webhook:team", "intended"},
        {"manager", "false", NULL, NULL},
        {"manager", "\"last\"", "webhook:team", "intended"},
        {"auditor", "{\"channel\":\"last\"}", NULL, NULL},
        {"auditor", "\"webhook:team\"", "webhook:team", "intended"},
        {"auditor", "{\"channel\":\"webhook:team\"}", "webhook:team", "intended"},
        {"auditor", "\"webhook:nobody\"", "webhook:nobody", "held"},
        {"manager", "{\"channel\":\"discord\"}", "discord", "held"},
        {"manager", "{\"channel\":\"discord\",\"to\":\"channel:1\"}", "discord:channel:1", "held"},
        {"manager", "{\"channel\":\"last\",\"to\":\"user:1\"}", "last:user:1", "held"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *effect = effect_of(cases[i].agent, cases[i].deliver, done, NULL);
        const char *destination = json_get_text(effect, "destination", NULL);
        if (!str_eq(destination, cases[i].destination) ||
            !str_eq(json_get_text(effect, "state", NULL), cases[i].effect_state))
            fail_msg("%s %s: %s", cases[i].agent, cases[i].deliver, destination);
        if (str_eq(cases[i].effect_state, "held"))
            assert_string_equal(json_get_text(effect, "reason", ""), "no channel configured");
        json_decref(effect);
    }
}

static void silence_is_not_delivered_but_a_failure_is(void **state)
{
    static const char *const silent[] = {"{\"result\":\"\"}", "{\"result\":\" HEARTBEAT_OK\\n\"}",
                                         "{\"result\":\"NO_REPLY\"}", "{\"result\":null}"};
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        assert_null(effect_of("manager", "true", silent[i], NULL));
    json_t *effect =
        effect_of("manager", "true", "{\"status\":\"failed\",\"result\":null}", "timeout");
    const json_t *body = json_object_get(effect, "body");
    assert_string_equal(json_get_text(body, "status", ""), "failed");
    assert_string_equal(json_get_text(body, "text", "?"), "");
    assert_string_equal(json_get_text(json_object_get(body, "failure"), "class", ""), "timeout");
    assert_string_equal(json_get_text(json_object_get(body, "failure"), "message", ""), "why");
    json_decref(effect);
}

static void the_body_names_what_came_of_it(void **state)
{
    json_t *effect =
        effect_of("manager", "true",
                  "{\"status\":\"partial\",\"result\":{\"a\":1},\"confidence\":\"low\","
                  "\"notes\":\"n\",\"artefacts\":[{\"name\":\"mesh.msh\",\"size\":4}]}",
                  NULL);
    char *text = json_dumps(json_object_get(effect, "body"), JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(text,
                        "{\"agent\":\"manager\",\"artefacts\":[\"mesh.msh\"],\"confidence\":"
                        "\"low\",\"finished_at\":\"1970-01-01T00:00:01.000Z\",\"notes\":\"n\","
                        "\"root\":\"t-0\",\"status\":\"partial\",\"task\":\"t-1\",\"text\":"
                        "\"{\\\"a\\\":1}\"}");
    free(text);
    json_decref(effect);
}

static void the_same_task_is_the_same_delivery(void **state)
{
    json_t *one = effect_of("manager", "true", done, NULL);
    json_t *two = effect_of("manager", "true", "{\"result\":\"another try\"}", NULL);
    json_t *other = effect_of("manager", "\"discord\"", done, NULL);
    assert_string_equal(json_get_text(one, "id", "1"), json_get_text(two, "id", "2"));
    assert_string_equal(json_get_text(one, "id", "1"), json_get_text(one, "dedup_key", "2"));
    assert_string_not_equal(json_get_text(one, "id", "1"), json_get_text(other, "id", "1"));
    json_decref(one);
    json_decref(two);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_destination_is_what_was_asked_for),
        cmocka_unit_test(silence_is_not_delivered_but_a_failure_is),
        cmocka_unit_test(the_body_names_what_came_of_it),
        cmocka_unit_test(the_same_task_is_the_same_delivery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
