/* Each check that needs no running company, made to fail: its id, and what it says to type. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/secret.h"
#include "doctor_fixture.h"
#include "service/disk.h"
#include "service/service.h"
#include "service/systemd.h"
#include "service/unit.h"
#include "sys/lock.h"
#include "sys/spawn.h"

static void a_new_company_has_no_failure(void **state)
{
    put_company(NULL);
    examine(NULL);
    assert_int_equal(doctor_tally(&doctor, DOCTOR_FAIL), 0);
    expect("config/valid", DOCTOR_OK);
    expect("model/demo", DOCTOR_OK);
    expect("secret/tokens", DOCTOR_INFO);
    expect("state/folders", DOCTOR_INFO);
    expect_fix("hub/answers", DOCTOR_INFO, "hq up -d");
    assert_string_equal(expect("ledger/check", DOCTOR_SKIP)->seen, "the company is not running");
}

static void a_broken_file_is_told_and_the_rest_skipped(void **state)
{
    put_company(NULL);
    put_file("hq.yaml", "agents:\n  a: { port: nothing, model: demo/a }\n", 0644);
    examine(NULL);
    struct doctor_finding *finding = expect("config/valid", DOCTOR_FAIL);
    assert_non_null(strstr(finding->seen, "hq.yaml:2:14: "));
    assert_string_equal(expect("port/<agent>", DOCTOR_SKIP)->seen, "hq.yaml has errors");
    expect("disk/space", DOCTOR_OK); /* what needs no configuration is looked at all the same */
}

static void an_unknown_key_is_a_warning(void **state)
{
    put_company(NULL);
    put_file("hq.yaml",
             "models: { demo: { api: script, file: script.yaml } }\nagnets: 1\n"
             "agents: { a: { port: 21400, model: demo/a } }\n",
             0644);
    examine("config");
    expect("config/unknown-keys", DOCTOR_WARN);
    expect("config/valid", DOCTOR_OK);
    assert_int_equal(doctor_tally(&doctor, DOCTOR_FAIL), 0);
}

