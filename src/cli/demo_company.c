/* Writes, starts and removes the demo's company. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/demo_company.h"
#include "cli/down.h"
#include "cli/output.h"
#include "cli/up.h"
#include "net/fetch.h"
#include "setup/template.h"
#include "supervise/ports.h"
#include "supervise/runfiles.h"

enum {
    FIRST_PORT = TEMPLATE_FIRST_PORT,
    PORTS = TEMPLATE_PORTS, /* from one block to the next */
    BLOCKS = 60,            /* up to 30700: below what outgoing connections take */
    LOOK_EVERY_MS = 5,
    READY_MS = 30000,
    REMOVE_TRIES = 50, /* a command's guard may write its last line while we remove */
    REMOVE_PAUSE_MS = 40,
    DEPTH = 16, /* folders open at once while removing */
};

/* ---- the folder ---- */

static bool is_empty_folder(const char *path)
{
    return rmdir(path) == 0 || errno == ENOENT;
}

static int make_folder(struct demo_company *company, const char *keep, struct err *err)
{
    struct arena *arena = company->inside.arena;
    const char *temporary = getenv("TMPDIR");
    char *path = keep ? arena_strdup(arena, keep)
                      : arena_printf(arena, "%s/hq-demo.XXXXXX",
                                     str_is_empty(temporary) ? "/tmp" : temporary);
    if (keep && !is_empty_folder(path)) {
        err_set(err, "not_empty", "--keep: %s is there already, and not an empty folder", keep);
        err_hint(err, "name a folder that does not exist yet");
        return -1;
    }
    if (keep ? mkdir(path, 0700) < 0 : !mkdtemp(path))
        return err_errno(err, "no_folder", "the folder %s cannot be made", path);
    company->made = true;
    char *real = realpath(path, NULL);
    company->dir = arena_strdup(arena, real ? real : path);
    free(real);
    return 0;
}

/* Makes the folders on the way to a file. */
static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static int write_file(struct demo_company *company, const char *name, const char *bytes, size_t len,
                      struct err *err)
{
    char *path = arena_printf(company->inside.arena, "%s/%s", company->dir, name);
    make_parents(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "no_file", "%s cannot be written", path);
    int rc = file_write(fd, bytes, len);
    if (close(fd) < 0 || rc < 0)
        return err_errno(err, "no_file", "%s cannot be written", path);
    return 0;
}

/* ---- what differs from the example ---- */

/* The text with every `from` replaced. */
static char *replaced(struct arena *arena, const char *text, const char *from, const char *to)
{
    struct buf out = {0};
    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        buf_put(&out, text, (size_t)(at - text));
        buf_puts(&out, to);
    }
    buf_puts(&out, text);
    char *result = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return result;
}

static const struct template *demo_template(void)
{
    return template_find("atomizer");
}

static int write_config(struct demo_company *company, int shift, struct err *err)
{
    struct arena *arena = company->inside.arena;
    const char *text =
        template_shift_ports(template_file(demo_template(), "hq.yaml")->bytes, shift, arena);
    text = replaced(arena, text, "scripts/company.yaml", "scripts/demo.yaml");
    return write_file(company, "hq.yaml", text, strlen(text), err);
}

static int write_script(struct demo_company *company, double pace, struct err *err)
{
    struct arena *arena = company->inside.arena;
    const char *text = replaced(arena, template_file(demo_template(), "scripts/demo.yaml")->bytes,
                                "\npace: 1\n", arena_printf(arena, "\npace: %.2f\n", pace));
    return write_file(company, "scripts/demo.yaml", text, strlen(text), err);
}

static int load_config(struct demo_company *company, struct err *err)
{
    struct finding *findings;
    size_t count;
    struct arena *arena = company->inside.arena;
    const char *path = arena_printf(arena, "%s/hq.yaml", company->dir);
    if (company->config)
        config_free(company->config);
    company->config = config_load(path, company->inside.state, arena, &findings, &count);
    if (company->config)
        return 0;
    return err_set(err, "bad_config", "%s:%d: %s", path, count ? findings[0].line : 0,
                   count ? findings[0].message : "cannot be read");
}

