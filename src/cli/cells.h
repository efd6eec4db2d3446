/* Text laid out in columns: how wide it is, cut or filled to a width. */
#ifndef HQ_CLI_CELLS_H
#define HQ_CLI_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Columns that a text takes: code points; this program prints no wide ones of its own. */
int cell_width(const char *text);

/* What could move a terminal's cursor, change its colours or turn the direction of writing: controls
 * of ASCII and Latin-1, and the marks that reorder text (Unicode TR 9). */
bool cell_is_harmful(uint32_t code_point);

/* Appends the text on one line, cut (with "…", or "~" without UTF-8) or filled to exactly `columns`;
 * what is harmful becomes a space. */
void cell_put(struct buf *out, const char *text, int columns, bool utf8);

/* Ends the line; spaces at its end go. */
void cell_end_line(struct buf *out);

#endif
