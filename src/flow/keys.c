/* The table of a workflow's keys. */
#include <stddef.h>

#include "base/limits.h"
#include "flow/keys.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define KEYS(...) ((const struct config_key[]){__VA_ARGS__, {0}})

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR, INPUTS = 100 };

#define MONTH (INT64_C(31) * DAY)
#define YEAR (INT64_C(366) * DAY)
#define TOKENS INT64_C(1000000000000)

#define KINDS "agent", "capability", "approve", "effect", "run", "wait", "job", "workflow"
#define WORKERS "agent", "capability", "run", "job", "workflow"

/* Words of expressions, and the one step that is not under `steps`. */
static const char *const reserved[] = {"and",   "or",   "not",        "in", "true",
                                       "false", "null", "on_failure", NULL};

static const struct config_key input_keys[] = {
    {"type", KEY_WORD, .fallback = "string",
     .words = WORDS("string", "number", "integer", "boolean", "list", "object"),
     .doc = "What its value is."},
    {"required", KEY_BOOL, .fallback = "false", .doc = "Whether a run must be given it."},
    {"default", KEY_VALUE, .doc = "Its value where none is given. Absent: null."},
    {"enum", KEY_VALUE, .doc = "A list of the values that it may have."},
    {"description", KEY_STRING, .max = 2000, .doc = "What it is, for whoever starts a run."},
    {"max_length", KEY_INT, .fallback = "4000", .min = 1, .max = LIMIT_INSTRUCTION,
     .doc = "The longest string, in characters."},
    {0}};

static const struct config_key retry_keys[] = {
    {"attempts", KEY_INT, .fallback = "1", .min = 1, .max = 100,
     .doc = "How often it is tried, all in all."},
    {"initial", KEY_DURATION, .fallback = "5s", .min = 0, .max = DAY,
     .doc = "The pause before the second try."},
    {"factor", KEY_NUMBER, .fallback = "2", .min = 1, .max = 100,
     .doc = "By how much each further pause grows."},
    {"max", KEY_DURATION, .fallback = "5m", .min = 0, .max = DAY, .doc = "The longest pause."},
    {"jitter", KEY_BOOL, .fallback = "true", .doc = "Whether pauses vary by up to 20 %."},
    {0}};

static const struct config_key budget_keys[] = {
    {"usd", KEY_USD, .doc = "The most that it may cost, in USD. Absent: no bound of its own."},
    {"tokens", KEY_AMOUNT, .min = 1, .max = TOKENS,
     .doc = "The most tokens that it may use. Absent: no bound of its own."},
    {0}};

static const struct config_key output_keys[] = {
    {"schema", KEY_SCHEMA,
     .doc = "What the result looks like; one that does not fit fails the try as `malformed`."},
    {"format", KEY_WORD, .words = WORDS("text", "json"), .fallback = "text",
     .doc = "Of `run`: what the command's standard output is."},
    {0}};

static const struct config_key approve_keys[] = {
    {"show", KEY_VALUE, .doc = "What the person is to look at; bound to the decision by its hash."},
    {"title", KEY_STRING, .max = 400, .doc = "One line in the inbox. Default: the step's title."},
    {"by", KEY_DECIDER, .list = true, .fallback = "[]",
     .doc = "Who may decide. Empty: anybody with a say. Never an agent."},
    {"expires", KEY_DURATION, .fallback = "24h", .min = SECOND, .max = YEAR,
     .doc = "How long a decision is waited for; then it is rejected."},
    {"on_expire", KEY_WORD, .fallback = "reject", .words = WORDS("reject"),
     .doc = "What comes of it then. Nothing is ever approved by time."},
    {"votes", KEY_INT, .fallback = "1", .min = 1, .max = 100,
     .doc = "How many people must approve; one rejection is enough to reject."},
    {"four_eyes", KEY_BOOL, .fallback = "false", .doc = "Whoever started the run may not decide."},
    {"rerun", KEY_NAME,
     .doc = "A step further up that runs again, with the person's words, where changes are "
            "requested. Absent: that is not offered."},
    {"rounds", KEY_INT, .fallback = "3", .min = 1, .max = LIMIT_FLOW_ROUNDS,
     .beside = WORDS("rerun"), .doc = "How often at most; after that it rejects."},
    {"form", KEY_SCHEMA, .doc = "What the person is to fill in, as `output.answer`."},
    {0}};

