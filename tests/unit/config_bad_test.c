/* Bad files of hq.yaml: each is refused with its place, its value and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "config_fixture.h"

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
     "2:42: allow: \"exce\" is not one of read, write, edit, exec, delegate, task_status, "
     "task_wait, task_cancel, report, agents_list, sessions_list, sessions_history, sessions_send, "
     "sessions_spawn, ask_human, process, web_fetch, message, task, workflow, memory_search, "
     "memory_get, "
     "cron"},
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
     "3:15: budget.usd: agent a thinks with m/x, and provider m has no price: this could not be "
     "held"},
    {"agents: {a: {model: m/x}}\nlimits: {usd: 0.5}",
     "3:15: limits.usd: agent a thinks with m/x, and provider m has no price: this could not be "
     "held"},
    {"agents: {a: {model: m/x}}\nbudget: {per: week}", "3:1: budget: usd is missing"},
    {"agents: {a: {model: m/x}}\nbudget: {usd: 5, par: week}",
     "3:18: par: hq does not know this key, and could not enforce what it may protect"},
    {"agents: {a: {model: m/x}}\nbudget: {usd: 5, per: year}",
     "3:23: per: \"year\" is not one of hour, day, week, month"},
    {"agents: {a: {model: m/x}}\nlimits: {fan_out: 1001}",
     "3:19: fan_out: 1001 is not a whole number (1–1000)"},
    {"agents: {a: {model: m/x}}\nlimits: {tokens: 0}",
     "3:18: tokens: 0 is not a whole number (1–1000000000000)"},
    {"agents: {a: {model: m/x, revisits: [\"*\"]}}", "2:37: revisits: \"*\" is not an agent"},
    {"agents: {a: {model: m/x, revisits: [b]}}", "2:37: revisits: there is no agent \"b\""},
    {"agents: {a: {model: m/x, deliver: \"webhook:w\"}}",
     "2:35: deliver: there is no webhook \"w\""},
    {"defaults: {deliver: \"webhook:w\"}\nagents: {a: {model: m/x}}",
     "2:21: deliver: there is no webhook \"w\""},
    {"agents: {a: {model: m/x, deliver: team}}",
     "2:35: deliver: \"team\" is not a destination (webhook:NAME)"},
    {"agents: {a: {model: m/x}}\nwebhooks: {w: {form: discord}}", "3:12: w: url is missing"},
    {"agents: {a: {model: m/x}}\nwebhooks: {w: {url: \"https://h/hunter22\"}}",
     "3:21: url: a secret must not stand in this file"},
    {"agents: {a: {model: m/x}}\nwebhooks: {w: {url: {env: W}, form: slack}}",
     "3:37: form: \"slack\" is not one of cloudevents, discord"},
    {"agents: {a: {model: m/x}}\nwebhooks: {W: {url: {env: W}}}",
     "3:12: webhooks: \"W\" is not a name (a-z, 0-9 and - _, at most 40)"},
    {"agents: {a: {model: m/x}}\nshared: {gatekeeper: a}",
     "3:22: gatekeeper: there is no shared folder to keep"},
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
        assert_null(strstr(printed(), "hunter22"));
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

/* Nothing in a file may steer the terminal: not by bytes, not by the direction of letters. */
static void a_file_does_not_steer_the_terminal(void **state)
{
    load("agents: {\"a\\u202eb\\x1b[2J\\x9bm\": {model: m/x}}");
    const char *text = printed();
    assert_non_null(strstr(text, "a b [2J m"));
    load("agents: {a\xe2\x81\xa6: {model: m/x}}");
    assert_null(strstr(printed(), "\xe2\x81\xa6"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(bad_files_are_refused_with_place_and_value),
        FOLDER_TEST(providers_are_checked),
        FOLDER_TEST(a_file_does_not_steer_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
