/* The words of the two logs: a line for every end, a section for every set of delegations. */
#ifndef HQ_HUB_CHRONICLE_TEXT_H
#define HQ_HUB_CHRONICLE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct event;

/* True for the ends that belong into the project log: regular looks around do not. */
bool chronicle_has_line(const json_t *completed);

/* "[2026-11-22 15:04] manager: Completed — Prepare the kick-off\n", local time. Whatever the
 * event's texts hold, it is one line. */
void chronicle_line(struct buf *out, int64_t at, const json_t *completed);

/* The section of delegations of one task, made by it at once. Each body is of a `task.delegated`;
 * `wants` has for each what its result must be, or NULL. */
struct chronicle_plan {
    int64_t at;
    const char *title; /* the asking task's name; NULL: its objective */
    const json_t *const *delegated;
    const char *const *wants;
    size_t count;
};
void chronicle_section(struct buf *out, const struct chronicle_plan *plan);

#endif
