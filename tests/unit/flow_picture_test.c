/* The pictures of workflows: what they look like, that the lines of random ones say exactly who
 * needs whom, that names can break neither terminal nor file, that size does not hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "flow/graph.h"
#include "flow_graph.h"

static const char *draw(const struct flow *flow, const struct graph_look *look)
{
    static struct buf out;
    buf_clear(&out);
    graph_text(flow, look, &out);
    return buf_text(&out);
}

static void expect(struct graph *graph, bool ascii, const char *picture)
{
    struct graph_look look = {.width = 80, .ascii = ascii};
    const char *drawn = draw(graph_seal(graph), &look);
    if (!str_eq(drawn, picture))
        fail_msg("drawn:\n%s\nnot:\n%s", drawn, picture);
    graph_fini(graph);
}

static void test_parallel(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, 8);
    graph_step(&graph, "cte", FLOW_TASK, "")->agent = "webster";
    graph_step(&graph, "mesh", FLOW_TASK, "")->agent = "nx-expert";
    graph_step(&graph, "review", FLOW_TASK, "cte mesh")->agent = "auditor";
    graph_step(&graph, "fix", FLOW_TASK, "review")->condition = graph_expr(&graph, "true");
    graph_step(&graph, "gate", FLOW_APPROVE, "review fix");
    graph_step(&graph, "post", FLOW_EFFECT, "gate");
    graph.flow.on_failure = &(struct flow_step){.kind = FLOW_TASK, .agent = "manager"};
    expect(&graph, false,
           "○ cte       ○ mesh\n"
           "│ webster   │ nx-expert\n"
           "├───────────┘\n"
           "○ review\n"
           "│ auditor\n"
           "├───┐\n"
           "│   ○ fix\n"
           "│   │ if … worker\n"
           "├───┘\n"
           "◇ gate\n"
           "│ a person decides\n"
           "○ post\n"
           "  sends a message\n"
           "on failure: manager\n");
}

/* Whose line comes to a step beside another's ends with an arrow: b is not needed by d. */
static void test_not_misleading(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, 8);
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "");
    graph_step(&graph, "c", FLOW_TASK, "a b");
    graph_step(&graph, "d", FLOW_TASK, "b");
    expect(&graph, true,
           "o a       o b\n"
           "| worker  | worker\n"
           "|<--------+\n"
           "o c       o d\n"
           "  worker    worker\n");
    graph_init(&graph, 8);
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "");
    graph_step(&graph, "c", FLOW_TASK, "a b");
    graph_step(&graph, "d", FLOW_TASK, "a b");
    expect(&graph, true,
           "o a       o b\n"
           "| worker  | worker\n"
           "+---------+\n"
           "o c       o d\n"
           "  worker    worker\n");
}

static struct graph_mark mark(void *ctx, size_t step)
{
    (void)ctx;
    struct graph_mark marks[] = {{"●", "done 1m02s", 32}, {"◐", "working 2m10s", 33}, {0}};
    return marks[step < 2 ? step : 2];
}

static void test_marks(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, 8);
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a");
    graph_step(&graph, "c", FLOW_TASK, "b");
    struct graph_look look = {.mark = mark, .width = 80, .color = true};
    assert_string_equal(draw(graph_seal(&graph), &look), "\033[32m●\033[0m a\n"
                                                         "│ \033[32mdone 1m02s\033[0m\n"
                                                         "\033[33m◐\033[0m b\n"
                                                         "│ \033[33mworking 2m10s\033[0m\n"
                                                         "○ c\n"
                                                         "  worker\n");
    graph_fini(&graph);
}

/* ---- what lines say ---- */

enum { ROWS = 4000, COLUMNS = 81 };

struct page {
    char cells[ROWS][COLUMNS];
    int rows;
    size_t step_at[ROWS][COLUMNS]; /* index + 1 where a step's sign stands */
    bool seen[ROWS][COLUMNS];
    bool *found; /* by index of the step: a line from the one that is looked at leads there */
};

static void read_page(struct page *page, const char *text, size_t count)
{
    memset(page, 0, sizeof(*page));
    for (; *text; page->rows++) {
        size_t len = strcspn(text, "\n");
        assert_in_range(len, 0, COLUMNS - 1);
        assert_in_range(page->rows, 0, ROWS - 1);
        memcpy(page->cells[page->rows], text, len);
        for (size_t x = 0; x + 3 < len; x++)
            if (text[x] == 'o' && text[x + 1] == ' ' && text[x + 2] == 's' && text[x + 3] <= '9')
                page->step_at[page->rows][x] = strtoul(text + x + 3, NULL, 10) + 1;
        text += len + (text[len] == '\n');
    }
    (void)count;
}

