/* Opens the line, speaks over it, and says what is wrong in words and exit codes. */
#include <signal.h>

#include "base/err.h"
#include "base/str.h"
#include "base/thread.h"
#include "cli/company.h"
#include "cli/inside.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "client/hub_client.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/fetch.h"
#include "supervise/control.h"

enum { PATIENCE_MS = 10000 /* a hub that restarts is back long before */ };

static int not_running(struct operator_line *line)
{
    struct err err;
    err_set(&err, "not_running", "%s is not running", line->config->company);
    err_hint(&err, "start it: hq -C %s up -d", line->config->dir);
    return output_fail(line->invocation, COMMAND_NOT_RUNNING, &err);
}

/* The channel of the task inside whose exec we run. */
static int open_inside(struct operator_line *line)
{
    struct err err = {0};
    int fd = inside_task_fd(&err);
    if (fd < 0)
        return output_fail(line->invocation, COMMAND_CREDENTIAL, &err);
    line->cancel = fetch_cancel_open();
    line->hub = hub_client_open_task(fd);
    return COMMAND_OK;
}

/* The token file of a person; NULL with *err: hq.yaml knows nobody of that name. Whoever sits at
 * this machine speaks as the operator. */
static const char *token_of(const struct config *config, const char *person, struct arena *arena,
                            struct err *err)
{
    const char *const *roles;
    if (!person || str_eq(person, config_person_of(config, "operator", &roles)))
        return "operator.token";
    if (config_person(config, person))
        return arena_printf(arena, "person.%s.token", person);
    const char **known = arena_alloc(arena, (config->person_count + 2) * sizeof(*known));
    for (size_t i = 0; i < config->person_count; i++)
        known[i] = config->people[i].id;
    const char *near = str_nearest(person, known);
    err_set(err, "unknown_person", "--as: %s has no person \"%.40s\"", config->company, person);
    if (near)
        err_hint(err, "did you mean %s?", near);
    else
        err_hint(err, "people: in hq.yaml says who is there");
    return NULL;
}

int operator_open(const struct invocation *invocation, struct operator_line *line)
{
    struct err err;
    const char *person = invocation_value(invocation, "as");
    *line = (struct operator_line){.invocation = invocation};
    if (inside_task())
        return open_inside(line);
    line->config = company_open(invocation);
    if (!line->config)
        return COMMAND_USAGE;
    int code = COMMAND_OK;
    if (!control_is_up(line->config)) {
        code = not_running(line);
        goto fail;
    }
    err = (struct err){0};
    const char *file = token_of(line->config, person, invocation->arena, &err);
    if (!file) {
        code = output_fail(invocation, COMMAND_USAGE, &err);
        goto fail;
    }
    char *token = secret_read(line->config, file, invocation->arena, &err);
    if (!token) {
        if (!err.hint[0])
            err_hint(&err, "a missing token is made at the next start: hq down, then hq up -d");
        code = output_fail(invocation, COMMAND_CREDENTIAL, &err);
        goto fail;
    }
    line->fetch = fetch_open();
    line->cancel = fetch_cancel_open();
    line->hub = hub_client_open(line->fetch, line->config->state, token);
    return COMMAND_OK;
fail:
    operator_close(line);
    return code;
}

void operator_close(struct operator_line *line)
{
    if (line->catches) {
        pthread_cancel(line->interrupt);
        pthread_join(line->interrupt, NULL);
        line->catches = false;
    }
    if (line->cancel)
        fetch_cancel_close(line->cancel);
    line->cancel = NULL;
    if (line->hub)
        hub_client_close(line->hub);
    if (line->fetch)
        fetch_close(line->fetch);
    if (line->config)
        config_free(line->config);
    line->hub = NULL;
    line->fetch = NULL;
    line->config = NULL;
}

const char *operator_hq(const struct operator_line *line)
{
    return line->config ? arena_printf(line->invocation->arena, "hq -C %s", line->config->dir)
                        : "hq";
}

int operator_exit_code(enum hub_outcome outcome, int status)
{
    switch (outcome) {
    case HUB_DOWN:
        return COMMAND_NOT_RUNNING;
    case HUB_BUSY:
        return COMMAND_BUSY;
    case HUB_CANCELLED:
        return COMMAND_INTERRUPTED;
    default:
        return status == 401 || status == 403 ? COMMAND_CREDENTIAL
               : status == 409                ? COMMAND_FAILED
                                              : COMMAND_USAGE;
    }
}

int operator_call(struct operator_line *line, const char *method, const char *path,
                  const json_t *body, int64_t wait_ms, json_t **answer)
{
    struct err err = {0};
    int status = 0;
    enum hub_outcome outcome = hub_call(line->hub, method, path, body, PATIENCE_MS + wait_ms,
                                        line->cancel, answer, &status, &err);
    if (outcome == HUB_OK)
        return COMMAND_OK;
    int code = operator_exit_code(outcome, status);
    return outcome == HUB_CANCELLED ? code : output_fail(line->invocation, code, &err);
}

int operator_show(const struct invocation *invocation, const char *path,
                  int (*show)(const struct invocation *invocation, const json_t *answer))
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    if (code == COMMAND_OK)
        code = show(invocation, answer);
    json_decref(answer);
    operator_close(&line);
    return code;
}

json_t *operator_look(struct operator_line *line, const char *path)
{
    struct err err = {0};
    json_t *answer = NULL;
    hub_call(line->hub, "GET", path, NULL, PATIENCE_MS, line->cancel, &answer, NULL, &err);
    return answer;
}

static void *interrupt_thread(void *arg)
{
    int number;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    if (sigwait(&set, &number) == 0)
        fetch_cancel(arg);
    return NULL;
}

void operator_catch_interrupt(struct operator_line *line)
{
    sigset_t set;
    if (line->catches)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    line->catches =
        thread_start(&line->interrupt, "interrupt", interrupt_thread, line->cancel) == 0;
}
