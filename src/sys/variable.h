/* Which environment variables may be given to a command that somebody else wrote. */
#ifndef HQ_SYS_VARIABLE_H
#define HQ_SYS_VARIABLE_H

#include <stdbool.h>

/* Letters, digits and _, no digit first, at most 128. */
bool variable_is_plain(const char *name);

/* Changes which programs or libraries run, or how a shell reads its script, or is hq's own: PATH,
 * LD_*, DYLD_*, HQ_*, BASH_*, ENV, IFS, PS4, PYTHON*, NODE_*, PERL*, RUBY*, GIT_* … The case does
 * not matter. Such a variable is never set from a value. */
bool variable_is_reserved(const char *name);

#endif
