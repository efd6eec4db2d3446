/* hq.yaml as a whole: the full example field by field, defaults, who may ask whom, and where the
 * file is found. */
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

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "config_fixture.h"

static const char full[] =
    "company: atomizer\n"
    "ledger: sqlite\n"
    "hub: { listen: 127.0.0.1:18700 }\n"
    "people:\n"
    "  ceo: { roles: [ceo, engineer], local: true }\n"
    "models:\n"
    "  anthropic: { api: anthropic, api_key: { env: ANTHROPIC_API_KEY } }\n"
    "  google:    { api: google, api_key: { file: secrets/google.key } }\n"
    "  local:     { api: openai-chat, base_url: \"http://127.0.0.1:11434/v1\", price: { in: 0, "
    "out: "
    "1.25 }, concurrent: 2, per_minute: 60 }\n"
    "  demo:      { api: script, file: scripts/company.yaml }\n"
    "webhooks:\n"
    "  team: { url: { file: secrets/team.url } }\n"
    "  ops:  { url: { env: OPS_HOOK }, form: discord, per_minute: 5 }\n"
    "defaults:\n"
    "  deliver: \"webhook:team\"\n"
    "  model: demo/company\n"
    "  workspace: \"workspaces/{agent}\"\n"
    "  instance: \"instances/{agent}\"\n"
    "  tools: { allow: [read, write, edit, exec, delegate, message], exec: { network: false, "
    "timeout: 120s } }\n"
    "agents:\n"
    "  manager:\n"
    "    name: Manager\n"
    "    port: 18800\n"
    "    model: { primary: anthropic/claude-opus-4-6, fallbacks: [google/gemini-2.5-pro, "
    "demo/company] }\n"
    "    capabilities: [orchestration, planning]\n"
    "    delegates: [\"*\"]\n"
    "    heartbeat: { every: 30m, target: \"channel:ceo-office\" }\n"
    "  tech-lead: { name: Tech Lead, port: 18804, aliases: [technical, technical-lead], "
    "capabilities: [fea, review], delegates: [\"*\", \"!manager\"] }\n"
    "  webster:   { name: Webster, port: 18828, capabilities: [literature, research], delegates: "
    "[technical, \"!technical-lead\"], revisits: [technical], deliver: \"webhook:ops\" }\n"
    "shared: { dir: workspaces/shared, gatekeeper: technical }\n"
    "limits: { depth: 4, tasks: 64, live: 16, fan_out: 8, wall: 2h, tokens: 90000 }\n"
    "workflows: flows\n"
    "runner: { enabled: true, timeout: 10m }\n"
    "jobs: job-queue\n"
    "hooks:  { path: /hooks }\n";

static void check_full_models(const struct config *config)
{
    assert_int_equal(config->model_count, 4);
    const struct config_model *model = config_model(config, "anthropic");
    assert_string_equal(model->api, "anthropic");
    assert_string_equal(model->api_key.env, "ANTHROPIC_API_KEY");
    assert_int_equal(model->api_key.at.line, 7);
    assert_false(model->priced);
    assert_int_equal(model->max_tokens, 4096);
    assert_int_equal(model->timeout_ms, 600000);
    assert_string_equal(config_model(config, "google")->api_key.file, in_dir("secrets/google.key"));
    model = config_model(config, "local");
    assert_string_equal(model->base_url, "http://127.0.0.1:11434/v1");
    assert_true(model->priced);
    assert_true(model->concurrent == 2 && model->per_minute == 60);
    assert_int_equal(model->price_in, 0);
    assert_int_equal(model->price_out, 1250000);
    assert_string_equal(config_model(config, "demo")->file, in_dir("scripts/company.yaml"));
    assert_null(config_model(config, "nobody"));
}