static char cell(const struct page *page, int row, int x)
{
    return row < page->rows && x >= 0 && x < COLUMNS ? page->cells[row][x] : '\0';
}

static void follow_down(struct page *page, int row, int x);

/* Along a horizontal line: joints lead down and on, gaps (another's upright) are passed, an arrow
 * ends in the upright behind it and goes on. */
static void follow_side(struct page *page, int row, int x, int step)
{
    for (;; x += step) {
        char c = cell(page, row, x);
        if (c == '-' || c == '\'' || c == '`')
            continue;
        if (c == '>' || c == '<') {
            if ((c == '>') == (step > 0))
                follow_down(page, row + 1, x + step);
            continue;
        }
        if (c == '|')
            continue;
        if (c != '+' && c != '.')
            return;
        if (!page->seen[row][x])
            follow_down(page, row + 1, x);
        page->seen[row][x] = true;
    }
}

static void follow_down(struct page *page, int row, int x)
{
    for (; x >= 0 && x < COLUMNS && row < page->rows; row++) {
        char c = cell(page, row, x);
        if (page->step_at[row][x]) {
            page->found[page->step_at[row][x] - 1] = true;
            return;
        }
        if (c == '+' || c == '\'' || c == '`') {
            if (page->seen[row][x])
                return;
            page->seen[row][x] = true;
            follow_side(page, row, x - 1, -1);
            follow_side(page, row, x + 1, 1);
        }
        if (c != '|' && c != '+')
            return;
    }
}

static bool needs(const struct flow *flow, size_t who, size_t whom)
{
    for (size_t i = 0; i < flow->steps[who].need_count; i++)
        if (flow->steps[who].needs[i] == whom)
            return true;
    return false;
}

/* Reads the picture as a person would and compares with what is needed; false: it was a list. */
static bool check_picture(const struct flow *flow)
{
    static struct page page;
    struct graph_look look = {.width = 80, .ascii = true};
    const char *text = draw(flow, &look);
    bool *found = calloc(flow->step_count, 1);
    size_t steps = 0;
    read_page(&page, text, flow->step_count);
    page.found = found;
    bool is_list = page.cells[0][3] == '1' && page.cells[0][6] == 'o';
    for (int row = 0; row < page.rows && !is_list; row++) {
        for (int x = 0; x < COLUMNS; x++) {
            size_t from = page.step_at[row][x];
            if (!from)
                continue;
            steps++;
            memset(found, 0, flow->step_count);
            memset(page.seen, 0, sizeof(page.seen));
            follow_down(&page, row + 1, x);
            for (size_t to = 0; to < flow->step_count; to++)
                if (found[to] != needs(flow, to, from - 1))
                    fail_msg("the lines say that s%zu %s s%zu:\n%s", to,
                             found[to] ? "needs" : "does not need", from - 1, text);
        }
    }
    if (!is_list)
        assert_int_equal(steps, flow->step_count);
    free(found);
    return !is_list;
}

static uint64_t seed_state = 88172645463325252ull;

static unsigned pick(unsigned count)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (unsigned)(seed_state >> 33) % count;
}

static void random_graph(struct graph *graph, unsigned count, unsigned most_needs)
{
    graph_init(graph, count);
    for (unsigned i = 0; i < count; i++) {
        size_t list[8], have = 0;
        char name[16];
        for (unsigned tries = i ? pick(most_needs + 1) : 0; tries > 0; tries--) {
            size_t need = i - 1 - pick(i < 6 ? i : 6);
            bool is_there = false;
            for (size_t k = 0; k < have; k++)
                is_there = is_there || list[k] == need;
            if (!is_there)
                list[have++] = need;
        }
        snprintf(name, sizeof(name), "s%u", i);
        graph_step_at(graph, name, FLOW_WAIT, list, have)->wait_ms = 0;
    }
}

static void test_random(void **state)
{
    (void)state;
    int drawn = 0;
    for (int i = 0; i < 1500; i++) {
        struct graph graph;
        random_graph(&graph, 2 + pick(16), 1 + pick(3));
        drawn += check_picture(graph_seal(&graph));
        graph_fini(&graph);
    }
    assert_in_range(drawn, 1000, 1500); /* the others were too wide: lists */
}

/* ---- size ---- */

