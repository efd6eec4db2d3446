/* Where the program starts: the commands of the command line, and the processes that app builds. */
#include <stddef.h>

#include "cli/cli.h"

static const struct command *const plumbing[] = {
    NULL,
};

int main(int argc, char **argv)
{
    return cli_main(argc, argv, plumbing);
}
