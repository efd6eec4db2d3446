/* The inbox: what waits for people's word, and their word. Never an agent's. */
#include <string.h>
#include <time.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/consequence.h"
#include "hub/decider.h"

enum { PAGE = 200 /* items in one answer, where nothing is said */ };

/* Agents, doors and the runner neither look nor decide. HTTP_PASS: a person. */
static enum http_verdict check_person(struct hub *hub, struct http_request *request,
                                      struct http_response *response)
{
    const struct principal *caller = api_caller(request);
    if (principal_is_person(caller))
        return HTTP_PASS;
    return api_forbid(hub, request, response, NULL, "the inbox is for people: %s has no say in it",
                      caller->name);
}

/* Loads the item that `word` names: its id or the beginning of it, with or without "g-". HTTP_PASS:
 * found. */
static enum http_verdict find_item(struct hub *hub, struct http_request *request,
                                   struct http_response *response, struct approval *approval)
{
    struct err err;
    void *rows = NULL;
    size_t count = 0;
    const char *word = str_lower(&request->arena, request->params[0]);
    const char *prefix =
        str_starts(word, "g-") ? word : arena_printf(&request->arena, "g-%s", word);
    if (*word && ledger_query(hub->ledger, LIST_APPROVALS_BY_PREFIX, prefix, NULL, 0, 2,
                              &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    const struct approval *found = rows;
    if (count == 2 && !str_eq(found[0].id, prefix))
        return api_refuse(request, response, 409, "ambiguous",
                          "%s is the beginning of several ids: give more of it", prefix);
    if (count == 0) {
        err = (struct err){0};
        err_set(&err, "unknown_item", "there is no %s in the inbox", prefix);
        err_hint(&err, "hq inbox shows what waits for people");
        return http_error(request, response, 404, &err);
    }
    *approval = found[0];
    return HTTP_PASS;
}

static int add_votes(struct hub *hub, const struct approval *approval, json_t *item, bool full,
                     struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(hub->ledger, LIST_VOTES, approval->id, NULL, 0, LIMIT_LIST, arena, &rows,
                     &count, err) < 0)
        return -1;
    json_object_set_new(item, "votes", json_integer((json_int_t)count));
    if (!full || count == 0)
        return 0;
    json_t *voters = api_items(&vote_record, rows, count);
    json_object_set(item, "voters", json_object_get(voters, "items"));
    json_decref(voters);
    return 0;
}

/* "lea", "auditor": as people call them. */
static const char *asker_of(const struct config *config, const char *requester, struct arena *arena)
{
    const char *const *roles;
    const char *person = config_person_of(config, requester, &roles);
    const char *colon = requester ? strchr(requester, ':') : NULL;
    return person ? arena_strdup(arena, person) : colon ? colon + 1 : requester;
}

/* What every look at an item shows; whether the caller may have a say comes along. NULL with *err.
 */
static json_t *short_item(struct hub *hub, const struct http_request *request,
                          const struct approval *approval, struct arena *arena, struct err *err)
{
    static const char *const heavy[] = {"subject", "subject_blob", "form", "on_expire"};
    struct decider decider = decider_of(hub->config, api_caller(request), arena);
    json_t *item = record_to_json(&approval_record, approval);
    for (size_t i = 0; i < sizeof(heavy) / sizeof(heavy[0]); i++)
        json_object_del(item, heavy[i]);
    json_set_text(item, "step", approval->path);
    json_object_del(item, "path");
    json_object_set_new(item, "yours", json_boolean(decider_may(hub->config, &decider, approval)));
    json_set_text(item, "asked_by", asker_of(hub->config, approval->requester, arena));
    if (approval->decided_by)
        json_set_text(item, "decided_by", decider_names(approval->decided_by, arena));
    json_object_set_new(item, "votes", json_integer(0));
    if (approval->quorum < 2 || add_votes(hub, approval, item, false, arena, err) == 0)
        return item;
    json_decref(item);
    return NULL;
}

/* What the request that it belongs to has cost so far. */
static int add_cost(struct hub *hub, const struct approval *approval, json_t *item,
                    struct arena *arena, struct err *err)
{
    struct root root = {.id = approval->root ? approval->root : ""};
    int rc = ledger_get(hub->ledger, &root_record, &root, arena, err);
    if (rc == 0)
        json_object_set_new(item, "cost",
                            json_pack("{s:I,s:I,s:I}", "calls", (json_int_t)root.model_calls,
                                      "micro_usd", (json_int_t)root.cost_micro_usd, "unpriced",
                                      (json_int_t)root.unpriced));
    return rc < 0 ? -1 : 0;
}

/* The exact bytes that are decided on. */
static int add_subject(struct hub *hub, const struct approval *approval, json_t *item,
                       struct arena *arena, struct err *err)
{
    char *bytes = (char *)approval->subject;
    size_t len = bytes ? strlen(bytes) : 0;
    int rc = 0;
    if (!bytes && approval->subject_blob)
        rc = ledger_blob_get(hub->ledger, approval->subject_blob, arena, &bytes, &len, err);
    if (rc > 0)
        return err_set(err, "blob_missing", "the ledger has no blob %.12s…",
                       approval->subject_blob);
    if (rc == 0 && bytes)
        json_object_set_new(item, "subject", json_text(bytes, len));
    return rc;
}

/* What each word will cause, while words are still taken. */
static int add_causes(struct hub *hub, const struct approval *approval, json_t *item,
                      struct arena *arena, struct err *err)
{
    if (!str_eq(approval->state, APPROVAL_PENDING))
        return 0;
    json_t *causes = consequences(hub->ledger, approval, arena, err);
    return causes ? json_object_set_new(item, "causes", causes) : -1;
}

static json_t *full_item(struct hub *hub, const struct http_request *request,
                         const struct approval *approval, struct arena *arena, struct err *err)
{
    struct run run = {.id = approval->run ? approval->run : ""};
    json_t *item = short_item(hub, request, approval, arena, err);
    if (!item)
        return NULL;
    if (approval->form)
        json_object_set_new(item, "form", json_loads(approval->form, JSON_DECODE_ANY, NULL));
    int rc = ledger_get(hub->ledger, &run_record, &run, arena, err);
    if (rc == 0)
        json_set_text(item, "workflow", run.name);
    if (rc >= 0 && add_causes(hub, approval, item, arena, err) == 0 &&
        add_subject(hub, approval, item, arena, err) == 0 &&
        add_cost(hub, approval, item, arena, err) == 0 &&
        add_votes(hub, approval, item, true, arena, err) == 0)
        return item;
    json_decref(item);
    return NULL;
}

enum http_verdict api_inbox_list(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const char *state = http_query(request, "state");
    enum http_verdict verdict = check_person(hub, request, response);
    if (verdict != HTTP_PASS)
        return verdict;
    state = str_eq(state, "all") ? NULL : state ? state : APPROVAL_PENDING;
    size_t limit = (size_t)api_query_int(request, "limit", PAGE, LIMIT_LIST);
    if (ledger_query(hub->ledger, LIST_APPROVALS, state, NULL, 0, limit, &request->arena, &rows,
                     &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *items = json_array(), *answer = json_pack("{s:o}", "items", items);
    for (size_t i = 0; i < count; i++) {
        const struct approval *approval = &((struct approval *)rows)[i];
        json_t *item = short_item(hub, request, approval, &request->arena, &err);
        if (!item) {
            json_decref(answer);
            return api_unavailable(request, response, &err);
        }
        json_array_append_new(items, item);
    }
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

static enum http_verdict answer_item(struct hub *hub, struct http_request *request,
                                     struct http_response *response,
                                     const struct approval *approval)
{
    struct err err;
    json_t *item = full_item(hub, request, approval, &request->arena, &err);
    if (!item)
        return api_unavailable(request, response, &err);
    json_t *answer = json_pack("{s:o}", "item", item);
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_inbox_get(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct hub *hub = ctx;
    struct approval approval = {0};
    enum http_verdict verdict = check_person(hub, request, response);
    if (verdict == HTTP_PASS)
        verdict = find_item(hub, request, response, &approval);
    return verdict == HTTP_PASS ? answer_item(hub, request, response, &approval) : verdict;
}

/* "14:02", with the day where it was not today; the time of this machine. */
static const char *clock_text(int64_t at, int64_t now, struct arena *arena)
{
    char text[32];
    struct tm then, today;
    time_t seconds = at / 1000, now_seconds = now / 1000;
    localtime_r(&seconds, &then);
    localtime_r(&now_seconds, &today);
    bool same = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    strftime(text, sizeof(text), same ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
    return arena_strdup(arena, text);
}

/* Somebody, or time, was faster. */
static enum http_verdict already_decided(struct hub *hub, struct http_request *request,
                                         struct http_response *response,
                                         const struct approval *approval)
{
    struct arena *arena = &request->arena;
    const char *at = clock_text(approval->decided_at ? approval->decided_at : approval->expires_at,
                                ledger_now(hub->ledger), arena);
    if (str_eq(approval->state, APPROVAL_EXPIRED))
        return api_refuse(request, response, 409, "expired",
                          "%s expired at %s: nobody decided in time, and expiry never approves",
                          approval->id, at);
    if (str_eq(approval->state, APPROVAL_CANCELLED))
        return api_refuse(request, response, 409, "decided",
                          "%s is no longer asked: who asked has ended (%s)", approval->id, at);
    return api_refuse(request, response, 409, "decided", "Already decided: %s by %s, %s, via %s",
                      approval->state, decider_names(approval->decided_by, arena), at,
                      approval->via ? approval->via : "http");
}

/* A word that changed nothing. */
static enum http_verdict answer_refusal(struct hub *hub, struct http_request *request,
                                        struct http_response *response,
                                        const struct approval *approval,
                                        const struct outcome *outcome)
{
    static const char *const forbidden[] = {"not_a_decider", "four_eyes", "not_allowed", NULL};
    const char *code = outcome->code;
    if (!str_eq(approval->state, APPROVAL_PENDING))
        return already_decided(hub, request, response, approval);
    if (outcome->status == LEDGER_CONFLICT && *code)
        return api_refuse(request, response, 409, code, "%s", outcome->message);
    if (outcome->status == LEDGER_REFUSED && str_in(code, forbidden))
        return api_refuse(request, response, 403, code, "%s", outcome->message);
    return api_outcome(request, response, outcome);
}

/* Only the hub knows that the operator and a person are the same. */
static enum http_verdict check_eyes(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const struct approval *approval,
                                    const struct decider *decider)
{
    if (str_eq(approval->state, APPROVAL_PENDING) && approval->four_eyes &&
        decider_started_it(hub->config, decider, approval))
        return api_refuse(request, response, 403, "four_eyes",
                          "%s started this and may not decide it: four eyes are asked for",
                          decider->id);
    return HTTP_PASS;
}

/* `request` makes a repeat after a lost answer the same word. */
static enum http_verdict apply(struct hub *hub, struct http_request *request,
                               struct http_response *response, struct decide *decide,
                               const char *request_id)
{
    struct err err;
    struct outcome outcome = {0};
    struct approval approval = {.id = decide->approval};
    struct op op = {.type = OP_DECIDE, .decide = decide};
    struct batch batch = {
        .request_id = request_id, .actor = api_caller(request)->name, .ops = &op, .count = 1};
    crash_point("hub.decide.before");
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0 ||
        ledger_get(hub->ledger, &approval_record, &approval, &request->arena, &err) < 0)
        return api_unavailable(request, response, &err);
    crash_point("hub.decide.after");
    if (outcome.status != LEDGER_OK)
        return answer_refusal(hub, request, response, &approval, &outcome);
    if (str_eq(approval.state, APPROVAL_EXPIRED))
        return already_decided(hub, request, response, &approval);
    return answer_item(hub, request, response, &approval);
}

static enum http_verdict decide(struct hub *hub, struct http_request *request,
                                struct http_response *response, const json_t *body)
{
    static const char *const words[] = {"approved", "rejected", "changes_requested", "answered",
                                        NULL};
    struct approval approval = {0};
    const json_t *answer = json_object_get(body, "answer");
    struct decider decider = decider_of(hub->config, api_caller(request), &request->arena);
    struct decide word = {
        .person = decider.person,
        .roles = decider.roles,
        .decision = json_get_text(body, "decision", ""),
        .subject_hash = json_get_text(body, "subject_hash", NULL),
        .feedback = json_get_text(body, "feedback", NULL),
        .answer = answer && !json_is_null(answer) ? json_print(&request->arena, answer) : NULL,
        .via = json_get_text(body, "via", "http"),
    };
    if (!str_in(word.decision, words))
        return api_refuse(request, response, 400, "bad_request",
                          "\"decision\" is approved, rejected, changes_requested or answered, not "
                          "\"%.40s\"",
                          word.decision);
    enum http_verdict verdict = find_item(hub, request, response, &approval);
    if (verdict == HTTP_PASS)
        verdict = check_eyes(hub, request, response, &approval, &decider);
    if (verdict != HTTP_PASS)
        return verdict;
    word.approval = approval.id;
    return apply(hub, request, response, &word, json_get_text(body, "request", NULL));
}

enum http_verdict api_inbox_post(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    enum http_verdict verdict = check_person(hub, request, response);
    json_t *body = verdict == HTTP_PASS ? api_body(request, response) : NULL;
    if (!body)
        return HTTP_ANSWER;
    verdict = decide(hub, request, response, body);
    json_decref(body);
    return verdict;
}