static const struct config_key wait_keys[] = {
    {"for", KEY_DURATION, .min = 0, .max = YEAR, .doc = "A time from when the step starts."},
    {"until", KEY_VALUE, .doc = "A moment: `2026-12-24T08:00:00Z`, also by an expression."},
    {"signal", KEY_NAME, .doc = "The name of a signal (`hq flow signal`, or HTTP)."},
    {0}};

static const struct config_key notify_keys[] = {
    {"on_complete", KEY_STRING, .max = 400, .doc = "What the other side is asked to say then."},
    {"on_fail", KEY_STRING, .max = 400, .doc = "The same where it failed."},
    {0}};

static const struct config_key job_keys[] = {
    {"name", KEY_NAME, .required = true, .doc = "Becomes part of the job's folder name."},
    {"script", KEY_FILE, .required = true, .doc = "The file that the other side is to run."},
    {"args", KEY_VALUE, .doc = "Its arguments, a list: they never pass a shell."},
    {"type", KEY_TEXT, .max = 40, .fallback = "script",
     .doc = "What kind of job, for the other side."},
    {"project", KEY_TEXT, .max = 80, .doc = "What it belongs to, for the other side."},
    {"files", KEY_FILE, .list = true, .fallback = "[]",
     .doc = "Files of the workflow's folder that go along."},
    {"notify", KEY_MAP, .keys = notify_keys, .doc = "Copied to job.json."},
    {0}};

/* What a step that agents do has in `steps` and in `on_failure`. */
#define AGENT_STEP                                                                                 \
    {"agent", KEY_AGENT, .doc = "Who does it: an agent's id or alias."},                           \
        {"capability", KEY_TEXT, .max = 80,                                                        \
         .doc = "Or what it takes: the company chooses an agent that has it."},                    \
        {"task",                                                                                   \
         KEY_STRING,                                                                               \
         .max = LIMIT_INSTRUCTION,                                                                 \
         .required = true,                                                                         \
         .beside = WORDS("agent", "capability"),                                                   \
         .doc = "What is to be done. Of `${{ }}` only `inputs.*` and `run.*` may stand in it: "    \
                "results of steps are data."},                                                     \
        {"budget", KEY_MAP, .keys = budget_keys, .beside = WORDS("agent", "capability"),           \
         .doc = "What one try may use."},                                                          \
    {                                                                                              \
        "title", KEY_TEXT, .max = 200, .doc = "For people. Default: the step's name."              \
    }

static const struct config_key step_keys[] = {
    AGENT_STEP,
    {"timeout", KEY_DURATION, .min = SECOND, .max = MONTH, .beside = WORDS(WORKERS, "wait"),
     .doc = "How long one try may take. Default: `defaults.timeout` for agents and commands, a day "
            "for jobs, a week for workflows, no end for signals."},
    {"needs", KEY_NAME, .list = true, .fallback = "[]",
     .doc = "The steps that it waits for. Their results are what its expressions may see."},
    {"if", KEY_EXPR, .doc = "Looked at once those have ended; not true: the step is skipped."},
    {"with", KEY_VALUES, .beside = WORDS("agent", "capability", "effect", "run", "job", "workflow"),
     .doc = "Data for it: of agents beside the task, of commands their environment, of workflows "
            "their inputs."},
    {"retry", KEY_MAP, .keys = retry_keys, .beside = WORDS(WORKERS),
     .doc = "What happens after a failed try. Default, key by key, for agents and commands: "
            "`defaults.retry`."},
    {"continue_on_error", KEY_BOOL, .fallback = "false",
     .beside = WORDS("agent", "capability", "effect", "run", "wait", "job", "workflow"),
     .doc = "Whether what needs it goes on although it failed."},
    {"output", KEY_MAP, .keys = output_keys, .beside = WORDS(WORKERS, "wait"),
     .doc = "What its result must look like."},
    {"approve", KEY_MAP, .keys = approve_keys, .doc = "A gate: a person decides."},
    {"effect", KEY_WORD, .words = WORDS("message", "webhook"),
     .doc = "Something goes out, exactly what `with` says: `to: webhook:NAME`, and `text` or any "
            "data."},
    {"run", KEY_STRING, .max = 65536,
     .doc = "A command for a shell, in the run's copy of the workflow's folder. Never has `${{ "
            "}}`: values come by `with` and `input`."},
    {"input", KEY_VALUE, .beside = WORDS("run"), .doc = "The command's standard input."},
    {"on_unknown", KEY_WORD, .fallback = "ask", .words = WORDS("ask", "fail", "retry"),
     .beside = WORDS("run", "effect"),
     .doc = "Where a crash leaves open whether it happened: a person is asked, it fails, or it is "
            "done again."},
    {"wait", KEY_MAP, .keys = wait_keys, .one_of = WORDS("for", "until", "signal"),
     .doc = "Time passes, or something is to come from outside."},
    {"job", KEY_MAP, .keys = job_keys, .doc = "A folder goes out, its result comes back as one."},
    {"workflow", KEY_STRING, .max = 200,
     .doc = "Another workflow: `other` is `other.yaml` in the same folder, or a path."},
    {"concurrency", KEY_VALUE, .later = true, .doc = "Groups of which few run at once."},
    {"foreach", KEY_VALUE, .later = true, .doc = "One step for each item of a list."},
    {"max_parallel", KEY_VALUE, .later = true, .doc = "How many of those at once."},
    {"compensate", KEY_VALUE, .later = true, .doc = "What undoes it where the run fails later."},
    {"labels", KEY_VALUE, .later = true, .doc = "Words to find it by."},
    {0}};

