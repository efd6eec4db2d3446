/* A panic written down beside the hub: <state>/run/panic, for when the hub is down or hangs. The
 * hub takes it over into its ledger at its next start, before it serves anybody, and then removes
 * it. */
#ifndef HQ_SYS_HALT_MARK_H
#define HQ_SYS_HALT_MARK_H

#include <stdbool.h>

struct arena;
struct err;

/* Writes `text` whole and durably (temporary file, fsync, rename, fsync of the folder). 0, or -1
 * with *err. */
int halt_mark_put(const char *state, const char *text, struct err *err);

/* Its text in the arena ("" for one that cannot be read: it still means panic); NULL: there is
 * none.
 */
const char *halt_mark_get(const char *state, struct arena *arena);

/* Removes it durably; true where it was there. */
bool halt_mark_take(const char *state);

#endif
