/* The tool `exec`: a shell command in the workspace, run by a guard so that it ends with its turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "sys/guard.h"
#include "sys/guard_switch.h"
#include "sys/spawn.h"
#include "tool/builtin.h"
#include "tool/folder.h"
#include "tool/task_door.h"

/* Variables that make programs load foreign code, or the shell find other programs. */
static bool variable_is_refused(const char *name)
{
    static const char *const refused[] = {
        "PATH",       "NODE_OPTIONS",  "NODE_PATH", "PYTHONPATH", "PYTHONHOME",
        "RUBYLIB",    "PERL5LIB",      "BASH_ENV",  "ENV",        "IFS",
        "GCONV_PATH", "SSLKEYLOGFILE", "HQ_TASK_FD", NULL};
    if (strncasecmp(name, "LD_", 3) == 0 || strncasecmp(name, "DYLD_", 5) == 0)
        return true;
    for (size_t i = 0; refused[i]; i++)
        if (strcasecmp(name, refused[i]) == 0)
            return true;
    return false;
}

/* "NAME=value" for each, or NULL with *err. */
static const char *const *environment(const json_t *given, struct arena *arena, struct err *err)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    const char **all = arena_alloc(arena, (json_object_size(given) + 1) * sizeof(*all));
    json_object_foreach((json_t *)given, name, value)
    {
        if (!*name || strchr(name, '=')) {
            err_set(err, "bad_argument", "\"%.80s\" is not the name of a variable.", name);
            return NULL;
        }
        if (variable_is_refused(name)) {
            err_set(
                err, "bad_argument",
                "The variable %.80s may not be set: it changes which programs or libraries run.",
                name);
            return NULL;
        }
        all[count++] = arena_printf(arena, "%s=%s", name, json_string_value(value));
    }
    return all;
}

/* The folder to start in, checked to lie in the workspace; NULL with *err. */
static const char *work_folder(const struct tool_place *place, const char *given,
                               struct arena *arena, struct err *err)
{
    struct spot spot;
    const char *folder = NULL;
    int fd = -1;
    if (str_is_empty(given))
        return place->workspace;
    if (spot_open(place, given, arena, &spot, err) == 0)
        fd = spot_file(&spot, O_PATH | O_DIRECTORY, err);
    if (fd >= 0 && (!spot.writable || spot.is_shared_file))
        err_set(err, "outside", "The working folder %s must lie in the workspace.", given);
    else if (fd >= 0)
        folder = arena_printf(arena, "%s/%s", place->workspace, spot.relative);
    if (fd >= 0)
        close(fd);
    spot_close(&spot);
    return folder;
}

static int64_t time_limit(const struct tool_place *place, const json_t *arguments)
{
    int64_t most = place->exec_timeout_ms > 0 ? place->exec_timeout_ms : LIMIT_EXEC_MS;
    int64_t seconds = json_get_int(arguments, "timeout", 0);
    return seconds > 0 && seconds < most / 1000 ? seconds * 1000 : most;
}

/* What happened, as the last line that the model reads; NULL where all is well. */
static const char *end_sentence(const struct guard_command *command,
                                const struct guard_report *report, struct arena *arena)
{
    char limit[TIME_TEXT];
    switch (report->end) {
    case GUARD_EXITED:
        return report->code ? arena_printf(arena, "Command exited with code %d", report->code)
                            : NULL;
    case GUARD_SIGNALLED:
        return arena_printf(arena, "Command was ended by signal %d (%s)", report->code,
                            strsignal(report->code));
    case GUARD_TIMEOUT:
        time_print_duration(command->timeout_ms, limit);
        return arena_printf(arena, "Command timed out after %s and was killed", limit);
    case GUARD_TOO_MANY:
        return arena_printf(arena, "Command had more than %d processes and threads and was killed",
                            command->processes_max);
    case GUARD_DISK:
        return arena_printf(arena, "Command used more than %lld MB of disk and was killed",
                            (long long)(command->disk_max >> 20));
    case GUARD_CANCELLED:
        return "Command was cancelled and killed";
    case GUARD_REFUSED:
        return arena_printf(arena, "Command was not run: %s", report->message);
    }
    return "Command ended in an unknown way";
}

static void report_result(const struct guard_command *command, const struct guard_report *report,
                          struct arena *arena, struct tool_result *result)
{
    static const char *const words[] = {"completed", "signalled", "timeout", "too_many",
                                        "disk",      "cancelled", "refused"};
    const char *sentence = end_sentence(command, report, arena);
    const char *output = report->output ? report->output : "";
    size_t len = strlen(output);
    const char *gap = len == 0 ? "" : output[len - 1] == '\n' ? "\n" : "\n\n";
    if (sentence)
        result->text = arena_printf(arena, "%s%s%s", output, gap, sentence);
    else
        result->text = arena_strdup(arena, len ? output : "(no output)");
    result->is_error = sentence != NULL;
    result->details = json_pack("{s:s, s:I, s:s}", "status", words[report->end], "durationMs",
                                (json_int_t)report->took_ms, "cwd", command->workdir);
    if (report->end == GUARD_EXITED)
        json_object_set_new(result->details, "exitCode", json_integer(report->code));
    if (report->dropped > 0)
        json_object_set_new(result->details, "droppedBytes", json_integer(report->dropped));
}

