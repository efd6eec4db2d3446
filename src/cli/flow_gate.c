/* Shows a gate, and takes a decision from whoever sits at the terminal. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/flow_gate.h"
#include "cli/inbox_text.h"
#include "cli/output.h"
#include "net/fetch.h"
#include "wire/flow.h"

enum { LOOK_EVERY_MS = 1000, LINE_MAX_BYTES = 4096 };

int flow_gate_look(struct operator_line *line, const char *id, json_t **item)
{
    json_t *answer = NULL;
    int code = operator_call(line, "GET", arena_printf(line->invocation->arena, "/v1/inbox/%s", id),
                             NULL, 0, &answer);
    *item = NULL;
    if (code == COMMAND_OK) {
        json_t *inner = json_object_get(answer, "item");
        *item = json_incref(inner ? inner : answer);
    }
    json_decref(answer);
    return code;
}

/* ---- showing ---- */

/* `show` as a person reads it: a text as it is, anything else as indented JSON. */
static void put_value(struct buf *out, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    inbox_put_foreign(out, text ? text : json_string_value(value), "    ");
    free(text);
}

void flow_gate_show(const json_t *item, FILE *out)
{
    struct buf text = {0};
    const char *bytes = json_get_text(item, "subject", "");
    json_t *subject = json_parse(bytes, strlen(bytes), NULL);
    const json_t *show = json_object_get(subject, "show");
    if (show && !json_is_null(show))
        put_value(&text, show);
    else
        inbox_put_foreign(&text, bytes, "    ");
    if (json_is_object(json_object_get(item, "form"))) {
        buf_puts(&text, "    asks for: ");
        json_put(&text, json_object_get(item, "form"), JSON_SORT_KEYS);
        buf_putc(&text, '\n');
    }
    buf_printf(&text, "    sha256 %.12s... of exactly these bytes\n",
               json_get_text(item, "subject_hash", ""));
    fputs(buf_text(&text), out);
    fflush(out);
    buf_fini(&text);
    json_decref(subject);
}

static void show_bytes(const json_t *item, FILE *out)
{
    struct buf text = {0};
    inbox_put_foreign(&text, json_get_text(item, "subject", ""), "    ");
    fprintf(out, "%s    sha256 %s\n", buf_text(&text), json_get_text(item, "subject_hash", ""));
    buf_fini(&text);
}

void flow_gate_teach(const json_t *item, const char *hq, FILE *out)
{
    const char *id = json_get_text(item, "id", "");
    fprintf(out,
            "    %s inbox show %s\n    %s inbox approve %s\n    %s inbox reject %s -m \"why\"\n",
            hq, id, hq, id, hq, id);
    if (json_get_text(item, "rerun", NULL))
        fprintf(out, "    %s inbox changes %s -m \"what\"\n", hq, id);
    fflush(out);
}

