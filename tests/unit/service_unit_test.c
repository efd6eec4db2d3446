/* The unit files: what stands in them, that every path survives systemd's quoting, and that systemd
 * finds nothing wrong with them. */
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
#include "folder_fixture.h"
#include "service/quote.h"
#include "service/service.h"
#include "service/unit.h"
#include "sys/spawn.h"

static struct config *config;

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char company[] =
    "company: \"Atomizer HQ\"\n"
    "models:\n"
    "  near: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", api_key: { env: NEAR_KEY } "
    "}\n"
    "  far: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", api_key: { env: FAR_KEY } }\n"
    "agents:\n"
    "  manager: { port: 18800, model: near/m }\n"
    "  tech-lead: { port: 18804, model: far/m }\n"
    "runner: { enabled: true }\n";

/* A company in that folder; the test's own folder is its parent. */
static struct service make(const char *name, enum service_scope scope)
{
    struct service service;
    struct err err = {0};
    struct finding *findings;
    size_t count;
    const char *home = in_dir(name);
    mkdir(home, 0700);
    mkdir(arena_printf(&arena, "%s/secrets", home), 0700);
    put_file(arena_printf(&arena, "%s/secrets/NEAR_KEY", home), "x\n");
    const char *path = arena_printf(&arena, "%s/hq.yaml", home);
    put_file(path, company);
    config_free(config);
    config = config_load(path, NULL, &arena, &findings, &count);
    if (!config)
        fail_msg("%s", findings[0].message);
    if (service_init(&service, config, scope, &arena, &err) < 0)
        fail_msg("%s", err.message);
    return service;
}

static const char *unit_text(const struct service *service, const char *suffix)
{
    size_t count;
    const struct unit *units = units_make(service, &arena, &count);
    for (size_t i = 0; i < count; i++)
        if (str_ends(units[i].name, suffix))
            return units[i].text;
    fail_msg("no unit ends in %s", suffix);
    return NULL;
}

static void has_line(const char *text, const char *line)
{
    const char *whole = arena_printf(&arena, "\n%s\n", line);
    if (!strstr(text, whole))
        fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in:\n%s", part, text);
}

static void an_agent_is_held_after_five_starts(void **state)
{
    struct service service = make("plain", SERVICE_SYSTEM);
    const char *agent = unit_text(&service, "@.service"),
               *hub = unit_text(&service, "-hub.service");
    has_line(agent, "Restart=always");
    has_line(agent, "RestartSec=5");
    has_line(agent, "StartLimitIntervalSec=60");
    has_line(agent, "StartLimitBurst=5");
    has_line(agent, "RestartPreventExitStatus=78");
    has_line(agent, "Type=notify");
    has_line(agent, "KillMode=mixed");
    has_line(agent, "PartOf=hq-atomizer-hq.target");
    has_line(agent, "After=hq-atomizer-hq-hub.service");
    has_line(agent, arena_printf(&arena, "ConditionPathExists=!%s/plain/state/run/%%i.down", dir));
    has_line(hub, "StartLimitIntervalSec=0");
    has_not(hub, "RestartPreventExitStatus");
    has_not(hub, "ConditionPathExists");
}

static void no_secret_stands_in_a_unit(void **state)
{
    struct service service = make("plain", SERVICE_USER);
    const char *agent = unit_text(&service, "@.service");
    has_line(agent, arena_printf(&arena, "LoadCredential=NEAR_KEY:%s/plain/secrets/NEAR_KEY", dir));
    has_not(agent, "Environment=");
    has_not(agent, "FAR_KEY"); /* no such file: a unit that names it would not start */
    assert_string_equal(service.missing[0], "FAR_KEY");
    has_line(unit_text(&service, "-runner.service"), "UnsetEnvironment=NEAR_KEY");
    has_line(unit_text(&service, "-runner.service"), "UnsetEnvironment=FAR_KEY");
    has_not(unit_text(&service, "-runner.service"), "LoadCredential");
}

static void the_walls_are_those_of_the_scope(void **state)
{
    struct service service = make("plain", SERVICE_SYSTEM);
    const char *agent = unit_text(&service, "@.service");
    has_line(agent, "ProtectSystem=strict");
    has_line(agent, arena_printf(&arena, "ReadWritePaths=\"%s/plain\"", dir));
    has_line(agent, "ProtectHome=yes");
    has_not(agent, "PrivateTmp"); /* the company lies in /tmp: it would not be seen */
    has_not(agent, "\nRestrictNamespaces");
    has_line(unit_text(&service, "-hub.service"), "RestrictNamespaces=yes");
    service = make("plain", SERVICE_USER);
    has_not(unit_text(&service, "@.service"), "\nProtectSystem");
    has_not(unit_text(&service, "@.service"), "\nUser=");
}

