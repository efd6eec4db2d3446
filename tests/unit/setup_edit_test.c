/* Editing hq.yaml: agents come and go in files of every form, what is untouched stays to the byte,
 * and the file always says exactly what was wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "folder_fixture.h"
#include "setup/config_edit.h"
#include "setup/yaml_edit.h"

static void put_file(const char *name, const char *text)
{
    FILE *file = fopen(in_dir(name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static char *get_file(const char *name)
{
    char bytes[65536];
    FILE *file = fopen(in_dir(name), "r");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes) - 1, file);
    fclose(file);
    return arena_memdup(&arena, bytes, len);
}

static json_t *members(const char *name, int port)
{
    return json_pack("{s:s,s:i,s:s,s:[s,s]}", "name", name, "port", port, "model", "m/x",
                     "capabilities", "a: b", "c");
}

static int add(const char *id, const char *name, int port, struct err *err)
{
    struct config_edit edit;
    json_t *fresh = members(name, port);
    int rc = config_edit_open(&edit, in_dir("hq.yaml"), &arena, err);
    if (rc == 0)
        rc = config_edit_add_agent(&edit, id, fresh, err);
    if (rc == 0)
        rc = config_edit_check(&edit, NULL, err);
    if (rc == 0)
        rc = config_edit_commit(&edit, err);
    config_edit_close(&edit);
    json_decref(fresh);
    return rc;
}

static int take_out(const char *id, const char *alias, struct err *err)
{
    struct config_edit edit;
    const char *words[] = {id, alias, NULL};
    int rc = config_edit_open(&edit, in_dir("hq.yaml"), &arena, err);
    if (rc == 0)
        rc = config_edit_remove_agent(&edit, id, words, err);
    if (rc == 0)
        rc = config_edit_check(&edit, NULL, err);
    if (rc == 0)
        rc = config_edit_commit(&edit, err);
    config_edit_close(&edit);
    return rc;
}

static void becomes(const char *before, const char *after)
{
    assert_string_equal(get_file("hq.yaml"), after);
    assert_string_equal(get_file("hq.yaml.bak"), before);
    assert_int_not_equal(access(in_dir(".hq.yaml.new"), F_OK), 0);
}

#define MODELS "models: { m: { api: openai-chat } }\n"
#define NEW                                                                                        \
    "  new:\n    name: \"N: #1\"\n    port: 18900\n    model: m/x\n    capabilities: [\"a: b\", "  \
    "c]\n"

static void an_agent_goes_behind_the_others(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        {MODELS "agents:\n  a: { model: m/x } # first\n\n# the end\nlimits: { depth: 3 }\n",
         MODELS "agents:\n  a: { model: m/x } # first\n" NEW "\n# the end\nlimits: { depth: 3 }\n"},
        {"agents:\n  a:\n    model: m/x\n    # its own remark\n  # about nobody\n" MODELS,
         "agents:\n  a:\n    model: m/x\n    # its own remark\n" NEW "  # about nobody\n" MODELS},
        {MODELS "agents:\n  a:\n    model: m/x", MODELS "agents:\n  a:\n    model: m/x\n" NEW},
        {MODELS "agents:\n  a: { model: m/x }\n...\n",
         MODELS "agents:\n  a: { model: m/x }\n" NEW "...\n"},
        {MODELS "agents: { a: { model: m/x } } # all\n",
         MODELS "agents: { a: { model: m/x }, \"new\": {\"name\": \"N: #1\", \"port\": 18900, "
                "\"model\": \"m/x\", \"capabilities\": [\"a: b\", \"c\"]} } # all\n"},
        {"{\n \"models\": {\"m\": {\"api\": \"openai-chat\"}},\n \"agents\": {\n  \"a\": "
         "{\"model\": "
         "\"m/x\"}\n }\n}\n",
         "{\n \"models\": {\"m\": {\"api\": \"openai-chat\"}},\n \"agents\": {\n  \"a\": "
         "{\"model\": "
         "\"m/x\"},\n  \"new\": {\"name\": \"N: #1\", \"port\": 18900, \"model\": \"m/x\", "
         "\"capabilities\": [\"a: b\", \"c\"]}\n }\n}\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        put_file("hq.yaml", cases[i].before);
        assert_int_equal(add("new", "N: #1", 18900, &err), 0);
        becomes(cases[i].before, cases[i].after);
    }
}

static void an_agent_goes_and_its_names_with_it(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        {MODELS
         "defaults: { delegates: [ b, a ] }\nagents:\n  a: { model: m/x }\n  # of b\n  b:\n    "
         "aliases: [bob]\n    model: m/x\n    # gone, too\n\n  # of c\n  c: { model: m/x, "
         "delegates: [a, \"!bob\"], revisits: [b] } # b\n",
         MODELS
         "defaults: { delegates: [ a ] }\nagents:\n  a: { model: m/x }\n  # of b\n\n  # of c\n  "
         "c: { model: m/x, delegates: [a], revisits: [] } # b\n"},
        {MODELS
         "agents:\n  a:\n    model: m/x\n    delegates:\n      - b # him\n    turns: 2\n  b: { "
         "aliases: [bob], model: m/x }\n",
         MODELS "agents:\n  a:\n    model: m/x\n    delegates: []\n    turns: 2\n"},
        {MODELS "agents:\n  a:\n    model: m/x\n    delegates:\n    - c\n    - bob\n    - '!b'\n  "
                "c: {model: "
                "m/x}\n  b: { aliases: [bob], model: m/x }\n# end\n",
         MODELS
         "agents:\n  a:\n    model: m/x\n    delegates:\n    - c\n  c: {model: m/x}\n# end\n"},
        {MODELS "agents: {a: {model: m/x}, b: {model: m/x, aliases: [bob], name: 'it''s, } #'}, c: "
                "{model: m/x}}\n",
         MODELS "agents: {a: {model: m/x}, c: {model: m/x}}\n"},
        {MODELS "agents: {a: {model: m/x}, # one, two\n  b: {model: m/x, aliases: [bob]}, }\n",
         MODELS "agents: {a: {model: m/x}, }\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        put_file("hq.yaml", cases[i].before);
        if (take_out("b", "bob", &err) != 0)
            fail_msg("case %zu: %s", i, err.message);
        becomes(cases[i].before, cases[i].after);
    }
}

static void what_would_be_wrong_changes_nothing(void **state)
{
    struct err err = {0};
    const char *text = MODELS "agents:\n  a: { model: m/x, port: 18900 }\n";
    put_file("hq.yaml", text);
    assert_int_equal(add("new", "x", 18900, &err), -1);
    assert_string_equal(err.code, "bad_config");
    assert_int_equal(add("Not An Id", "x", 18904, &err), -1);
    assert_int_equal(add("hub", "x", 18904, &err), -1);
    assert_int_equal(add("new", "two\nlines", 18904, &err), -1);
    assert_int_equal(take_out("a", NULL, &err), -1);
    assert_string_equal(get_file("hq.yaml"), text);
    assert_int_not_equal(access(in_dir("hq.yaml.bak"), F_OK), 0);
    assert_int_not_equal(access(in_dir(".hq.yaml.new"), F_OK), 0);
    assert_int_equal(symlink("hq.yaml", in_dir("link.yaml")), 0);
    struct config_edit edit;
    assert_int_equal(config_edit_open(&edit, in_dir("link.yaml"), &arena, &err), -1);
    config_edit_close(&edit);
}

static void two_at_once_and_editors_are_noticed(void **state)
{
    struct err err = {0};
    struct config_edit first, second;
    json_t *fresh = members("x", 18904);
    put_file("hq.yaml", MODELS "agents:\n  a: { model: m/x }\n");
    assert_int_equal(chmod(in_dir("hq.yaml"), 0640), 0);
    assert_int_equal(config_edit_open(&first, in_dir("hq.yaml"), &arena, &err), 0);
    assert_int_equal(config_edit_open(&second, in_dir("hq.yaml"), &arena, &err), -1);
    assert_string_equal(err.code, "busy");
    config_edit_close(&second);
    assert_int_equal(config_edit_add_agent(&first, "new", fresh, &err), 0);
    assert_int_equal(config_edit_check(&first, NULL, &err), 0);
    put_file("hq.yaml", MODELS "agents:\n  b: { model: m/x }\n");
    assert_int_equal(config_edit_commit(&first, &err), -1);
    assert_string_equal(err.code, "changed");
    config_edit_close(&first);
    assert_non_null(strstr(get_file("hq.yaml"), "  b:"));
    assert_int_equal(add("new", "x", 18904, &err), 0);
    struct stat info;
    assert_int_equal(stat(in_dir("hq.yaml"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    json_decref(fresh);
}

/* ---- random files ---- */