static void check_full_agents(const struct config *config)
{
    assert_int_equal(config->agent_count, 3);
    const struct config_agent *agent = &config->agents[0];
    assert_string_equal(agent->id, "manager");
    assert_string_equal(agent->name, "Manager");
    assert_int_equal(agent->port, 18800);
    assert_string_equal(agent->model, "anthropic/claude-opus-4-6");
    assert_string_equal(agent->fallbacks[1], "demo/company");
    assert_null(agent->fallbacks[2]);
    assert_string_equal(agent->capabilities[0], "orchestration");
    assert_string_equal(agent->delegates[0], "*");
    assert_int_equal(agent->heartbeat_every_ms, 1800000);
    assert_string_equal(agent->heartbeat_target, "channel:ceo-office");
    assert_null(agent->aliases[0]);
    agent = config_agent(config, "technical-lead");
    assert_string_equal(agent->id, "tech-lead");
    assert_string_equal(agent->model, "demo/company");
    assert_null(agent->fallbacks[0]);
    assert_string_equal(agent->delegates[1], "!manager");
    assert_string_equal(agent->workspace, in_dir("workspaces/tech-lead"));
    assert_string_equal(agent->instance, in_dir("instances/tech-lead"));
    assert_string_equal(agent->tools_allow[3], "exec");
    assert_string_equal(agent->tools_allow[5], "message");
    assert_false(agent->exec_network);
    assert_int_equal(agent->exec_timeout_ms, 120000);
    assert_int_equal(agent->turns, 8);
    assert_string_equal(agent->deliver, "webhook:team");
    assert_null(agent->revisits[0]);
    agent = config_agent(config, "webster");
    assert_string_equal(agent->deliver, "webhook:ops");
    assert_string_equal(agent->delegates[0], "tech-lead"); /* aliases are gone */
    assert_string_equal(agent->delegates[1], "!tech-lead");
    assert_string_equal(agent->revisits[0], "tech-lead");
    assert_int_equal(config_agent(config, "webster")->port, 18828);
    assert_null(config_agent(config, "nobody"));
}

static void check_full_webhooks(const struct config *config)
{
    assert_int_equal(config->webhook_count, 2);
    const struct config_webhook *webhook = config_webhook(config, "team");
    assert_string_equal(webhook->url.file, in_dir("secrets/team.url"));
    assert_string_equal(webhook->form, "cloudevents");
    assert_int_equal(webhook->per_minute, 30);
    assert_int_equal(webhook->url.at.line, 12);
    webhook = config_destination(config, "webhook:ops");
    assert_string_equal(webhook->url.env, "OPS_HOOK");
    assert_string_equal(webhook->form, "discord");
    assert_int_equal(webhook->per_minute, 5);
    assert_null(config_destination(config, "ops"));
    assert_null(config_destination(config, "webhook:none"));
    assert_null(config_webhook(config, NULL));
}

static void the_full_example_loads_with_every_field(void **state)
{
    struct config *config = load(full);
    if (!config)
        fail_msg("refused: %s", printed());
    assert_string_equal(config->company, "atomizer");
    assert_string_equal(config->ledger, "sqlite");
    assert_string_equal(config->hub_address, "127.0.0.1");
    assert_int_equal(config->hub_port, 18700);
    assert_string_equal(config->dir, dir);
    assert_string_equal(config->path, in_dir("hq.yaml"));
    assert_string_equal(config->state, in_dir("state"));
    assert_string_equal(config->secrets, in_dir("secrets"));
    assert_int_equal(strlen(config->hash), 64);
    assert_string_equal(config->people[0].id, "ceo");
    assert_string_equal(config->people[0].roles[1], "engineer");
    assert_true(config->people[0].local);
    assert_string_equal(config->shared_dir, in_dir("workspaces/shared"));
    assert_string_equal(config->shared_gatekeeper, "tech-lead");
    assert_true(config->limit_depth == 4 && config->limit_tasks == 64 && config->limit_live == 16);
    assert_int_equal(config->limit_wall_ms, 7200000);
    assert_int_equal(config->limit_fan_out, 8);
    assert_int_equal(config->limit_tokens, 90000);
    assert_true(str_ends(config->workflows, "/flows") && str_ends(config->jobs, "/job-queue"));
    assert_true(config->runner && config->runner_timeout_ms == 600000);
    assert_true(config->limit_micro_usd == -1 && config->budget_micro_usd == -1);
    assert_string_equal(config->hooks_path, "/hooks");
    check_full_webhooks(config);
    check_full_models(config);
    check_full_agents(config);
    for (size_t i = 0; i < count; i++) {
        assert_false(findings[i].is_error);
        assert_non_null(strstr(findings[i].message, "not supported yet"));
    }
    config_free(config);
}

