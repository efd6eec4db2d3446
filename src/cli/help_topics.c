/* The texts of help's topics. */
#include "cli/help_topics.h"

#include <stddef.h>

#include "base/str.h"

static const struct help_row exit_codes[] = {
    {"0", "done"},
    {"1", "the work failed"},
    {"2", "usage, or the configuration is wrong"},
    {"3", "not running"},
    {"4", "a token is missing or refused"},
    {"5", "rejected at a gate"},
    {"6", "waits for a person (hq inbox)"},
    {"75", "busy, try later"},
    {"78", "of hub, gateway and runner: the configuration is wrong, starting again is no use"},
    {"124", "the waiting timed out; the work goes on"},
    {"130", "Ctrl-C; 143 SIGTERM"},
    {0},
};

static const struct help_row environment[] = {
    {"HQ_DIR", "the company's folder, where -C is not given"},
    {"HQ_STATE", "where its state lies, where --state is not given"},
    {"HQ_TASK_FD", "set by hq inside an agent's command: the way to the hub for that task"},
    {"NO_COLOR", "no colours, whatever the terminal"},
    {"COLUMNS", "how wide a table may be, where there is no terminal"},
    {"LC_ALL, LC_CTYPE, LANG", "a UTF-8 locale gives the round signs, others ASCII"},
    {0},
};

static const struct help_row formatting[] = {
    {"--json", "prints one document with schema_version 1; lists lie under \"items\""},
    {"streams", "(logs -f, task watch) print one JSON document a line"},
    {"failures",
     "are {\"ok\":false,\"error\":{code,message,hint}} with --json, a sentence without"},
    {"standard output", "is the result, standard error everything else"},
    {0},
};

static const struct help_row files[] = {
    {"hq.yaml", "the company: looked for from the working directory upwards"},
    {"secrets/", "keys and tokens, for the owner alone; no file of state has them"},
    {"state/ledger.db", "the ledger: everything that must not be lost"},
    {"state/hub.sock", "the hub's socket, for the owner alone"},
    {"state/run/", "locks of the processes that live"},
    {"state/logs/", "what the processes wrote (hq logs)"},
    {"workspaces/", "one folder for each agent: its instructions and its work"},
    {"instances/", "one folder for each agent: transcripts of its turns"},
    {"workflows/", "the company's workflows"},
    {0},
};

const struct help_topic help_topics[] = {
    {"exit-codes", "what the number means", exit_codes},
    {"environment", "variables that hq reads", environment},
    {"formatting", "--json and streams", formatting},
    {"files", "what lies in a company's folder", files},
    {0},
};

const struct help_topic *help_topic_find(const char *name)
{
    for (const struct help_topic *topic = help_topics; topic->name; topic++)
        if (str_eq(topic->name, name))
            return topic;
    return NULL;
}
