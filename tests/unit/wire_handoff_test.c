/* Handoffs of every version that was ever stored stay readable, what is no handoff is refused, and
 * what is made today is one. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "wire/call.h"
#include "wire/handoff.h"

/* Checks every file of tests/fixtures/handoff/<version>/<kind>; returns how many there were. */
static int check_folder(const char *version, const char *kind, int expected)
{
    char folder[512], path[1024];
    int count = 0;
    snprintf(folder, sizeof(folder), "%s/tests/fixtures/handoff/%s/%s", getenv("HQ_SOURCE"), version,
             kind);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct err err = {0};
        if (!str_ends(entry->d_name, ".json"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        json_t *document = json_load_file(path, 0, NULL);
        assert_non_null(document);
        if (handoff_check(document, &err) != expected)
            fail_msg("%s: %s", path, *err.message ? err.message : "was taken");
        if (expected)
            assert_string_equal(err.code, "malformed");
        json_decref(document);
        count++;
    }
    closedir(dir);
    return count;
}

static void stored_handoffs_stay_readable(void **state)
{
    assert_true(check_folder("v1", "valid", 0) >= 7);
}

static void what_is_no_handoff_is_refused(void **state)
{
    assert_true(check_folder("v1", "invalid", -1) >= 16);
}

static void refusals_name_the_field(void **state)
{
    static const struct {
        const char *file, *part;
    } cases[] = {
        {"unknown-status", "/status: must be one of \"complete\""},
        {"missing-result", "the member \"result\" is missing"},
        {"artefact-without-sha256", "/artefacts/0: the member \"sha256\" is missing"},
        {"newer-version", "schema_version 2; this hq knows versions up to 1"},
        {"run-of-another-task", "/run_id: t-other/1 is no run of t-3zk"},
        {"failed-without-failure", "/failure: must say why the status is failed"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[512];
        struct err err = {0};
        snprintf(path, sizeof(path), "%s/tests/fixtures/handoff/v1/invalid/%s.json",
                 getenv("HQ_SOURCE"), cases[i].file);
        json_t *document = json_load_file(path, 0, NULL);
        assert_int_equal(handoff_check(document, &err), -1);
        if (!strstr(err.message, cases[i].part))
            fail_msg("%s: %s", cases[i].file, err.message);
        json_decref(document);
    }
}

static void what_is_made_today_is_a_handoff(void **state)
{
    struct err err = {0};
    struct handoff handoff = {
        .task = "t-1",
        .v = 1,
        .status = "complete",
        .result = "{\"x\":[1]}",
        .confidence = "low",
        .notes = "n",
        .artefacts = "[{\"name\":\"a\",\"type\":\"text/plain\",\"size\":0,\"sha256\":"
                     "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}]",
        .usage = "{\"model_calls\":1}",
        .run_id = "t-1/3",
        .agent = "webster",
        .caller = "agent:manager",
        .fence = 3,
        .started_at = 1795359845123,
        .finished_at = 1795359846000,
    };
    json_t *document = handoff_to_json(&handoff, NULL, NULL);
    if (handoff_check(document, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(json_get_int(document, "schema_version", 0), HANDOFF_VERSION);
    assert_string_equal(json_get_text(document, "started_at", ""), "2026-11-22T15:04:05.123Z");
    json_decref(document);
    /* The least that the ledger writes: a task that ended without ever being worked on. */
    struct handoff least = {.task = "t-1", .v = 1, .status = "failed", .run_id = "t-1/0",
                            .agent = "webster", .caller = "operator", .finished_at = 1};
    document = handoff_to_json(&least, "timeout", "The deadline passed.");
    if (handoff_check(document, &err) < 0)
        fail_msg("%s", err.message);
    json_decref(document);
}

static void what_a_worker_hands_over_is_looked_at(void **state)
{
    static const struct {
        struct handoff handoff;
        const char *failure_class;
        bool good;
    } cases[] = {
        {{.status = "complete", .result = "1"}, NULL, true},
        {{.status = "blocked"}, NULL, true},
        {{.status = "failed"}, "malformed", true},
        {{.status = "failed"}, "tired", false},
        {{.status = "done"}, NULL, false},
        {{.result = "1"}, NULL, false},
        {{.status = "complete", .confidence = "sure"}, NULL, false},
        {{.status = "complete", .artefacts = "[]"}, NULL, true},
        {{.status = "complete", .artefacts = "[{\"name\":\"a\"}]"}, NULL, false},
        {{.status = "complete", .artefacts = "{}"}, NULL, false},
        {{.status = "complete", .usage = "7"}, NULL, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        int rc = handoff_check_content(&cases[i].handoff, cases[i].failure_class, &err);
        if ((rc == 0) != cases[i].good)
            fail_msg("case %zu: %s", i, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_handoffs_stay_readable),
        cmocka_unit_test(what_is_no_handoff_is_refused),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(what_is_made_today_is_a_handoff),
        cmocka_unit_test(what_a_worker_hands_over_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
