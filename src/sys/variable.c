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
    /* Shells; where programs, libraries and settings are found; what starts other programs; where
     * traffic goes. */
    static const char *const names[] = {"PATH",        "HOME",        "TMPDIR",
                                        "SHELL",       "ENV",         "IFS",
                                        "PS1",         "PS2",         "PS3",
                                        "PS4",         "SHELLOPTS",   "CDPATH",
                                        "GLOBIGNORE",  "USER",        "LOGNAME",
                                        "PWD",         "OLDPWD",      "PROMPT_COMMAND",
                                        "LOCPATH",     "NLSPATH",     "GCONV_PATH",
                                        "HOSTALIASES", "RES_OPTIONS", "LOCALDOMAIN",
                                        "EDITOR",      "VISUAL",      "PAGER",
                                        "BROWSER",     "CC",          "CXX",
                                        "MAKEFLAGS",   "MFLAGS",      "GLIBC_TUNABLES",
                                        "CLASSPATH",   "TERMINFO",    "ALL_PROXY",
                                        "HTTP_PROXY",  "HTTPS_PROXY", "FTP_PROXY",
                                        "NO_PROXY",    "_",           NULL};
    static const char *const beginnings[] = {
        "LD_",   "DYLD_", "HQ_",     "BASH",     "PYTHON",  "NODE_",   "NPM_", "PERL",
        "RUBY",  "GEM_",  "BUNDLE_", "JAVA_",    "_JAVA",   "JDK_",    "GIT_", "SSH_",
        "LUA_",  "PHP",   "R_",      "TCL",      "DOTNET_", "MALLOC_", "LC_",  "XDG_",
        "DBUS_", "CURL_", "SSL",     "OPENSSL_", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; beginnings[i]; i++)
        if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}
