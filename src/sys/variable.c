/* Two lists: whole names and beginnings. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "sys/variable.h"

enum { NAME_MAX_LETTERS = 128 };

bool variable_is_plain(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LETTERS || isdigit((unsigned char)*name))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

bool variable_is_reserved(const char *name)
{
    static const char *const names[] = {"PATH",
                                        "HOME",
                                        "TMPDIR",
                                        "SHELL",
                                        "ENV",
                                        "IFS",
                                        "PS4",
                                        "SHELLOPTS",
                                        "CDPATH",
                                        "PROMPT_COMMAND",
                                        "LOCPATH",
                                        "NLSPATH",
                                        "GCONV_PATH",
                                        "HOSTALIASES",
                                        "JAVA_TOOL_OPTIONS",
                                        "SSLKEYLOGFILE",
                                        "GLIBC_TUNABLES",
                                        "CLASSPATH",
                                        "TERMINFO",
                                        NULL};
    static const char *const beginnings[] = {"LD_",  "DYLD_", "HQ_",  "BASH",    "PYTHON", "NODE_",
                                             "PERL", "RUBY",  "GIT_", "MALLOC_", "LUA_",   NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; beginnings[i]; i++)
        if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}
