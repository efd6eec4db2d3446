/* The words of a task. Values of inputs are spliced in only where they can do no harm: one line,
 * short, without control characters. Others travel as data, and the text says so. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/interpret_state.h"

enum { SPLICED_MAX = 200 /* characters: a name, a number, a sentence */ };

struct splicing {
    struct flow_run *run;
    json_t *moved; /* inputs that travel as data */
    struct buf *instead;
};

/* Characters that end a line, change the direction of writing or cannot be seen. */
static bool is_harmful(uint32_t c)
{
    return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xe0000 && c <= 0xe007f);
}

static bool is_harmless(const char *text)
{
    size_t count = 0;
    uint32_t c;
    for (; *text && count <= SPLICED_MAX; count++) {
        text += str_utf8_next(text, &c);
        if (is_harmful(c))
            return false;
    }
    return count <= SPLICED_MAX;
}

static void move_input(struct splicing *splicing, const char *name)
{
    json_t *value = json_object_get(splicing->run->inputs, name);
    json_object_set(splicing->moved, name, value ? value : json_null());
    buf_printf(splicing->instead, "[input \"%s\": see the data]", name);
}

static void move_reference(void *ctx, const char *const *path, size_t count, struct place at)
{
    struct splicing *splicing = ctx;
    const char *name;
    json_t *value;
    if (!str_eq(path[0], "inputs"))
        return;
    if (count > 1) {
        move_input(splicing, path[1]);
        return;
    }
    json_object_foreach (splicing->run->inputs, name, value)
        move_input(splicing, name);
}

static bool guard(void *ctx, const struct expr *expr, const char *spliced, struct buf *instead)
{
    struct splicing *splicing = ctx;
    if (is_harmless(spliced))
        return true;
    splicing->instead = instead;
    expr_references(expr, move_reference, splicing);
    if (!instead->len)
        buf_puts(instead, "[a value that cannot be spliced in]");
    return false;
}

json_t *run_task_text(struct flow_run *run, const struct flow_step *spec, json_t *data)
{
    struct expr_scope scope = run_scope(run);
    struct splicing splicing = {.run = run, .moved = json_object()};
    if (!spec->task) {
        json_decref(splicing.moved);
        return json_string("");
    }
    json_t *text = flow_text_eval(spec->task, &scope, guard, &splicing);
    if (json_object_size(splicing.moved))
        json_object_set(data, "inputs", splicing.moved);
    json_decref(splicing.moved);
    return text;
}