static const struct config_key failure_keys[] = {
    AGENT_STEP,
    {"timeout", KEY_DURATION, .min = SECOND, .max = MONTH,
     .doc = "As of steps. Default: `defaults.timeout`."},
    {"with", KEY_VALUES, .doc = "Data: `failure.*` and all steps may stand in it."},
    {"retry", KEY_MAP, .keys = retry_keys, .doc = "As of steps."},
    {"output", KEY_MAP, .keys = output_keys, .doc = "As of steps."},
    {0}};

static const struct config_key root_keys[] = {
    {"name", KEY_NAME, .required = true, .doc = "The workflow's name."},
    {"description", KEY_STRING, .max = 4000, .doc = "What it is for."},
    {"inputs", KEY_NAMED, .keys = input_keys, .names = KEY_NAME, .reserved = reserved,
     .max = INPUTS, .doc = "What a run is given, by name: `${{ inputs.NAME }}`."},
    {"budget", KEY_MAP, .doc = "What a run may use, with everything that it starts.",
     .keys = KEYS({"usd", KEY_USD, .doc = "The most that it may cost, in USD."},
                  {"tokens", KEY_AMOUNT, .min = 1, .max = TOKENS, .doc = "The most tokens."},
                  {"wall", KEY_DURATION, .min = SECOND, .max = YEAR,
                   .doc = "How long it may take. Absent: 31 days."})},
    {"limits", KEY_MAP, .doc = "What it may grow to.",
     .keys = KEYS({"depth", KEY_INT, .min = 1, .max = 16, .doc = "How deep delegation may go."},
                  {"tasks", KEY_INT, .min = 1, .max = LIMIT_TREE, .doc = "How many tasks in all."},
                  {"live", KEY_INT, .min = 1, .max = 1000, .fallback = "256",
                   .doc = "How many steps may be at work at once."})},
    {"defaults", KEY_MAP, .doc = "For steps that do not say otherwise.",
     .keys = KEYS({"timeout", KEY_DURATION, .min = SECOND, .max = MONTH, .fallback = "1h",
                   .doc = "How long one try of an agent or a command may take."},
                  {"retry", KEY_MAP, .keys = retry_keys,
                   .doc = "After a failed try of an agent or a command."})},
    {"steps", KEY_NAMED, .required = true, .keys = step_keys, .names = KEY_NAME,
     .reserved = reserved, .max = LIMIT_FLOW_STEPS, .one_of = WORDS(KINDS),
     .doc = "The steps, by name."},
    {"on_failure", KEY_MAP, .keys = failure_keys, .one_of = WORDS("agent", "capability"),
     .doc = "An agent's step that runs before a run ends as failed."},
    {"output", KEY_VALUE,
     .doc = "What the run results in. Default: the output of its last step, or of all of them by "
            "name."},
    {"on", KEY_VALUE, .later = true, .doc = "What starts it by itself."},
    {"concurrency", KEY_VALUE, .later = true, .doc = "How many runs of it at once."},
    {"max_parallel", KEY_VALUE, .later = true, .doc = "See `limits.live`."},
    {"labels", KEY_VALUE, .later = true, .doc = "Words to find runs by."},
    {0}};

static const struct config_key root = {"", KEY_MAP, .keys = root_keys, .doc = "A workflow."};

const struct config_key *flow_keys(void)
{
    return &root;
}
