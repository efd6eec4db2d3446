/* Chains as the hub tells them, or put together from who each agent waits on. */
#include "cli/status_chains.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"

enum { LINKS_SHOWN = 20, LEAST_NAMES = 3 };

static void put_line(const struct status_look *look, const struct buf *line, struct buf *out)
{
    cell_put(out, buf_text(line), look->columns, look->utf8);
    cell_end_line(out);
}

static void put_name(const struct status_look *look, const char *name, size_t at, struct buf *line)
{
    if (at > 0)
        buf_puts(line, look->utf8 ? " → " : " -> ");
    buf_printf(line, "%.40s", name ? name : "?");
}

/* What a chain ends at when it is no agent that works; NULL: it is one. */
static const char *end_of(const json_t *chain)
{
    static const char *const names[][2] = {
        {"approval", "you"}, {"rate", "a rate limit"}, {"timer", "a timer"}};
    const char *ends = json_get_text(chain, "ends", "agent");
    if (json_get_text(chain, "who", NULL))
        return json_get_text(chain, "who", NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(ends, names[i][0]))
            return names[i][1];
    if (str_starts(ends, "pause "))
        return "hq resume";
    return str_eq(ends, "agent") || !*ends ? NULL : ends;
}

static void put_told(const struct status_look *look, const json_t *chain, struct buf *out)
{
    struct buf line = {0};
    size_t i, count = 0;
    const json_t *agent, *agents = json_object_get(chain, "agents");
    bool circle = json_get_bool(chain, "cycle", false);
    const char *end = circle ? NULL : end_of(chain); /* a circle's last is one of its others */
    buf_puts(&line, !circle ? "wait chain: " : look->utf8 ? "wait circle ↻: " : "wait circle: ");
    json_array_foreach (agents, i, agent)
        if (i < LINKS_SHOWN)
            put_name(look, json_string_value(agent), count++, &line);
    if (end)
        put_name(look, end, count++, &line);
    if (circle || count >= LEAST_NAMES)
        put_line(look, &line, out);
    buf_fini(&line);
}

static const json_t *agent_called(const json_t *agents, const char *id)
{
    size_t i;
    const json_t *agent;
    json_array_foreach (agents, i, agent)
        if (str_eq(json_get_text(agent, "id", NULL), id))
            return agent;
    return NULL;
}

static bool is_waited_for(const json_t *agents, const char *id)
{
    size_t i;
    const json_t *agent;
    json_array_foreach (agents, i, agent)
        if (str_eq(json_get_text(agent, "waiting_on", NULL), id))
            return true;
    return false;
}

/* Begins with somebody for whom nobody waits. */
static void put_guessed(const struct status_look *look, const json_t *agents, const json_t *first,
                        struct buf *out)
{
    struct buf line = {0};
    const json_t *agent = first;
    size_t count = 0;
    buf_puts(&line, "wait chain: ");
    put_name(look, json_get_text(first, "id", "?"), count++, &line);
    while (agent && count < LINKS_SHOWN) {
        const char *next = json_get_text(agent, "waiting_on", NULL);
        if (!next)
            break;
        put_name(look, next, count++, &line);
        agent = agent_called(agents, next);
    }
    if (count >= LEAST_NAMES)
        put_line(look, &line, out);
    buf_fini(&line);
}

void chains_print(const json_t *census, const struct status_look *look, struct buf *out)
{
    size_t i;
    const json_t *one, *agents = json_object_get(census, "agents");
    const json_t *told = json_object_get(census, "chains");
    json_array_foreach (told, i, one)
        put_told(look, one, out);
    if (json_is_array(told))
        return;
    json_array_foreach (agents, i, one)
        if (json_get_text(one, "waiting_on", NULL) &&
            !is_waited_for(agents, json_get_text(one, "id", NULL)))
            put_guessed(look, agents, one, out);
}