/* Another demo that starts at this moment has not bound its ports yet: each takes a name for its
 * block, which goes away with the process (unix(7), abstract sockets). -1: it is taken. */
static int take_block(int first_port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len =
        snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "hq-demo-ports-%d", first_port);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The first block of ports of which nobody has one. */
static int find_ports(struct demo_company *company, struct err *err)
{
    err_set(err, "no_ports", "there is no free block of ports between %d and %d", FIRST_PORT,
            FIRST_PORT + BLOCKS * PORTS);
    for (int block = 0; block < BLOCKS; block++) {
        company->block = take_block(FIRST_PORT + block * PORTS);
        if (company->block < 0)
            continue;
        if (write_config(company, block * PORTS, err) < 0 || load_config(company, err) < 0)
            return -1;
        if (ports_check(company->config, err) == 0)
            return 0;
        close(company->block);
        company->block = -1;
    }
    return -1;
}

int demo_company_make(struct demo_company *company, const struct invocation *invocation,
                      const char *keep, double pace, struct err *err)
{
    *company = (struct demo_company){.inside = *invocation, .kept = keep != NULL, .block = -1};
    if (make_folder(company, keep, err) < 0)
        return -1;
    company->inside.dir = company->dir;
    company->inside.state = arena_printf(invocation->arena, "%s/state", company->dir);
    for (const struct template_file *file = demo_template()->files; file->path; file++)
        if (write_file(company, file->path, file->bytes, file->size, err) < 0)
            return -1;
    return write_script(company, pace, err) < 0 ? -1 : find_ports(company, err);
}

/* ---- its processes ---- */

/* How many of the children are ready; *held: one will not become so. */
static size_t count_ready(const struct config *config, const char **held, struct arena *arena)
{
    size_t i, ready = 0;
    json_t *board = runfile_board_get(config);
    const json_t *child, *children = json_object_get(board, "children");
    json_array_foreach (children, i, child) {
        const char *state = json_get_text(child, "state", "");
        ready += str_eq(state, "ready");
        if (str_eq(state, "held"))
            *held = arena_printf(arena, "%s: %s", json_get_text(child, "name", ""),
                                 json_get_text(child, "reason", "held"));
    }
    if (ready < json_array_size(children))
        ready = 0;
    json_decref(board);
    return ready;
}

int demo_company_start(struct demo_company *company, struct fetch_cancel *cancel, struct err *err)
{
    struct arena *arena = company->inside.arena;
    const char *held = NULL;
    int64_t until = time_boot_ms() + READY_MS;
    if (up_background(company->config, company->inside.state, arena, err) < 0)
        return -1;
    while (count_ready(company->config, &held, arena) <= company->config->agent_count) {
        if (fetch_is_cancelled(cancel))
            return 1;
        if (held || time_boot_ms() >= until)
            return err_set(err, "not_ready", "the company does not start: %s",
                           held ? held : "it takes more than 30 s");
        usleep(LOOK_EVERY_MS * 1000);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    return remove(path) < 0 && errno != ENOENT;
}

static bool remove_tree(const char *dir)
{
    for (int try = 0; try < REMOVE_TRIES; try++) {
        if (nftw(dir, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS) == 0 || access(dir, F_OK) < 0)
            return true;
        usleep(REMOVE_PAUSE_MS * 1000);
    }
    return false;
}

int demo_company_end(struct demo_company *company)
{
    struct err err = {0};
    bool was_up;
    int code = COMMAND_OK;
    if (company->config)
        code = down_company(&company->inside, company->config, 0, &was_up);
    if (company->made && !company->kept && !remove_tree(company->dir)) {
        err_errno(&err, "left_behind", "%s cannot be removed", company->dir);
        code = output_fail(&company->inside, COMMAND_FAILED, &err);
    }
    if (company->config)
        config_free(company->config);
    if (company->block >= 0)
        close(company->block);
    company->config = NULL;
    company->made = false;
    return code;
}
