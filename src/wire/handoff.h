/* The handoff as others read it: what hq prints, and what a stored file of any version holds
 * (docs/handoff.md). */
#ifndef HQ_WIRE_HANDOFF_H
#define HQ_WIRE_HANDOFF_H

#include <jansson.h>
#include <stdint.h>

struct err;
struct handoff;

enum { HANDOFF_VERSION = 1 };

/* The document of an ended task: every field of docs/handoff.md, null where it has none. The
 * failure is the task's (`failure_class` NULL: it has none). New reference. */
json_t *handoff_to_json(const struct handoff *handoff, const char *failure_class,
                        const char *failure_message);

/* Is this a whole handoff of a version that we know? 0, or -1 with *err (code "malformed"): the
 * first field that is missing, of the wrong kind or not one of its words, by JSON pointer. Fields
 * that we do not know are let pass: later versions of hq add some. */
int handoff_check(const json_t *document, struct err *err);

/* Is what a worker wants to hand over well-formed? Looks at what is the worker's word (status,
 * confidence, artefacts …), not at the envelope, which the ledger writes. As handoff_check(). */
int handoff_check_content(const struct handoff *handoff, const char *failure_class, struct err *err);

#endif
