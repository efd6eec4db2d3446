/* The table of keys: every row does something or is warned about, is explained, is in schema and
 * page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/explain.h"
#include "config/keys.h"
#include "config/load.h"

static char path[] = "/tmp/hq-explain-XXXXXX";
static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena);
    unsetenv("HQ_DIR");
    unsetenv("HQ_STATE");
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    arena_fini(&arena);
    return unlink(path);
}

static struct config *load(const char *text, struct findings *findings,
                           struct yaml_document **document)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    findings_init(findings, &arena);
    return config_load_document(path, NULL, findings, document);
}

/* A value for every key: unlike its default and unlike what `base` below says. */
static const struct {
    const char *key, *json;
} samples[] = {
    {"company", "\"other\""},
    {"ledger", NULL}, /* has but one value in this version */
    {"hub.listen", "\"127.0.0.2:700\""},
    {"people.*.roles", "[\"ceo\"]"},
    {"people.*.local", "true"},
    {"models.*.api", "\"script\""},
    {"models.*.base_url", "\"https://h/v1\""},
    {"models.*.file", "\"f.yaml\""},
    {"models.*.api_key.env", "\"NAME\""},
    {"models.*.api_key.file", "\"f.key\""},
    {"models.*.price.in", "1.5"},
    {"models.*.price.out", "1.5"},
    {"models.*.price.cached", "1.5"},
    {"models.*.max_tokens", "17"},
    {"models.*.timeout", "\"17s\""},
    {"models.*.concurrent", "3"},
    {"models.*.per_minute", "3"},
    {"telemetry.otlp", "\"https://other\""},
    {"telemetry.headers.*.env", "\"NAME\""},
    {"telemetry.headers.*.file", "\"f.key\""},
    {"telemetry.content", "\"on\""},
    {"webhooks.*.url.env", "\"OTHER\""},
    {"webhooks.*.url.file", "\"w.url\""},
    {"webhooks.*.form", "\"discord\""},
    {"webhooks.*.per_minute", "3"},
    {"webhooks.*.on_unknown", "\"leave\""},
    {"defaults.model.primary", "\"m/z\""},
    {"defaults.model.fallbacks", "[\"m/z\"]"},
    {"defaults.workspace", "\"w/{agent}\""},
    {"defaults.instance", "\"i/{agent}\""},
    {"defaults.tools.allow", "[\"read\"]"},
    {"defaults.tools.exec.network", "true"},
    {"defaults.tools.exec.timeout", "\"17s\""},
    {"defaults.tools.exec.on_unknown", "\"ask\""},
    {"defaults.turns", "3"},
    {"defaults.delegates", "[\"a\"]"},
    {"defaults.revisits", "[\"a\"]"},
    {"defaults.deliver", "\"webhook:w\""},
    {"defaults.heartbeat.every", "\"17s\""},
    {"defaults.heartbeat.target", "\"user:x\""},
    {"agents.*.name", "\"Other\""},
    {"agents.*.port", "17000"},
    {"agents.*.aliases", "[\"other\"]"},
    {"agents.*.capabilities", "[\"x\"]"},
    {"agents.*.model.primary", "\"m/z\""},
    {"agents.*.model.fallbacks", "[\"m/z\"]"},
    {"agents.*.workspace", "\"w\""},
    {"agents.*.instance", "\"i\""},
    {"agents.*.tools.allow", "[]"},
    {"agents.*.tools.exec.network", "true"},
    {"agents.*.tools.exec.timeout", "\"17s\""},
    {"agents.*.tools.exec.on_unknown", "\"ask\""},
    {"agents.*.turns", "3"},
    {"agents.*.delegates", "[\"*\"]"},
    {"agents.*.revisits", "[\"a\"]"},
    {"agents.*.deliver", "\"webhook:w\""},
    {"agents.*.heartbeat.every", "\"17s\""},
    {"agents.*.heartbeat.target", "\"user:x\""},
    {"workflows", "\"flows\""},
    {"runner.enabled", "true"},
    {"runner.timeout", "\"17s\""},
    {"logs.format", "\"json\""},
    {"logs.size", "\"17MB\""},
    {"logs.keep", "17"},
    {"logs.age", "\"17d\""},
    {"jobs", "\"job-queue\""},
    {"retention", "\"30d\""},
    {"shared.dir", "\"s\""},
    {"shared.gatekeeper", "\"a\""},
    {"limits.depth", "3"},
    {"limits.tasks", "3"},
    {"limits.live", "3"},
    {"limits.fan_out", "3"},
    {"limits.wall", "\"3h\""},
    {"limits.usd", "3"},
    {"limits.tokens", "3"},
    {"budget.usd", "3"},
    {"budget.per", "\"week\""},
    {"hooks.path", "\"/other\""},
};

