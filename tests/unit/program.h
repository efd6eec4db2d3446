/* Which file hq is, for tests whose rooms start it again: as a guard, as the doctor's subject. */
#ifndef HQ_TESTS_PROGRAM_H
#define HQ_TESTS_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>

#include "sys/spawn.h"

/* Before the first spawn. Without HQ_BINARY the test would start itself, and so on without end. */
static inline void program_set(void)
{
    const char *hq = getenv("HQ_BINARY");
    if (!hq) {
        fprintf(stderr, "HQ_BINARY must name the program hq; `meson test` sets it\n");
        exit(2);
    }
    spawn_set_self(hq);
}

#endif
