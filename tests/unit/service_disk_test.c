/* What systemctl says becomes the supervisor's words; files of others are never touched. */
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
#include "base/str.h"
#include "config/config.h"
#include "folder_fixture.h"
#include "service/disk.h"
#include "service/service.h"
#include "service/systemd.h"
#include "service/unit.h"

static const char *state_of(const char *text, const char **reason)
{
    size_t count;
    const struct unit_show *shows = systemd_parse(text, &arena, &count);
    assert_int_equal(count, 1);
    return systemd_state(&shows[0], &arena, reason);
}

static void states_are_told_in_our_words(void **state)
{
    const char *why;
    assert_string_equal(state_of("ActiveState=active\nSubState=running\n", &why), "ready");
    assert_null(why);
    assert_string_equal(state_of("ActiveState=activating\nSubState=start\n", &why), "starting");
    assert_string_equal(state_of("ActiveState=deactivating\nSubState=stop-sigterm\n", &why),
                        "stopping");
    assert_string_equal(state_of("ActiveState=inactive\nSubState=dead\n", &why), "down");
    assert_string_equal(state_of("ActiveState=activating\nSubState=auto-restart\nResult=watchdog\n"
                                 "ExecMainCode=2\nExecMainStatus=6\n",
                                 &why),
                        "backoff");
    assert_string_equal(why, "SIGABRT: watchdog: it did not get on");
    assert_string_equal(state_of("ActiveState=failed\nResult=start-limit-hit\nExecMainCode=1\n"
                                 "ExecMainStatus=1\nStatusText=port 18804 is taken\n",
                                 &why),
                        "held");
    assert_string_equal(why, "exit 1: port 18804 is taken, started 5 times in 60 s");
    assert_string_equal(state_of("ActiveState=failed\nResult=exit-code\nExecMainCode=1\n"
                                 "ExecMainStatus=78\n",
                                 &why),
                        "held");
    assert_non_null(strstr(why, "exit 78"));
}

static void units_come_in_blocks(void **state)
{
    size_t count;
    const struct unit_show *shows =
        systemd_parse("Id=a.service\nMainPID=12\nNRestarts=3\nConditionResult=no\n\n"
                      "Id=b.service\nMainPID=x\nStatusText=1=2\n",
                      &arena, &count);
    assert_int_equal(count, 2);
    assert_string_equal(shows[0].id, "a.service");
    assert_int_equal(shows[0].main_pid, 12);
    assert_int_equal(shows[0].restarts, 3);
    assert_false(shows[0].condition);
    assert_string_equal(shows[1].status, "1=2");
    assert_int_equal(shows[1].main_pid, 0);
    systemd_parse("", &arena, &count);
    assert_int_equal(count, 0);
    systemd_parse("\n\n\n", &arena, &count);
    assert_int_equal(count, 0);
}

/* A service whose units lie in the test's own folder. */
static struct service in_folder(struct config *config)
{
    *config = (struct config){.company = "acme",
                              .dir = in_dir("company"),
                              .state = in_dir("company/state"),
                              .secrets = in_dir("company/secrets")};
    struct service service;
    struct err err;
    setenv("XDG_CONFIG_HOME", dir, 1);
    assert_int_equal(service_init(&service, config, SERVICE_USER, &arena, &err), 0);
    return service;
}

static void put_text(const struct service *service, const char *name, const char *text)
{
    FILE *file = fopen(arena_printf(&arena, "%s/%s", service->folder, name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void files_are_put_found_and_removed(void **state)
{
    struct config config;
    struct service service = in_folder(&config);
    struct err err;
    size_t count;
    const struct unit *units = units_make(&service, &arena, &count);
    assert_null(disk_find(&service, &arena));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(disk_look(&service, &units[i], &arena, NULL), DISK_ABSENT);
        assert_int_equal(disk_put(&service, &units[i], &arena, &err), 0);
        assert_int_equal(disk_look(&service, &units[i], &arena, NULL), DISK_SAME);
    }
    assert_string_equal(disk_find(&service, &arena), "acme");
    put_text(&service, units[0].name, arena_printf(&arena, "%s#\n", units[0].text));
    assert_int_equal(disk_look(&service, &units[0], &arena, NULL), DISK_DRIFTED);
    const char *const *there = disk_installed(&service, &arena);
    for (size_t i = 0; there[i]; i++)
        assert_int_equal(disk_remove(&service, there[i], &arena, &err), 0);
    assert_null(disk_find(&service, &arena));
    assert_null(disk_installed(&service, &arena)[0]);
}

static void what_others_wrote_is_theirs(void **state)
{
    struct config config;
    struct service service = in_folder(&config);
    struct err err;
    size_t count;
    const char *owner;
    const struct unit *units = units_make(&service, &arena, &count);
    assert_int_equal(disk_put(&service, &units[0], &arena, &err), 0);
    put_text(&service, units[0].name, UNIT_MARK "/elsewhere\n[Unit]\n");
    assert_int_equal(disk_look(&service, &units[0], &arena, &owner), DISK_FOREIGN);
    assert_string_equal(owner, "/elsewhere");
    put_text(&service, units[0].name, "[Unit]\n");
    assert_int_equal(disk_look(&service, &units[0], &arena, &owner), DISK_FOREIGN);
    assert_string_equal(owner, "");
    assert_null(disk_installed(&service, &arena)[0]);
}

/* A company that was renamed is still found by its folder. */
static void a_renamed_company_is_found(void **state)
{
    struct config config;
    struct service service = in_folder(&config);
    struct err err;
    size_t count;
    const struct unit *units = units_make(&service, &arena, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(disk_put(&service, &units[i], &arena, &err), 0);
    strcpy(service.name, "new-name");
    assert_string_equal(disk_find(&service, &arena), "acme");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(states_are_told_in_our_words),    FOLDER_TEST(units_come_in_blocks),
        FOLDER_TEST(files_are_put_found_and_removed), FOLDER_TEST(what_others_wrote_is_theirs),
        FOLDER_TEST(a_renamed_company_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