static void the_target_wants_everybody(void **state)
{
    struct service service = make("plain", SERVICE_SYSTEM);
    const char *target = unit_text(&service, ".target");
    has_line(target, "Wants=hq-atomizer-hq-hub.service");
    has_line(target, "Wants=hq-atomizer-hq@manager.service");
    has_line(target, "Wants=hq-atomizer-hq@tech-lead.service");
    has_line(target, "Wants=hq-atomizer-hq-runner.service");
    has_line(target, "WantedBy=multi-user.target");
    assert_string_equal(service_who(&service, "hq-atomizer-hq@tech-lead.service", &arena),
                        "tech-lead");
    assert_string_equal(service_who(&service, "hq-atomizer-hq-hub.service", &arena), "hub");
    assert_null(service_who(&service, "hq-other-hub.service", &arena));
    service = make("plain", SERVICE_USER);
    has_line(unit_text(&service, ".target"), "WantedBy=default.target");
}

static void names_of_companies_become_names_of_units(void **state)
{
    static const char *const pairs[][2] = {
        {"atomizer", "atomizer"},   {"Atomizer HQ", "atomizer-hq"}, {"a/b@c%d", "a-b-c-d"},
        {"  ", "company"},          {"Z\xc3\xbcrich", "z-rich"},    {"-x-", "x"},
        {"\xe4\xbc\x9a", "company"}};
    char name[72];
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        quote_unit_name(pairs[i][0], name);
        assert_string_equal(name, pairs[i][1]);
    }
}

static void odd_paths_are_quoted(void **state)
{
    struct service service = make("a b%h$HOME \"q\" 'r' \\x;", SERVICE_SYSTEM);
    const char *agent = unit_text(&service, "@.service");
    const char *exec = "a b%%h$$HOME \\\"q\\\" 'r' \\\\x;\"";
    const char *list = "a b%%h$HOME \\\"q\\\" 'r' \\\\x;\"";
    has_line(agent, arena_printf(&arena, "WorkingDirectory=%s/a b%%%%h$HOME \"q\" 'r' \\x;", dir));
    has_line(agent, arena_printf(&arena, "ReadWritePaths=\"%s/%s", dir, list));
    assert_non_null(strstr(agent, arena_printf(&arena, "\"-C\" \"%s/%s", dir, exec)));
}

static void what_no_unit_can_hold_is_refused(void **state)
{
    static const char *const wrong[] = {"/a\nb", "/a ", "/a\\", "/\xff", "/a\x7f", ""};
    struct err err;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(quote_check(wrong[i], &err), -1);
    assert_int_equal(quote_check("/srv/my company/100%", &err), 0);
}

/* An agent's instance is written out, so that its ExecStart= is looked at, too. */
static void put_units(const struct service *service, const char *folder)
{
    size_t count;
    const struct unit *units = units_make(service, &arena, &count);
    mkdir(folder, 0700);
    for (size_t i = 0; i < count; i++)
        put_file(arena_printf(&arena, "%s/%s", folder, units[i].name), units[i].text);
}

static void verify(const struct service *service)
{
    const char *folder = in_dir("units"), *user = service->scope == SERVICE_USER ? "--user" : "";
    put_units(service, folder);
    /* Its own folders of units follow ours: SYSTEMD_UNIT_PATH(7) ends with ':'. */
    const char *line = arena_printf(
        &arena,
        "cd '%s' && XDG_RUNTIME_DIR='%s' SYSTEMD_UNIT_PATH='%s:' systemd-analyze %s verify "
        "hq-atomizer-hq.target hq-atomizer-hq-hub.service hq-atomizer-hq-runner.service "
        "hq-atomizer-hq@manager.service >said 2>&1; code=$?; "
        "grep -E 'hq-' said; test $code = 0 && ! grep -q 'hq-' said",
        folder, dir, folder, user);
    assert_int_equal(system(line), 0);
}

static void systemd_finds_nothing_wrong(void **state)
{
    if (system("command -v systemd-analyze >/dev/null") != 0) {
        print_message("skipped: systemd-analyze is not here\n");
        skip();
    }
    struct service service = make("plain", SERVICE_SYSTEM);
    verify(&service);
    service = make("plain", SERVICE_USER);
    verify(&service);
    service = make("a b%h$HOME \"q\" \\x;", SERVICE_SYSTEM);
    verify(&service);
}

static int teardown(void **state)
{
    config_free(config);
    config = NULL;
    return folder_teardown(state);
}

#undef FOLDER_TEST
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(an_agent_is_held_after_five_starts),
        FOLDER_TEST(no_secret_stands_in_a_unit),
        FOLDER_TEST(the_walls_are_those_of_the_scope),
        FOLDER_TEST(the_target_wants_everybody),
        cmocka_unit_test(names_of_companies_become_names_of_units),
        FOLDER_TEST(odd_paths_are_quoted),
        cmocka_unit_test(what_no_unit_can_hold_is_refused),
        FOLDER_TEST(systemd_finds_nothing_wrong),
    };
    spawn_set_self("/usr/bin/true"); /* what is there for systemd to find */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
