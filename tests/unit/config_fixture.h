/* An hq.yaml in the test's folder, read as hq reads it. */
#ifndef HQ_TESTS_CONFIG_FIXTURE_H
#define HQ_TESTS_CONFIG_FIXTURE_H

#include "config/config.h"
#include "folder_fixture.h"

/* What the last load found. */
extern struct finding *findings;
extern size_t count;

/* Writes the text to hq.yaml and loads it; NULL where it is refused. */
struct config *load(const char *text);

/* The findings as a person sees them, in the arena. */
const char *printed(void);

#endif