static void what_is_absent_has_defaults(void **state)
{
    struct config *config = load("models: {m: {api: script, file: s.yaml}}\n"
                                 "defaults: {model: m/x}\n"
                                 "agents:\n  a:\n  b: {name: B, turns: 2}\n");
    if (!config)
        fail_msg("refused: %s", printed());
    assert_int_equal(count, 0);
    assert_string_equal(config->company, strrchr(dir, '/') + 1);
    assert_string_equal(config->ledger, "sqlite");
    assert_int_equal(config->hub_port, 0);
    assert_string_equal(config->hooks_path, "/hooks");
    assert_true(config->limit_depth == 4 && config->limit_tasks == 64 && config->limit_live == 16);
    assert_int_equal(config->limit_wall_ms, 7200000);
    assert_int_equal(config->limit_fan_out, 16);
    assert_true(config->limit_micro_usd == -1 && config->limit_tokens == -1);
    assert_true(str_ends(config->workflows, "/workflows"));
    assert_true(!config->jobs && !config->runner && config->runner_timeout_ms == 3600000);
    assert_int_equal(config->budget_micro_usd, -1);
    assert_string_equal(config->budget_per, "day");
    assert_int_equal(config->webhook_count, 0);
    assert_true(config->models[0].concurrent == 0 && config->models[0].per_minute == 0);
    assert_null(config->agents[0].deliver);
    assert_string_equal(config->agents[0].tools_allow[4], "delegate");
    assert_null(config->agents[0].tools_allow[5]);
    assert_int_equal(config->people ? config->person_count : 1, 0);
    assert_string_equal(config->agents[0].name, "a");
    assert_int_equal(config->agents[0].port, 18800);
    assert_int_equal(config->agents[1].port, 18804);
    assert_int_equal(config->agents[1].turns, 2);
    assert_string_equal(config->agents[1].tools_allow[0], "read");
    assert_string_equal(config->agents[1].workspace, in_dir("workspaces/b"));
    assert_null(config->agents[1].delegates[0]);
    config_free(config);
}

static void agents_settings_win_over_defaults(void **state)
{
    struct config *config = load(
        "models: {m: {api: script, file: s.yaml}}\n"
        "defaults: {model: m/x, tools: {allow: [read], exec: {timeout: 5s}}, workspace: "
        "\"/w/{agent}/./x/../{agent}\"}\n"
        "agents:\n  a: {model: m/y, tools: {exec: {network: true}}}\n  b: {tools: {allow: []}, "
        "workspace: own}\n");
    if (!config)
        fail_msg("refused: %s", printed());
    assert_string_equal(config->agents[0].model, "m/y");
    assert_string_equal(config->agents[0].tools_allow[0], "read");
    assert_null(config->agents[0].tools_allow[1]);
    assert_true(config->agents[0].exec_network);
    assert_int_equal(config->agents[0].exec_timeout_ms, 5000);
    assert_string_equal(config->agents[0].workspace, "/w/a/a");
    assert_null(config->agents[1].tools_allow[0]);
    assert_string_equal(config->agents[1].workspace, in_dir("own"));
    config_free(config);
}

#define MODELS "models: {m: {api: script, file: s.yaml}}\n"

static void all_findings_come_at_once_and_in_order(void **state)
{
    struct config *config = load("compny: x\n"
                                 "agents:\n"
                                 "  a: { prot: 1, model: n/x, port: x }\n"
                                 "  b: { delegats: [], port: 99999 }\n"
                                 "modls: {}\n");
    assert_null(config);
    assert_string_equal(printed(),
                        "hq.yaml:1:1: warning: compny: hq does not know this key and ignores it\n"
                        "  compny: x\n"
                        "  ^\n"
                        "  hint: did you mean \"company\"?\n"
                        "hq.yaml:3:8: warning: prot: hq does not know this key and ignores it\n"
                        "    a: { prot: 1, model: n/x, port: x }\n"
                        "         ^\n"
                        "  hint: did you mean \"port\"?\n"
                        "hq.yaml:3:24: model: \"n\" names no provider under models\n"
                        "    a: { prot: 1, model: n/x, port: x }\n"
                        "                         ^\n"
                        "  hint: add it: models: { n: { api: … } }\n"
                        "hq.yaml:3:35: port: \"x\" is not a port (1–65535)\n"
                        "    a: { prot: 1, model: n/x, port: x }\n"
                        "                                    ^\n"
                        "hq.yaml:4:3: b: this agent has no model\n"
                        "    b: { delegats: [], port: 99999 }\n"
                        "    ^\n"
                        "  hint: set model here or in defaults, like model: provider/name\n"
                        "hq.yaml:4:8: warning: delegats: hq does not know this key and ignores it\n"
                        "    b: { delegats: [], port: 99999 }\n"
                        "         ^\n"
                        "  hint: did you mean \"delegates\"?\n"
                        "hq.yaml:4:28: port: 99999 is not a port (1–65535)\n"
                        "    b: { delegats: [], port: 99999 }\n"
                        "                             ^\n"
                        "hq.yaml:5:1: warning: modls: hq does not know this key and ignores it\n"
                        "  modls: {}\n"
                        "  ^\n"
                        "  hint: did you mean \"models\"?\n");
}

