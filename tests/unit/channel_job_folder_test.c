/* A job's folder as a synchronizer leaves it: absent, in pieces, whole, or never to be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "channel/job_folder.h"
#include "folder_fixture.h"

static const char name[] = "job-1";
static struct err err;

static void put(const char *file, const char *text)
{
    struct folder_file one = {file, text, strlen(text), false};
    assert_int_equal(folder_put(in_dir(name), &one, &err), 0);
}

static enum job_found found_job(void)
{
    json_t *job;
    enum job_found found = job_read(dir, name, &job, &err);
    assert_true((found == JOB_FOUND) == (job != NULL));
    json_decref(job);
    return found;
}

static enum job_found found_files(size_t count)
{
    json_t *files;
    enum job_found found = job_files(dir, name, &files, &err);
    assert_int_equal(json_array_size(files), count);
    json_decref(files);
    return found;
}

static void names_are_plain(void **state)
{
    static const char *const bad[] = {"",         "job-",  "../job-1", "job-1/..", "job-a b",
                                      "job-a\nb", "Job-1", "job-\xc3", "job-*",    "job-$(x)"};
    assert_true(job_name_is_plain("job-20261122-150405-mesh-7k2m"));
    assert_true(job_name_is_plain("job-..")); /* one part of a path all the same */
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (job_name_is_plain(bad[i]))
            fail_msg("\"%s\" is taken", bad[i]);
    json_t *job;
    assert_int_equal(job_read(dir, "../x", &job, &err), JOB_REFUSED);
}

static void a_copy_is_seen_to_go_on(void **state)
{
    assert_int_equal(found_job(), JOB_ABSENT);
    assert_int_equal(found_files(0), JOB_ABSENT);
    assert_int_equal(folder_make(in_dir(name), &err), 0);
    assert_int_equal(found_job(), JOB_PARTIAL);
    put("job.json", "{\"status\":");
    assert_int_equal(found_job(), JOB_PARTIAL);
    json_t *job = json_pack("{s:s}", "status", "completed");
    assert_int_equal(job_write(in_dir(name), job, &err), 0);
    json_decref(job);
    assert_int_equal(found_job(), JOB_FOUND);
    put("b/c.txt", "c");
    put("a.txt", "a");
    put(".stfolder", "");
    put("a.sync-conflict-20261122-150405-ABC.txt", "x");
    assert_int_equal(found_files(2), JOB_FOUND);
    put("b/.syncthing.d.txt.tmp", "half");
    assert_int_equal(found_files(0), JOB_PARTIAL);
}

static void what_is_no_file_is_refused(void **state)
{
    put("a.txt", "a");
    assert_int_equal(symlink("/etc/passwd", in_dir("job-1/link")), 0);
    assert_int_equal(found_files(0), JOB_REFUSED);
    assert_non_null(strstr(err.message, "symbolic link"));
    unlink(in_dir("job-1/link"));
    assert_int_equal(mkfifo(in_dir("job-1/pipe"), 0600), 0);
    assert_int_equal(found_files(0), JOB_REFUSED);
    unlink(in_dir("job-1/pipe"));
    assert_int_equal(mkfifo(in_dir("job-1/job.json"), 0600), 0);
    assert_int_equal(found_job(), JOB_REFUSED);
    unlink(in_dir("job-1/job.json"));
    assert_int_equal(symlink("a.txt", in_dir("job-1/job.json")), 0);
    assert_int_equal(found_job(), JOB_REFUSED);
    assert_int_equal(rename(in_dir(name), in_dir("elsewhere")), 0);
    assert_int_equal(symlink("elsewhere", in_dir(name)), 0);
    assert_int_equal(found_job(), JOB_REFUSED);
    assert_int_equal(found_files(0), JOB_REFUSED);
}

static void all_that_is_listed_must_be_there(void **state)
{
    const char *missing;
    json_t *files = json_pack("[{s:s,s:i,s:s}]", "name", "a", "size", 3, "sha256", "abc");
    json_t *wanted = json_pack("[{s:s,s:i}]", "name", "a", "size", 3);
    assert_true(job_files_are_there(wanted, files, &arena, &missing));
    json_object_set_new(json_array_get(wanted, 0), "size", json_integer(4));
    assert_false(job_files_are_there(wanted, files, &arena, &missing));
    assert_non_null(strstr(missing, "not the one"));
    json_object_set_new(json_array_get(wanted, 0), "size", json_integer(3));
    json_object_set_new(json_array_get(wanted, 0), "sha256", json_string("abd"));
    assert_false(job_files_are_there(wanted, files, &arena, &missing));
    json_decref(wanted);
    wanted = json_pack("[s,s]", "a", "b");
    assert_false(job_files_are_there(wanted, files, &arena, &missing));
    assert_non_null(strstr(missing, "b is not there"));
    json_decref(wanted);
    assert_true(job_files_are_there(NULL, files, &arena, &missing));
    json_decref(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(names_are_plain),
        FOLDER_TEST(a_copy_is_seen_to_go_on),
        FOLDER_TEST(what_is_no_file_is_refused),
        FOLDER_TEST(all_that_is_listed_must_be_there),
    };
    return cmocka_run_group_tests_name("job folder", tests, NULL, NULL);
}
