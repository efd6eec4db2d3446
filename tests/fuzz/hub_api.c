/* Requests at the hub's API, several in a row, over the ledger in memory: whatever comes, an answer of
 * the agreed form, never a 500, and books that are right at the end.
 *
 * A request is a line "WHO METHOD TARGET" (WHO: o operator, m agent manager, a agent auditor, d door
 * of the manager, p person eve, r runner), then its body up to a line "%". @t, @f, @r, @g and @j stand
 * for the newest task, its fence, run, approval and job that an answer named. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "config/secret.h"
#include "folder.h"
#include "hub/api.h"
#include "hub/hub.h"
#include "ledger/store.h"
#include "net/http_exchange.h"
#include "net/http_target.h"
#include "property.h"
#include "wire/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 12, NAMES = 5 };

static const char company[] = "company: test\n"
                              "hub: {listen: 127.0.0.1:1}\n"
                              "models:\n"
                              "  demo: {api: script, file: demo.yaml, price: {in: 1, out: 2}}\n"
                              "budget: {usd: 100, per: day}\n"
                              "people:\n"
                              "  lea: {roles: [legal], local: true}\n"
                              "  eve: {roles: [lead, finance]}\n"
                              "agents:\n"
                              "  manager: {port: 18800, model: demo/m, delegates: ['*']}\n"
                              "  auditor: {port: 18804, model: demo/m, capabilities: [checking]}\n";

static const struct {
    char letter;
    struct principal principal;
} callers[] = {
    {'o', {PRINCIPAL_OPERATOR, "operator", NULL}},
    {'m', {PRINCIPAL_AGENT, "agent:manager", "manager"}},
    {'a', {PRINCIPAL_AGENT, "agent:auditor", "auditor"}},
    {'d', {PRINCIPAL_OUTSIDE, "outside:manager", "manager"}},
    {'p', {PRINCIPAL_PERSON, "person:eve", NULL}},
    {'r', {PRINCIPAL_RUNNER, "runner", RUNNER_AGENT}},
};

/* The newest of each thing that an answer named, by its letter. */
struct world {
    struct hub *hub;
    int peer; /* stands for a client that is still there */
    char names[NAMES][80];
};

static const char letters[NAMES + 1] = "tfrgj";

static struct config *load_company(void)
{
    struct arena arena = {0};
    struct finding *findings;
    struct err err = {0};
    size_t count;
    const char *path = arena_strdup(&arena, fuzz_file("hq.yaml", company, sizeof(company) - 1));
    struct config *config = config_load(path, NULL, &arena, &findings, &count);
    if (!config) {
        struct buf text = {0};
        config_print_findings(path, findings, count, &text);
        fputs(buf_text(&text), stderr);
    }
    PROPERTY(config, "the company of this target is one");
    config->hub_port = 0;
    mkdir(config->state, 0700);
    PROPERTY(secret_make_tokens(config, &err) >= 0, "tokens are made");
    log_init("fuzz", LOG_ERROR);
    arena_fini(&arena);
    return config;
}

/* Text with names in place of their letters. */
static const char *filled(const struct world *world, const char *text, struct arena *arena)
{
    struct buf out = {0};
    for (; *text; text++) {
        const char *letter = *text == '@' && text[1] ? strchr(letters, text[1]) : NULL;
        if (letter) {
            buf_puts(&out, world->names[letter - letters]);
            text++;
        } else {
            buf_putc(&out, *text);
        }
    }
    const char *whole = arena_memdup(arena, buf_text(&out), out.len);
    buf_fini(&out);
    return whole;
}