enum { MOST = 6 };

struct world {
    int count;
    int ports[MOST];
    bool names[MOST][MOST]; /* i delegates to j */
    bool here[MOST];
};

static bool dice(unsigned of)
{
    return rand_below(of) == 0;
}

static void put_noise(struct buf *out, int indent)
{
    static const char *const noises[] = {"\n", "# a0: { of: nothing }\n", "  \n",
                                         "# it's \"quoted: {[\n"};
    while (dice(3)) {
        const char *noise = noises[rand_below(4)];
        buf_printf(out, "%*s%s", *noise == '#' ? indent : 0, "", noise);
    }
}

static void put_flow_list(struct buf *out, const struct world *world, int i)
{
    bool any = false;
    buf_puts(out, dice(2) ? "[" : "[ ");
    for (int j = 0; j < world->count; j++) {
        if (!world->names[i][j])
            continue;
        static const char *const quotes[] = {"", "\"", "'"};
        const char *quote = quotes[rand_below(3)];
        buf_puts(out, any ? (dice(2) ? "," : ", ") : "");
        buf_printf(out, "%sa%d%s", quote, j, quote);
        any = true;
    }
    buf_puts(out, dice(2) ? "]" : " ]");
}

static void put_block_agent(struct buf *out, const struct world *world, int i, int indent)
{
    int step = dice(2) ? 2 : 4;
    bool any = false;
    if (dice(3)) {
        buf_printf(out, "%*sa%d: { model: m/x, port: %d, name: \"%s\", delegates: ", indent, "", i,
                   world->ports[i], dice(2) ? "} a, b: #" : "x\\\"y");
        put_flow_list(out, world, i);
        buf_puts(out, dice(2) ? " } # why\n" : "}\n");
        return;
    }
    buf_printf(out, "%*s%s:%s\n", indent, "", arena_printf(&arena, dice(3) ? "'a%d'" : "a%d", i),
               dice(2) ? "" : "  # one of us");
    buf_printf(out, "%*smodel: m/x\n%*sport: %d\n", indent + step, "", indent + step, "",
               world->ports[i]);
    put_noise(out, indent + step);
    for (int j = 0; j < world->count; j++)
        any = any || world->names[i][j];
    buf_printf(out, "%*sdelegates:", indent + step, "");
    if (!any || dice(2)) {
        buf_putc(out, ' ');
        put_flow_list(out, world, i);
        buf_putc(out, '\n');
    } else {
        buf_putc(out, '\n');
        for (int j = 0; j < world->count; j++)
            if (world->names[i][j])
                buf_printf(out, "%*s- a%d%s\n", indent + step + (dice(2) ? 0 : 0), "", j,
                           dice(3) ? " # him" : "");
    }
    if (dice(3))
        buf_printf(out, "%*sname: >-\n%*sfolded text\n%*s# no comment\n", indent + step, "",
                   indent + step + 2, "", indent + step + 2, "");
}

