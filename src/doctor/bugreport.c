/* Gathers the parts in the order in which they are read, and writes them. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "base/ustar.h"
#include "config/config.h"
#include "doctor/bugreport.h"
#include "doctor/bugreport_parts.h"
#include "doctor/check.h"
#include "doctor/redactor.h"

enum { SMALL_FILE = 1 << 16 };

/* ---- parts ---- */

void bugreport_add(struct bugreport *report, const char *name, const char *what,
                   const struct buf *raw)
{
    if (report->count == BUGREPORT_PARTS)
        return;
    struct bugreport_part *part = &report->parts[report->count++];
    *part =
        (struct bugreport_part){.name = arena_strdup(report->doctor->arena, name), .what = what};
    redactor_put(report->redactor, buf_text(raw), raw->len, &part->text);
}

void bugreport_add_json(struct bugreport *report, const char *name, const char *what, json_t *value)
{
    struct buf raw = {0};
    json_put(&raw, value, JSON_INDENT(1));
    buf_putc(&raw, '\n');
    json_decref(value);
    bugreport_add(report, name, what, &raw);
    buf_fini(&raw);
}

/* Appends a small file of the system under a title; one that cannot be read says so. */
static void put_file(struct buf *out, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    buf_printf(out, "== %s\n", path);
    if (fd < 0 || file_read(fd, SMALL_FILE, out) < 0)
        buf_puts(out, "(cannot be read)\n");
    if (fd >= 0)
        close(fd);
    buf_putc(out, '\n');
}

static void add_machine(struct bugreport *report)
{
    static const char *const files[] = {"/etc/os-release",
                                        "/proc/self/limits",
                                        "/proc/meminfo",
                                        "/proc/loadavg",
                                        "/sys/kernel/security/lsm",
                                        "/proc/sys/user/max_user_namespaces",
                                        "/proc/sys/kernel/unprivileged_userns_clone",
                                        "/proc/sys/kernel/pid_max",
                                        "/proc/sys/fs/file-max",
                                        "/sys/fs/cgroup/memory.max"};
    struct buf out = {0};
    struct utsname system;
    char now[TIME_TEXT];
    time_rfc3339(time_wall_ms(), now);
    buf_printf(&out, "hq %s\nmade %s\n", HQ_VERSION, now);
    if (uname(&system) == 0) /* without the machine's name */
        buf_printf(&out, "%s %s %s %s\n\n", system.sysname, system.release, system.version,
                   system.machine);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put_file(&out, files[i]);
    bugreport_add(report, "machine.txt", "hq, kernel, distribution, memory, limits", &out);
    buf_fini(&out);
}

static void add_config(struct bugreport *report)
{
    struct buf out = {0};
    int fd = open(report->doctor->config->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || file_read(fd, SMALL_FILE * 16, &out) < 0)
        buf_puts(&out, "(cannot be read)\n");
    if (fd >= 0)
        close(fd);
    bugreport_add(report, "hq.yaml", "the configuration", &out);
    buf_fini(&out);
}

static void add_doctor(struct bugreport *report)
{
    json_t *document = doctor_json(report->doctor, DOCTOR_OK);
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(document, "items"), i, item)
        if (report->doctor->findings[i].quotes)
            json_set_text(item, "seen", "[left out: may quote people or agents]");
    bugreport_add_json(report, "doctor.json", "what hq doctor found", document);
}

static void add_introduction(struct bugreport *report)
{
    static const char text[] =
        "Made by `hq bugreport`, for whoever looks into a trouble with hq.\n\n"
        "Taken out: every text in secrets/ and in variables that speak of secrets (as it is,\n"
        "percent-encoded, as hex and base64), Authorization and Cookie headers, values behind\n"
        "names such as password or token, users, paths and queries of URLs, keys of known\n"
        "services, long hex and base64.\n"
        "Never in it: what tasks ask and answer, transcripts, workspaces, the ledger.\n"
        "Log lines are sentences of hq, and some repeat what a server said: read them before\n"
        "you hand them on.\n";
    struct buf out = {0};
    buf_puts(&out, text);
    bugreport_add(report, "README", "what is in it, and what was taken out", &out);
    buf_fini(&out);
}

void bugreport_gather(struct bugreport *report)
{
    const struct config *config = report->doctor->config;
    const char *home = getenv("HOME");
    report->redactor = redactor_open(config);
    redactor_add(report->redactor, config->dir, "[company]");
    if (home)
        redactor_add(report->redactor, home, "~");
    add_introduction(report);
    add_doctor(report);
    add_machine(report);
    add_config(report);
    bugreport_add_status(report);
    bugreport_add_processes(report);
    bugreport_add_work(report);
    bugreport_add_files(report);
    bugreport_add_logs(report);
    bugreport_add_journal(report);
    redactor_close(report->redactor);
    report->redactor = NULL;
    hub_leave(report->doctor);
}

void bugreport_fini(struct bugreport *report)
{
    for (size_t i = 0; i < report->count; i++)
        buf_fini(&report->parts[i].text);
    report->count = 0;
}

/* ---- the archive ---- */

static int write_part(int fd, const char *folder, const struct bugreport_part *part,
                      struct err *err)
{
    static const char zeros[USTAR_BLOCK];
    unsigned char header[USTAR_HEADER];
    struct ustar_entry entry = {.size = (int64_t)part->text.len, .mtime = time_wall_ms() / 1000};
    snprintf(entry.path, sizeof(entry.path), "%s/%s", folder, part->name);
    if (file_write(fd, header, ustar_put(&entry, header)) < 0 ||
        file_write(fd, buf_text(&part->text), part->text.len) < 0 ||
        file_write(fd, zeros, ustar_padding(entry.size)) < 0)
        return err_errno(err, "unwritable_report", "cannot write %s into the archive", part->name);
    return 0;
}

static int write_parts(const struct bugreport *report, const char *folder, int fd, struct err *err)
{
    static const char end[USTAR_END];
    for (size_t i = 0; i < report->count; i++)
        if (write_part(fd, folder, &report->parts[i], err) < 0)
            return -1;
    return file_write(fd, end, sizeof(end)) < 0
               ? err_errno(err, "unwritable_report", "cannot write the end of the archive")
               : 0;
}

int bugreport_write(const struct bugreport *report, const char *path, const char *folder,
                    struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "bugreport", "cannot make the file %s", path);
    int rc = write_parts(report, folder, fd, err);
    if (close(fd) < 0 && rc == 0)
        rc = err_errno(err, "bugreport", "cannot write %s", path);
    if (rc < 0)
        unlink(path);
    return rc;
}
