/* Secrets: made once and whole, read only where nobody else may. */
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
#include "config/secret.h"
#include "folder_fixture.h"

static struct config_agent agents[2] = {{.id = "manager", .model = "m/x"}, {.id = "webster"}};
static struct config config;

static void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    if (folder_setup(state) != 0)
        return -1;
    config = (struct config){.dir = dir, .agents = agents, .agent_count = 2};
    config.secrets = in_dir("secrets");
    return 0;
}

static void missing_tokens_are_made_once(void **state)
{
    struct err err;
    struct stat info;
    assert_int_equal(secret_make_tokens(&config, &err), 6);
    assert_int_equal(stat(config.secrets, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(stat(in_dir("secrets/manager.hooks.token"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    char *first = secret_read(&config, "manager.token", &arena, &err);
    assert_non_null(first);
    assert_int_equal(strlen(first), 64);
    assert_string_not_equal(first, secret_read(&config, "operator.token", &arena, &err));
    assert_int_equal(secret_make_tokens(&config, &err), 0);
    assert_string_equal(first, secret_read(&config, "manager.token", &arena, &err));
    assert_int_equal(unlink(in_dir("secrets/webster.token")), 0);
    assert_int_equal(secret_make_tokens(&config, &err), 1);
}

static void open_files_and_folders_are_refused(void **state)
{
    struct err err;
    assert_int_equal(secret_make_tokens(&config, &err), 6);
    chmod(in_dir("secrets/manager.token"), 0640);
    assert_null(secret_read(&config, "manager.token", &arena, &err));
    assert_non_null(strstr(err.message, "has mode 0640: other users must not read it"));
    assert_string_equal(err.hint, arena_printf(&arena, "chmod 600 %s/secrets/manager.token", dir));
    chmod(in_dir("secrets/manager.token"), 0400);
    assert_non_null(secret_read(&config, "manager.token", &arena, &err));
    chmod(config.secrets, 0755);
    assert_int_equal(secret_make_tokens(&config, &err), -1);
    assert_string_equal(err.hint, arena_printf(&arena, "chmod 700 %s/secrets", dir));
}

static void what_is_no_secret_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {{"", "is empty"}, {" \n", "is empty"}, {"a\nb\n", "has more than one line"}};
    struct err err;
    mkdir(config.secrets, 0700);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(in_dir("secrets/x"), cases[i].text, 0600);
        assert_null(secret_read(&config, "x", &arena, &err));
        assert_non_null(strstr(err.message, cases[i].message));
    }
    assert_null(secret_read(&config, "absent", &arena, &err));
    assert_non_null(strstr(err.message, "No such file"));
    mkfifo(in_dir("secrets/pipe"), 0600);
    assert_null(secret_read(&config, "pipe", &arena, &err));
    assert_non_null(strstr(err.message, "is not a file"));
    put_file(in_dir("secrets/x"), "  good \n", 0600);
    assert_string_equal(secret_read(&config, "x", &arena, &err), "good");
}

static void references_are_resolved(void **state)
{
    struct err err;
    struct config_secret secret = {.env = "HQ_TEST_SECRET"};
    unsetenv("HQ_TEST_SECRET");
    assert_null(secret_resolve(&secret, &arena, &err));
    assert_string_equal(err.message, "the environment variable HQ_TEST_SECRET is not set");
    setenv("HQ_TEST_SECRET", " value\n", 1);
    assert_string_equal(secret_resolve(&secret, &arena, &err), "value");
    put_file(in_dir("key"), "from file\n", 0600);
    secret = (struct config_secret){.file = in_dir("key")};
    assert_string_equal(secret_resolve(&secret, &arena, &err), "from file");
}

static void only_a_primary_models_secret_must_be_there(void **state)
{
    const struct config_model models[] = {
        {.name = "m", .api = "openai-chat", .api_key = {.env = "HQ_NOT_SET", .at = {7, 3}}},
        {.name = "mm", .api = "openai-chat", .api_key = {.file = "/nowhere", .at = {8, 3}}},
        {.name = "free", .api = "openai-chat"},
    };
    struct finding *findings;
    size_t count;
    config.models = models;
    config.model_count = 3;
    config_check_secrets(&config, &arena, &findings, &count);
    assert_int_equal(count, 2);
    assert_true(findings[0].is_error && findings[0].line == 7);
    assert_string_equal(findings[0].message, "m: the environment variable HQ_NOT_SET is not set");
    assert_false(findings[1].is_error);
}

static void a_webhooks_url_is_read_and_never_repeated(void **state)
{
    struct err err;
    struct finding *findings;
    size_t count;
    const struct config_webhook webhooks[] = {
        {.name = "team", .url = {.file = in_dir("team.url"), .at = {4, 2}}},
        {.name = "ops", .url = {.env = "HQ_TEST_HOOK", .at = {5, 2}}},
    };
    put_file(in_dir("team.url"), "https://h.example/hook/hunter22\n", 0600);
    assert_string_equal(secret_webhook_url(&webhooks[0], &arena, &err),
                        "https://h.example/hook/hunter22");
    setenv("HQ_TEST_HOOK", "gopher://hunter22", 1);
    assert_null(secret_webhook_url(&webhooks[1], &arena, &err));
    assert_non_null(strstr(err.message, "HQ_TEST_HOOK"));
    assert_null(strstr(err.message, "hunter22"));
    config.models = NULL;
    config.model_count = 0;
    config.webhooks = webhooks;
    config.webhook_count = 2;
    config_check_secrets(&config, &arena, &findings, &count);
    assert_int_equal(count, 1);
    assert_false(findings[0].is_error); /* nothing needs it until something is delivered */
    assert_int_equal(findings[0].line, 5);
    assert_null(strstr(findings[0].message, "hunter22"));
    config.webhook_count = 0;
}

/* The folder is systemd's to guard: neither mode nor owner of what lies there is ours to judge. */
static void a_unit_gets_credentials_instead(void **state)
{
    struct err err;
    struct config_secret secret = {.env = "HQ_TEST_SECRET"};
    struct config_secret outside = {.env = "../HQ_TEST_SECRET"};
    unsetenv("HQ_TEST_SECRET");
    put_file(in_dir("HQ_TEST_SECRET"), "handed over\n", 0440);
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    assert_string_equal(secret_resolve(&secret, &arena, &err), "handed over");
    assert_null(secret_resolve(&outside, &arena, &err));
    setenv("HQ_TEST_SECRET", "set", 1);
    assert_string_equal(secret_resolve(&secret, &arena, &err), "set");
    unsetenv("HQ_TEST_SECRET");
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_null(secret_resolve(&secret, &arena, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(missing_tokens_are_made_once, setup, folder_teardown),
        cmocka_unit_test_setup_teardown(open_files_and_folders_are_refused, setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_secret_is_refused, setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_unit_gets_credentials_instead, setup, folder_teardown),
        cmocka_unit_test_setup_teardown(references_are_resolved, setup, folder_teardown),
        cmocka_unit_test_setup_teardown(only_a_primary_models_secret_must_be_there, setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_webhooks_url_is_read_and_never_repeated, setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
