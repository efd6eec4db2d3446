/* What a fuzz target holds a parser to besides not crashing. */
#ifndef HQ_TESTS_FUZZ_PROPERTY_H
#define HQ_TESTS_FUZZ_PROPERTY_H

#include <stdio.h>
#include <stdlib.h>

/* Ends the process with a sentence where it does not hold: libFuzzer keeps the input. */
#define PROPERTY(holds, sentence)                                                                  \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "property: %s (%s:%d)\n", sentence, __FILE__, __LINE__);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