static void remember(struct world *world, char letter, const json_t *value)
{
    char *name = world->names[strchr(letters, letter) - letters];
    if (json_is_string(value))
        snprintf(name, sizeof(world->names[0]), "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(name, sizeof(world->names[0]), "%lld", (long long)json_integer_value(value));
}

static void learn(struct world *world, const json_t *body)
{
    const json_t *task = json_object_get(body, "task"), *item;
    size_t i;
    if (!task)
        task = json_object_get(json_array_get(json_object_get(body, "tasks"), 0), "task");
    remember(world, 't', json_object_get(task, "id"));
    remember(world, 'f', json_object_get(task, "fence"));
    remember(world, 'r', json_object_get(json_object_get(body, "run"), "id"));
    json_array_foreach (json_object_get(body, "items"), i, item) {
        const char *id = json_get_text(item, "id", "");
        remember(world, str_starts(id, "g-") ? 'g' : str_starts(id, "job-") ? 'j' : 't',
                 json_object_get(item, "id"));
    }
}

static void check_answer(struct world *world, const struct http_response *response)
{
    PROPERTY(response->status >= 200 && response->status < 600 && response->status != 500, "an answer");
    PROPERTY(response->status != 503 || response->headers[0][0], "a 503 says when to come again");
    if (response->content_type)
        return;
    json_t *body = json_loadb(response->body, response->body_len, 0, NULL);
    PROPERTY(body, "an answer is JSON");
    if (response->status >= 400) {
        const json_t *error = json_object_get(body, "error");
        PROPERTY(!str_is_empty(json_get_text(error, "code", "")) &&
                     !str_is_empty(json_get_text(error, "message", "")),
                 "a refusal has a code and a sentence");
    }
    learn(world, body);
    json_decref(body);
}

static void serve(struct world *world, struct http_exchange *exchange)
{
    struct http_response response = {0};
    struct err err;
    exchange->server = exchange->request.server = world->hub->server;
    exchange->fd = world->peer;
    if (http_target_parse(exchange, &err) < 0)
        return;
    http_target_route(exchange, hub_routes);
    if (!exchange->route)
        return;
    enum http_verdict verdict = exchange->route->handler(world->hub, &exchange->request, &response);
    if (verdict == HTTP_PARK) { /* its time is up at once */
        exchange->request.parked_before = exchange->request.deadline_passed = true;
        verdict = exchange->route->handler(world->hub, &exchange->request, &response);
    }
    PROPERTY(verdict == HTTP_ANSWER, "a request is answered when its time is up");
    check_answer(world, &response);
}

/* One request, from its line; its body ends with NUL. */
static void ask(struct world *world, char *line, const char *body)
{
    struct http_exchange exchange = {0};
    struct arena *arena = &exchange.request.arena;
    const struct principal *caller = NULL;
    char *target = strchr(line + 2, ' ');
    for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++)
        if (line[0] == callers[i].letter)
            caller = &callers[i].principal;
    if (caller && target) {
        *target = '\0';
        exchange.request.method = line + 2;
        exchange.request.remote = "unix";
        exchange.request.state = (void *)caller;
        exchange.raw_target = filled(world, target + 1, arena);
        exchange.request.body = filled(world, body, arena);
        exchange.request.body_len = strlen(exchange.request.body);
        serve(world, &exchange);
    }
    arena_fini(arena);
}

static void run(struct world *world, char *text)
{
    for (int i = 0; i < REQUESTS && *text; i++) {
        char *end = strstr(text, "\n%\n"), *next = end ? end + 3 : text + strlen(text);
        if (end)
            *end = '\0';
        char *body = strchr(text, '\n');
        if (body)
            *body++ = '\0';
        if (strlen(text) > 4 && text[1] == ' ')
            ask(world, text, body ? body : "");
        text = next;
    }
}

static void check_books(struct hub *hub)
{
    struct arena arena = {0};
    struct err err;
    const char **findings;
    size_t count = 0;
    PROPERTY(ledger_admin(hub->ledger, ADMIN_CHECK, NULL, &arena, &findings, &count, &err) == 0,
             "the books can be looked at");
    if (count > 0)
        fprintf(stderr, "%s\n", findings[0]);
    PROPERTY(count == 0, "the books are right");
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *config;
    struct arena arena = {0};
    struct world world = {0};
    struct err err = {0};
    int pair[2];
    if (!config)
        config = load_company();
    world.hub = hub_open(config, store_mem_open(), &err);
    PROPERTY(world.hub, "a hub opens");
    PROPERTY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a client is there");
    world.peer = pair[0];
    run(&world, arena_memdup(&arena, data, size));
    check_books(world.hub);
    hub_close(world.hub);
    close(pair[0]);
    close(pair[1]);
    arena_fini(&arena);
    return 0;
}