static void test_large(void **state)
{
    (void)state;
    struct graph graph;
    struct graph_look look = {.width = 80};
    random_graph(&graph, 10000, 3);
    const char *text = draw(graph_seal(&graph), &look);
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 10000);
    struct buf out = {0};
    graph_dot(&graph.flow, &out);
    graph_mermaid(&graph.flow, &out);
    buf_fini(&out);
    graph_fini(&graph);
}

/* A wide layer cannot stand side by side: it is listed. */
static void test_wide(void **state)
{
    (void)state;
    struct graph graph;
    graph_init(&graph, 32);
    graph_step(&graph, "start", FLOW_TASK, "");
    for (int i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof(name), "part-%d", i);
        graph_step(&graph, name, FLOW_TASK, "start");
    }
    graph_step(&graph, "end", FLOW_TASK, "part-0 part-1 part-11");
    struct graph_look look = {.width = 80, .ascii = true};
    const char *text = draw(graph_seal(&graph), &look);
    assert_true(str_starts(text, "   1  o start    worker\n"
                                 "   2  o part-0   worker  <- start\n"
                                 "      o part-1   worker  <- start\n"));
    assert_true(str_ends(text, "   3  o end      worker  <- part-0, part-1, part-11\n"));
    graph_fini(&graph);
}

/* ---- names that attack ---- */

static const char *const attacks[] = {
    "a\"]; evil [label=\"x",
    "<b>&amp;</b><script>alert(1)</script>",
    "x\"] --> y",
    "a\\",
    "}}}\"\n%%{init: {}}%%",
    "`code` **bold** #quot; #35;",
    "\x1b[31mred\x1b]0;title\x07",
    "rtl \xe2\x80\xae txt",
    "\xe5\xb9\xb3\xe8\xa1\x8c \xf0\x9f\x98\x80",
};

static bool has_unsafe(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\n') || *text == 0x7f)
            return true;
    return false;
}

/* Every line of DOT is one of three shapes; quotes inside labels are escaped. */
static void check_dot_line(const char *line, size_t len)
{
    bool in_text = false;
    int quotes = 0;
    for (size_t i = 0; i < len; i++) {
        if (in_text && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            in_text = !in_text, quotes++;
        else if (!in_text && strchr("<>{}&", line[i]) && len > 1 && i + 1 < len &&
                 line[i + 1] != ' ' && !(line[i] == '>' && line[i - 1] == '-'))
            fail_msg("outside of a label: %.*s", (int)len, line);
    }
    assert_false(in_text);
    assert_true(quotes == 0 || quotes == 2);
}

static void test_attacks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct graph graph;
        struct buf dot = {0}, mermaid = {0};
        struct graph_look look = {.width = 80};
        graph_init(&graph, 4);
        graph_step(&graph, attacks[i], FLOW_TASK, "")->agent = attacks[i];
        struct flow_step *step = graph_step(&graph, "second", FLOW_RUN, "");
        step->title = attacks[i];
        step->command = attacks[i];
        graph.flow.name = attacks[i];
        const struct flow *flow = graph_seal(&graph);
        graph_dot(flow, &dot);
        graph_mermaid(flow, &mermaid);
        assert_false(has_unsafe(buf_text(&dot)) || has_unsafe(buf_text(&mermaid)));
        assert_false(has_unsafe(draw(flow, &look)));
        assert_null(strstr(draw(flow, &look), "\xe2\x80\xae"));
        for (const char *line = buf_text(&dot); *line;) {
            size_t len = strcspn(line, "\n");
            check_dot_line(line, len);
            line += len + 1;
        }
        size_t lines = 0;
        for (const char *line = buf_text(&mermaid); *line; lines++) {
            size_t len = strcspn(line, "\n");
            const char *first = memchr(line, '"', len), *last = memrchr(line, '"', len);
            for (const char *at = first ? first + 1 : NULL; at && at < last; at++)
                if (strchr("\"[]{}()|`<>&;%*_\\", *at) && strncmp(at, "<br/>", 5) != 0 &&
                    !(*at == ';' || (*at == '>' && strncmp(at - 4, "<br/>", 5) == 0)))
                    fail_msg("in a label: %.*s", (int)len, line);
            line += len + 1;
        }
        assert_int_equal(lines, 3); /* the head and two nodes: nothing was added */
        buf_fini(&dot);
        buf_fini(&mermaid);
        graph_fini(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parallel), cmocka_unit_test(test_not_misleading),
        cmocka_unit_test(test_marks),    cmocka_unit_test(test_random),
        cmocka_unit_test(test_large),    cmocka_unit_test(test_wide),
        cmocka_unit_test(test_attacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
