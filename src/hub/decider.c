/* Principals as people, held against what an item asks for. */
#include "hub/decider.h"

#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "config/config.h"
#include "hub/principal.h"

struct decider decider_of(const struct config *config, const struct principal *principal,
                          struct arena *arena)
{
    struct decider decider = {0};
    if (!principal_is_person(principal))
        return decider;
    decider.id = config_person_of(config, principal->name, &decider.roles);
    if (decider.id)
        decider.person = arena_printf(arena, PERSON_PREFIX "%s", decider.id);
    return decider;
}

static bool has_role(const struct decider *decider, const char *role)
{
    return str_in(role, decider->roles) || str_in("*", decider->roles);
}

static bool is_named(const struct decider *decider, const char *word)
{
    static const char role[] = "role:";
    if (!word)
        return false;
    if (str_starts(word, role))
        return has_role(decider, word + strlen(role));
    return str_eq(word, decider->person);
}

bool decider_is_asked(const struct decider *decider, const struct approval *approval)
{
    size_t i;
    const json_t *word;
    if (!decider->id)
        return false;
    json_t *words = approval->deciders ? json_loads(approval->deciders, 0, NULL) : NULL;
    bool asked = json_array_size(words) == 0;
    json_array_foreach (words, i, word)
        asked = asked || is_named(decider, json_string_value(word));
    json_decref(words);
    return asked;
}

bool decider_started_it(const struct config *config, const struct decider *decider,
                        const struct approval *approval)
{
    const char *const *roles;
    const char *requester = config_person_of(config, approval->requester, &roles);
    return decider->id && str_eq(requester, decider->id);
}

bool decider_may(const struct config *config, const struct decider *decider,
                 const struct approval *approval)
{
    return str_eq(approval->state, APPROVAL_PENDING) && decider_is_asked(decider, approval) &&
           !(approval->four_eyes && decider_started_it(config, decider, approval));
}

const char *decider_waited_for(const struct config *config, const struct decider *decider,
                               const struct approval *approval, struct arena *arena)
{
    size_t i;
    const json_t *word;
    const char *text = "";
    if (decider_may(config, decider, approval))
        return "you";
    json_t *words = approval->deciders ? json_loads(approval->deciders, 0, NULL) : NULL;
    json_array_foreach (words, i, word) {
        const char *name = json_string_value(word), *colon = name ? strchr(name, ':') : NULL;
        text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", colon ? colon + 1 : "?");
    }
    json_decref(words);
    return *text ? text : "somebody else";
}

const char *decider_names(const char *principals, struct arena *arena)
{
    struct buf out = {0};
    for (const char *at = principals ? principals : ""; *at;) {
        size_t len = strcspn(at, ",");
        const char *one = str_trim(arena, arena_memdup(arena, at, len));
        if (str_starts(one, PERSON_PREFIX))
            one += strlen(PERSON_PREFIX);
        buf_printf(&out, "%s%s", out.len ? ", " : "", str_eq(one, "operator") ? CONFIG_OWNER : one);
        at += len + (at[len] == ',');
    }
    const char *names = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return names;
}
