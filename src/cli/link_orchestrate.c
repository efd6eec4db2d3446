/* orchestrate.sh: the seed's script that gives an agent a piece of work, waits for its handoff, and
 * tries again where it failed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/handoff_text.h"
#include "cli/link.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/question.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "cli/wait.h"
#include "wire/handoff.h"
#include "wire/task.h"

enum {
    TIMEOUT_S = 300,
    RETRIES = 1,
    RETRIES_MAX = 3,
    MESSAGES_MAX = 30,
    RUN_ID_MAX = 128,
    GRACE_MS = 15000 /* past the attempt's deadline, until the hub has ended it */
};

static const struct command_option orchestrate_options[] = {
    {"wait", 0, NULL, "until the agent has ended (the default)"},
    {"no-wait", 0, NULL, "return as soon as the work is on disk"},
    {"timeout", 0, "S", "seconds for each try (300)"},
    {"retries", 0, "N", "how often a failed try is repeated (1, at most 3)"},
    {"format", 0, "FORM", "json: the handoff (the default); text: its result alone"},
    {"validate", 0, NULL, "the handoff must have every field it needs, else exit 1"},
    {"context", 0, "FILE", "a text file as data beside the task; repeatable"},
    {"run-id", 0, "ID", "own run id; the same id is the same run"},
    {"handoff-dir", 0, "DIR", "write the handoff to DIR/<run id>.json, too"},
    {"no-deliver", 0, NULL, "do not post the answer"},
    {"channel", 0, "ID", "post it there instead of where the agent's answers go"},
    {"workflow-id", 0, "ID", "a label that the handoff repeats"},
    {"step-id", 0, "ID", "likewise"},
    {"caller", 0, "AGENT", "a label; it gives no rights"},
    {"channel-context", 0, "C", "recent messages of a channel as data"},
    {"channel-messages", 0, "N", "how many of them (20, at most 30)"},
    {0},
};

/* The command line, read. */
struct orders {
    const struct invocation *invocation;
    const char *text, *run_id, *dir; /* run_id NULL: the task's id */
    const char *key;                 /* what makes a repeat the same run */
    int64_t timeout_ms, retries;
    bool json, waits;
    json_t *body; /* of the first try, without its key */
};

static int fail_option(struct err *err, const char *name, const char *value, const char *want)
{
    return err_set(err, "usage", "--%s: \"%s\" is not %s", name, value, want);
}

/* A number as the script took it: bare; a unit (30s, 5m) is understood, too. */
static int read_timeout(struct orders *orders, struct err *err)
{
    const char *text = invocation_value(orders->invocation, "timeout");
    int64_t seconds = TIMEOUT_S;
    orders->timeout_ms = TIMEOUT_S * 1000;
    if (!text)
        return 0;
    if (str_to_int(text, 1, 31536000, &seconds))
        orders->timeout_ms = seconds * 1000;
    else if (!time_parse_duration(text, &orders->timeout_ms) || orders->timeout_ms <= 0)
        return fail_option(err, "timeout", text, "a number of seconds");
    return 0;
}

static int read_retries(struct orders *orders, struct err *err)
{
    const char *text = invocation_value(orders->invocation, "retries");
    orders->retries = RETRIES;
    if (text && !str_to_int(text, 0, 1000000, &orders->retries))
        return fail_option(err, "retries", text, "a number from 0 to 3");
    if (orders->retries > RETRIES_MAX) {
        output_note(orders->invocation, "--retries: 3 instead of %s", text);
        orders->retries = RETRIES_MAX;
    }
    return 0;
}

/* A run id becomes a file's name. */
static int read_run_id(struct orders *orders, struct err *err)
{
    static char uuid[UUID_TEXT];
    const char *id = invocation_value(orders->invocation, "run-id");
    rand_uuid(uuid);
    orders->run_id = id;
    orders->key = id ? id : uuid;
    if (!id || (*id && *id != '.' && strlen(id) <= RUN_ID_MAX &&
                strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") ==
                    strlen(id)))
        return 0;
    return fail_option(err, "run-id", id, "made of letters, digits, \".\", \"_\", \":\" and \"-\"");
}

