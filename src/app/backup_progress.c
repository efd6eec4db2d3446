/* Long work says that it goes on: to people only, seldom. */
#include "app/backup_commands.h"
#include "base/time.h"
#include "cli/figures.h"
#include "cli/output.h"

enum { SAY_EVERY_MS = 5000 };

static void tell(void *ctx, int64_t done)
{
    struct progress_note *note = ctx;
    struct arena arena = {0};
    int64_t now = time_boot_ms();
    if (now - note->said_ms < SAY_EVERY_MS || note->invocation->json)
        return;
    note->said_ms = now;
    output_note(note->invocation, "%s %s so far", figure_bytes(done, &arena), note->what);
    arena_fini(&arena);
}

struct backup_progress progress_note_init(struct progress_note *note,
                                          const struct invocation *invocation, const char *what)
{
    *note = (struct progress_note){invocation, what, time_boot_ms()};
    return (struct backup_progress){tell, note};
}
