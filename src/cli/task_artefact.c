/* hq task artefact: fetches a file that a task handed over, and checks that it is the one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"

enum { FETCH_MS = 120000 };

static const struct command_option artefact_options[] = {
    {"output", 'o', "FILE", "write it there instead of to the standard output"},
    {0},
};

static const json_t *find_artefact(const json_t *answer, const char *name)
{
    size_t i;
    const json_t *artefact;
    json_array_foreach (json_object_get(json_object_get(answer, "handoff"), "artefacts"), i,
                        artefact)
        if (str_eq(json_get_text(artefact, "name", ""), name))
            return artefact;
    return NULL;
}

/* A file that is there is left alone: it may be somebody's work. */
static int write_out(const char *path, const struct buf *bytes, struct err *err)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : STDOUT_FILENO;
    if (fd < 0)
        return err_errno(err, "no_file", "%s cannot be made", path);
    int rc = file_write(fd, bytes->bytes, bytes->len);
    if (path && close(fd) < 0)
        rc = -1;
    return rc < 0 ? err_errno(err, "no_file", "cannot write %s", path ? path : "the output") : 0;
}

/* The hub's bytes must be those that the handoff names. */
static int check_bytes(const json_t *artefact, const struct buf *bytes, struct err *err)
{
    char hex[HASH_HEX];
    hash_hex(buf_text(bytes), bytes->len, hex);
    return str_eq(hex, json_get_text(artefact, "sha256", ""))
               ? 0
               : err_set(err, "damaged", "the hub sent %zu bytes that are not this artefact",
                         bytes->len);
}

static int fetch(struct operator_line *line, const json_t *answer, const json_t *artefact)
{
    const struct invocation *invocation = line->invocation;
    struct buf bytes = {0};
    struct err err = {0};
    const char *path = arena_printf(invocation->arena, "/v1/blobs/%s?task=%s",
                                    json_get_text(artefact, "sha256", ""),
                                    json_get_text(json_object_get(answer, "task"), "id", ""));
    const char *file = invocation_value(invocation, "output");
    int code = COMMAND_OK;
    enum hub_outcome outcome = hub_get_bytes(line->hub, path, FETCH_MS, &bytes, &err);
    if (outcome != HUB_OK)
        code = output_fail(invocation, operator_exit_code(outcome, 0), &err);
    else if (check_bytes(artefact, &bytes, &err) < 0 || write_out(file, &bytes, &err) < 0)
        code = output_fail(invocation, COMMAND_FAILED, &err);
    else if (invocation->json && file)
        code = output_json(json_pack("{s:O,s:s}", "artefact", artefact, "file", file));
    buf_fini(&bytes);
    return code;
}

static int artefact_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err = {0};
    json_t *answer = NULL;
    const char *id = invocation->args[0], *name = invocation->args[1];
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = operator_call(&line, "GET", arena_printf(invocation->arena, "/v1/tasks/%s", id), NULL, 0,
                         &answer);
    const json_t *artefact = find_artefact(answer, name);
    if (code == COMMAND_OK && !artefact) {
        err_set(&err, "no_artefact", "task %s hands over no artefact \"%s\"", id, name);
        err_hint(&err, "hq task show %s lists them", id);
        code = output_fail(invocation, COMMAND_FAILED, &err);
    } else if (code == COMMAND_OK) {
        code = fetch(&line, answer, artefact);
    }
    json_decref(answer);
    operator_close(&line);
    return code;
}

const struct command command_task_artefact = {
    .name = "task artefact",
    .group = "WORK",
    .usage = "ID NAME",
    .summary = "fetch a file that a task handed over",
    .examples = "hq task artefact t-7f4a report.pdf -o report.pdf\n",
    .options = artefact_options,
    .min_args = 2,
    .max_args = 2,
    .run = artefact_run,
};
