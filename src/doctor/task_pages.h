/* Private to doctor/: the open tasks of one state, page by page. */
#ifndef HQ_DOCTOR_TASK_PAGES_H
#define HQ_DOCTOR_TASK_PAGES_H

#include <jansson.h>

struct doctor;
struct err;

struct task_pages {
    const char *state;
    void (*look)(void *ctx, const json_t *task); /* borrowed for the call */
    void *ctx;
};

/* Hands each task of that state to `look`, the newest first, some thousands at most. 0, or -1 with
 * *err. */
int task_pages_read(struct doctor *doctor, const struct task_pages *pages, struct err *err);

#endif