static int read_channel(const struct invocation *invocation, struct err *err)
{
    int64_t count;
    const char *messages = invocation_value(invocation, "channel-messages");
    const char *channel = invocation_value(invocation, "channel-context");
    if (messages && !str_to_int(messages, 1, MESSAGES_MAX, &count))
        return fail_option(err, "channel-messages", messages, "a number from 1 to 30");
    if (!channel)
        return 0;
    err_set(err, "no_channel", "no channel configured");
    err_hint(err, "--channel-context %s needs one; give what matters with --context FILE", channel);
    return -1;
}

static int read_form(struct orders *orders, struct err *err)
{
    const char *form = invocation_value(orders->invocation, "format");
    orders->json = !str_eq(form, "text");
    if (form && !str_eq(form, "text") && !str_eq(form, "json"))
        return fail_option(err, "format", form, "json or text");
    return 0;
}

/* The folder is looked at before anything is spent. */
static int read_dir(struct orders *orders, struct err *err)
{
    orders->dir = invocation_value(orders->invocation, "handoff-dir");
    int fd = orders->dir ? open(orders->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (orders->dir && fd < 0)
        return err_errno(err, "no_file", "--handoff-dir: %s cannot be opened", orders->dir);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* "review/step-2, for manager": what a person sees beside the task. */
static const char *label_of(const struct invocation *invocation)
{
    const char *workflow = invocation_value(invocation, "workflow-id");
    const char *step = invocation_value(invocation, "step-id");
    const char *caller = invocation_value(invocation, "caller");
    const char *text = arena_printf(invocation->arena, "%s%s%s", workflow ? workflow : "",
                                    workflow && step ? "/" : "", step ? step : "");
    if (caller)
        text = arena_printf(invocation->arena, "%s%sfor %s", text, *text ? ", " : "", caller);
    return *text ? text : NULL;
}

static int read_body(struct orders *orders, struct err *err)
{
    const struct invocation *invocation = orders->invocation;
    orders->text = question_text(invocation, invocation->args[1], err);
    json_t *deliver = orders->text ? link_deliver(invocation, err) : NULL;
    if (!deliver)
        return -1;
    orders->body = json_object();
    json_set_text(orders->body, "agent", invocation->args[0]);
    json_set_text(orders->body, "instruction", orders->text);
    json_set_text(orders->body, "name", label_of(invocation));
    json_object_set_new(orders->body, "deadline_ms", json_integer(orders->timeout_ms));
    if (!json_is_null(deliver))
        json_object_set(orders->body, "deliver", deliver);
    json_decref(deliver);
    json_t *parts = question_context(invocation, err);
    if (!parts)
        return -1;
    if (json_array_size(parts))
        json_object_set(orders->body, "data", parts);
    json_decref(parts);
    return 0;
}

static int read_orders(struct orders *orders, struct err *err)
{
    orders->waits = !invocation_has(orders->invocation, "no-wait");
    if (read_channel(orders->invocation, err) < 0 || read_timeout(orders, err) < 0 ||
        read_retries(orders, err) < 0 || read_run_id(orders, err) < 0 ||
        read_form(orders, err) < 0 || read_dir(orders, err) < 0)
        return -1;
    return read_body(orders, err);
}

/* ---- one try ---- */

static int submit(struct operator_line *line, const struct orders *orders, int try, json_t **answer)
{
    json_t *body = json_copy(orders->body);
    struct arena *arena = line->invocation->arena;
    const char *key = try == 1 ? orders->key : arena_printf(arena, "%s#%d", orders->key, try);
    json_set_text(body, "kind", line->config ? "ask" : "delegation");
    json_set_text(body, "key", key);
    int code = operator_call(line, "POST", "/v1/tasks", body, 0, answer);
    json_decref(body);
    return code;
}

static bool is_worth_another(const json_t *answer)
{
    static const char *const final[] = {"refused", "cancelled", "budget", "loop", NULL};
    const json_t *task = json_object_get(answer, "task");
    const char *class = json_get_text(task, "failure_class", NULL);
    return task_exit_code(answer) != COMMAND_OK && class && !str_in(class, final);
}

static void say_again(const struct invocation *invocation, const json_t *answer, int try, int tries)
{
    const json_t *task = json_object_get(answer, "task");
    output_note(invocation, "try %d of %d failed (%s: %s); again", try, tries,
                json_get_text(task, "failure_class", "failed"),
                json_get_text(task, "failure_message", ""));
}

/* Tries until one is done or there is no try left; *answer is the last one's end. */
static int try_all(struct operator_line *line, const struct orders *orders, int *tries,
                   json_t **answer)
{
    int most = (int)orders->retries + 1;
    for (*tries = 1;; ++*tries) {
        json_t *made = NULL;
        json_decref(*answer);
        *answer = NULL;
        int code = submit(line, orders, *tries, &made);
        if (code != COMMAND_OK || !orders->waits) {
            *answer = made;
            return code;
        }
        const char *id = arena_strdup(line->invocation->arena,
                                      json_get_text(json_object_get(made, "task"), "id", ""));
        json_decref(made);
        code =
            wait_for_task_until(line, id, time_boot_ms() + orders->timeout_ms + GRACE_MS, answer);
        if (code != COMMAND_OK || *tries >= most || !is_worth_another(*answer))
            return code;
        say_again(line->invocation, *answer, *tries, most);
    }
}

/* ---- what comes out ---- */

static int show_queued(const struct orders *orders, const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    const char *id = json_get_text(task, "id", "");
    if (!orders->json) {
        puts(id);
        return COMMAND_OK;
    }
    json_t *made =
        json_pack("{s:b,s:s,s:s,s:s}", "ok", 1, "runId", id, "agent",
                  json_get_text(task, "agent", ""), "state", json_get_text(task, "state", ""));
    json_set_text(made, "label", orders->run_id);
    output_json_line(made);
    return COMMAND_OK;
}

/* Returns the exit code: the work's, or 1 where the handoff is malformed or its file not written.
 */
static int show_handoff(const struct orders *orders, const json_t *answer, int tries)
{
    const struct invocation *invocation = orders->invocation;
    struct err err = {0};
    struct handoff_labels labels = {.run_id = orders->run_id,
                                    .workflow_id = invocation_value(invocation, "workflow-id"),
                                    .step_id = invocation_value(invocation, "step-id"),
                                    .attempt = tries};
    const json_t *task = json_object_get(answer, "task");
    json_t *form = handoff_form(answer, &labels);
    const char *name = orders->run_id ? orders->run_id : json_get_text(task, "id", "");
    int code = str_eq(json_get_text(task, "state", ""), TASK_TIMED_OUT) ? COMMAND_TIMEOUT
                                                                        : task_exit_code(answer);
    if (orders->json) {
        json_dumpf(form, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        task_print_result(invocation, answer);
    }
    if (orders->dir && link_put_file(orders->dir, name, form, &err) < 0)
        code = output_fail(invocation, COMMAND_FAILED, &err);
    if (invocation_has(invocation, "validate") && handoff_check(form, &err) < 0)
        code = output_fail(invocation, COMMAND_FAILED, &err);
    json_decref(form);
    return code;
}

static int orchestrate(struct operator_line *line, const struct orders *orders)
{
    json_t *answer = NULL;
    int tries;
    int code = try_all(line, orders, &tries, &answer);
    if (code == COMMAND_OK)
        code = orders->waits ? show_handoff(orders, answer, tries) : show_queued(orders, answer);
    json_decref(answer);
    return code;
}

static int orchestrate_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err = {0};
    struct orders orders = {.invocation = invocation};
    int code = COMMAND_USAGE;
    if (read_orders(&orders, &err) < 0)
        output_fail(invocation, code, &err);
    else if ((code = operator_open(invocation, &line)) == COMMAND_OK) {
        code = orchestrate(&line, &orders);
        operator_close(&line);
    }
    json_decref(orders.body);
    return code;
}

const struct command command_link_orchestrate = {
    .name = "orchestrate.sh",
    .group = "LINKS",
    .usage = "AGENT TASK|-",
    .summary = "give an agent work and wait for its handoff",
    .details =
        "A link of this name to hq is the seed's script; so is `hq orchestrate.sh`. Exit code: 0 "
        "done, 1 failed or\nmalformed, 2 usage, 4 not allowed, 75 busy, 124 no result in "
        "time. No result is ever made up.\n",
    .examples = "orchestrate.sh auditor \"Check the bracket\" --timeout 300\n",
    .options = orchestrate_options,
    .min_args = 2,
    .max_args = 2,
    .run = orchestrate_run,
    .in_task = true,
    .is_link = true,
};
