/* Which release this program is, and which others it works together with. */
#ifndef HQ_BASE_VERSION_H
#define HQ_BASE_VERSION_H

#include <stdbool.h>

extern const char hq_version[]; /* "0.1.0" */

/* Whether a hub of version `hub` serves a process of version `peer`: of its own minor release or the one
 * before, so that an upgrade may begin with the hub. Texts that are no version are not served. */
bool version_serves(const char *hub, const char *peer);

#endif
