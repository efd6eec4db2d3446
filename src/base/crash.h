/* Numbered crash points: the crash-point runner kills a process at each of them, once. */
#ifndef HQ_BASE_CRASH_H
#define HQ_BASE_CRASH_H

/* Call before and after everything that must survive a death: a commit, a send, a receive. `site` is
 * a stable dotted name ("hub.commit.after"). Without HQ_CRASH_DIR in the environment this is one
 * load and a branch.
 *
 * With HQ_CRASH_DIR the process appends "<role>/<site>#<k>" (k counts passes of that site in this
 * process, from 1) to <dir>/points. With HQ_CRASH_AT=<role>/<site>#<k> it kills itself with SIGKILL
 * there, once over all restarts: <dir>/fired is made first (O_EXCL). HQ_CRASH_AT may name several
 * points, separated by commas; each fires once. */
void crash_point(const char *site);

/* Names the role of this process: "hub", "gateway-manager", "guard", "supervisor", and of a command its
 * name ("backup create"). Reads the environment; what is called last counts. */
void crash_init(const char *role);

#endif
