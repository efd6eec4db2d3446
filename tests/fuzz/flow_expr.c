/* Any text as an expression and as a value with expressions: parsed, checked, evaluated within
 * bounds. */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "config/yaml.h"
#include "flow/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const json_t *get(void *ctx, const char *root, const char *name)
{
    return name ? ctx : json_object_get(ctx, root);
}

static bool type_of(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                    const json_t **schema, const char **message)
{
    (void)message;
    *type = (enum expr_type)(strlen(path[count - 1]) % 7);
    *schema = ctx;
    return count != 2;
}

static void visit(void *ctx, const char *const *path, size_t count, struct place at)
{
    *(size_t *)ctx += strlen(path[count - 1]) + (size_t)at.column;
}

static void use(const struct flow_value *value, const struct expr_source *source, json_t *world)
{
    const struct expr_scope scope = {.get = get, .ctx = world};
    const struct expr_scope_type types = {type_of, world};
    size_t sum = 0;
    flow_value_check(value, &types, source);
    flow_value_references(value, visit, &sum);
    json_decref(flow_value_eval(value, &scope));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct findings findings;
    findings_init(&findings, &arena);
    struct expr_source source = {&arena, &findings, {1, 1}, "fuzz"};
    if (str_is_utf8((const char *)data, size)) {
        const char *text = arena_memdup(&arena, data, size);
        json_t *world = json_pack("{s:{s:s,s:[i,i]},s:{s:s}}", "inputs", "a", text, "l", 1, 2,
                                  "properties", "output", "x");
        json_t *value = json_string(text);
        findings_set_text(&findings, text, size);
        struct expr *expr = expr_parse(text, &source);
        struct flow_value *whole = flow_value_parse(value, &source, NULL, NULL);
        if (expr) {
            const struct expr_scope scope = {.get = get, .ctx = world};
            json_decref(expr_eval(expr, &scope));
        }
        if (whole)
            use(whole, &source, world);
        json_decref(value);
        json_decref(world);
    }
    arena_fini(&arena);
    return 0;
}