static const char base[] =
    "{\"models\": {\"m\": {\"api\": \"openai-chat\", \"price\": {\"in\": 1, "
    "\"out\": 2}}}, \"budget\": {\"usd\": 9}, \"telemetry\": {\"otlp\": \"http://h\"}, \"shared\": "
    "{\"dir\": \"sh\"}, \"webhooks\": {\"w\": "
    "{\"url\": {\"env\": \"HOOK\"}}}, \"defaults\": {\"model\": {\"primary\": \"m/x\"}}, "
    "\"agents\": {\"a\": {}}}";

/* The one name of `base` below the key. */
static const char *name_in_base(const char *key)
{
    return str_starts(key, "models") ? "m" : str_starts(key, "webhooks") ? "w" : "a";
}

/* Sets the value at a dotted path; "*" is the one name of `base` there. */
static void set_value(json_t *root, const char *key, const char *json)
{
    char *copy = arena_strdup(&arena, key), *rest = NULL;
    char *name = strtok_r(copy, ".", &rest);
    for (char *next; (next = strtok_r(NULL, ".", &rest)); name = next) {
        const char *real = strcmp(name, "*") != 0 ? name : name_in_base(key);
        json_t *child = json_object_get(root, real);
        if (!child) {
            child = json_object();
            json_object_set_new(root, real, child);
        }
        root = child;
    }
    if (str_starts(key, "webhooks.*.url"))
        json_object_clear(root); /* one of env and file */
    json_object_set_new(root, name, json_loads(json, JSON_DECODE_ANY, NULL));
}

/* What is in force with `key` set (NULL: nothing set), as text; *later: it was warned about. */
static char *effect_of(const char *key, const char *json, bool *later)
{
    struct findings findings;
    struct yaml_document *document;
    json_t *root = json_loads(base, 0, NULL);
    if (key)
        set_value(root, key, json);
    char *text = json_dumps(root, JSON_INDENT(1));
    struct config *config = load(text, &findings, &document);
    if (!config)
        fail_msg("%s: %s is refused: %s", key, json, findings.items[0].message);
    json_t *effective = config_effective(config);
    char *dump = json_dumps(effective, 0), *copy = arena_strdup(&arena, dump);
    *later = findings.count > 0 && strstr(findings.items[0].message, "not supported yet");
    free(dump);
    free(text);
    json_decref(effective);
    json_decref(root);
    config_free(config);
    yaml_close(document);
    return copy;
}

static bool has_sample(const char *key)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        if (strcmp(samples[i].key, key) == 0)
            return true;
    return false;
}

static void row_has_sample_and_doc(void *ctx, const char *key, const struct config_key *row)
{
    size_t *rows = ctx;
    assert_true(row->doc && *row->doc);
    if (row->kind == KEY_MAP || row->kind == KEY_NAMED)
        return;
    (*rows)++;
    if (!has_sample(key))
        fail_msg("no sample for %s: does anything act on it?", key);
}

static void every_row_acts_or_is_warned(void **state)
{
    bool later;
    size_t rows = 0;
    config_key_walk(row_has_sample_and_doc, &rows);
    assert_int_equal(rows, sizeof(samples) / sizeof(samples[0]));
    char *plain = effect_of(NULL, NULL, &later);
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (!samples[i].json)
            continue;
        char *text = str_eq(samples[i].key, "models.*.api") /* a script needs its file */
                         ? NULL
                         : effect_of(samples[i].key, samples[i].json, &later);
        if (text && later != config_key_is_later(samples[i].key))
            fail_msg("%s: warned %d", samples[i].key, later);
        if (text && !later && strcmp(text, plain) == 0)
            fail_msg("%s changes nothing and is not warned about", samples[i].key);
    }
}

static const char company[] = "models: {m: {api: openai-chat, api_key: {env: NAME}}}\n"
                              "defaults: {model: m/x, turns: 2}\n"
                              "agents:\n"
                              "  a: {port: 9000, aliases: [z]}\n"
                              "  b: {model: {primary: m/y}, delegates: [a]}\n";

