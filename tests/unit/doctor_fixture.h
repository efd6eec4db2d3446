/* A company's folder for tests of the doctor, and looks into what he found. */
#ifndef HQ_TESTS_DOCTOR_FIXTURE_H
#define HQ_TESTS_DOCTOR_FIXTURE_H

#include "config/config.h"
#include "doctor/doctor.h"
#include "folder_fixture.h"

extern struct doctor doctor;
extern struct config *company;

/* A healthy company that never ran: one scripted agent, `extra` more lines of hq.yaml. */
void put_company(const char *extra);

/* Writes a file of that mode below the folder, which is made where it is missing. */
void put_file(const char *name, const char *text, unsigned mode);

/* Loads hq.yaml and runs the checks of that id or family (NULL: all). */
void examine(const char *only);

/* The finding of that id with that severity (of that subject, where it is not NULL); fails the test
 * where there is none. */
struct doctor_finding *expect(const char *id, enum doctor_severity severity);

/* Fails the test where the finding's fix does not hold the words. */
void expect_fix(const char *id, enum doctor_severity severity, const char *words);

int doctor_setup(void **state);
int doctor_teardown(void **state);

#define DOCTOR_TEST(name) cmocka_unit_test_setup_teardown(name, doctor_setup, doctor_teardown)

#endif
