/* Metrics as Prometheus reads them: the text exposition format, version 0.0.4. */
#ifndef HQ_NET_EXPOSITION_H
#define HQ_NET_EXPOSITION_H

#include <stdint.h>

#include "base/buf.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Begins a family: its samples follow at once. `type` is counter, gauge or histogram. */
void exposition_family(struct buf *out, const char *name, const char *type, const char *help);

/* A sample. `labels` are names and values in turn, NULL at the end; NULL: none. Values are escaped.
 */
void exposition_int(struct buf *out, const char *name, const char *const *labels, int64_t value);
void exposition_number(struct buf *out, const char *name, const char *const *labels, double value);

#endif
