/* A company for the hub's tests: config, tokens, a hub over the store's double, a client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "config/secret.h"
#include "hub/hub.h"
#include "hub_company.h"
#include "ledger/store.h"

static const char *const none[] = {NULL};
static const char *const all[] = {"*", NULL};
static const char *const all_but_manager[] = {"*", "!manager", NULL};
static const char *const to_webster[] = {"webster", NULL};
static const char *const to_auditor[] = {"auditor", NULL};
static const char *const technical[] = {"technical", NULL};
static const char *const research[] = {"research", "literature", NULL};

#define AGENT(ID, PORT, DELEGATES, CAPABILITIES, ...)                                              \
    {.id = ID, .name = ID, .port = PORT, .capabilities = CAPABILITIES, .delegates = DELEGATES,     \
     .fallbacks = none, .tools_allow = none, .model = "demo/m", __VA_ARGS__}

static const struct config_agent agents[] = {
    AGENT("manager", 18800, all, none, .aliases = none, .revisits = none),
    AGENT("tech-lead", 18804, all_but_manager, none, .aliases = technical, .revisits = to_auditor),
    AGENT("auditor", 18812, none, none, .aliases = none, .revisits = none),
    AGENT("optimizer", 18816, to_webster, none, .aliases = none, .revisits = none),
    AGENT("webster", 18828, none, research, .aliases = none, .revisits = none),
};

static const char *const roles_of_eve[] = {"lead", "finance", NULL};
static const char *const roles_of_lea[] = {"legal", NULL};
static const struct config_person people[] = {
    {"lea", roles_of_lea, true}, {"eve", roles_of_eve, false}, {"max", roles_of_lea, false}};

int company_setup(void **state)
{
    struct err err = {0};
    struct company *place = calloc(1, sizeof(*place));
    strcpy(place->dir, "/tmp/hq-hub-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->config = (struct config){
        .dir = place->dir,
        .company = "test",
        .ledger = "sqlite",
        .state = arena_printf(&place->arena, "%s/state", place->dir),
        .secrets = arena_printf(&place->arena, "%s/secrets", place->dir),
        .hub_address = "127.0.0.1",
        .hooks_path = "/hooks",
        .limit_depth = 4,
        .limit_tasks = 64,
        .limit_live = 16,
        .limit_wall_ms = 60000,
        .limit_fan_out = 8,
        .limit_micro_usd = -1,
        .limit_tokens = -1,
        .budget_micro_usd = -1,
        .agents = agents,
        .agent_count = sizeof(agents) / sizeof(agents[0]),
        .people = people,
        .person_count = sizeof(people) / sizeof(people[0]),
    };
    assert_int_equal(mkdir(place->config.state, 0700), 0);
    assert_true(secret_make_tokens(&place->config, &err) >= 0);
    place->hub = hub_open(&place->config, store_mem_open(), &err);
    if (!place->hub)
        fail_msg("%s", err.message);
    place->fetch = fetch_open();
    *state = place;
    return 0;
}

int company_teardown(void **state)
{
    struct company *place = *state;
    char command[100];
    hub_close(place->hub);
    fetch_close(place->fetch);
    snprintf(command, sizeof(command), "rm -rf %s", place->dir);
    arena_fini(&place->arena);
    free(place);
    return system(command);
}

/* One exchange; the answer is a new reference, place->status its code. */
json_t *call(struct company *place, const char *token_file, const char *method,
                    const char *path, const char *body)
{
    struct arena arena = {0};
    struct err err = {0};
    struct fetch_response response = {0};
    const char *token = token_file ? secret_read(&place->config, token_file, &arena, &err) : "";
    const char *headers[] = {arena_printf(&arena, "Authorization: Bearer %s", token), NULL};
    struct fetch_request request = {
        .method = method,
        .url = arena_printf(&arena, "http://hub%s", path),
        .unix_dir = place->config.state,
        .unix_name = "hub.sock",
        .headers = headers,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .total_ms = 20000,
    };
    if (fetch_run(place->fetch, &request, &response, &err) != FETCH_OK)
        fail_msg("%s %s: %s", method, path, err.message);
    place->status = response.status;
    json_t *answer = json_loadb(buf_text(&response.body), response.body.len, JSON_DECODE_ANY, NULL);
    fetch_response_fini(&response);
    arena_fini(&arena);
    return answer;
}

void expect(struct company *place, const char *token, const char *method, const char *path,
                   const char *body, int status, const char *code)
{
    json_t *answer = call(place, token, method, path, body);
    if (place->status != status)
        fail_msg("%s %s %s: %d, not %d", method, path, body ? body : "", place->status, status);
    if (code)
        assert_string_equal(json_get_text(json_object_get(answer, "error"), "code", ""), code);
    json_decref(answer);
}

/* Submits a task and returns its id in the arena. */
const char *submit(struct company *place, const char *agent, const char *key)
{
    const char *body = arena_printf(&place->arena,
                                    "{\"agent\":\"%s\",\"instruction\":\"work\",\"key\":\"%s\"}",
                                    agent, key);
    json_t *answer = call(place, "operator.token", "POST", "/v1/tasks", body);
    assert_int_equal(place->status, 201);
    const char *id = arena_strdup(
        &place->arena, json_get_text(json_object_get(answer, "task"), "id", ""));
    json_decref(answer);
    return id;
}

int64_t claim(struct company *place, const char *agent)
{
    const char *token = arena_printf(&place->arena, "%s.token", agent);
    expect(place, token, "POST", "/v1/register",
           arena_printf(&place->arena,
                        "{\"agent\":\"%s\",\"nonce\":\"n1\",\"version\":\"0.1.0\"}", agent),
           200, NULL);
    json_t *answer = call(place, token, "POST", "/v1/claim",
                          arena_printf(&place->arena,
                                       "{\"agent\":\"%s\",\"nonce\":\"n1\",\"max\":1}", agent));
    assert_int_equal(place->status, 200);
    const json_t *item = json_array_get(json_object_get(answer, "tasks"), 0);
    int64_t fence = json_get_int(json_object_get(item, "task"), "fence", 0);
    assert_true(!item || json_object_get(item, "session"));
    json_decref(answer);
    return fence;
}
