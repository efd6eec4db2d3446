/* Ports and wishes: clashes named with their holder, small files written whole. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "config/config.h"
#include "supervise/control.h"
#include "supervise/ports.h"
#include "supervise/runfiles.h"
#include "sys/lock.h"

static char dir[] = "/tmp/hq-ports-XXXXXX";
static struct config_agent agents[2] = {{.id = "manager"}, {.id = "auditor"}};
static struct config config = {.state = dir, .company = "test", .agents = agents, .agent_count = 2};

static int make_dir(void **state)
{
    struct err err;
    return mkdtemp(dir) ? runfile_make_folders(&config, &err) : -1;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

/* A listening socket on a port that the kernel chooses. */
static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static bool can_bind(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return can;
}

/* … with nobody on the third port below and above it, nor on another's: other tests run beside this
 * one. */
static int listen_among_free_ports(int *port, int *others)
{
    for (;;) {
        int fd = listen_somewhere(port);
        *others = *port > 40000 ? *port - 20000 : *port + 20000;
        if (can_bind(*port - 3) && can_bind(*port + 3) && can_bind(*others) &&
            can_bind(*others + 3))
            return fd;
        close(fd);
    }
}

static void a_taken_port_is_named_with_its_holder(void **state)
{
    struct err err = {0};
    char text[64];
    int port, fd = listen_among_free_ports(&port, &agents[1].port);
    agents[0].port = port;
    assert_int_equal(ports_check(&config, &err), -1);
    assert_string_equal(err.code, "port_taken");
    snprintf(text, sizeof(text), "manager: port %d is in use by ", port);
    assert_non_null(strstr(err.message, text));
    snprintf(text, sizeof(text), "(pid %d)", (int)getpid());
    assert_non_null(strstr(err.message, text));
    agents[0].port = port - 3;
    assert_int_equal(ports_check(&config, &err), -1);
    assert_non_null(strstr(err.message, "port + 3"));
    close(fd);
}

static void a_running_agent_may_have_its_port(void **state)
{
    struct err err = {0};
    struct lock *lock;
    char run[64];
    int port, fd = listen_among_free_ports(&port, &agents[1].port);
    snprintf(run, sizeof(run), "%s/run", dir);
    agents[0].port = port;
    assert_int_equal(lock_take(run, "gateway-manager", &lock, NULL, &err), 0);
    assert_int_equal(ports_check(&config, &err), 0);
    lock_release(lock);
    assert_int_equal(ports_check(&config, &err), -1);
    close(fd);
}

static void neighbours_clash_within_the_company(void **state)
{
    struct err err = {0};
    agents[0].port = 18800;
    agents[1].port = 18803;
    assert_int_equal(ports_check(&config, &err), -1);
    assert_non_null(strstr(err.message, "manager and auditor clash: port 18803"));
}

static void wishes_are_there_until_taken(void **state)
{
    struct err err = {0};
    assert_false(runfile_is_there(&config, "manager", RUNFILE_DOWN));
    assert_int_equal(runfile_put(&config, "manager", RUNFILE_DOWN, "by hand", &err), 0);
    assert_true(runfile_is_there(&config, "manager", RUNFILE_DOWN));
    assert_false(runfile_is_there(&config, "manager", RUNFILE_RESTART));
    assert_true(runfile_take(&config, "manager", RUNFILE_DOWN));
    assert_false(runfile_take(&config, "manager", RUNFILE_DOWN));
}

static void the_board_is_replaced_whole(void **state)
{
    struct err err = {0};
    assert_null(runfile_board_get(&config));
    for (int i = 1; i <= 2; i++) {
        json_t *board = json_pack("{s:i}", "v", i);
        assert_int_equal(runfile_board_put(&config, board, &err), 0);
        json_decref(board);
        board = runfile_board_get(&config);
        assert_int_equal(json_get_int(board, "v", 0), i);
        json_decref(board);
    }
}

static void a_state_folder_that_is_a_file_is_refused(void **state)
{
    struct err err = {0};
    struct config blocked = {.state = "/proc/self/cmdline"};
    assert_int_equal(runfile_make_folders(&blocked, &err), -1);
    assert_string_equal(err.code, "unwritable_state");
    assert_non_null(strstr(err.hint, "--state"));
}

static void nobody_is_found_and_ended_where_nobody_is(void **state)
{
    struct err err = {0};
    struct arena arena = {0};
    assert_false(control_look(&config, "hub", NULL));
    assert_null(control_workers(&config, &arena)[0]);
    assert_true(control_wait_end(&config, "hub", 0));
    assert_int_equal(control_end_all(&config, 0, &err), 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taken_port_is_named_with_its_holder),
        cmocka_unit_test(a_running_agent_may_have_its_port),
        cmocka_unit_test(neighbours_clash_within_the_company),
        cmocka_unit_test(wishes_are_there_until_taken),
        cmocka_unit_test(the_board_is_replaced_whole),
        cmocka_unit_test(a_state_folder_that_is_a_file_is_refused),
        cmocka_unit_test(nobody_is_found_and_ended_where_nobody_is),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
