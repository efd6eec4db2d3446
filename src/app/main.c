/* Where the program starts: the first argument names a command. */
#include <stdio.h>

int main(void)
{
    puts("hq " HQ_VERSION);
    return 0;
}
