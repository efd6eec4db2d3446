/* Runs a pattern's program over a text: all its threads step by step side by side, none twice at
 * one place, so no expression makes it go back. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/pattern.h"
#include "base/pattern_code.h"
#include "base/str.h"

/* Where threads stand; `mark` says at which position an instruction was last visited. */
struct threads {
    uint32_t *steps;
    size_t count;
};

struct machine {
    const struct pattern *pattern;
    struct threads now, next;
    size_t *mark; /* position + 1 */
    uint32_t *stack;
    size_t at, len;
    bool word_before, word_here, found;
    int64_t *work;
};

static bool is_word(uint32_t c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Does the empty step hold at this place? */
static bool holds(const struct machine *machine, enum pattern_op op)
{
    bool edge = machine->word_before != machine->word_here;
    return op == PATTERN_BEGIN     ? machine->at == 0
           : op == PATTERN_END     ? machine->at == machine->len
           : op == PATTERN_WORD    ? edge
           : op == PATTERN_NO_WORD ? !edge
                                   : false;
}

static size_t push(struct machine *machine, size_t depth, uint32_t target)
{
    if (machine->mark[target] == machine->at + 1)
        return depth;
    machine->mark[target] = machine->at + 1;
    --*machine->work;
    machine->stack[depth] = target;
    return depth + 1;
}

/* Follows everything that takes no character, from `start` at the machine's place. */
static void follow(struct machine *machine, uint32_t start, struct threads *threads)
{
    size_t depth = push(machine, 0, start);
    while (depth > 0) {
        uint32_t at = machine->stack[--depth];
        const struct pattern_step *step = &machine->pattern->code[at];
        switch (step->op) {
        case PATTERN_SET:
            threads->steps[threads->count++] = at;
            break;
        case PATTERN_SPLIT:
            depth = push(machine, depth, (uint32_t)((int64_t)at + step->x));
            depth = push(machine, depth, (uint32_t)((int64_t)at + step->y));
            break;
        case PATTERN_JUMP:
            depth = push(machine, depth, (uint32_t)((int64_t)at + step->x));
            break;
        case PATTERN_FOUND:
            machine->found = true;
            break;
        default:
            if (holds(machine, step->op))
                depth = push(machine, depth, at + 1);
        }
    }
}

static bool takes(struct machine *machine, const struct pattern_step *step, uint32_t c)
{
    const struct pattern_range *ranges = machine->pattern->ranges + step->x;
    *machine->work -= step->y / 4;
    for (int32_t i = 0; i < step->y; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return !step->negated;
    return step->negated;
}

/* One character on; `after` is the one behind it (0 at the end). */
static void advance(struct machine *machine, uint32_t c, size_t width, uint32_t after)
{
    machine->at += width;
    machine->word_before = is_word(c);
    machine->word_here = machine->at < machine->len && is_word(after);
    machine->next.count = 0;
    for (size_t i = 0; i < machine->now.count; i++) {
        const struct pattern_step *step = &machine->pattern->code[machine->now.steps[i]];
        if (takes(machine, step, c))
            follow(machine, machine->now.steps[i] + 1, &machine->next);
    }
    follow(machine, 0, &machine->next);
    struct threads swap = machine->now;
    machine->now = machine->next;
    machine->next = swap;
}

int pattern_find(const struct pattern *pattern, const char *text, size_t len, int64_t *work)
{
    size_t count = pattern->count;
    uint32_t *room = mem_zalloc(4 * count * sizeof(*room));
    struct machine machine = {
        .pattern = pattern,
        .now = {room, 0},
        .next = {room + count, 0},
        .stack = room + 2 * count,
        .mark = mem_zalloc(count * sizeof(size_t)),
        .len = len,
        .work = work,
    };
    uint32_t c = 0, after = 0;
    size_t width = len ? str_utf8_next(text, &c) : 0;
    machine.word_here = len > 0 && is_word(c);
    follow(&machine, 0, &machine.now);
    while (!machine.found && machine.at<len && * work> 0) {
        size_t next = machine.at + width;
        size_t next_width = next < len ? str_utf8_next(text + next, &after) : 0;
        advance(&machine, c, width, after);
        c = after;
        width = next_width;
    }
    free(room);
    free(machine.mark);
    return machine.found ? 1 : *work > 0 ? 0 : -1;
}