/* The shell only says that a file of the shared folder cannot be written; this says who may. */
static void explain_shared(const struct tool_place *place, struct arena *arena,
                           struct tool_result *result)
{
    static const char *const files[] = {SHARED_STATUS_FILE, SHARED_LOG_FILE,
                                        SHARED_ORCHESTRATION_FILE};
    struct err why;
    if (!place->shared ||
        (!strstr(result->text, "Read-only file system") && !strstr(result->text, "Permission denied")))
        return;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (!strstr(result->text, files[i]))
            continue;
        shared_refuse(place, files[i], &why);
        result->text = arena_printf(arena, "%s\n[%s]", result->text, why.message);
    }
}

/* Runs it with its channel's door open; nothing of the command lives when the door closes. */
static int run_command(const struct tool_place *place, struct guard_command *command,
                       struct arena *arena, struct tool_result *result, struct err *err)
{
    struct guard_report report;
    struct err start;
    struct task_door *door = place->hub ? task_door_open(place, &start) : NULL;
    struct guard_run *run = NULL;
    if (door)
        command->channel_fd = task_door_fd(door);
    if (door || !place->hub)
        run = guard_start(command, &start);
    if (door)
        task_door_hand_over(door);
    if (!run) {
        result_err(arena, result, &start);
        task_door_close(door);
        return 0;
    }
    guard_switch_attach(place->cancel, run);
    int rc = guard_wait(run, arena, &report, err);
    guard_switch_detach(place->cancel);
    guard_close(run);
    task_door_close(door);
    if (rc == 0) {
        report_result(command, &report, arena, result);
        explain_shared(place, arena, result);
    }
    return rc;
}

static int exec_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                    struct tool_result *result, struct err *err)
{
    struct err bad;
    const char *const writable[] = {place->workspace, NULL};
    const char *const hq = place->bin_dir ? spawn_self() : NULL;
    const char *const readable[] = {hq ? hq : place->shared, hq ? place->shared : NULL, NULL};
    const char *const writable_files[] = {shared_file_path(place, arena), NULL};
    const char *const *env = environment(json_object_get(arguments, "env"), arena, &bad);
    const char *workdir =
        work_folder(place, json_get_text(arguments, "workdir", NULL), arena, &bad);
    if (json_get_bool(arguments, "background", false) || json_get_bool(arguments, "pty", false)) {
        result_error(arena, result, "%s is not supported yet; run the command in the foreground.",
                     json_get_bool(arguments, "pty", false) ? "pty" : "background");
        return 0;
    }
    if (!env || !workdir) {
        result_err(arena, result, &bad);
        return 0;
    }
    if (guard_switch_is_off(place->cancel)) {
        result_error(arena, result, "The turn is cancelled; the command was not run.");
        return 0;
    }
    struct guard_command command = {
        .command = json_get_text(arguments, "command", ""),
        .workdir = workdir,
        .env = env,
        .writable = writable,
        .writable_files = writable_files,
        .readable = readable,
        .programs = place->bin_dir,
        .channel_fd = -1,
        .lock_path = place->lock_dir
                         ? arena_printf(arena, "%s/tool-%s.lock", place->lock_dir, place->task)
                         : NULL,
        .network = place->exec_network,
        .timeout_ms = time_limit(place, arguments),
        .output_max = LIMIT_TOOL_OUTPUT,
        .disk_max = LIMIT_EXEC_DISK,
        .processes_max = LIMIT_EXEC_PROCESSES,
    };
    return run_command(place, &command, arena, result, err);
}

const struct tool tool_exec = {
    .name = "exec",
    .description =
        "Run a shell command (/bin/sh) in the workspace. It may read the system's programs and the "
        "workspace, write only in the workspace, and ends with this call. `hq ask AGENT TEXT` asks "
        "another agent as you.",
    .parameters =
        "{\"type\":\"object\",\"properties\":{"
        "\"command\":{\"type\":\"string\",\"description\":\"What the shell runs\"},"
        "\"workdir\":{\"type\":\"string\",\"description\":\"Folder in the workspace to start in\"},"
        "\"env\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},"
        "\"description\":\"Further environment variables\"},"
        "\"timeout\":{\"type\":\"integer\",\"description\":\"Seconds; then it is killed\"},"
        "\"yieldMs\":{\"type\":\"integer\",\"description\":\"Accepted and ignored\"},"
        "\"background\":{\"type\":\"boolean\",\"description\":\"Not supported yet\"},"
        "\"pty\":{\"type\":\"boolean\",\"description\":\"Not supported yet\"}},"
        "\"required\":[\"command\"]}",
    .repeat = REPEAT_NEVER,
    .run = exec_run,
};
