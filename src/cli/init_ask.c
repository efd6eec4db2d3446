/* The questions of `hq init` at a terminal: at most five, each with an answer for Enter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/init.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "config/values.h"
#include "setup/presets.h"
#include "setup/secret_file.h"

enum { AT_HAND = 12 };

/* What can be chosen by its number. */
struct menu {
    struct at_hand hands[AT_HAND];
    size_t count;
};

enum init_answer init_ask_folder(struct init *init)
{
    if (init->dir)
        return INIT_OK;
    init->dir = prompt_line(init->invocation, "Folder of the company", "company");
    return init->dir ? INIT_OK : INIT_ENDED;
}

static const struct template *numbered(const char *answer)
{
    int64_t number, count = 0;
    while (templates[count].name)
        count++;
    return str_to_int(answer, 1, count, &number) ? &templates[number - 1] : template_find(answer);
}

enum init_answer init_ask_template(struct init *init)
{
    const char *name = invocation_value(init->invocation, "template");
    if (name || init->is_company)
        return INIT_OK;
    fputs("\nWho works there?\n", stderr);
    for (int i = 0; templates[i].name; i++)
        fprintf(stderr, "  %d  %-10s %s\n", i + 1, templates[i].name,
                template_summary(&templates[i]));
    for (;;) {
        const char *answer = prompt_line(init->invocation, "Template", "trio");
        if (!answer)
            return INIT_ENDED;
        init->choice.template = numbered(answer);
        if (init->choice.template)
            return INIT_OK;
        fprintf(stderr, "There is no template \"%s\".\n", answer);
    }
}

/* ---- the model ---- */

static void show_menu(const struct menu *menu)
{
    fputs("\nWith which model do they think?\n", stderr);
    for (size_t i = 0; i < menu->count; i++) {
        const struct at_hand *hand = &menu->hands[i];
        char name[128];
        snprintf(name, sizeof(name), "%s/%s", hand->preset->name, hand->model);
        if (hand->preset->env)
            fprintf(stderr, "  %zu  %-32s %s, key in %s\n", i + 1, name, hand->preset->title,
                    hand->preset->env);
        else
            fprintf(stderr, "  %zu  %-32s %s on this machine\n", i + 1, name, hand->preset->title);
    }
    fprintf(stderr, "  %zu  %-32s offline: no key, no cost, no wit\n", menu->count + 1, "script");
    fputs("  or PROVIDER/MODEL (anthropic, google, openai, openrouter), or the URL of any\n"
          "  Chat Completions server, mostly ending in /v1, and a model: URL MODEL\n",
          stderr);
}

/* "http://127.0.0.1:4010/v1 gpt-5" */
static int choose_url(struct init *init, const char *answer, struct err *err)
{
    struct arena *arena = init->invocation->arena;
    size_t len = strcspn(answer, " ");
    const char *url = arena_memdup(arena, answer, len);
    const char *model = answer[len] ? str_trim(arena, answer + len) : NULL;
    return init_choose_model(init, url_is_here(url) ? "local" : "server", model, url, err);
}

static int choose_answer(struct init *init, const struct menu *menu, const char *answer,
                         struct err *err)
{
    int64_t number;
    const char *slash = strchr(answer, '/');
    struct arena *arena = init->invocation->arena;
    if (str_to_int(answer, 1, (int64_t)menu->count, &number)) {
        const struct at_hand *hand = &menu->hands[number - 1];
        return init_choose_model(init, hand->preset->name, hand->model, hand->base_url, err);
    }
    if (str_to_int(answer, 1, (int64_t)menu->count + 1, &number) || str_eq(answer, "script"))
        return init_choose_model(init, "script", NULL, NULL, err);
    if (strstr(answer, "://"))
        return choose_url(init, answer, err);
    if (!slash)
        return init_choose_model(init, answer, NULL, NULL, err);
    return init_choose_model(init, arena_memdup(arena, answer, (size_t)(slash - answer)), slash + 1,
                             NULL, err);
}

enum init_answer init_ask_key(struct init *init)
{
    struct err err = {0};
    struct arena *arena = init->invocation->arena;
    bool must = preset_find(init->choice.provider) != NULL;
    char *key =
        prompt_secret(init->invocation, arena_printf(arena, "Key of %s%s", init->choice.provider,
                                                     must ? "" : ", Enter for none"));
    if (!key)
        return INIT_ENDED;
    if (!*key)
        return must ? INIT_AGAIN : INIT_OK;
    if (secret_value_check(key, &err) < 0) {
        explicit_bzero(key, strlen(key));
        output_fail(init->invocation, COMMAND_USAGE, &err);
        return INIT_AGAIN;
    }
    init->key = key;
    init->choice.key_file = arena_printf(arena, "secrets/%s.key", init->choice.provider);
    return INIT_OK;
}

enum init_answer init_ask_model(struct init *init)
{
    struct menu menu = {0};
    struct err err = {0};
    menu.count = presets_at_hand(menu.hands, AT_HAND, init->invocation->arena);
    show_menu(&menu);
    const char *usual = init->tested && menu.count
                            ? arena_printf(init->invocation->arena, "%zu", menu.count + 1)
                            : "1";
    const char *answer = prompt_line(init->invocation, "Model", usual);
    if (!answer)
        return INIT_ENDED;
    if (choose_answer(init, &menu, answer, &err) < 0) {
        output_fail(init->invocation, COMMAND_USAGE, &err);
        return INIT_AGAIN;
    }
    bool wants_key = init->choice.provider && !init->choice.key_env && !init->choice.is_free;
    return wants_key ? init_ask_key(init) : INIT_OK;
}

enum init_answer init_ask_boot(struct init *init)
{
    if (invocation_has(init->invocation, "boot") || init->is_company)
        return INIT_OK;
    fputc('\n', stderr);
    const char *answer =
        prompt_line(init->invocation, "Shall it start when the machine does?", "no");
    if (!answer)
        return INIT_ENDED;
    init->boot = *answer == 'y' || *answer == 'Y';
    return INIT_OK;
}
