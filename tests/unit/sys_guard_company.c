/* A company on disk and commands run in its workspace, for the tests of the walls. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "program.h"
#include "sys/guard.h"
#include "sys_guard_company.h"

char top[64];
struct arena arena;
const char *why_not;
const char *workspace_list[2], *shared_list[2];
const char *const no_words[] = {NULL};

char *at(const char *name)
{
    return arena_printf(&arena, "%s/%s", top, name);
}

void put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

const char *got(const char *path)
{
    char *text = arena_alloc(&arena, 4096);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return "(gone)";
    assert_true(read(fd, text, 4095) >= 0);
    close(fd);
    return text;
}

/* A company's folder; everything readable by all, so that only the sandbox can refuse. */
int company_open(void **state)
{
    static const char *const folders[] = {"workspace", "other", "state", "secrets",
                                          "shared",    "run",   NULL};
    if (why_not) {
        print_message("# SKIP: commands cannot be confined here: %s\n", why_not);
        return 0;
    }
    snprintf(top, sizeof(top), "/tmp/hq-guard-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    chmod(top, 0755);
    for (size_t i = 0; folders[i]; i++)
        mkdir(at(folders[i]), 0755);
    put(at("other/notes"), "OTHERNOTES", 0666);
    put(at("state/ledger.db"), "LEDGERBYTES", 0666);
    put(at("secrets/token"), "TOPSECRET", 0666);
    put(at("shared/log.md"), "SHAREDLOG", 0666);
    workspace_list[0] = at("workspace");
    shared_list[0] = at("shared");
    return 0;
}

int company_close(void **state)
{
    if (why_not)
        return 0;
    int rc = system(arena_printf(&arena, "rm -rf %s", top));
    arena_fini(&arena);
    return rc;
}

struct guard_command command_of(const char *script)
{
    return (struct guard_command){.command = script,
                                  .workdir = workspace_list[0],
                                  .env = no_words,
                                  .writable = workspace_list,
                                  .readable = shared_list,
                                  .lock_path = at("run/tool-t-1.lock"),
                                  .timeout_ms = 30000,
                                  .output_max = 65536,
                                  .disk_max = 200 << 20,
                                  .processes_max = 60};
}

struct guard_report run(const struct guard_command *command)
{
    struct err err;
    struct guard_report report;
    struct guard_run *started = guard_start(command, &err);
    if (!started || guard_wait(started, &arena, &report, &err) < 0)
        fail_msg("%s", err.message);
    guard_close(started);
    if (report.end == GUARD_REFUSED)
        fail_msg("refused: %s", report.message);
    return report;
}

/* What the script printed inside the walls. */
const char *inside(const char *script)
{
    struct guard_command command = command_of(script);
    return run(&command).output;
}

void must_not_say(const char *output, const char *word)
{
    if (strstr(output, word))
        fail_msg("\"%s\" is in: %s", word, output);
}

void must_say(const char *output, const char *word)
{
    if (!strstr(output, word))
        fail_msg("\"%s\" is not in: %s", word, output);
}

/* Processes of this machine whose working folder is the workspace: a zombie has none. */
int workspace_processes(void)
{
    char path[300], link[300];
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        snprintf(path, sizeof(path), "/proc/%s/cwd", entry->d_name);
        ssize_t len = readlink(path, link, sizeof(link) - 1);
        link[len > 0 ? len : 0] = '\0';
        count += len > 0 && strncmp(link, workspace_list[0], strlen(workspace_list[0])) == 0;
    }
    closedir(proc);
    return count;
}

void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

bool appears(const char *path)
{
    int64_t deadline = time_boot_ms() + 20000;
    while (access(path, F_OK) != 0 && time_boot_ms() < deadline)
        pause_ms(5);
    return access(path, F_OK) == 0;
}

int walls_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    struct arena probe = {0};
    program_set();
    guard_available(&probe, &why_not);
    int rc = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    arena_fini(&probe);
    return rc;
}
