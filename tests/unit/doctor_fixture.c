/* One company at a time, below /tmp. */
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

#include "base/err.h"
#include "base/folder.h"
#include "base/str.h"
#include "doctor_fixture.h"
#include "program.h"

struct doctor doctor;
struct config *company;

int doctor_setup(void **state)
{
    company = NULL;
    doctor = (struct doctor){0};
    program_set();
    return folder_setup(state);
}

int doctor_teardown(void **state)
{
    config_free(company);
    company = NULL;
    return folder_teardown(state);
}

void put_file(const char *name, const char *text, unsigned mode)
{
    struct err err;
    char *path = in_dir(name), *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(folder_make(path, &err), 0);
    *slash = '/';
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

void put_company(const char *extra)
{
    put_file("hq.yaml",
             arena_printf(&arena,
                          "company: test\n"
                          "models: { demo: { api: script, file: script.yaml }%s\n"
                          "agents:\n"
                          "  a: { port: 21400, model: demo/a }\n",
                          extra ? extra : " }"),
             0644);
    put_file("script.yaml", "rules: [ { say: hello } ]\n", 0644);
    put_file("workspaces/a/SOUL.md", "You are a.\n", 0644);
}

/* As company_open_any() does it for the command. */
static struct config *bare(void)
{
    static struct config config;
    config = (struct config){.path = in_dir("hq.yaml"),
                             .dir = in_dir("."),
                             .company = "test",
                             .hash = "",
                             .state = in_dir("state"),
                             .secrets = in_dir("secrets")};
    return &config;
}

void examine(const char *only)
{
    struct finding *findings;
    size_t count;
    const char **list = arena_alloc(&arena, 2 * sizeof(*list));
    list[0] = only;
    config_free(company);
    company = config_load(in_dir("hq.yaml"), NULL, &arena, &findings, &count);
    doctor = (struct doctor){.arena = &arena,
                             .config = company ? company : bare(),
                             .is_bad = !company,
                             .hq = "hq",
                             .only = only ? list : NULL};
    doctor_run(&doctor);
}

struct doctor_finding *expect(const char *id, enum doctor_severity severity)
{
    for (size_t i = 0; i < doctor.count; i++)
        if (str_eq(doctor.findings[i].id, id) && doctor.findings[i].severity == severity)
            return &doctor.findings[i];
    for (size_t i = 0; i < doctor.count; i++)
        print_error("%s %s: %s\n", doctor_severity_name(doctor.findings[i].severity),
                    doctor.findings[i].id, doctor.findings[i].seen);
    fail_msg("no %s %s", doctor_severity_name(severity), id);
    return NULL;
}

void expect_fix(const char *id, enum doctor_severity severity, const char *words)
{
    const struct doctor_finding *finding = expect(id, severity);
    if (!finding->fix || !strstr(finding->fix, words))
        fail_msg("%s: the fix \"%s\" does not say \"%s\"", id, finding->fix, words);
}