static void put_flow_agents(struct buf *out, const struct world *world)
{
    bool lines = dice(2);
    buf_puts(out, "agents: {");
    for (int i = 0; i < world->count; i++) {
        buf_printf(out, "%s%s\"a%d\": { model: 'm/x', port: %d, delegates: ", i ? "," : "",
                   lines ? "\n    " : " ", i, world->ports[i]);
        put_flow_list(out, world, i);
        buf_puts(out, " }");
    }
    buf_puts(out, lines ? "\n  }\n" : "}\n");
}

static char *random_file(struct world *world)
{
    struct buf out = {0};
    int indent = dice(2) ? 2 : 4;
    world->count = 2 + (int)rand_below(MOST - 2);
    for (int i = 0; i < world->count; i++) {
        world->here[i] = true;
        world->ports[i] = 20000 + 4 * i;
        for (int j = 0; j < world->count; j++)
            world->names[i][j] = i != j && dice(2);
    }
    put_noise(&out, 0);
    if (dice(2))
        buf_puts(&out, "company: \"a0: x\"\n");
    buf_puts(&out, MODELS);
    put_noise(&out, 0);
    if (dice(4)) {
        put_flow_agents(&out, world);
    } else {
        buf_puts(&out, "agents: # who\n");
        for (int i = 0; i < world->count; i++) {
            put_noise(&out, indent);
            put_block_agent(&out, world, i, indent);
        }
    }
    put_noise(&out, 0);
    if (dice(2))
        buf_puts(&out, "limits:\n  depth: 3 # a1\n");
    if (dice(3) && out.len && out.bytes[out.len - 1] == '\n')
        out.bytes[--out.len] = '\0';
    char *text = arena_strdup(&arena, buf_text(&out));
    buf_fini(&out);
    return text;
}

