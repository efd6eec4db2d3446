/* hq flow run, and the seed's script workflow.sh: a workflow, from its file to its end. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/company.h"
#include "cli/flow_follow.h"
#include "cli/flow_look.h"
#include "cli/flow_start.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/spec.h"

static const struct command_option run_options[] = {
    {"input", 'i', "NAME=VALUE", "an input; NAME=@FILE is a file's text; repeatable"},
    {"input-file", 0, "FILE", "inputs as a JSON or YAML mapping"},
    {"wait", 0, NULL, "until the run has ended (the default)"},
    {"no-wait", 0, NULL, "return as soon as the run is on disk; prints its id"},
    {"key", 0, "KEY", "what makes a repeat of this call the same run"},
    {0},
};

/* A repeat of a start may meet its run at a gate. */
static int show_started(struct operator_line *line, const json_t *started)
{
    const struct invocation *invocation = line->invocation;
    json_t *run = NULL;
    const char *id = json_get_text(started, "id", "");
    int code = flow_look(line, id, 0, 0, &run);
    if (code == COMMAND_OK) {
        code = flow_waits_for_people(run) ? COMMAND_PERSON : COMMAND_OK;
        if (invocation->json)
            output_json(json_pack("{s:O}", "run", run));
        else
            puts(id);
    }
    json_decref(run);
    return code;
}

static int wait_for_run(struct operator_line *line, const json_t *started, const struct flow *flow)
{
    const struct invocation *invocation = line->invocation;
    json_t *run = NULL;
    const char *id = json_get_text(started, "id", "");
    if (!invocation->json)
        output_note(invocation, "run %s of %s", flow_short_id(id, invocation->arena), flow->name);
    int code = flow_follow(line, id, flow, &run);
    if (code == COMMAND_OK)
        code = flow_print_end(invocation, run);
    else if (run && invocation->json && code != COMMAND_INTERRUPTED)
        output_json(json_pack("{s:O}", "run", run));
    json_decref(run);
    return code;
}

static int run_bundle(const struct invocation *invocation, const struct flow_bundle *bundle,
                      const char *key)
{
    struct operator_line line;
    struct err err = {0};
    json_t *started = NULL;
    const struct flow *flow = flow_bundle_entry(bundle);
    json_t *inputs = flow_given_inputs(invocation, flow, &err);
    json_t *checked = inputs ? flow_inputs(flow, inputs, false, &err) : NULL;
    json_decref(checked); /* the hub fills in the defaults; here a mistake is found at once */
    if (!checked) {
        json_decref(inputs);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    int code = operator_open(invocation, &line);
    if (code == COMMAND_OK) {
        struct flow_order order = {bundle, inputs, key};
        code = flow_start(&line, &order, &started);
        if (code == COMMAND_OK)
            code = invocation_has(invocation, "no-wait") ? show_started(&line, started)
                                                         : wait_for_run(&line, started, flow);
        operator_close(&line);
    }
    json_decref(started);
    json_decref(inputs);
    return code;
}

static int run_named(const struct invocation *invocation, const char *key)
{
    struct flow_bundle *bundle = NULL;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    int code = flow_read(invocation, config, invocation->args[0], &bundle);
    if (code == COMMAND_OK)
        code = run_bundle(invocation, bundle, key);
    if (bundle)
        flow_bundle_close(bundle);
    config_free(config);
    return code;
}

static int flow_run_run(const struct invocation *invocation)
{
    return run_named(invocation, invocation_value(invocation, "key"));
}

const struct command command_flow_run = {
    .name = "flow run",
    .group = "WORK",
    .usage = "NAME|FILE",
    .summary = "run a workflow and wait for its end",
    .details = "NAME is a workflow of the company (hq flow list), FILE any other. The output goes "
               "to standard "
               "output.\nAt a gate a person at a terminal is asked; elsewhere the command says "
               "which command "
               "decides.\nCtrl-C and --timeout end the waiting, not the run: hq flow watch RUN "
               "comes back.\n"
               "Exit code: 0 done, 1 failed, 2 the file or the inputs are wrong, 5 rejected at a "
               "gate,\n6 only "
               "people are waited for (--no-wait, --timeout), 124 --timeout came first.\n",
    .examples = "hq flow run material-trade-study -i part=bracket\n"
                "hq flow run quick-research -i question=@question.txt --no-wait\n",
    .options = run_options,
    .min_args = 1,
    .max_args = 1,
    .run = flow_run_run,
};

/* ---- workflow.sh ---- */

static const struct command_option link_options[] = {
    {"input", 'i', "NAME=VALUE", "an input; also without -i behind the name; repeatable"},
    {"input-file", 0, "FILE", "inputs as a JSON or YAML mapping"},
    {"wait", 0, NULL, "until the run has ended (the default)"},
    {"no-wait", 0, NULL, "return as soon as the run is on disk; prints its id"},
    {"timeout", 0, "S", "seconds of waiting; the run goes on"},
    {"format", 0, "FORM", "json: the run (the default); text: its output alone"},
    {"run-id", 0, "ID", "own run id; the same id is the same run"},
    {0},
};

static int fail_option(const struct invocation *invocation, const char *name, const char *want)
{
    struct err err = {0};
    err_set(&err, "usage", "--%s: \"%s\" is not %s", name, invocation_value(invocation, name),
            want);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

static int link_run(const struct invocation *invocation)
{
    struct invocation as_run = *invocation;
    const char *timeout = invocation_value(invocation, "timeout");
    const char *form = invocation_value(invocation, "format");
    int64_t seconds;
    if (timeout && str_to_int(timeout, 1, 31536000, &seconds))
        as_run.timeout_ms = seconds * 1000;
    else if (timeout && !time_parse_duration(timeout, &as_run.timeout_ms))
        return fail_option(invocation, "timeout", "a number of seconds");
    if (form && !str_eq(form, "json") && !str_eq(form, "text"))
        return fail_option(invocation, "format", "json or text");
    as_run.json = !str_eq(form, "text");
    return run_named(&as_run, invocation_value(invocation, "run-id"));
}

const struct command command_link_workflow = {
    .name = "workflow.sh",
    .group = "LINKS",
    .usage = "NAME [INPUT=VALUE…]",
    .summary = "run a workflow and wait for its end",
    .details =
        "A link of this name to hq is the seed's script; so is `hq workflow.sh`. The same as "
        "`hq flow run`, with\nthe forms that orchestrate.sh has. Exit code as of `hq flow run`.\n",
    .examples = "workflow.sh material-trade-study part=bracket\n",
    .options = link_options,
    .min_args = 1,
    .max_args = 100,
    .run = link_run,
    .is_link = true,
};
