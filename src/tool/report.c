/* The tool `report`: how an agent hands its work over. What it says of the work is the agent's;
 * what it hands over as files is read, measured and stored by the runtime. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "tool/builtin.h"
#include "tool/folder.h"

enum { UPLOAD_MS = 600000, WORD_BYTES = 200 };

/* One report being read. */
struct reporting {
    const struct tool_place *place;
    const json_t *arguments;
    struct arena *arena;
    json_t *artefacts; /* of the handoff */
    struct buf notes;  /* the agent's and the runtime's */
    size_t bytes;      /* of all artefacts so far */
    struct err *err;
};

/* The agent can mend it: an outcome of the report, not a failure of the runtime. */
static int mend(int ignored)
{
    return 1;
}

/* Type by the name's end; what nobody knows is bytes. */
static const char *type_of_name(const char *name)
{
    static const char *const types[][2] = {
        {".txt", "text/plain"},      {".md", "text/markdown"},      {".csv", "text/csv"},
        {".html", "text/html"},      {".json", "application/json"}, {".yaml", "application/yaml"},
        {".pdf", "application/pdf"}, {".png", "image/png"},         {".jpg", "image/jpeg"},
        {".svg", "image/svg+xml"},   {".zip", "application/zip"},   {".log", "text/plain"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (str_ends(name, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

/* A short text without control characters, or NULL. */
static const char *short_word(const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key, NULL);
    if (!text || !*text || strlen(text) > WORD_BYTES)
        return NULL;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return NULL;
    return text;
}

static bool name_is_taken(const struct reporting *reporting, const char *name)
{
    size_t i;
    const json_t *other;
    json_array_foreach (reporting->artefacts, i, other)
        if (str_eq(json_get_text(other, "name", ""), name))
            return true;
    return false;
}

/* What a model says of a file is never taken over; where it is wrong, the handoff says so. */
static void note_wrong_claims(struct reporting *reporting, const json_t *wanted, const char *name,
                              size_t size, const char *hex)
{
    const json_t *said = json_object_get(wanted, "size");
    const char *hash = json_get_text(wanted, "sha256", NULL);
    struct buf *notes = &reporting->notes;
    if (said && (!json_is_integer(said) || json_integer_value(said) != (json_int_t)size))
        buf_printf(notes, "%s[hq] The agent gave another size for %s; it has %zu bytes.",
                   notes->len ? "\n" : "", name, size);
    if (hash && !str_eq(hash, hex))
        buf_printf(notes, "%s[hq] The agent gave another sha256 for %s; it is %s.",
                   notes->len ? "\n" : "", name, hex);
}

/* Reads the file beneath its root (workspace or shared folder) and stores it. 0; 1 with *err where
 * the agent can mend it; -1 with *err where the hub did not take it. */
static int store(struct reporting *reporting, const char *path, size_t *size, char *hex)
{
    struct spot spot;
    struct buf content = {0};
    const struct tool_place *place = reporting->place;
    int rc = 1;
    if (spot_open(place, path, reporting->arena, &spot, reporting->err) == 0 &&
        spot_slurp(&spot, LIMIT_BLOB - reporting->bytes, &content, reporting->err) == 0) {
        crash_point("tool.report.upload");
        enum hub_outcome outcome = hub_put_blob(place->hub, buf_text(&content), content.len,
                                                UPLOAD_MS, NULL, hex, reporting->err);
        *size = content.len;
        rc = outcome == HUB_OK ? 0 : outcome == HUB_REFUSED ? 1 : -1;
    }
    spot_close(&spot);
    buf_fini(&content);
    return rc;
}

static int add_artefact(struct reporting *reporting, const json_t *wanted)
{
    char hex[HASH_HEX];
    size_t size = 0;
    const char *path = json_get_text(wanted, "path", NULL);
    const char *name = short_word(wanted, "name"), *type = short_word(wanted, "type");
    struct err *err = reporting->err;
    if (!json_is_object(wanted) || str_is_empty(path)) {
        return mend(
            err_set(err, "bad_argument", "Every artefact is an object with name and path."));
    }
    if (!name && json_object_get(wanted, "name")) {
        return mend(err_set(err, "bad_argument",
                            "The artefact's name must be one line of at most %d bytes.",
                            WORD_BYTES));
    }
    if (!name)
        name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (!*name || strchr(name, '/') || str_eq(name, "..") || str_eq(name, ".") ||
        name_is_taken(reporting, name)) {
        return mend(err_set(
            err, "bad_argument",
            "The artefact's name \"%.100s\" must be a file's name without folders, and no other "
            "artefact's.",
            name));
    }
    int rc = store(reporting, path, &size, hex);
    if (rc != 0)
        return rc;
    reporting->bytes += size;
    json_t *artefact = json_pack("{s:s,s:I,s:s}", "type", type ? type : type_of_name(name), "size",
                                 (json_int_t)size, "sha256", hex);
    json_set_text(artefact, "name", name);
    json_array_append_new(reporting->artefacts, artefact);
    note_wrong_claims(reporting, wanted, name, size, hex);
    return 0;
}

static int add_artefacts(struct reporting *reporting)
{
    size_t i;
    const json_t *list = json_object_get(reporting->arguments, "artefacts"), *wanted;
    if (json_array_size(list) > LIMIT_ARTEFACTS) {
        err_set(reporting->err, "bad_argument", "A report has at most %d artefacts; pack them.",
                LIMIT_ARTEFACTS);
        return 1;
    }
    json_array_foreach (list, i, wanted) {
        int rc = add_artefact(reporting, wanted);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* 0, or 1 with *err: a sentence for the model. */
static int check_words(const json_t *arguments, struct err *err)
{
    static const char *const statuses[] = {"complete", "partial", "blocked", "failed", NULL};
    static const char *const levels[] = {"high", "medium", "low", NULL};
    const char *status = json_get_text(arguments, "status", "");
    const char *confidence = json_get_text(arguments, "confidence", NULL);
    const json_t *result = json_object_get(arguments, "result");
    if (!str_in(status, statuses))
        return mend(err_set(err, "bad_argument",
                            "The status is complete, partial, blocked or failed, not \"%.80s\".",
                            status));
    if (confidence && !str_in(confidence, levels))
        return mend(err_set(err, "bad_argument",
                            "The confidence is high, medium or low, not \"%.80s\".", confidence));
    if (!result && (str_eq(status, "complete") || str_eq(status, "partial")))
        return mend(err_set(err, "bad_argument",
                            "The result is missing: a %s report says what came out.", status));
    if (result && json_dumpb(result, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) > LIMIT_RESULT)
        return mend(
            err_set(err, "bad_argument",
                    "The result has more than %d bytes: write it to a file and report that as an "
                    "artefact.",
                    LIMIT_RESULT));
    if (str_is_blank(json_get_text(arguments, "notes", NULL)) &&
        (str_eq(status, "blocked") || str_eq(status, "failed")))
        return mend(
            err_set(err, "bad_argument", "The notes are missing: say why it is %s.", status));
    return 0;
}

static json_t *handoff_of(struct reporting *reporting)
{
    const json_t *arguments = reporting->arguments;
    json_t *result = json_object_get(arguments, "result");
    json_t *handoff =
        json_pack("{s:s,s:O,s:O}", "status", json_get_text(arguments, "status", ""), "artefacts",
                  reporting->artefacts, "result", result ? result : json_null());
    json_set_text(handoff, "confidence", json_get_text(arguments, "confidence", NULL));
    json_set_text(handoff, "notes", reporting->notes.len ? buf_text(&reporting->notes) : NULL);
    return handoff;
}

static int report_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                      struct tool_result *result, struct err *err)
{
    struct reporting reporting = {.place = place,
                                  .arguments = arguments,
                                  .arena = arena,
                                  .artefacts = json_array(),
                                  .err = err};
    buf_puts(&reporting.notes, json_get_text(arguments, "notes", ""));
    int rc = check_words(arguments, err);
    if (rc == 0)
        rc = add_artefacts(&reporting);
    if (rc == 0) {
        result_text(arena, result, "Reported.");
        result->handoff = handoff_of(&reporting);
    } else if (rc > 0) {
        result_err(arena, result, err);
    }
    json_decref(reporting.artefacts);
    buf_fini(&reporting.notes);
    return rc < 0 ? -1 : 0;
}

const struct tool tool_report = {
    .name = "report",
    .description =
        "Hand over the result of this task and end it. Use it once, when the work is done or "
        "cannot "
        "go on: a plain answer counts as complete without a confidence. Files are handed over as "
        "artefacts; their size and hash are measured for you.",
    .parameters =
        "{\"type\":\"object\",\"properties\":{"
        "\"status\":{\"type\":\"string\",\"description\":\"complete, partial, blocked (needs "
        "something "
        "from others) or failed\"},"
        "\"result\":{\"description\":\"What came out: text or any JSON\"},"
        "\"confidence\":{\"type\":\"string\",\"description\":\"high, medium or low\"},"
        "\"notes\":{\"type\":\"string\",\"description\":\"What the reader must know; why it is "
        "blocked "
        "or failed\"},"
        "\"artefacts\":{\"type\":\"array\",\"description\":\"Files of the workspace to hand over\","
        "\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"path\":{\"type\":\"string\"},\"type\":{\"type\":\"string\",\"description\":\"media "
        "type\"}},"
        "\"required\":[\"path\"]}}},"
        "\"required\":[\"status\"]}",
    .repeat = REPEAT_FREELY,
    .always = true,
    .run = report_run,
};
