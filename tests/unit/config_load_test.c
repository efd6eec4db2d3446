/* hq.yaml as a whole: the full example field by field, defaults, and bad files with their exact
 * findings. */
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

static char dir[] = "/tmp/hq-config-XXXXXX";
static struct arena arena;
static struct finding *findings;
static size_t count;

static char *in_dir(const char *name)
{
    return arena_printf(&arena, "%s/%s", dir, name);
}

static int setup(void **state)
{
    arena_init(&arena);
    unsetenv("HQ_DIR");
    unsetenv("HQ_STATE");
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char *command = arena_printf(&arena, "rm -rf '%s'", dir);
    int failed = system(command);
    arena_fini(&arena);
    return failed;
}

static struct config *load(const char *text)
{
    FILE *file = fopen(in_dir("hq.yaml"), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return config_load(in_dir("hq.yaml"), NULL, &arena, &findings, &count);
}

static const char *printed(void)
{
    struct buf out = {0};
    config_print_findings("hq.yaml", findings, count, &out);
    char *text = arena_strdup(&arena, buf_text(&out));
    buf_fini(&out);
    return text;
}

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
    "1.25 } }\n"
    "  demo:      { api: script, file: scripts/company.yaml }\n"
    "defaults:\n"
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
    "  webster:   { name: Webster, port: 18828, capabilities: [literature, research] }\n"
    "shared: { dir: workspaces/shared, gatekeeper: manager }\n"
    "limits: { depth: 4, tasks: 64, live: 16, wall: 2h }\n"
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
    assert_int_equal(config_agent(config, "webster")->port, 18828);
    assert_null(config_agent(config, "nobody"));
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
    assert_string_equal(config->shared_gatekeeper, "manager");
    assert_true(config->limit_depth == 4 && config->limit_tasks == 64 && config->limit_live == 16);
    assert_int_equal(config->limit_wall_ms, 7200000);
    assert_string_equal(config->hooks_path, "/hooks");
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
    assert_int_equal(config->people ? config->person_count : 1, 0);
    assert_string_equal(config->agents[0].name, "a");
    assert_int_equal(config->agents[0].port, 18800);
    assert_int_equal(config->agents[1].port, 18804);
    assert_int_equal(config->agents[1].turns, 2);
    assert_string_equal(config->agents[1].tools_allow[0], "read");
    assert_string_equal(config->agents[1].workspace, in_dir("workspaces/b"));
    assert_null(config->agents[1].delegates[0]);
    assert_false(config_agent_equal(&config->agents[0], &config->agents[1]));
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

static const struct {
    const char *yaml;    /* after MODELS, so its first line is line 2 */
    const char *finding; /* "line:column: message" that must be among the findings */
} bad[] = {
    {"agents: {a: {model: m/x, port: \"18800-18830\"}}",
     "2:32: port: \"18800-18830\" is not a port (1–65535)"},
    {"agents: {a: {model: m/x, port: 0}}", "2:32: port: 0 is not a port (1–65535)"},
    {"agents: {a: {model: m/x, port: 65536}}", "2:32: port: 65536 is not a port (1–65535)"},
    {"agents: {a: {model: m/x, port: 1.5}}", "2:32: port: 1.5 is not a port (1–65535)"},
    {"agents: {a: {model: m/x, port: [1]}}", "2:32: port: a list is not a port (1–65535)"},
    {"agents: {a: {model: m/x, port: 9000}, b: {model: m/x, port: 9000}}",
     "2:61: port: 9000 is also the port of a"},
    {"agents: {a: {model: m/x, port: 9000}, b: {model: m/x, port: 9003}}",
     "2:61: port: 9003 is reserved by a (its port 9000 + 3)"},
    {"agents: {a: {model: m/x, port: 9003}, b: {model: m/x, port: 9000}}",
     "2:61: port: 9000 + 3 = 9003 is the port of a"},
    {"agents: {a: {model: m/x, port: 18804}, b: {model: m/x}}",
     "2:40: port: 18804 is also the port of a (18800 + 4 × its place, as no port is given)"},
    {"hub: {listen: \"127.0.0.1:9003\"}\nagents: {a: {model: m/x, port: 9000}}",
     "2:15: listen: 9003 is reserved by a (its port 9000 + 3)"},
    {"hub: {listen: \"localhost:9000\"}\nagents: {a: {model: m/x, port: 9000}}",
     "2:15: listen: 9000 is the port of a"},
    {"hub: {listen: 0.0.0.0:80}\nagents: {a: {model: m/x}}",
     "2:15: listen: \"0.0.0.0:80\" is not a loopback address with a port, like 127.0.0.1:18700"},
    {"hub: {listen: \"[::]:80\"}\nagents: {a: {model: m/x}}",
     "2:15: listen: \"[::]:80\" is not a loopback address with a port, like 127.0.0.1:18700"},
    {"hub: {listen: 18700}\nagents: {a: {model: m/x}}",
     "2:15: listen: 18700 is not a loopback address with a port, like 127.0.0.1:18700"},
    {"hub: {listen: \"127.0.0.1:0\"}\nagents: {a: {model: m/x}}",
     "2:15: listen: \"127.0.0.1:0\" is not a loopback address with a port, like 127.0.0.1:18700"},
    {"ledger: postgresql://u:pw@h/db\nagents: {a: {model: m/x}}",
     "2:9: ledger: a PostgreSQL ledger is not supported yet"},
    {"ledger: mysql\nagents: {a: {model: m/x}}", "2:9: ledger: \"mysql\" is not a ledger (sqlite)"},
    {"agents: {A: {model: m/x}}", "2:10: agents: \"A\" is not a name (a-z, 0-9 and -, at most 40)"},
    {"agents: {../x: {model: m/x}}",
     "2:10: agents: \"../x\" is not a name (a-z, 0-9 and -, at most 40)"},
    {"agents: {operator: {model: m/x}}", "2:10: agents: \"operator\" is a reserved name"},
    {"agents: {a: {model: m/x}, b: {model: m/x, aliases: [a]}}",
     "2:53: aliases: \"a\" already means agent a"},
    {"agents: {a: {model: m/x, aliases: [z]}, b: {model: m/x, aliases: [z]}}",
     "2:67: aliases: \"z\" already means agent a"},
    {"agents: {a: {model: m/x, aliases: [z, z]}}", "2:39: aliases: \"z\" already means agent a"},
    {"agents: {a: {model: m/x, aliases: z}}", "2:35: aliases: \"z\" is not a list"},
    {"agents: {a: {model: m/x, aliases: [~]}}",
     "2:36: aliases: null is not an id (a-z, 0-9 and -, at most 40)"},
    {"agents: {a: {model: n/x}}", "2:21: model: \"n\" names no provider under models"},
    {"agents: {a: {model: {primary: m/x, fallbacks: [n/y]}}}",
     "2:48: fallbacks: \"n\" names no provider under models"},
    {"agents: {a: {model: opus}}", "2:21: model: \"opus\" is not a model (provider/name)"},
    {"agents: {a: {model: [m/x]}}", "2:21: model: a list is not a model (provider/name), or a map"},
    {"agents: {a: {}}", "2:10: a: this agent has no model"},
    {"agents: {a: {model: m/x, delegates: [b]}}", "2:38: delegates: there is no agent \"b\""},
    {"agents: {a: {model: m/x, delegates: [\"!b\"]}}", "2:38: delegates: there is no agent \"b\""},
    {"agents: {a: {model: m/x, workspace: w}, b: {model: m/x, workspace: ./w/}}",
     "2:68: the workspace of a and the workspace of b are the same folder: \"DIR/w\""},
    {"agents: {a: {model: m/x, instance: w}, b: {model: m/x, instance: w}}",
     "2:66: the instance of a and the instance of b are the same folder: \"DIR/w\""},
    {"defaults: {workspace: w}\nagents: {a: {model: m/x}, b: {model: m/x}}",
     "2:23: the workspace of a and the workspace of b are the same folder: \"DIR/w\""},
    {"agents: {a: {model: m/x, workspace: .}}", "2:37: the state folder and the workspace of a lie "
                                                "one in the other: \"DIR\" and \"DIR/state\""},
    {"agents: {a: {model: m/x, workspace: secrets/a}}",
     "2:37: the folder of secrets and the workspace of a lie one in the other: \"DIR/secrets/a\" "
     "and "
     "\"DIR/secrets\""},
    {"agents: {a: {model: m/x}}\nshared: {dir: .}",
     "3:15: the state folder and the shared folder lie one in the other: \"DIR\" and "
     "\"DIR/state\""},
    {"agents: {shared: {model: m/x}}\nshared: {dir: workspaces/shared}",
     "2:10: the shared folder and the workspace of shared are the same folder: "
     "\"DIR/workspaces/shared\""},
    {"agents: {a: {model: m/x, workspace: ~/w}}",
     "2:37: workspace: \"~/w\" is not a path here: ~ is not expanded"},
    {"agents: {a: {model: m/x, tools: {allow: [exce]}}}",
     "2:42: allow: \"exce\" is not one of read, write, edit, exec, process, web_fetch, message, "
     "delegate, task, workflow, memory_search, memory_get, sessions_list, sessions_history, "
     "sessions_send, sessions_spawn, cron"},
    {"agents: {a: {model: m/x, tools: {exec: {sandbox: strict}}}}",
     "2:41: sandbox: hq does not know this key, and could not enforce what it may protect"},
    {"agents: {a: {model: m/x, tools: {deny: [exec]}}}",
     "2:34: deny: hq does not know this key, and could not enforce what it may protect"},
    {"agents: {a: {model: m/x, tools: {exec: {network: no}}}}",
     "2:50: network: \"no\" is not true or false"},
    {"agents: {a: {model: m/x, tools: {exec: {timeout: 120}}}}",
     "2:50: timeout: 120 is not a time, like 30s, 5m or 2h (1s–1d)"},
    {"agents: {a: {model: m/x, turns: 9}}", "2:33: turns: 9 is not a whole number (1–8)"},
    {"agents: {a: {model: m/x, heartbeat: {every: 30m, target: \"ceo\"}}}",
     "2:58: target: \"ceo\" is not a target (channel:… or user:…)"},
    {"agents: {a: {model: m/x, name: \"a\\nb\"}}", "2:32: name: \"a\\nb\" is not a line of text"},
    {"agents: {}", "2:1: agents: at least one is needed"},
    {"company: x", "1:1: agents is missing"},
    {"agents: [a]", "2:9: agents: a list is not a map of names"},
    {"agents: {a: {model: m/x}}\nhooks: {path: //}", "3:15: hooks.path may not be '/'"},
    {"agents: {a: {model: m/x}}\nhooks: {path: \"/a b\"}",
     "3:15: path: \"/a b\" is not a path like /hooks"},
    {"agents: {a: {model: m/x}}\nlimits: {depth: 0}",
     "3:17: depth: 0 is not a whole number (1–16)"},
    {"agents: {a: {model: m/x}}\nbudget: {usd: 5}",
     "3:1: budget: not supported yet; this version would not hold it"},
    {"agents: {a: {model: m/x}}\nbudget: {usd: -1}",
     "3:15: usd: -1 is not an amount of USD (a number from 0 on)"},
    {"agents: {a: {model: m/x}}\nshared: {gatekeeper: b}",
     "3:22: gatekeeper: there is no agent \"b\""},
    {"agents: {a: {model: m/x}}\nagents: {b: }",
     "3:1: agents: this key is here twice (first on line 2)"},
};

static const char *as_text(const struct finding *finding)
{
    return arena_printf(&arena, "%d:%d: %s", finding->line, finding->column, finding->message);
}

/* "DIR" in the expected text stands for the test's folder. */
static const char *with_dir(const char *text)
{
    struct buf out = {0};
    for (const char *at; (at = strstr(text, "DIR")); text = at + 3) {
        buf_put(&out, text, (size_t)(at - text));
        buf_puts(&out, dir);
    }
    buf_puts(&out, text);
    char *whole = arena_strdup(&arena, buf_text(&out));
    buf_fini(&out);
    return whole;
}

static void bad_files_are_refused_with_place_and_value(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool found = false;
        struct config *config = load(arena_printf(&arena, "%s%s\n", MODELS, bad[i].yaml));
        for (size_t j = 0; j < count; j++)
            found = found || (findings[j].is_error &&
                              strcmp(as_text(&findings[j]), with_dir(bad[i].finding)) == 0);
        if (config || !found)
            fail_msg("%s\nwants %s\ngives %s", bad[i].yaml, with_dir(bad[i].finding), printed());
    }
}

