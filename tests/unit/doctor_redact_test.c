/* What is taken out of texts that leave the machine, and what is left because it helps; the
 * archive. */
#include <fcntl.h>
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

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "doctor/redactor.h"
#include "doctor/secret_forms.h"
#include "folder_fixture.h"

static void texts_by_their_look(void **state)
{
    static const char *const cases[][2] = {
        /* what helps stays */
        {"worked 14 tasks, tokens: 5000, tokens_in=12", NULL},
        {"t-0123456789abcdefghjkmnpqrs is done", NULL},
        {"/usr/lib/x86_64-linux-gnu/libmicrohttpd.so.12 and /srv/company/state/logs/hub.log", NULL},
        {"GET http://127.0.0.1:18700/v1/status gave 200", NULL},
        {"token: null, secret: true, api_key: { file: secrets/p.key }", NULL},
        {"operator.token is missing", NULL},
        {"a very-long-name-of-an-agent-with-many-parts-in-it works", NULL},
        /* what tells does not */
        {"password: hunter2", "password: [secret]"},
        {"\"api_key\": \"abc def\"", "\"api_key\": \"[secret] def\""},
        {"Authorization: Basic dXNlcjpwdw==", "Authorization: [secret]"},
        {"'authorization': 'Bearer x y z', next", "'authorization': '[secret]', next"},
        {"with Bearer abcdefgh-1 it failed", "with Bearer [secret] it failed"},
        {"Set-Cookie: a=b; c=d\nnext", "Set-Cookie: [secret]\nnext"},
        {"?access_token=abc&x=1", "?access_token=[secret]&x=1"},
        {"https://u:p@h.example/v1?k=v ok", "https://[secret]@h.example[secret] ok"},
        {"https://h.example:8443/", "https://h.example:8443/"},
        {"http://localhost:9/x?key=1", "http://localhost:9/x[secret]"},
        {"http://127.0.0.1.evil/x", "http://127.0.0.1.evil[secret]"},
        {"key sk-proj-abcdefghijk here", "key [secret] here"},
        {"eyJhbGciOiJIUzI1NiJ9.e30.abc", "[secret].e30.abc"},
        {"sum 9f86d081884c7d659a2feaa0c55ad015 end", "sum [secret] end"},
        {"AbCdEfGh0123456789IjKlMnOp", "[secret]"},
        {"cGxhbnRlZC9zZWNyZXQrd2l0aC9zbGFzaGVz/NDU2Nzg5MDEyMzQ1Njc4OTA=", "[secret]"},
        {"token = \"\"", NULL},
        {"password=", NULL},
        {"+++ - = _", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = {0};
        const char *want = cases[i][1] ? cases[i][1] : cases[i][0];
        redact_patterns(cases[i][0], strlen(cases[i][0]), &out);
        if (strcmp(buf_text(&out), want) != 0)
            fail_msg("%s\n becomes %s\n not %s", cases[i][0], buf_text(&out), want);
        buf_fini(&out);
    }
}

static void look_at_form(void *ctx, const char *form, size_t len)
{
    char *all = ctx;
    strncat(all, form, len);
    strcat(all, "\n");
}

static void forms_of_a_secret(void **state)
{
    char all[4096] = "";
    secret_forms("a/b\"c?d", look_at_form, all);
    assert_non_null(strstr(all, "a/b\"c?d\n"));
    assert_non_null(strstr(all, "a%2Fb%22c%3Fd\n"));
    assert_non_null(strstr(all, "a%2fb%22c%3fd\n"));
    assert_non_null(strstr(all, "612f6222633f64\n"));
    assert_non_null(strstr(all, "a/b\\\"c?d\n"));
    assert_non_null(strstr(all, "YS9iImM/Z\n")); /* base64 is YS9iImM/ZA== */
    assert_non_null(strstr(all, "YS9iImM_Z\n"));
    assert_non_null(strstr(all, "EvYiJjP2\n")); /* of "xa/b…": eGEvYiJjP2Q= */
    *all = '\0';
    secret_forms("short", look_at_form, all);
    assert_string_equal(all, "");
}

static void values_of_files_and_variables(void **state)
{
    struct config config = {.secrets = in_dir("secrets")};
    struct buf out = {0};
    assert_int_equal(mkdir(config.secrets, 0700), 0);
    FILE *file = fopen(in_dir("secrets/x.key"), "w");
    fputs("  in the file \nsecond line\n", file);
    fclose(file);
    setenv("HQ_TEST_API_TOKEN", "in the variable", 1);
    setenv("HQ_TEST_HARMLESS", "stays here", 1);
    struct redactor *redactor = redactor_open(&config);
    redactor_add(redactor, "/srv/company", "[company]");
    static const char text[] = "1 in the file 2 second line 3 in the variable 4 stays here "
                               "5 /srv/company/x 6 in+the+file 7 in%20the%20file";
    redactor_put(redactor, text, strlen(text), &out);
    assert_string_equal(buf_text(&out), "1 [secret] 2 [secret] 3 [secret] 4 stays here "
                                        "5 [company]/x 6 [secret] 7 [secret]");
    redactor_close(redactor);
    buf_fini(&out);
    unsetenv("HQ_TEST_API_TOKEN");
    unsetenv("HQ_TEST_HARMLESS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(texts_by_their_look),
        FOLDER_TEST(forms_of_a_secret),
        FOLDER_TEST(values_of_files_and_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
