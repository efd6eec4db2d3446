/* Rewrites a template's hq.yaml line by line: the templates are ours, their form is known. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "setup/company_draft.h"
#include "setup/free_ports.h"
#include "setup/yaml_word.h"

enum { BLOCKS = 60 }; /* up to 30700: below what outgoing connections take */

static const char head[] =
    "# Who works here, and with which models. Every key: hq config explain, docs/config.md.\n"
    "# After a change: hq config validate, then hq reload.\n";

struct drafting {
    const struct company_choice *choice;
    struct arena *arena;
    struct buf out;
    bool has_model; /* `defaults` has been given it */
};

static void put_provider(struct drafting *draft)
{
    const struct company_choice *choice = draft->choice;
    buf_printf(&draft->out, "  %s:\n    api: openai-chat\n", choice->provider);
    if (choice->base_url)
        buf_printf(&draft->out, "    base_url: %s\n", yaml_word(choice->base_url, draft->arena));
    if (choice->key_env)
        buf_printf(&draft->out,
                   "    api_key: { env: %s } # of the shell that types hq up; for a service: "
                   "{ file: secrets/%s.key }\n",
                   choice->key_env, choice->provider);
    else if (choice->key_file)
        buf_printf(&draft->out, "    api_key: { file: %s } # change it: hq secret set %s\n",
                   yaml_word(choice->key_file, draft->arena), choice->provider);
    if (choice->is_free)
        buf_puts(&draft->out, "    price: { in: 0, out: 0 } # this machine's own\n");
    else
        buf_puts(&draft->out, "    # price: { in: 3, out: 15 }    USD per million tokens: the "
                              "provider's; without it money is not counted\n");
}

static void put_default_model(struct drafting *draft, const char *before)
{
    const char *word = yaml_word(draft->choice->model, draft->arena);
    if (draft->has_model)
        return;
    draft->has_model = true;
    if (*before)
        buf_printf(&draft->out, "%s  model: %s # of every agent that names none\n", before, word);
    else
        buf_printf(&draft->out, "defaults: { model: %s } # of every agent that names none\n\n",
                   word);
}

static void put_line(struct drafting *draft, const char *line)
{
    buf_puts(&draft->out, line);
    buf_putc(&draft->out, '\n');
}

/* What a company with a real model says otherwise. True where the line was dealt with. */
static bool put_for_provider(struct drafting *draft, const char *line)
{
    if (str_starts(line, "  demo: ")) {
        put_provider(draft);
        return true;
    }
    if (str_starts(line, "    model: "))
        return true;
    if (str_eq(line, "defaults:")) {
        put_default_model(draft, "defaults:\n");
        return true;
    }
    if (str_eq(line, "agents:"))
        put_default_model(draft, "");
    if (!str_starts(line, "budget: ") || draft->choice->is_free)
        return false;
    buf_printf(&draft->out, "# %s    what the company may spend; needs the price above\n", line);
    return true;
}

static void put_one(struct drafting *draft, const char *line)
{
    if (str_starts(line, "company: "))
        buf_printf(&draft->out, "company: %s\n", yaml_word(draft->choice->company, draft->arena));
    else if (!draft->choice->provider || !put_for_provider(draft, line))
        put_line(draft, line);
}

char *company_draft(const struct company_choice *choice, struct arena *arena)
{
    struct drafting draft = {.choice = choice, .arena = arena};
    const char *text = template_file(choice->template, "hq.yaml")->bytes;
    text = template_shift_ports(text, choice->port_shift, arena);
    buf_puts(&draft.out, head);
    while (*text == '#') { /* what the template says about itself */
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    while (*text) {
        size_t len = strcspn(text, "\n");
        put_one(&draft, arena_memdup(arena, text, len));
        text += len + (text[len] == '\n');
    }
    char *whole = arena_strdup(arena, buf_text(&draft.out));
    buf_fini(&draft.out);
    return whole;
}

char *company_draft_provider(const struct company_choice *choice, struct arena *arena)
{
    struct drafting draft = {.choice = choice, .arena = arena};
    put_provider(&draft);
    char *text = arena_strdup(arena, buf_text(&draft.out));
    buf_fini(&draft.out);
    return text;
}

struct config *company_draft_load(const char *text, struct arena *arena, struct err *err)
{
    struct finding *findings;
    size_t count, at = 0;
    int fd = memfd_create("hq.yaml", MFD_CLOEXEC);
    if (fd < 0 || file_write(fd, text, strlen(text)) < 0) {
        err_errno(err, "bad_draft", "the new hq.yaml cannot be checked");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    const char *path = arena_printf(arena, "/proc/self/fd/%d", fd);
    struct config *config = config_load(path, NULL, arena, &findings, &count);
    close(fd);
    if (config)
        return config;
    while (at + 1 < count && !findings[at].is_error)
        at++;
    err_set(err, "bad_draft", "that makes no good hq.yaml: %s", findings[at].message);
    if (findings[at].hint)
        err_hint(err, "%s", findings[at].hint);
    return NULL;
}

int company_draft_find_ports(struct company_choice *choice, struct arena *arena, int *taken,
                             struct err *err)
{
    *taken = 0;
    for (int block = 0; block < BLOCKS; block++) {
        choice->port_shift = block * TEMPLATE_PORTS;
        struct config *config = company_draft_load(company_draft(choice, arena), arena, err);
        if (!config)
            return -1;
        int port = free_ports_taken(config);
        config_free(config);
        if (!port)
            return 0;
        if (!*taken)
            *taken = port;
    }
    err_set(err, "no_ports", "there is no free block of ports between %d and %d",
            TEMPLATE_FIRST_PORT, TEMPLATE_FIRST_PORT + BLOCKS * TEMPLATE_PORTS);
    err_hint(err, "end what listens there (%d was the first), or write hq.yaml by hand", *taken);
    return -1;
}
