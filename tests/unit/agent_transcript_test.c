/* Transcripts: written twice they are the same, torn they are mended, read they are a conversation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/transcript.h"
#include "agent/workspace.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct place {
    char dir[64], path[128];
    struct transcript transcript;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    strcpy(place->dir, "/tmp/hq-transcript-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/agents/main/sessions/s1.jsonl", place->dir);
    place->transcript = (struct transcript){place->path, "s1", "/tmp"};
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[200];
    snprintf(command, sizeof(command), "rm -rf %s", place->dir);
    int rc = system(command);
    free(place);
    return rc;
}

static const char turn_json[] =
    "[{\"task\":{\"id\":\"t-1\",\"instruction\":\"read it\",\"state\":\"done\","
    "\"created_at\":\"2026-11-22T10:00:00.000Z\"},\"calls\":["
    "{\"step\":0,\"idx\":0,\"kind\":\"model\",\"name\":\"demo/m\",\"state\":\"recorded\",\"tokens_in\":3,"
    "\"response\":{\"text\":\"let me see\",\"stop\":\"tool_use\",\"tool_calls\":[{\"id\":\"c1\","
    "\"name\":\"read\",\"arguments\":{\"path\":\"a\"}}]}},"
    "{\"step\":0,\"idx\":1,\"kind\":\"tool\",\"name\":\"read\",\"call_id\":\"c1\",\"state\":\"recorded\","
    "\"response\":{\"text\":\"seven\"}},"
    "{\"step\":1,\"idx\":0,\"kind\":\"model\",\"name\":\"demo/m\",\"state\":\"recorded\","
    "\"response\":{\"text\":\"it says seven\",\"stop\":\"stop\"}}]}]";

static long file_size(const char *path)
{
    struct stat stat_buf;
    return stat(path, &stat_buf) == 0 ? (long)stat_buf.st_size : -1;
}

static void writing_again_changes_nothing(void **state)
{
    struct place *place = *state;
    struct err err;
    json_t *items = json_loads(turn_json, 0, NULL);
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    long size = file_size(place->path);
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    assert_int_equal(file_size(place->path), size);
    json_decref(items);
}

static void a_torn_line_is_cut_and_written_again(void **state)
{
    struct place *place = *state;
    struct err err;
    json_t *items = json_loads(turn_json, 0, NULL);
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    long size = file_size(place->path);
    for (long cut = size - 1; cut > 0; cut -= 7) {
        assert_int_equal(truncate(place->path, cut), 0);
        assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
        json_t *messages = json_array();
        assert_int_equal(transcript_read(place->path, 1 << 20, messages, &err), 0);
        assert_int_equal(json_array_size(messages), 4);
        json_decref(messages);
    }
    json_decref(items);
}

static void the_file_reads_back_as_the_conversation(void **state)
{
    struct place *place = *state;
    struct err err;
    json_t *items = json_loads(turn_json, 0, NULL), *messages = json_array();
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    assert_int_equal(transcript_read(place->path, 1 << 20, messages, &err), 0);
    assert_string_equal(json_get_text(json_array_get(messages, 0), "text", ""), "read it");
    const json_t *asked = json_array_get(json_object_get(json_array_get(messages, 1), "tool_calls"), 0);
    assert_string_equal(json_get_text(asked, "name", ""), "read");
    assert_string_equal(json_get_text(json_array_get(messages, 2), "text", ""), "seven");
    assert_string_equal(json_get_text(json_array_get(messages, 3), "text", ""), "it says seven");
    json_decref(messages);
    json_decref(items);
}

static void a_call_without_result_gets_one_that_says_so(void **state)
{
    struct place *place = *state;
    struct err err;
    json_t *items = json_loads(turn_json, 0, NULL), *messages = json_array();
    json_t *calls = json_object_get(json_array_get(items, 0), "calls");
    json_array_remove(calls, 2);
    json_array_remove(calls, 1);
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    assert_int_equal(transcript_read(place->path, 1 << 20, messages, &err), 0);
    assert_int_equal(json_array_size(messages), 3);
    assert_true(json_get_bool(json_array_get(messages, 2), "is_error", false));
    json_decref(messages);
    json_decref(items);
}

static void entries_chain_by_parent(void **state)
{
    struct place *place = *state;
    struct err err;
    char line[4096], last[16] = "";
    json_t *items = json_loads(turn_json, 0, NULL);
    assert_int_equal(transcript_project(&place->transcript, items, &err), 0);
    FILE *file = fopen(place->path, "r");
    assert_non_null(fgets(line, sizeof(line), file));
    assert_non_null(strstr(line, "\"type\":\"session\""));
    while (fgets(line, sizeof(line), file)) {
        json_t *entry = json_loads(line, 0, NULL);
        assert_string_equal(json_get_text(entry, "parentId", ""), last);
        assert_string_equal(json_get_text(entry, "turn", ""), "t-1");
        snprintf(last, sizeof(last), "%s", json_get_text(entry, "id", ""));
        assert_int_equal(strlen(last), 8);
        json_decref(entry);
    }
    fclose(file);
    json_decref(items);
}

static void long_workspace_files_are_cut_and_missing_ones_named(void **state)
{
    struct place *place = *state;
    char path[160];
    struct buf out = {0};
    snprintf(path, sizeof(path), "%s/SOUL.md", place->dir);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 30000; i++)
        fputc(i < 15000 ? 'a' : 'z', file);
    fclose(file);
    workspace_append_context(place->dir, &out);
    assert_non_null(strstr(buf_text(&out), "left out; read the file"));
    assert_non_null(strstr(buf_text(&out), "[missing: expected at"));
    assert_true(out.len < 22000);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writing_again_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_line_is_cut_and_written_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_reads_back_as_the_conversation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_without_result_gets_one_that_says_so, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(entries_chain_by_parent, setup, teardown),
        cmocka_unit_test_setup_teardown(long_workspace_files_are_cut_and_missing_ones_named, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
