/* Any JSON as what the hub and the supervisor say, shown as `hq status`, `hq task tree` and `hq inbox`
 * show it: no fault, no line wider than the terminal, nothing that moves its cursor or turns its text.
 * The first byte chooses width and letters. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/inbox_text.h"
#include "cli/status_text.h"
#include "cli/tree_text.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Broken sequences are left to the terminal (cells.h): they count as it counts them. */
static void check_text(const struct buf *out, int most)
{
    int columns = 0;
    const char *text = buf_text(out);
    while (*text) {
        uint32_t c = 0xfffd;
        size_t len = 1, left = strnlen(text, 4);
        while (len < left && !str_is_utf8(text, len))
            len++;
        if (str_is_utf8(text, len))
            str_utf8_next(text, &c);
        else
            len = 1;
        columns = c == '\n' ? 0 : columns + (((unsigned char)*text & 0xc0) != 0x80);
        bool is_blank = c == '\n' || (c == '\t' && most == 0); /* texts of others keep their tabs */
        PROPERTY(is_blank || !cell_is_harmful(c), "a view moves no cursor");
        PROPERTY(most == 0 || columns <= most, "a view fits the terminal");
        text += len;
    }
}

/* Ids of agents have at most 40 characters (config/values.h): the tree does not cut them. */
static bool has_long_agents(const json_t *json)
{
    size_t i;
    const json_t *item;
    json_array_foreach (json_object_get(json, "items"), i, item)
        if (strlen(json_get_text(json_object_get(item, "task"), "agent", "")) > 40)
            return true;
    return false;
}

static void show(const json_t *json, int columns, bool utf8)
{
    struct arena arena = {0};
    struct buf status = {0}, tree = {0}, list = {0}, item = {0};
    const struct status_look status_look = {false, utf8, columns};
    const struct tree_look tree_look = {utf8, columns, 1763823845123};
    const struct inbox_look inbox_look = {utf8, columns, 1763823845123};
    status_print(json, &status_look, &status);
    check_text(&status, columns);
    tree_print(json, &tree_look, &arena, &tree);
    check_text(&tree, has_long_agents(json) ? 0 : columns);
    json_decref(tree_circle(json));
    inbox_print_list(json_object_get(json, "items"), true, &inbox_look, &list);
    check_text(&list, columns);
    inbox_print_item(json, &inbox_look, &arena, &item);
    check_text(&item, 0);
    buf_fini(&status);
    buf_fini(&tree);
    buf_fini(&list);
    buf_fini(&item);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    json_t *json = json_parse((const char *)data + 1, size - 1, NULL);
    if (json_is_object(json))
        show(json, 80 + (data[0] >> 1), data[0] & 1);
    json_decref(json);
    return 0;
}
