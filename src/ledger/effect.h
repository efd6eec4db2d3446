/* Outward deliveries as the rules see them: made, moved on, stopped. */
#ifndef HQ_LEDGER_EFFECT_H
#define HQ_LEDGER_EFFECT_H

struct effect;
struct task;
struct tx;

/* Puts a new effect of the task in the outbox; *effect gets what is the ledger's. LEDGER_DUP
 * "exists". */
int effect_open(struct tx *tx, struct effect *effect, const struct task *task);

/* Writes an effect whose state was `was`: its event, and what hangs on it. Where its outcome is
 * unknown and people are to be asked, they are; else a run's step hears of what it came to. */
int effect_moved(struct tx *tx, struct effect *effect, const char *was);

/* What was not sent yet is dead; what is on its way stays. */
int effect_stop(struct tx *tx, const char *id, const char *reason);

/* A person decided about one whose outcome is unknown: send it again, or leave it. */
int effect_send_again(struct tx *tx, const char *id);
int effect_give_up(struct tx *tx, const char *id, const char *reason);

#endif
