/* Secrets: files of mode 0600 under the company's secrets/ and references to other places. */
#ifndef HQ_CONFIG_SECRET_H
#define HQ_CONFIG_SECRET_H

#include "base/arena.h"
#include "config/config.h"

/* Names of token files: "operator.token", "runner.token", "<agent>.token",
 * "<agent>.hooks.token", "person.<id>.token". */

/* Makes every missing token of the company (0600, O_EXCL, 32 random bytes as hex, fsync of file and
 * folder); leaves existing ones alone. Returns how many were made, or -1 with *err. */
int secret_make_tokens(const struct config *config, struct err *err);

/* Reads secrets/<name>: trimmed, in the arena. NULL with *err: missing, empty, or readable by
 * others (mode must be 0600 or 0400 and the file ours). */
char *secret_read(const struct config *config, const char *name, struct arena *arena,
                  struct err *err);

/* Resolves a reference (env or file). What is not in the environment may be a credential that systemd
 * handed over under that name. NULL with *err where it is missing. */
char *secret_resolve(const struct config_secret *secret, struct arena *arena, struct err *err);

/* Resolves the URL of a webhook and looks whether it is one (http or https, no user information).
 * NULL with *err, which never repeats the URL: whoever knows it may post. */
char *secret_webhook_url(const struct config_webhook *webhook, struct arena *arena,
                         struct err *err);

#endif