bool flow_gate_can_ask(const struct invocation *invocation)
{
    return !invocation->json && !invocation->quiet && !invocation->no_input &&
           isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* ---- deciding ---- */

int flow_gate_decide(struct operator_line *line, const json_t *item, const char *decision,
                     const char *feedback, const json_t *answer)
{
    json_t *reply = NULL, *body = json_pack("{s:s,s:s}", "decision", decision, "via", "cli");
    json_set_text(body, "subject_hash", json_get_text(item, "subject_hash", NULL));
    json_set_text(body, "feedback", feedback);
    if (answer)
        json_object_set(body, "answer", (json_t *)answer);
    int code = operator_call(
        line, "POST",
        arena_printf(line->invocation->arena, "/v1/inbox/%s", json_get_text(item, "id", "")), body,
        0, &reply);
    json_decref(reply);
    json_decref(body);
    return code;
}

struct asking {
    struct operator_line *line;
    const json_t *item;
    int64_t until;
    char text[LINE_MAX_BYTES];
};

/* Whether somebody else decided, or it is over; says who. */
static bool is_over(struct asking *asking)
{
    json_t *now =
        operator_look(asking->line, arena_printf(asking->line->invocation->arena, "/v1/inbox/%s",
                                                 json_get_text(asking->item, "id", "")));
    const json_t *item = json_object_get(now, "item") ? json_object_get(now, "item") : now;
    const char *state = json_get_text(item, "state", APPROVAL_PENDING);
    bool over = !str_eq(state, APPROVAL_PENDING);
    if (over)
        fprintf(stderr, "\n%s is %s already%s%s\n", json_get_text(asking->item, "id", ""), state,
                json_get_text(item, "decided_by", NULL) ? ", by " : "",
                json_get_text(item, "decided_by", ""));
    json_decref(now);
    return over;
}

/* One line of the terminal into text. COMMAND_OK; COMMAND_PERSON at its end; else why it waits no
 * longer; -1: it was decided elsewhere. */
static int read_line(struct asking *asking)
{
    int64_t looked = time_boot_ms();
    for (;;) {
        struct pollfd one = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = poll(&one, 1, LOOK_EVERY_MS / 5);
        if (fetch_is_cancelled(asking->line->cancel))
            return COMMAND_INTERRUPTED;
        if (asking->until > 0 && time_boot_ms() >= asking->until)
            return COMMAND_TIMEOUT;
        if (ready > 0) {
            ssize_t got = read(STDIN_FILENO, asking->text, sizeof(asking->text) - 1);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return COMMAND_PERSON;
            asking->text[got] = '\0';
            asking->text[strcspn(asking->text, "\r\n")] = '\0';
            return COMMAND_OK;
        }
        if (time_boot_ms() - looked < LOOK_EVERY_MS)
            continue;
        looked = time_boot_ms();
        if (is_over(asking))
            return -1;
    }
}

static int ask_words(struct asking *asking, const char *what)
{
    do {
        fprintf(stderr, "  %s: ", what);
        int code = read_line(asking);
        if (code != COMMAND_OK)
            return code;
    } while (str_is_blank(asking->text));
    return COMMAND_OK;
}

/* "approved" with the form's answer, where the gate asks for one. */
static int approve(struct asking *asking)
{
    struct err err = {0};
    json_t *answer = NULL;
    if (json_is_object(json_object_get(asking->item, "form"))) {
        int code = ask_words(asking, "answer, as JSON that fits");
        if (code != COMMAND_OK)
            return code;
        answer = json_parse(asking->text, strlen(asking->text), &err);
        if (!answer) {
            fprintf(stderr, "  %s\n", err.message);
            return COMMAND_USAGE;
        }
    }
    int code = flow_gate_decide(asking->line, asking->item, "approved", NULL, answer);
    json_decref(answer);
    return code;
}

static int with_words(struct asking *asking, const char *decision, const char *what)
{
    int code = ask_words(asking, what);
    return code == COMMAND_OK
               ? flow_gate_decide(asking->line, asking->item, decision, asking->text, NULL)
               : code;
}

static int take(struct asking *asking, bool may_change)
{
    switch (asking->text[0]) {
    case 'a':
    case 'A':
        return approve(asking);
    case 'r':
    case 'R':
        return with_words(asking, "rejected", "why");
    case 'c':
    case 'C':
        if (may_change)
            return with_words(asking, "changes_requested", "what is to be changed");
        return COMMAND_USAGE;
    case 'o':
    case 'O':
        show_bytes(asking->item, stderr);
        return COMMAND_USAGE;
    default:
        return COMMAND_USAGE;
    }
}

int flow_gate_ask(struct operator_line *line, const json_t *item, int64_t until)
{
    static const int final[] = {COMMAND_OK,     COMMAND_INTERRUPTED, COMMAND_TIMEOUT,
                                COMMAND_PERSON, COMMAND_NOT_RUNNING, COMMAND_CREDENTIAL};
    struct asking asking = {.line = line, .item = item, .until = until};
    bool may_change = json_get_text(item, "rerun", NULL) != NULL;
    for (;;) {
        fprintf(stderr, "  [a]pprove  [r]eject  %s[o]pen the exact bytes, then Enter: ",
                may_change ? "[c]hanges  " : "");
        int code = read_line(&asking);
        if (code == COMMAND_OK)
            code = take(&asking, may_change);
        if (code < 0)
            return COMMAND_OK;
        for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
            if (code == final[i])
                return code;
        if (code != COMMAND_USAGE && is_over(&asking))
            return COMMAND_OK;
    }
}
