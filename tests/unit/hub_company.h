/* A company for the hub's tests: manager (may ask all), tech-lead (all but manager; alias
 * technical; may ask the auditor again), auditor (nobody), optimizer (webster), webster (research,
 * literature). People: lea (at this machine; legal), eve (lead, finance), max (legal). */
#ifndef HQ_TESTS_HUB_COMPANY_H
#define HQ_TESTS_HUB_COMPANY_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"
#include "net/fetch.h"

struct hub;

struct company {
    struct arena arena;
    char dir[32];
    struct config config;
    struct hub *hub;
    struct fetch *fetch;
    int status; /* of the newest answer */
};

int company_setup(void **state);
int company_teardown(void **state);

/* One exchange; the answer is a new reference, place->status its code. `token_file` NULL: none. */
json_t *call(struct company *place, const char *token_file, const char *method, const char *path,
             const char *body);

/* The same, with the status and the error's code that must come. */
void expect(struct company *place, const char *token, const char *method, const char *path,
            const char *body, int status, const char *code);

/* Submits a task as the operator and returns its id in the arena. */
const char *submit(struct company *place, const char *agent, const char *key);

/* Registers the agent and claims one task; returns its fence (0: there was none). */
int64_t claim(struct company *place, const char *agent);

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, company_setup, company_teardown)

#endif
