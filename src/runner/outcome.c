/* Exit code, output, format and schema become a result or a failure with a sentence. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "runner/outcome.h"

enum {
    SHOWN_BYTES = 4000, /* of the output, in the call's record; all of it is the handoff's */
    LAST_BYTES = 600,   /* of what it said last, in the failure's message */
    LAST_LINES = 10,
    FINDING_BYTES = 700,
};

/* The end of the text: at most LAST_LINES lines and LAST_BYTES bytes, no code point split. */
static const char *last_lines(const char *text, struct arena *arena)
{
    char *trimmed = str_trim(arena, text);
    size_t len = strlen(trimmed);
    const char *from = len > LAST_BYTES ? trimmed + len - LAST_BYTES : trimmed;
    while ((*from & 0xC0) == 0x80)
        from++;
    int lines = 0;
    for (const char *at = trimmed + len; at > from; at--)
        if (at[-1] == '\n' && ++lines == LAST_LINES)
            return at;
    return from;
}

static const char *said_last(const struct guard_report *report, struct arena *arena)
{
    const char *text = str_is_blank(report->errors) ? report->output : report->errors;
    return str_is_blank(text) ? "it printed nothing" : last_lines(text, arena);
}

/* Why it did not end by itself with code 0: sets the class; NULL where it did. */
static const char *end_sentence(const struct command *command, const struct guard_report *report,
                                struct arena *arena, const char **class)
{
    char limit[TIME_TEXT];
    *class = "failed";
    switch (report->end) {
    case GUARD_EXITED:
        return report->code
                   ? arena_printf(arena, "exit code %d: %s", report->code, said_last(report, arena))
                   : NULL;
    case GUARD_SIGNALLED:
        return arena_printf(arena, "ended by signal %d (%s): %s", report->code,
                            strsignal(report->code), said_last(report, arena));
    case GUARD_TIMEOUT:
        *class = "timeout";
        time_print_duration(command->timeout_ms, limit);
        return arena_printf(arena, "still running after %s, and killed: %s", limit,
                            said_last(report, arena));
    case GUARD_TOO_MANY:
        return arena_printf(arena, "more than %d processes and threads, and killed",
                            LIMIT_EXEC_PROCESSES);
    case GUARD_DISK:
        return arena_printf(arena, "more than %d MB written, and killed", LIMIT_EXEC_DISK >> 20);
    case GUARD_CANCELLED:
        *class = "cancelled";
        return "cancelled and killed";
    case GUARD_REFUSED:
        *class = "refused";
        return arena_printf(arena, "not run: %s", report->message);
    }
    return "ended in an unknown way";
}

static const char *cut(const char *text, size_t max, struct arena *arena)
{
    size_t len = strlen(text);
    return len <= max ? text
                      : arena_printf(arena, "%.*s…", (int)str_utf8_cut(text, len, max), text);
}

static json_t *response_of(const struct guard_report *report, const char *sentence,
                           struct arena *arena)
{
    static const char *const words[] = {"completed", "signalled", "timeout", "too_many",
                                        "disk",      "cancelled", "refused"};
    const char *shown = cut(report->output ? report->output : "", SHOWN_BYTES, arena);
    const char *text = sentence ? sentence : *shown ? shown : "(no output)";
    json_t *details = json_pack("{s:s,s:I}", "status", words[report->end], "durationMs",
                                (json_int_t)report->took_ms);
    if (report->end == GUARD_EXITED)
        json_object_set_new(details, "exitCode", json_integer(report->code));
    if (report->dropped > 0)
        json_object_set_new(details, "droppedBytes", json_integer(report->dropped));
    json_t *response = json_object();
    json_set_text(response, "text", text);
    json_object_set_new(response, "details", details);
    json_set_text(response, "stdout", sentence && *shown ? shown : NULL);
    json_set_text(response, "stderr",
                  str_is_blank(report->errors) ? NULL : cut(report->errors, SHOWN_BYTES, arena));
    return response;
}

/* The value that it printed; NULL with the sentence that says why there is none. */
static json_t *value_of(const struct command *command, const struct guard_report *report,
                        struct arena *arena, const char **why)
{
    struct err err;
    const char *text = report->output ? report->output : "";
    size_t len = strlen(text);
    if (report->dropped > 0) {
        *why = arena_printf(arena,
                            "it printed more than %d bytes, and half an output is none: let it "
                            "write a file and print less",
                            LIMIT_COMMAND_OUTPUT);
        return NULL;
    }
    if (!command->is_json)
        return json_text(text, len > 0 && text[len - 1] == '\n' ? len - 1 : len);
    json_t *value = json_parse(text, len, &err);
    if (!value)
        *why = arena_printf(arena, "what it printed is not JSON: %s It began: %s", err.message,
                            *text ? cut(text, 200, arena) : "(nothing)");
    return value;
}

static const char *misfit(const json_t *schema, const json_t *value, struct arena *arena)
{
    struct buf findings = {0};
    const char *why = NULL;
    if (schema && json_schema_fits(schema, value, &findings) != 0)
        why = arena_printf(arena, "what it printed does not fit the step's schema: %s",
                           cut(buf_text(&findings), FINDING_BYTES, arena));
    buf_fini(&findings);
    return why;
}

struct outcome_of_command outcome_judge(const struct command *command, const json_t *schema,
                                        const struct guard_report *report, struct arena *arena)
{
    struct outcome_of_command outcome = {0};
    const char *class, *why = end_sentence(command, report, arena, &class);
    if (!why) {
        class = "malformed";
        outcome.result = value_of(command, report, arena, &why);
        if (outcome.result)
            why = misfit(schema, outcome.result, arena);
    }
    outcome.response = response_of(report, why, arena);
    if (!why)
        return outcome;
    json_decref(outcome.result);
    outcome.result = NULL;
    outcome.failure_class = class;
    outcome.failure_message = why;
    return outcome;
}

struct outcome_of_command outcome_refuse(const char *failure_class, const char *message,
                                         struct arena *arena)
{
    struct outcome_of_command outcome = {.failure_class = failure_class,
                                         .failure_message = arena_strdup(arena, message),
                                         .response = json_object()};
    json_set_text(outcome.response, "text", message);
    return outcome;
}
