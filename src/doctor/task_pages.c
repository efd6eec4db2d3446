/* Pages through GET /v1/tasks: small pages, because a row may hold 16 kB of instruction. */
#include "doctor/task_pages.h"
#include "base/err.h"
#include "base/json.h"
#include "doctor/check.h"

enum { PAGE = 200, PAGES = 20, PAGE_MS = 5000 };

int task_pages_read(struct doctor *doctor, const struct task_pages *pages, struct err *err)
{
    size_t i;
    const json_t *task;
    long long before = 0;
    for (int page = 0; page < PAGES; page++) {
        const char *from = before ? arena_printf(doctor->arena, "&before=%lld", before) : "";
        json_t *answer = hub_ask(
            doctor, "GET",
            arena_printf(doctor->arena, "/v1/tasks?state=%s&limit=%d%s", pages->state, PAGE, from),
            PAGE_MS, NULL, err);
        if (!answer)
            return -1;
        json_array_foreach (json_object_get(answer, "items"), i, task)
            pages->look(pages->ctx, task);
        before = json_get_int(answer, "next", 0);
        json_decref(answer);
        if (!before)
            break;
    }
    return 0;
}
