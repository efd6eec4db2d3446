/* The company's chronicle: one stream, "chronicle", with a line for every delegation and every end
 * of a task, over all requests. */
#ifndef HQ_LEDGER_CHRONICLE_H
#define HQ_LEDGER_CHRONICLE_H

struct task;
struct tx;

/* `task.completed` {task, root, agent, kind, status (of the handoff), state, failure_class, what}.
 */
int chronicle_ended(struct tx *tx, const struct task *task, const char *status);

/* `task.delegated` {root, parent, by, child, agent, mode, what, objective}; mode: sync, async, or
 * reassign, where a person gave the work to another agent (`parent` is then the old task). */
int chronicle_delegated(struct tx *tx, const struct task *parent, const struct task *child,
                        const char *mode);

#endif
