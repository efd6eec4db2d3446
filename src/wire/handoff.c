/* Builds the handoff document, and checks one by a schema of its own. */
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/str.h"
#include "base/time.h"
#include "wire/call.h"
#include "wire/handoff.h"

/* A version only adds to this; what is stored must stay readable. */
static const char schema_text[] =
    "{\"type\":\"object\","
    "\"required\":[\"schema_version\",\"task\",\"run_id\",\"agent\",\"caller\",\"status\","
    "\"result\",\"confidence\",\"notes\",\"artefacts\",\"usage\",\"provenance\",\"failure\","
    "\"started_at\",\"finished_at\",\"tries\"],"
    "\"properties\":{"
    "\"schema_version\":{\"const\":1},"
    "\"task\":{\"type\":\"string\",\"pattern\":\"^t-[0-9a-z]+$\"},"
    "\"run_id\":{\"type\":\"string\",\"pattern\":\"^t-[0-9a-z]+/\\\\d+$\"},"
    "\"agent\":{\"type\":\"string\",\"minLength\":1},"
    "\"caller\":{\"type\":\"string\",\"minLength\":1},"
    "\"status\":{\"enum\":[\"complete\",\"partial\",\"blocked\",\"failed\"]},"
    "\"confidence\":{\"enum\":[\"high\",\"medium\",\"low\",null]},"
    "\"notes\":{\"type\":[\"string\",\"null\"]},"
    "\"artefacts\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"required\":[\"name\",\"type\",\"size\",\"sha256\"],\"properties\":{"
    "\"name\":{\"type\":\"string\",\"minLength\":1},\"type\":{\"type\":\"string\"},"
    "\"size\":{\"type\":\"integer\",\"minimum\":0},"
    "\"sha256\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{64}$\"}}}},"
    "\"usage\":{\"type\":[\"object\",\"null\"]},"
    "\"provenance\":{\"type\":[\"object\",\"null\"]},"
    "\"failure\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\","
    "\"required\":[\"class\",\"message\"],\"properties\":{"
    "\"class\":{\"enum\":[\"timeout\",\"refused\",\"unreachable\",\"malformed\",\"budget\","
    "\"loop\","
    "\"crashed\",\"cancelled\",\"failed\",\"blocked\"]},\"message\":{\"type\":\"string\"}}}]},"
    "\"started_at\":{\"$ref\":\"#/$defs/time\"},"
    "\"finished_at\":{\"$ref\":\"#/$defs/time\"},"
    "\"tries\":{\"type\":\"integer\",\"minimum\":0}},"
    "\"$defs\":{\"time\":{\"type\":[\"string\",\"null\"],"
    "\"pattern\":\"^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\dT\\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d(\\\\.\\\\d+)?Z$"
    "\"}}"
    "}";

static json_t *text_or_null(const char *text)
{
    return text ? json_text(text, strlen(text)) : json_null();
}

static json_t *time_or_null(int64_t ms)
{
    char text[TIME_TEXT];
    if (ms == 0)
        return json_null();
    time_rfc3339(ms, text);
    return json_string(text);
}

static json_t *value_or(const char *text, json_t *otherwise)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    if (!value)
        return otherwise;
    json_decref(otherwise);
    return value;
}

json_t *handoff_to_json(const struct handoff *handoff, const char *failure_class,
                        const char *failure_message)
{
    json_t *failure = json_null();
    if (failure_class) {
        failure = json_pack("{s:s}", "class", failure_class);
        json_set_text(failure, "message", failure_message ? failure_message : "");
    }
    json_t *document = json_pack("{s:i,s:o,s:I}", "schema_version", HANDOFF_VERSION, "failure",
                                 failure, "tries", (json_int_t)handoff->tries);
    const struct {
        const char *key;
        json_t *value;
    } fields[] = {
        {"task", text_or_null(handoff->task)},
        {"run_id", text_or_null(handoff->run_id)},
        {"agent", text_or_null(handoff->agent)},
        {"caller", text_or_null(handoff->caller)},
        {"status", text_or_null(handoff->status)},
        {"result", value_or(handoff->result, json_null())},
        {"confidence", text_or_null(handoff->confidence)},
        {"notes", text_or_null(handoff->notes)},
        {"artefacts", value_or(handoff->artefacts, json_array())},
        {"usage", value_or(handoff->usage, json_null())},
        {"provenance", value_or(handoff->provenance, json_null())},
        {"started_at", time_or_null(handoff->started_at)},
        {"finished_at", time_or_null(handoff->finished_at)},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        json_object_set_new(document, fields[i].key, fields[i].value);
    return document;
}

/* The run id names the task, and what did not come off says why. */
static int check_relations(const json_t *document, struct err *err)
{
    static const char *const bad[] = {"blocked", "failed", NULL};
    const char *task = json_get_text(document, "task", "");
    const char *run_id = json_get_text(document, "run_id", "");
    const char *status = json_get_text(document, "status", "");
    if (strncmp(run_id, task, strlen(task)) != 0 || run_id[strlen(task)] != '/')
        return err_set(err, "malformed",
                       "the handoff is malformed: /run_id: %.80s is no run of %.80s", run_id, task);
    if (str_in(status, bad) && json_is_null(json_object_get(document, "failure")))
        return err_set(err, "malformed",
                       "the handoff is malformed: /failure: must say why the status is %s", status);
    return 0;
}

/* Parsed once, read by all threads, kept until the process ends. */
static json_t *whole_schema, *content_schema;

static void schemas_open(void)
{
    struct err err;
    whole_schema = json_parse(schema_text, sizeof(schema_text) - 1, &err);
    content_schema = json_deep_copy(whole_schema);
    json_t *properties = json_object_get(content_schema, "properties");
    json_object_del(properties, "task");
    json_object_del(properties, "run_id");
}

static const json_t *schema_of(bool is_whole)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, schemas_open);
    return is_whole ? whole_schema : content_schema;
}

static int check_by(const json_t *schema, const json_t *document, struct err *err)
{
    struct buf findings = {0};
    int rc = 0;
    if (json_schema_fits(schema, document, &findings) != 0) {
        const char *text = buf_text(&findings);
        rc = err_set(err, "malformed", "the handoff is malformed: %.*s", (int)strcspn(text, "\n"),
                     text);
    }
    buf_fini(&findings);
    return rc == 0 ? check_relations(document, err) : rc;
}

int handoff_check(const json_t *document, struct err *err)
{
    if (json_get_int(document, "schema_version", 0) > HANDOFF_VERSION)
        return err_set(err, "malformed",
                       "the handoff has schema_version %lld; this hq knows versions up to %d",
                       (long long)json_get_int(document, "schema_version", 0), HANDOFF_VERSION);
    return check_by(schema_of(true), document, err);
}

int handoff_check_content(const struct handoff *handoff, const char *failure_class, struct err *err)
{
    struct handoff content = *handoff;
    const char *class = failure_class;
    if (!class && (str_eq(content.status, "blocked") || str_eq(content.status, "failed")))
        class = content.status; /* as the ledger will */
    content.task = "t-0";
    content.run_id = "t-0/0";
    content.agent = content.caller = "somebody";
    content.result = NULL; /* any JSON; it may be large */
    json_t *document = handoff_to_json(&content, class, NULL);
    int rc = check_by(schema_of(false), document, err);
    json_decref(document);
    return rc;
}
