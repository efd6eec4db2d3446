/* Looks at the hub in the agent's name. */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "client/hub_client.h"
#include "tool/asking.h"
#include "tool/builtin.h"

enum { HUB_PATIENCE_MS = 20000 };

json_t *asking_hub(const struct asking *asking, const char *method, const char *path, json_t *body)
{
    struct err err = {0};
    json_t *answer = NULL;
    enum hub_outcome outcome = hub_call(asking->place->hub, method, path, body, HUB_PATIENCE_MS,
                                        NULL, &answer, NULL, &err);
    json_decref(body);
    if (outcome == HUB_OK && answer)
        return answer;
    json_decref(answer);
    result_err(asking->arena, asking->result, &err);
    return NULL;
}

char *asking_encode(struct arena *arena, const char *text)
{
    struct buf out = {0};
    for (const char *at = text; *at; at++) {
        if (isalnum((unsigned char)*at) || strchr("-._~:", *at))
            buf_putc(&out, *at);
        else
            buf_printf(&out, "%%%02X", (unsigned)(unsigned char)*at);
    }
    char *encoded = arena_memdup(arena, buf_text(&out), out.len);
    buf_fini(&out);
    return encoded;
}

void asking_result(struct arena *arena, struct tool_result *result, json_t *value)
{
    result->text = json_print(arena, value);
    json_decref(value);
}