static void files_that_are_none_are_refused(void **state)
{
    assert_null(load(""));
    assert_string_equal(printed(), "hq.yaml: the file is empty\n");
    assert_null(load("- a\n"));
    assert_string_equal(findings[0].message, "the file must be a map of keys");
    assert_null(config_load(in_dir("none.yaml"), NULL, &arena, &findings, &count));
    assert_string_equal(findings[0].message, "cannot be opened: No such file or directory");
    mkfifo(in_dir("pipe"), 0600);
    assert_null(config_load(in_dir("pipe"), NULL, &arena, &findings, &count));
    assert_string_equal(findings[0].message, "is not a file");
    assert_null(config_load(dir, NULL, &arena, &findings, &count));
    assert_string_equal(findings[0].message, "is not a file");
}

static void hook_paths_are_brought_into_form(void **state)
{
    static const char *const cases[][2] = {
        {"hooks", "/hooks"}, {"/a/b//", "/a/b"}, {"/x", "/x"}, {"in/", "/in"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *config = load(arena_printf(
            &arena, MODELS "agents: {a: {model: m/x}}\nhooks: {path: %s}\n", cases[i][0]));
        assert_non_null(config);
        assert_string_equal(config->hooks_path, cases[i][1]);
        config_free(config);
    }
}

static void the_file_is_found_upwards_or_where_said(void **state)
{
    struct err err;
    char *below = in_dir("a/b");
    assert_null(config_find(in_dir("none"), &arena, &err));
    assert_string_equal(err.code, "no_config");
    config_free(load("x: 1"));
    assert_string_equal(config_find(dir, &arena, &err), in_dir("hq.yaml"));
    mkdir(in_dir("a"), 0700);
    mkdir(below, 0700);
    char *back = getcwd(NULL, 0);
    assert_int_equal(chdir(below), 0);
    assert_string_equal(config_find(NULL, &arena, &err), in_dir("hq.yaml"));
    setenv("HQ_DIR", below, 1);
    assert_null(config_find(NULL, &arena, &err));
    assert_non_null(strstr(err.message, "(HQ_DIR)"));
    setenv("HQ_DIR", dir, 1);
    assert_int_equal(chdir("/"), 0);
    assert_string_equal(config_find(NULL, &arena, &err), in_dir("hq.yaml"));
    unsetenv("HQ_DIR");
    assert_null(config_find(NULL, &arena, &err));
    assert_int_equal(chdir(back), 0);
    free(back);
}

static void state_is_flag_then_environment_then_beside_the_file(void **state)
{
    struct config *config = load(MODELS "agents: {a: {model: m/x}}\n");
    assert_string_equal(config->state, in_dir("state"));
    config_free(config);
    setenv("HQ_STATE", "/tmp/hq-no-such/from-env/", 1);
    config = config_load(in_dir("hq.yaml"), NULL, &arena, &findings, &count);
    assert_string_equal(config->state, "/tmp/hq-no-such/from-env");
    config_free(config);
    config = config_load(in_dir("hq.yaml"), "/tmp/hq-no-such/flag", &arena, &findings, &count);
    assert_string_equal(config->state, "/tmp/hq-no-such/flag");
    config_free(config);
}

static void money_is_limited_where_all_models_have_prices(void **state)
{
    struct config *config = load("models: {m: {api: script, file: s, price: {in: 0, out: 0}},\n"
                                 "         n: {api: script, file: s}}\n"
                                 "agents: {a: {model: m/x}}\n"
                                 "limits: {usd: 0.25}\n"
                                 "budget: {usd: 20, per: hour}\n");
    if (!config)
        fail_msg("refused: %s", printed());
    assert_int_equal(config->limit_micro_usd, 250000);
    assert_int_equal(config->budget_micro_usd, 20000000);
    assert_string_equal(config->budget_per, "hour");
    config_free(config);
}

static void who_may_ask_whom(void **state)
{
    static const struct {
        const char *delegates;
        bool self, b, c;
    } cases[] = {
        {"[]", true, false, false},
        {"[\"*\"]", true, true, true},
        {"[\"*\", \"!b\"]", true, false, true},
        {"[\"!bee\", \"*\"]", true, false, true},
        {"[bee]", true, true, false},
        {"[b, \"!b\"]", true, false, false},
        {"[\"!a\", c]", true, false, true},
        {"[\"!*\", c]", true, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *config = load(arena_printf(
            &arena,
            MODELS
            "defaults: {model: m/x}\nagents: {a: {delegates: %s}, b: {aliases: [bee]}, c: }\n",
            cases[i].delegates));
        if (!config)
            fail_msg("refused: %s", printed());
        if (config_may_delegate(config, "a", "a") != cases[i].self ||
            config_may_delegate(config, "a", "b") != cases[i].b ||
            config_may_delegate(config, "a", "c") != cases[i].c)
            fail_msg("%s", cases[i].delegates);
        assert_false(config_may_delegate(config, "a", "nobody"));
        assert_false(config_may_delegate(config, "nobody", "a"));
        assert_false(config_may_delegate(config, "b", "a"));
        config_free(config);
    }
}

/* `full` with its first `from` replaced. */
static struct config *load_changed(const char *from, const char *to)
{
    char text[sizeof(full) + 200];
    const char *at = strstr(full, from);
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - full), full, to, at + strlen(from));
    return load(text);
}