static void providers_are_checked(void **state)
{
    static const struct {
        const char *provider, *finding;
    } cases[] = {
        {"{}", "1:10: m: api is missing"},
        {"", "1:10: m: api is missing"},
        {"{api: script}", "1:10: m: file is missing: a script is read from one"},
        {"{api: anthropc}", "1:19: api: \"anthropc\" is not one of openai-chat, script, anthropic, "
                            "google, openai-responses, codex"},
        {"{api: openai-chat, base_url: \"ftp://h\"}",
         "1:42: base_url: \"ftp://h\" is not a URL that starts with http:// or https://"},
        {"{api: openai-chat, base_url: \"http://u:hunter22@h\"}",
         "1:42: base_url: this is not a URL that starts with http:// or https:// (the value is not "
         "shown)"},
        {"{api: openai-chat, api_key: hunter22}",
         "1:41: api_key: a secret must not stand in this file"},
        {"{api: openai-chat, api_key: {env: hunter22-x}}",
         "1:47: env: this is not the name of an environment variable (the value is not shown)"},
        {"{api: openai-chat, api_key: {value: hunter22}}",
         "1:42: api_key: a key that hq does not know"},
        {"{api: openai-chat, api_key: {}}", "1:41: api_key: it needs one of env and file"},
        {"{api: openai-chat, api_key: {env: A, file: b}}",
         "1:41: api_key: it needs only one of env and file"},
        {"{api: openai-chat, price: {in: 1}}", "1:32: price: out is missing"},
        {"{api: openai-chat, price: {in: 1, out: free}}",
         "1:52: out: \"free\" is not an amount of USD (a number from 0 on)"},
        {"{api: openai-chat, max_tokens: 0}",
         "1:44: max_tokens: 0 is not a whole number (1–1000000)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool found = false;
        struct config *config = load(arena_printf(
            &arena, "models: {m: %s}\nagents: {a: {model: m/x}}\n", cases[i].provider));
        for (size_t j = 0; j < count; j++)
            found = found ||
                    (findings[j].is_error && strcmp(as_text(&findings[j]), cases[i].finding) == 0);
        if (config || !found)
            fail_msg("%s\nwants %s\ngives %s", cases[i].provider, cases[i].finding, printed());
        assert_null(strstr(printed(), "hunter22"));
    }
}

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

static void equal_agents_are_equal_until_one_changes(void **state)
{
    struct config *one = load(full);
    struct config *two = load(full);
    for (size_t i = 0; i < one->agent_count; i++)
        assert_true(config_agent_equal(&one->agents[i], &two->agents[i]));
    for (size_t i = 0; i < one->model_count; i++)
        assert_true(config_model_equal(&one->models[i], &two->models[i]));
    assert_string_equal(one->hash, two->hash);
    config_free(two);
    config_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_full_example_loads_with_every_field, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_absent_has_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(agents_settings_win_over_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_files_are_refused_with_place_and_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(providers_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(all_findings_come_at_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(hook_paths_are_brought_into_form, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_found_upwards_or_where_said, setup, teardown),
        cmocka_unit_test_setup_teardown(state_is_flag_then_environment_then_beside_the_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(equal_agents_are_equal_until_one_changes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