/* Listens on the port as somebody else would; the caller closes. */
static int squat(int port, uint32_t address)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    where.sin_addr.s_addr = htonl(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_taken_port_names_its_holder(void **state)
{
    put_company(NULL);
    int fd = squat(21403, INADDR_LOOPBACK); /* the reserved one, N + 3 */
    examine("port/a");
    struct doctor_finding *finding = expect("port/a", DOCTOR_FAIL);
    assert_non_null(strstr(finding->seen, "21403 (reserved"));
    assert_non_null(strstr(finding->seen, arena_printf(&arena, "pid %d", (int)getpid())));
    expect_fix("port/a", DOCTOR_FAIL, "agents.a.port in hq.yaml");
    close(fd);
    examine("port/a");
    expect("port/a", DOCTOR_OK);
}

static void a_wide_port_of_a_running_agent_fails(void **state)
{
    struct err err;
    struct lock *lock;
    put_company(NULL);
    put_file("state/run/x", "", 0600);
    assert_int_equal(lock_take(in_dir("state/run"), "gateway-a", &lock, NULL, &err), LOCK_OK);
    int fd = squat(21400, INADDR_ANY);
    examine("listen/wide");
    expect_fix("listen/wide", DOCTOR_FAIL, "end that process");
    close(fd);
    examine("listen/wide");
    expect("listen/wide", DOCTOR_OK);
    lock_release(lock);
}

static void what_is_no_socket_is_told(void **state)
{
    put_company(NULL);
    put_file("state/hub.sock", "not a socket", 0600);
    examine("socket");
    expect_fix("socket/path", DOCTOR_FAIL, "mv ");
}

static void open_secrets_fail_and_are_closed_by_fix(void **state)
{
    struct stat info;
    put_company(NULL);
    put_file("secrets/operator.token", "abc\n", 0644);
    chmod(in_dir("secrets"), 0755);
    examine("secret/modes");
    assert_int_equal(doctor_tally(&doctor, DOCTOR_FAIL), 2);
    expect_fix("secret/modes", DOCTOR_FAIL, "chmod 700 /");
    assert_int_equal(doctor_mend(&doctor, true), 2);
    assert_int_equal(stat(in_dir("secrets/operator.token"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644); /* --dry-run only says it */
    assert_int_equal(doctor_mend(&doctor, false), 2);
    assert_int_equal(doctor_tally(&doctor, DOCTOR_FAIL), 0);
    assert_int_equal(stat(in_dir("secrets/operator.token"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    examine("secret/modes");
    expect("secret/modes", DOCTOR_OK);
}

/* Between the look and the act the name may have come to lead elsewhere. */
static void fix_follows_no_link(void **state)
{
    struct stat info;
    put_company(NULL);
    put_file("secrets/key", "abc\n", 0644);
    put_file("elsewhere", "x", 0644);
    chmod(in_dir("secrets"), 0700);
    examine("secret/modes");
    unlink(in_dir("secrets/key"));
    assert_int_equal(symlink(in_dir("elsewhere"), in_dir("secrets/key")), 0);
    assert_int_equal(doctor_mend(&doctor, false), 0);
    assert_int_equal(expect("secret/modes", DOCTOR_FAIL)->mending, DOCTOR_UNMENDED);
    assert_int_equal(stat(in_dir("elsewhere"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
}

static void open_state_is_a_warning(void **state)
{
    put_company(NULL);
    put_file("state/run/hub.lock", "", 0600);
    put_file("state/logs/hub.log", "x\n", 0640);
    examine("state/modes");
    expect_fix("state/modes", DOCTOR_WARN, "chmod 600 ");
    assert_int_equal(doctor_mend(&doctor, false), 1);
    examine("state/modes");
    expect("state/modes", DOCTOR_OK);
}

static void a_missing_token_is_made_by_fix(void **state)
{
    struct err err;
    put_company(NULL);
    examine(NULL);
    assert_true(secret_make_tokens(company, &err) > 0);
    unlink(in_dir("secrets/a.token"));
    examine("secret/tokens");
    assert_string_equal(expect("secret/tokens", DOCTOR_WARN)->seen, "a.token is missing");
    assert_int_equal(doctor_mend(&doctor, false), 1);
    examine("secret/tokens");
    expect("secret/tokens", DOCTOR_OK);
}

static void a_missing_folder_is_made_by_fix(void **state)
{
    put_company(NULL);
    put_file("state/run/x", "", 0600);
    assert_int_equal(folder_remove(in_dir("workspaces"), &(struct err){0}), 0);
    examine("state/folders");
    expect_fix("state/folders", DOCTOR_WARN, "mkdir -p -m 700 ");
    assert_int_equal(doctor_mend(&doctor, false), 2); /* logs and the workspace */
    examine("state/folders");
    expect("state/folders", DOCTOR_OK);
}

static void a_lock_of_the_dead_is_told_and_emptied(void **state)
{
    struct err err;
    struct stat info;
    put_company(NULL);
    put_file("state/run/gateway-a.lock", "{\"pid\":4000001,\"ready\":true}\nffff\n", 0600);
    examine("lock/stale");
    assert_string_equal(expect("lock/stale", DOCTOR_WARN)->seen,
                        "run/gateway-a.lock names process 4000001, which is dead");
    expect_fix("lock/stale", DOCTOR_WARN, "hq doctor --fix");
    assert_int_equal(doctor_mend(&doctor, false), 1);
    assert_int_equal(stat(in_dir("state/run/gateway-a.lock"), &info), 0);
    assert_int_equal(info.st_size, 0);
    struct lock *lock; /* one that is held is none of the doctor's business */
    assert_int_equal(lock_take(in_dir("state/run"), "gateway-a", &lock, NULL, &err), LOCK_OK);
    examine("lock/stale");
    expect("lock/stale", DOCTOR_OK);
    lock_release(lock);
}

static void a_key_that_cannot_be_read_says_which(void **state)
{
    put_company(", p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", "
                "api_key: { file: secrets/p.key } } }");
    examine("secret/p");
    expect_fix("secret/p", DOCTOR_WARN, "hq secret set p.key"); /* no agent begins with it */
    put_file("hq.yaml",
             "models: { p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", "
             "api_key: { env: HQ_TEST_NO_KEY } } }\n"
             "agents: { a: { port: 21400, model: p/x } }\n",
             0644);
    examine("secret/p");
    expect_fix("secret/p", DOCTOR_FAIL, "set it before");
    setenv("HQ_TEST_NO_KEY", "sk-test-0000", 1);
    examine("secret/p");
    assert_null(strstr(expect("secret/p", DOCTOR_OK)->seen, "sk-test"));
    unsetenv("HQ_TEST_NO_KEY");
}

static void nothing_bounds_what_costs(void **state)
{
    static const char company_text[] =
        "models: { p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", "
        "price: { in: 1, out: 2 } } }\n%s"
        "agents: { a: { port: 21400, model: p/x } }\n";
    put_company(NULL);
    put_file("hq.yaml", arena_printf(&arena, company_text, ""), 0644);
    examine("budget");
    expect_fix("budget/unset", DOCTOR_WARN, "budget: { usd: 20, per: day }");
    put_file("hq.yaml", arena_printf(&arena, company_text, "budget: { usd: 20, per: day }\n"),
             0644);
    examine("budget");
    assert_string_equal(expect("budget/unset", DOCTOR_OK)->seen, "$20.00 per day");
}

static void a_bad_script_and_a_dead_server_fail(void **state)
{
    put_company(", p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\" } }");
    put_file("script.yaml", "rules: [ { sya: x } ]\n", 0644);
    examine("model");
    expect("model/demo", DOCTOR_FAIL);
    assert_string_equal(expect("model/p", DOCTOR_SKIP)->seen, "no agent uses it");
    put_file("hq.yaml",
             "models: { p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\" } }\n"
             "agents: { a: { port: 21400, model: p/x } }\n",
             0644);
    examine("model");
    expect_fix("model/p", DOCTOR_FAIL, "models.p.base_url");
}

static void files_from_the_future_tell_of_a_clock_set_back(void **state)
{
    struct timespec times[2];
    put_company(NULL);
    put_file("state/logs/hub.log", "x\n", 0600);
    times[0] = times[1] = (struct timespec){.tv_sec = (time_t)(time_wall_ms() / 1000) + 7200};
    assert_int_equal(utimensat(AT_FDCWD, in_dir("state/logs/hub.log"), times, 0), 0);
    examine("clock");
    expect_fix("clock/skew", DOCTOR_WARN, "timedatectl");
}

static void few_open_files_are_told(void **state)
{
    put_company(NULL);
    pid_t pid = fork(); /* a hard limit cannot be raised again */
    if (pid == 0) {
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){512, 512});
        examine("limits");
        bool told = doctor.count == 1 && doctor.findings[0].severity == DOCTOR_WARN &&
                    strstr(doctor.findings[0].fix, "LimitNOFILE=4096");
        _exit(told ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void the_sandbox_is_tried(void **state)
{
    put_company(NULL);
    examine("sandbox/exec");
    expect("sandbox/exec", DOCTOR_OK);
    spawn_set_self("/bin/false"); /* a machine on which no guard comes up */
    examine("sandbox/exec");
    expect_fix("sandbox/exec", DOCTOR_FAIL, "docs/sandbox.md");
    assert_non_null(strstr(expect("sandbox/exec", DOCTOR_FAIL)->seen, "exec is off because "));
}

static void old_backups_are_told(void **state)
{
    struct timespec times[2];
    put_company(NULL);
    put_file("state/reserve", "x", 0600);
    examine("backup");
    expect_fix("backup/age", DOCTOR_INFO, "hq backup create"); /* the company is new */
    times[0] = times[1] = (struct timespec){.tv_sec = (time_t)(time_wall_ms() / 1000) - 8 * 86400};
    assert_int_equal(utimensat(AT_FDCWD, in_dir("state/reserve"), times, 0), 0);
    examine("backup");
    expect("backup/age", DOCTOR_WARN);
    put_file("backups/test-1.hqb.tar", "x", 0600);
    assert_int_equal(utimensat(AT_FDCWD, in_dir("backups/test-1.hqb.tar"), times, 0), 0);
    examine("backup");
    assert_string_equal(expect("backup/age", DOCTOR_WARN)->seen,
                        "the newest in backups/ is 8d 0h old");
    put_file("backups/test-2.hqb.tar", "x", 0600);
    examine("backup");
    expect("backup/age", DOCTOR_OK);
}

/* Units as `hq service install --user` writes them, and what became of them. */
static void changed_units_are_told(void **state)
{
    size_t count;
    struct err err;
    struct service service;
    put_company(NULL);
    setenv("XDG_CONFIG_HOME", in_dir("home"), 1);
    examine("service");
    expect("service/drift", DOCTOR_OK);
    assert_int_equal(service_init(&service, company, SERVICE_USER, &arena, &err), 0);
    const struct unit *units = units_make(&service, &arena, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(disk_put(&service, &units[i], &arena, &err), 0);
    examine("service");
    expect("service/drift", DOCTOR_OK);
    if (!systemd_lingers())
        expect_fix("service/linger", DOCTOR_WARN, "loginctl enable-linger");
    put_file(arena_printf(&arena, "home/systemd/user/%s", units[0].name),
             arena_printf(&arena, "%s# changed by hand\n", units[0].text), 0644);
    assert_int_equal(disk_remove(&service, units[1].name, &arena, &err), 0);
    examine("service/drift");
    assert_int_equal(doctor_tally(&doctor, DOCTOR_WARN), 2);
    expect_fix("service/drift", DOCTOR_WARN, "hq service install --user");
    unsetenv("XDG_CONFIG_HOME");
}

/* ---- it looks, and changes nothing ---- */

static void put_tree(const char *path, struct buf *out)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        struct stat info;
        char digest[HASH_HEX] = "";
        int64_t len;
        const char *below = arena_printf(&arena, "%s/%s", path, names[i]->d_name);
        bool up = str_eq(names[i]->d_name, "..");
        free(names[i]);
        if (up || lstat(below, &info) < 0)
            continue;
        int fd = S_ISREG(info.st_mode) ? open(below, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0) {
            hash_file(fd, digest, &len);
            close(fd);
        }
        buf_printf(out, "%s %o %lld %lld.%09ld %s\n", below, info.st_mode, (long long)info.st_size,
                   (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, digest);
        if (S_ISDIR(info.st_mode) && !str_ends(below, "/."))
            put_tree(below, out);
    }
    if (count >= 0)
        free(names);
}

static void looking_changes_nothing(void **state)
{
    struct buf before = {0}, after = {0};
    put_company(", p: { api: openai-chat, base_url: \"http://127.0.0.1:9/v1\", "
                "api_key: { file: secrets/p.key } } }");
    put_file("state/run/hub.lock", "{\"pid\":4000001}\nffff\n", 0644);
    put_file("state/run/tool-x.lock", "{\"pid\":4000001}\nffff\n", 0600);
    put_file("state/hub.sock", "", 0644);
    put_file("secrets/a.token", "x\n", 0644);
    put_tree(dir, &before);
    examine(NULL);
    assert_true(doctor_tally(&doctor, DOCTOR_FAIL) > 0);
    doctor_mend(&doctor, true);
    put_tree(dir, &after);
    assert_string_equal(buf_text(&before), buf_text(&after));
    buf_fini(&before);
    buf_fini(&after);
}

/* ---- who was asked for ---- */

static void only_and_skip_name_checks_and_families(void **state)
{
    static const char *const skip[] = {"config/unknown-keys", NULL};
    put_company(NULL);
    assert_true(doctor_knows("port"));
    assert_true(doctor_knows("port/anybody"));
    assert_true(doctor_knows("port/<agent>"));
    assert_false(doctor_knows("port/"));
    assert_false(doctor_knows("por"));
    assert_string_equal(doctor_nearest("prot"), "port");
    assert_string_equal(doctor_nearest("config/vald"), "config/valid");
    examine("port/nobody");
    assert_int_equal(doctor.count, 0);
    examine("config");
    assert_int_equal(doctor.count, 3);
    doctor.count = 0;
    doctor.skip = skip;
    doctor_run(&doctor);
    assert_int_equal(doctor.count, 2);
}

/* docs/operations.md carries the table between two marks; HQ_UPDATE_DOCS=1 writes it anew. */
static void the_page_carries_the_table(void **state)
{
    static const char mark[] = "<!-- the table of checks: made from src/doctor/table.c -->\n";
    struct buf want = {0};
    const char *source = getenv("HQ_SOURCE");
    assert_non_null(source);
    char *name = arena_printf(&arena, "%s/docs/operations.md", source);
    doctor_reference(&want);
    char *page = arena_alloc(&arena, 1 << 18);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t len = fread(page, 1, (1 << 18) - 1, file);
    fclose(file);
    assert_true(len > 0);
    char *begin = strstr(page, mark), *end = begin ? strstr(begin + 1, mark) : NULL;
    assert_non_null(end);
    begin += strlen(mark);
    bool same = (size_t)(end - begin) == want.len && memcmp(begin, want.bytes, want.len) == 0;
    if (!same && getenv("HQ_UPDATE_DOCS")) {
        file = fopen(name, "w");
        fprintf(file, "%.*s%s%s", (int)(begin - page), page, buf_text(&want), end);
        fclose(file);
        same = true;
    }
    buf_fini(&want);
    if (!same)
        fail_msg("docs/operations.md is older than the table: run this test with HQ_UPDATE_DOCS=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCTOR_TEST(a_new_company_has_no_failure),
        DOCTOR_TEST(a_broken_file_is_told_and_the_rest_skipped),
        DOCTOR_TEST(an_unknown_key_is_a_warning),
        DOCTOR_TEST(a_taken_port_names_its_holder),
        DOCTOR_TEST(a_wide_port_of_a_running_agent_fails),
        DOCTOR_TEST(what_is_no_socket_is_told),
        DOCTOR_TEST(open_secrets_fail_and_are_closed_by_fix),
        DOCTOR_TEST(fix_follows_no_link),
        DOCTOR_TEST(open_state_is_a_warning),
        DOCTOR_TEST(a_missing_token_is_made_by_fix),
        DOCTOR_TEST(a_missing_folder_is_made_by_fix),
        DOCTOR_TEST(a_lock_of_the_dead_is_told_and_emptied),
        DOCTOR_TEST(a_key_that_cannot_be_read_says_which),
        DOCTOR_TEST(nothing_bounds_what_costs),
        DOCTOR_TEST(a_bad_script_and_a_dead_server_fail),
        DOCTOR_TEST(files_from_the_future_tell_of_a_clock_set_back),
        DOCTOR_TEST(few_open_files_are_told),
        DOCTOR_TEST(the_sandbox_is_tried),
        DOCTOR_TEST(old_backups_are_told),
        DOCTOR_TEST(changed_units_are_told),
        DOCTOR_TEST(looking_changes_nothing),
        DOCTOR_TEST(only_and_skip_name_checks_and_families),
        DOCTOR_TEST(the_page_carries_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
