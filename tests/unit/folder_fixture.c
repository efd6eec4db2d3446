/* A folder below /tmp. */
#include <stdlib.h>
#include <string.h>

#include "folder_fixture.h"

char dir[] = "/tmp/hq-test-XXXXXX";
struct arena arena;

char *in_dir(const char *name)
{
    return arena_printf(&arena, "%s/%s", dir, name);
}

int folder_setup(void **state)
{
    arena_init(&arena);
    unsetenv("HQ_DIR");
    unsetenv("HQ_STATE");
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    return mkdtemp(dir) ? 0 : -1;
}

int folder_teardown(void **state)
{
    int failed = system(arena_printf(&arena, "rm -rf '%s'", dir));
    arena_fini(&arena);
    return failed;
}
