/* Makes one model call against a server and prints what came of it as one JSON object: for trying a
 * real server, and for the tests that drive it against a stand-in. Not installed.
 *
 *   model_probe BASE_URL MODEL TEXT [--tool NAME] [--result TEXT] [--cancel-after PIECES] [--quiet]
 *
 * --tool offers a tool of that name. With --result the conversation goes on behind a call of it.
 * --quiet listens to no text, so that a cut stream is tried again. The key is read from
 * MODEL_PROBE_KEY. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "model/model.h"
#include "net/fetch.h"

struct probe {
    const char *url, *name, *text, *tool, *result;
    bool quiet;
    int64_t cancel_after;
    int64_t pieces;
    struct fetch_cancel *cancel;
};

static void hear(void *ctx, const char *text, size_t len)
{
    struct probe *probe = ctx;
    (void)text;
    (void)len;
    if (++probe->pieces == probe->cancel_after)
        fetch_cancel(probe->cancel);
}

static int read_arguments(struct probe *probe, int argc, char **argv)
{
    if (argc < 4)
        return -1;
    probe->url = argv[1];
    probe->name = argv[2];
    probe->text = argv[3];
    for (int i = 4; i < argc; i++) {
        bool more = i + 1 < argc;
        if (str_eq(argv[i], "--quiet"))
            probe->quiet = true;
        else if (more && str_eq(argv[i], "--tool"))
            probe->tool = argv[++i];
        else if (more && str_eq(argv[i], "--result"))
            probe->result = argv[++i];
        else if (more && str_eq(argv[i], "--cancel-after"))
            probe->cancel_after = atoi(argv[++i]);
        else
            return -1;
    }
    return 0;
}

static json_t *messages_of(const struct probe *probe)
{
    json_t *list = json_pack("[{s:s, s:s}]", "role", "user", "text", probe->text);
    if (!probe->tool || !probe->result)
        return list;
    json_array_append_new(list, json_pack("{s:s, s:n, s:[{s:s, s:s, s:{}}]}", "role", "assistant",
                                          "text", "tool_calls", "id", "call_1", "name", probe->tool,
                                          "arguments"));
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b}", "role", "tool", "call_id",
                                          "call_1", "name", probe->tool, "text", probe->result,
                                          "is_error", 0));
    return list;
}

static json_t *tools_of(const struct probe *probe)
{
    if (!probe->tool)
        return json_array();
    return json_pack("[{s:s, s:s, s:{s:s, s:{s:{s:s}}}}]", "name", probe->tool, "description",
                     "A tool of the probe.", "parameters", "type", "object", "properties", "path",
                     "type", "string");
}

static const char *outcome_word(enum model_outcome outcome)
{
    static const char *const words[] = {"ok",   "retry_later", "unreachable", "refused",
                                        "auth", "too_long",    "cancelled",   "malformed"};
    return words[outcome];
}

static void print_result(const struct probe *probe, enum model_outcome outcome,
                         const struct model_answer *answer, json_t *rest)
{
    json_t *out =
        json_pack("{s:s, s:O?, s:I, s:{s:I, s:I, s:I, s:b}}", "outcome", outcome_word(outcome),
                  "message", answer->message, "pieces", (json_int_t)probe->pieces, "usage", "in",
                  (json_int_t)answer->usage.in, "out", (json_int_t)answer->usage.out, "cached",
                  (json_int_t)answer->usage.cached, "estimated", answer->usage.estimated);
    json_object_update(out, rest);
    json_dumpf(out, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(out);
}

static enum model_outcome run(struct probe *probe, struct models *models)
{
    const char *name;
    struct err err = {0};
    struct model_answer answer = {0};
    int64_t retry_after_ms = -1, started = time_boot_ms();
    json_t *messages = messages_of(probe), *tools = tools_of(probe);
    char reference[512];
    snprintf(reference, sizeof(reference), "probe/%s", probe->name);
    struct model *model = models_get(models, reference, &name, &err);
    struct model_request request = {.model = probe->name,
                                    .system = "Answer briefly.",
                                    .messages = messages,
                                    .tools = tools,
                                    .cancel = probe->cancel,
                                    .on_text = probe->quiet ? NULL : hear,
                                    .ctx = probe};
    enum model_outcome outcome =
        model ? model_complete(model, &request, &answer, &retry_after_ms, &err) : MODEL_REFUSED;
    json_t *rest =
        json_pack("{s:s, s:s, s:I, s:I}", "error", err.message, "hint", err.hint, "retry_after_ms",
                  (json_int_t)retry_after_ms, "took_ms", (json_int_t)(time_boot_ms() - started));
    print_result(probe, outcome, &answer, rest);
    json_decref(rest);
    json_decref(answer.message);
    json_decref(messages);
    json_decref(tools);
    return outcome;
}

int main(int argc, char **argv)
{
    struct probe probe = {0};
    if (read_arguments(&probe, argc, argv)) {
        fprintf(stderr, "usage: model_probe BASE_URL MODEL TEXT [--tool NAME] [--result TEXT] "
                        "[--cancel-after PIECES] [--quiet]\n");
        return 64;
    }
    log_init("probe", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    struct config_model provider = {.name = "probe", .api = "openai-chat", .base_url = probe.url};
    struct config config = {.models = &provider, .model_count = 1};
    if (getenv("MODEL_PROBE_KEY"))
        provider.api_key.env = "MODEL_PROBE_KEY";
    struct fetch *fetch = fetch_open();
    struct models *models = models_open(&config, fetch);
    probe.cancel = fetch_cancel_open();
    enum model_outcome outcome = run(&probe, models);
    models_close(models);
    fetch_cancel_close(probe.cancel);
    fetch_close(fetch);
    return outcome == MODEL_OK ? 0 : 1;
}
