/* Rows of cells, printed with colours where they are wanted. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "flow/graph_picture.h"

size_t canvas_row(struct graph_canvas *canvas)
{
    if (canvas->count == canvas->cap) {
        size_t cap = canvas->cap ? canvas->cap * 2 : 64;
        struct graph_row *rows = arena_alloc(canvas->arena, cap * sizeof(*rows));
        if (canvas->count)
            memcpy(rows, canvas->rows, canvas->count * sizeof(*rows));
        canvas->rows = rows;
        canvas->cap = cap;
    }
    struct graph_cell *cells =
        arena_alloc(canvas->arena, ((size_t)canvas->width + 1) * sizeof(struct graph_cell));
    for (int x = 0; x < canvas->width; x++)
        cells[x].bytes[0] = ' ';
    canvas->rows[canvas->count].cells = cells;
    return canvas->count++;
}

static void set_cell(struct graph_canvas *canvas, size_t row, int x, const char *bytes, size_t len)
{
    struct graph_cell *cell = &canvas->rows[row].cells[x];
    if (x < 0 || x >= canvas->width || len >= sizeof(cell->bytes))
        return;
    memset(cell->bytes, 0, sizeof(cell->bytes));
    memcpy(cell->bytes, bytes, len);
}

void canvas_text(struct graph_canvas *canvas, size_t row, int x, const char *text, int room,
                 int color)
{
    bool cut = graph_width(text) > room;
    int left = cut ? room - 1 : room;
    while (*text) {
        char one[5] = {0};
        uint32_t c;
        size_t len = str_utf8_next(text, &c);
        memcpy(one, text, len);
        int wide = graph_width(one);
        text += len;
        if (wide > left)
            break;
        if (wide == 0) /* a mark on the character before it has no cell of its own */
            continue;
        set_cell(canvas, row, x, one, len);
        if (wide == 2)
            set_cell(canvas, row, x + 1, "", 0);
        for (int i = 0; i < wide && x + i < canvas->width; i++)
            canvas->rows[row].cells[x + i].color = (uint8_t)color;
        x += wide;
        left -= wide;
    }
    if (cut && room > 0)
        set_cell(canvas, row, x, canvas->ascii ? "~" : "…", canvas->ascii ? 1 : strlen("…"));
}

void canvas_line(struct graph_canvas *canvas, size_t row, int x, unsigned arms)
{
    /* by up 1, down 2, left 4, right 8 */
    static const char *const lines[16] = {" ", "│", "│", "│", "─", "┘", "┐", "┤",
                                          "─", "└", "┌", "├", "─", "┴", "┬", "┼"};
    static const char ascii[] = " |||-'.+-`.+-'.+";
    if (canvas->ascii)
        set_cell(canvas, row, x, &ascii[arms & 15], 1);
    else
        set_cell(canvas, row, x, lines[arms & 15], strlen(lines[arms & 15]));
}

static bool is_blank(const struct graph_cell *cell)
{
    return cell->bytes[0] == ' ' && !cell->bytes[1];
}

void canvas_print(const struct graph_canvas *canvas, struct buf *out)
{
    for (size_t row = 0; row < canvas->count; row++) {
        const struct graph_cell *cells = canvas->rows[row].cells;
        int end = canvas->width, color = 0;
        while (end > 0 && is_blank(&cells[end - 1]))
            end--;
        for (int x = 0; x < end; x++) {
            if (canvas->color && cells[x].color != color) {
                color = cells[x].color;
                buf_printf(out, "\033[%dm", color);
            }
            buf_puts(out, cells[x].bytes);
        }
        buf_puts(out, color ? "\033[0m\n" : "\n");
    }
}
