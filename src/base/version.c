/* Compares major and minor; a patch release changes nothing between processes. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"

const char hq_version[] = HQ_VERSION;

static bool parse(const char *text, int *major, int *minor)
{
    int patch;
    return strspn(text, "0123456789.") == strlen(text) &&
           sscanf(text, "%4d.%4d.%4d", major, minor, &patch) == 3;
}

bool version_serves(const char *hub, const char *peer)
{
    int major, minor, peer_major, peer_minor;
    if (!parse(hub, &major, &minor) || !parse(peer, &peer_major, &peer_minor))
        return false;
    return major == peer_major && (minor == peer_minor || minor == peer_minor + 1);
}