static void check_world(const struct world *world, int fresh)
{
    struct finding *findings;
    size_t count, expected = fresh ? 1 : 0;
    struct config *config = config_load(in_dir("hq.yaml"), NULL, &arena, &findings, &count);
    assert_non_null(config);
    for (int i = 0; i < world->count; i++) {
        const struct config_agent *agent = config_agent(config, arena_printf(&arena, "a%d", i));
        assert_int_equal(agent != NULL, world->here[i]);
        expected += world->here[i];
        if (!agent)
            continue;
        assert_int_equal(agent->port, world->ports[i]);
        const char *const *word = agent->delegates;
        for (int j = 0; j < world->count; j++)
            if (world->names[i][j] && world->here[j])
                assert_string_equal(*word++, arena_printf(&arena, "a%d", j));
        assert_null(*word);
    }
    assert_int_equal(config->agent_count, expected);
    if (fresh)
        assert_string_equal(config->agents[config->agent_count - 1].id, "new");
    config_free(config);
}

/* The old text is the new one with one piece taken out. */
static void check_one_piece(const char *less, const char *more)
{
    size_t from = 0, back = 0, short_len = strlen(less), long_len = strlen(more);
    while (from < short_len && less[from] == more[from])
        from++;
    while (back < short_len - from && less[short_len - 1 - back] == more[long_len - 1 - back])
        back++;
    assert_int_equal(from + back, short_len);
}

/* Every line that neither names the agent nor lies within its entry is still there, in order. */
static void check_other_lines(const char *before, const char *after, const char *id)
{
    char key[32], quoted[32];
    int inside = -1;
    snprintf(key, sizeof(key), "%s:", id);
    snprintf(quoted, sizeof(quoted), "'%s':", id);
    while (*before) {
        size_t len = strcspn(before, "\n"), indent = strspn(before, " ");
        char *line = arena_memdup(&arena, before, len);
        const char *word = line + indent;
        bool is_blank = str_is_blank(line), is_comment = *word == '#';
        if (str_starts(word, key) || str_starts(word, quoted))
            inside = (int)indent;
        else if (inside >= 0 && !is_blank && (int)indent <= inside && !is_comment)
            inside = -1;
        if (inside < 0 && !strstr(line, id) && !str_ends(line, "delegates:")) {
            const char *at = after;
            for (;;) {
                size_t there = strcspn(at, "\n");
                bool same = there == len && strncmp(at, before, len) == 0;
                if (!same && !at[there])
                    fail_msg("\"%s\" has gone with %s:\n%s", line, id, after);
                at += there + (at[there] == '\n');
                if (same)
                    break;
            }
            after = at;
        }
        before += len + (before[len] == '\n');
    }
}

static void random_files_lose_and_gain_agents(void **state)
{
    for (int round = 0; round < 100; round++) {
        struct world world = {0};
        struct err err = {0};
        char *text = random_file(&world);
        bool is_flow = strstr(text, "agents: {") != NULL;
        put_file("hq.yaml", text);
        check_world(&world, 0);
        if (add("new", "N", 21000, &err) != 0)
            fail_msg("add: %s\n%s", err.message, text);
        check_world(&world, 1);
        char *added = get_file("hq.yaml");
        check_one_piece(text, added);
        int gone = (int)rand_below((unsigned)world.count);
        const char *id = arena_printf(&arena, "a%d", gone);
        if (take_out(id, NULL, &err) != 0)
            fail_msg("rm %s: %s\n%s", id, err.message, added);
        world.here[gone] = false;
        check_world(&world, 1);
        if (!is_flow)
            check_other_lines(added, get_file("hq.yaml"), id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(an_agent_goes_behind_the_others),
        FOLDER_TEST(an_agent_goes_and_its_names_with_it),
        FOLDER_TEST(what_would_be_wrong_changes_nothing),
        FOLDER_TEST(two_at_once_and_editors_are_noticed),
        FOLDER_TEST(random_files_lose_and_gain_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