static void settings_say_where_they_come_from(void **state)
{
    static const struct {
        const char *key, *value, *from, *detail;
        int line, column;
    } cases[] = {
        {"agents.a.port", "9000", "file", NULL, 4, 13},
        {"agents.z.port", "9000", "file", NULL, 4, 13},
        {"agents.b.port", "18804", "default", NULL, 0, 0},
        {"agents.a.model", "{\"primary\":\"m/x\",\"fallbacks\":[]}", "file", "defaults.model", 2,
         19},
        {"agents.a.model.primary", "\"m/x\"", "file", "defaults.model.primary", 2, 19},
        {"agents.b.model.primary", "\"m/y\"", "file", NULL, 5, 24},
        {"agents.b.model.fallbacks", "[]", "default", NULL, 0, 0},
        {"agents.b.turns", "2", "file", "defaults.turns", 2, 31},
        {"agents.b.tools.exec.timeout", "\"2m\"", "default", NULL, 0, 0},
        {"agents.b.delegates", "[\"a\"]", "file", NULL, 5, 41},
        {"models.m.api_key.env", "\"NAME\"", "file", NULL, 1, 47},
        {"hooks.path", "\"/hooks\"", "default", NULL, 0, 0},
        {"ledger", "\"sqlite\"", "default", NULL, 0, 0},
        {"budget.per", "\"day\"", "default", NULL, 0, 0},
        {"hub.listen", NULL, "default", NULL, 0, 0},
        {"defaults.turns", "2", "file", NULL, 2, 31},
    };
    struct findings findings;
    struct yaml_document *document;
    struct explanation out;
    struct err err;
    struct config *config = load(company, &findings, &document);
    assert_non_null(config);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(config_explain(config, document, NULL, cases[i].key, &arena, &out, &err),
                         0);
        char *json = out.value ? json_dumps(out.value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        if (!str_eq(json, cases[i].value) || !str_eq(out.from, cases[i].from) ||
            !str_eq(out.detail, cases[i].detail) || out.at.line != cases[i].line ||
            out.at.column != cases[i].column)
            fail_msg("%s: %s from %s %s %d:%d", cases[i].key, json, out.from, out.detail,
                     out.at.line, out.at.column);
        free(json);
        json_decref(out.value);
    }
    config_free(config);
    yaml_close(document);
}

static void unknown_keys_get_the_nearest(void **state)
{
    static const char *const cases[][2] = {
        {"hub.liste", "did you mean hub.listen?"},
        {"port", "did you mean agents.a.port?"},
        {"prt", "did you mean agents.a.port?"},
        {"delegats", "did you mean agents.a.delegates?"},
        {"agents.a.prt", "did you mean agents.a.port?"},
        {"xyzzy.plugh", "`hq config explain` lists all keys"},
        {"agents.*.port", "did you mean agents.a.port?"},
    };
    struct findings findings;
    struct yaml_document *document;
    struct explanation out;
    struct err err;
    struct config *config = load(company, &findings, &document);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(config_explain(config, document, NULL, cases[i][0], &arena, &out, &err),
                         -1);
        assert_string_equal(err.code, "unknown_key");
        assert_string_equal(err.hint, cases[i][1]);
    }
    config_free(config);
    yaml_close(document);
}

static void flag_and_environment_come_before_the_default(void **state)
{
    struct findings findings;
    struct yaml_document *document;
    struct explanation out;
    struct err err;
    struct config *config = load(company, &findings, &document);
    config_explain(config, document, "/s", "state", &arena, &out, &err);
    assert_string_equal(out.from, "flag");
    json_decref(out.value);
    setenv("HQ_STATE", "/e", 1);
    config_explain(config, document, NULL, "state", &arena, &out, &err);
    assert_string_equal(out.from, "environment");
    assert_string_equal(out.detail, "HQ_STATE");
    json_decref(out.value);
    config_free(config);
    yaml_close(document);
}

static void schema_has_every_key(void **state)
{
    json_t *schema = config_schema_json();
    json_t *agent = json_object_get(
        json_object_get(json_object_get(json_object_get(schema, "properties"), "agents"),
                        "additionalProperties"),
        "properties");
    assert_int_equal(json_object_size(agent), 13);
    json_t *port = json_object_get(agent, "port");
    assert_int_equal(json_integer_value(json_object_get(port, "maximum")), 65535);
    assert_true(
        json_is_false(json_object_get(json_object_get(agent, "tools"), "additionalProperties")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(schema, "required"), 0)),
                        "agents");
    json_decref(schema);
}

/* docs/config.md carries the table between two marks; HQ_UPDATE_DOCS=1 writes it anew. */
static void the_page_carries_the_table(void **state)
{
    static const char mark[] = "<!-- the table of keys: made from src/config/keys.c -->\n";
    struct buf want = {0};
    const char *source = getenv("HQ_SOURCE");
    assert_non_null(source);
    char *name = arena_printf(&arena, "%s/docs/config.md", source);
    config_reference(&want);
    char *page = arena_alloc(&arena, 1 << 18);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t len = fread(page, 1, (1 << 18) - 1, file);
    fclose(file);
    assert_true(len > 0);
    char *begin = strstr(page, mark), *end = begin ? strstr(begin + 1, mark) : NULL;
    assert_non_null(end);
    begin += strlen(mark);
    bool same = (size_t)(end - begin) == want.len && memcmp(begin, want.bytes, want.len) == 0;
    if (!same && getenv("HQ_UPDATE_DOCS")) {
        file = fopen(name, "w");
        fprintf(file, "%.*s%s%s", (int)(begin - page), page, buf_text(&want), end);
        fclose(file);
        same = true;
    }
    buf_fini(&want);
    if (!same)
        fail_msg("docs/config.md is older than the table: run this test with HQ_UPDATE_DOCS=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_acts_or_is_warned, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_say_where_they_come_from, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_keys_get_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(flag_and_environment_come_before_the_default, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(schema_has_every_key, setup, teardown),
        cmocka_unit_test_setup_teardown(the_page_carries_the_table, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