/* To whom a change of the file is none: the manager may ask both others, the lead only webster,
 * webster nobody. */
static void a_change_concerns_those_who_read_it(void **state)
{
    static const struct {
        const char *from, *to;
        bool manager, lead, webster, runner;
    } cases[] = {
        {"ledger: sqlite", "ledger: sqlite # as ever", 1, 1, 1, 1},
        {"tasks: 64", "tasks: 65", 1, 1, 1, 1},
        {"per_minute: 5", "per_minute: 6", 1, 1, 1, 1},
        {"tokens: 90000", "tokens: 80000", 1, 1, 1, 1},
        {"timeout: 10m", "timeout: 11m", 1, 1, 1, 0},
        {"company: atomizer", "company: molecule", 0, 0, 0, 0},
        {"limits:", "logs: { format: json }\nlimits:", 0, 0, 0, 0},
        {"limits:", "retention: 30d\nlimits:", 0, 0, 0, 1},
        {"depth: 4", "depth: 5", 0, 0, 0, 1},
        {"[ceo, engineer]", "[ceo]", 0, 0, 0, 1},
        {", local: true", "", 0, 0, 0, 1},
        {"people:", "people:\n  new: { roles: [ceo] }", 0, 0, 0, 1},
        {"concurrent: 2", "concurrent: 3", 0, 0, 0, 1},
        {"webhooks:", "webhooks:\n  new: { url: { env: NEW } }", 0, 0, 0, 1},
        {", form: discord", "", 0, 0, 0, 1},
        {"OPS_HOOK", "OTHER_HOOK", 0, 0, 0, 1},
        {"path: /hooks", "path: /in", 0, 0, 0, 1},
        {"gatekeeper: technical", "gatekeeper: webster", 0, 0, 0, 1},
        {"port: 18804", "port: 18808", 1, 0, 1, 1},
        {"revisits: [technical], ", "", 1, 1, 0, 1},
        {"deliver: \"webhook:ops\"", "deliver: \"webhook:team\"", 1, 1, 0, 1},
        {"name: Manager", "name: Boss", 0, 1, 1, 1},
        {"name: Tech Lead", "name: Lead", 0, 0, 1, 1},
        {"name: Webster", "name: Webby", 0, 0, 0, 1},
        {"[literature, research]", "[literature]", 0, 0, 0, 1},
        {", \"!manager\"", "", 1, 0, 1, 1},
        {"shared:", "  auditor: { name: Auditor, port: 18840 }\nshared:", 0, 0, 1, 1},
    };
    struct config *was = load(full);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *now = load_changed(cases[i].from, cases[i].to);
        if (!now)
            fail_msg("%s: %s", cases[i].to, printed());
        if (config_gateway_equal(was, now, "manager") != cases[i].manager ||
            config_gateway_equal(was, now, "tech-lead") != cases[i].lead ||
            config_gateway_equal(was, now, "webster") != cases[i].webster ||
            config_runner_equal(was, now) != cases[i].runner)
            fail_msg("%s -> %s", cases[i].from, cases[i].to);
        assert_false(config_gateway_equal(was, now, "auditor"));
        config_free(now);
    }
    config_free(was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(the_full_example_loads_with_every_field),
        FOLDER_TEST(what_is_absent_has_defaults),
        FOLDER_TEST(agents_settings_win_over_defaults),
        FOLDER_TEST(all_findings_come_at_once_and_in_order),
        FOLDER_TEST(files_that_are_none_are_refused),
        FOLDER_TEST(hook_paths_are_brought_into_form),
        FOLDER_TEST(the_file_is_found_upwards_or_where_said),
        FOLDER_TEST(state_is_flag_then_environment_then_beside_the_file),
        FOLDER_TEST(money_is_limited_where_all_models_have_prices),
        FOLDER_TEST(who_may_ask_whom),
        FOLDER_TEST(a_change_concerns_those_who_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
