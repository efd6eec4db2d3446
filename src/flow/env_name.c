/* Which names of the environment a workflow may not choose. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "flow/env_name.h"

enum { NAME_MAX_LEN = 64 };

static bool is_plain(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return *name && strspn(name, letters) == strlen(name) && strlen(name) <= NAME_MAX_LEN &&
           !isdigit((unsigned char)*name);
}

/* In any case: HTTP_PROXY and http_proxy are one thing to many programs. */
static bool is_in(const char *name, const char *const *words)
{
    while (*words && strcasecmp(name, *words) != 0)
        words++;
    return *words;
}

static bool begins(const char *name, const char *const *prefixes)
{
    while (*prefixes && strncasecmp(name, *prefixes, strlen(*prefixes)) != 0)
        prefixes++;
    return *prefixes;
}

bool flow_env_name_is_fit(const char *name, const char **why)
{
    /* Shells and where programs are found; where they keep settings; what starts other programs;
     * where traffic goes. */
    static const char *const words[] = {"PATH",
                                        "BASH_ENV",
                                        "ENV",
                                        "IFS",
                                        "SHELLOPTS",
                                        "BASHOPTS",
                                        "PS1",
                                        "PS2",
                                        "PS3",
                                        "PS4",
                                        "CDPATH",
                                        "GLOBIGNORE",
                                        "PROMPT_COMMAND",
                                        "HOME",
                                        "SHELL",
                                        "USER",
                                        "LOGNAME",
                                        "PWD",
                                        "OLDPWD",
                                        "TMPDIR",
                                        "EDITOR",
                                        "VISUAL",
                                        "PAGER",
                                        "BROWSER",
                                        "TERMINFO",
                                        "LOCPATH",
                                        "NLSPATH",
                                        "GCONV_PATH",
                                        "HOSTALIASES",
                                        "RES_OPTIONS",
                                        "LOCALDOMAIN",
                                        "CLASSPATH",
                                        "ALL_PROXY",
                                        "HTTP_PROXY",
                                        "HTTPS_PROXY",
                                        "FTP_PROXY",
                                        "NO_PROXY",
                                        "CC",
                                        "CXX",
                                        "MAKEFLAGS",
                                        "MFLAGS",
                                        "_",
                                        NULL};
    static const char *const prefixes[] = {
        "LD_",   "HQ_",     "BASH_", "PYTHON",   "NODE_",   "NPM_",   "PERL", "RUBY",
        "GEM_",  "BUNDLE_", "JAVA_", "_JAVA",    "JDK_",    "GIT_",   "SSH_", "LUA_",
        "PHP",   "R_",      "TCL",   "DOTNET_",  "MALLOC_", "GLIBC_", "LC_",  "XDG_",
        "DBUS_", "CURL_",   "SSL_",  "OPENSSL_", "DYLD_",   NULL};
    *why = NULL;
    if (!is_plain(name))
        *why = "is no name of a variable (A-Z, a-z, 0-9 and _, at most 64, no digit in front)";
    else if (is_in(name, words) || begins(name, prefixes))
        *why = "is a reserved name: programs act on it";
    return !*why;
}
