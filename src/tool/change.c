/* The tools `write` and `edit`: a file's new content is computed first, so that a repeat after a
 * crash can tell by its digest whether it is already there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "tool/builtin.h"
#include "tool/folder.h"

/* What a call would make of the file. */
struct change {
    struct spot spot;
    struct buf content;
    int64_t first_line; /* of an edit: where it changes the file, from 1 */
};

static void change_fini(struct change *change)
{
    spot_close(&change->spot);
    buf_fini(&change->content);
}

static int count_matches(const struct buf *content, const char *old, const char **first)
{
    size_t len = strlen(old);
    int count = 0;
    const char *at = content->bytes, *end = content->bytes + content->len;
    *first = NULL;
    while (at && (at = memmem(at, (size_t)(end - at), old, len))) {
        if (!*first)
            *first = at;
        count++;
        at += len;
    }
    return count;
}

static int edit_splice(struct change *change, const json_t *arguments, const struct buf *before,
                       struct err *err)
{
    const char *old = json_get_text(arguments, "oldText", ""), *first;
    const char *new = json_get_text(arguments, "newText", "");
    const char *path = change->spot.given;
    if (!*old)
        return err_set(err, "bad_argument", "oldText is empty; give the exact text to replace.");
    if (str_eq(old, new))
        return err_set(err, "bad_argument", "oldText and newText are equal; nothing would change.");
    int count = count_matches(before, old, &first);
    if (count == 0)
        return err_set(err, "no_match",
                       "oldText was not found in %s. It must match exactly, with all white space.",
                       path);
    if (count > 1)
        return err_set(err, "many_matches",
                       "oldText was found %d times in %s and must be unique; add lines around it.",
                       count, path);
    size_t head = (size_t)(first - before->bytes), tail = head + strlen(old);
    change->first_line = 1;
    for (size_t i = 0; i < head; i++)
        change->first_line += before->bytes[i] == '\n';
    buf_put(&change->content, before->bytes, head);
    buf_puts(&change->content, new);
    buf_put(&change->content, before->bytes + tail, before->len - tail);
    return 0;
}

static int write_prepare(const struct tool_place *place, const json_t *arguments,
                         struct arena *arena, struct change *change, struct err *err)
{
    *change = (struct change){.spot.root = -1};
    const json_t *content = json_object_get(arguments, "content");
    buf_put(&change->content, json_string_value(content), json_string_length(content));
    return spot_open(place, json_get_text(arguments, "path", ""), arena, &change->spot, err);
}

static int edit_prepare(const struct tool_place *place, const json_t *arguments,
                        struct arena *arena, struct change *change, struct err *err)
{
    struct buf before = {0};
    *change = (struct change){.spot.root = -1};
    int rc = spot_open(place, json_get_text(arguments, "path", ""), arena, &change->spot, err);
    if (rc == 0)
        rc = spot_slurp(&change->spot, LIMIT_EDIT_FILE, &before, err);
    if (rc == 0)
        rc = edit_splice(change, arguments, &before, err);
    buf_fini(&before);
    return rc;
}

static char *change_plan(const struct change *change, struct arena *arena)
{
    char digest[HASH_HEX];
    hash_hex(buf_text(&change->content), change->content.len, digest);
    json_t *plan =
        json_pack("{s:s, s:I, s:I}", "sha256", digest, "bytes", (json_int_t)change->content.len,
                  "line", (json_int_t)change->first_line);
    char *text = json_print(arena, plan);
    json_decref(plan);
    return text;
}

static char *write_plan(const struct tool_place *place, const json_t *arguments,
                        struct arena *arena)
{
    struct change change;
    char *plan = NULL;
    if (write_prepare(place, arguments, arena, &change, NULL) == 0)
        plan = change_plan(&change, arena);
    change_fini(&change);
    return plan;
}

static char *edit_plan(const struct tool_place *place, const json_t *arguments, struct arena *arena)
{
    struct change change;
    char *plan = NULL;
    if (edit_prepare(place, arguments, arena, &change, NULL) == 0)
        plan = change_plan(&change, arena);
    change_fini(&change);
    return plan;
}

/* True where the file has the planned digest. */
static bool change_is_there(const struct tool_place *place, const json_t *arguments,
                            const json_t *plan, struct arena *arena)
{
    struct spot spot;
    struct buf now = {0};
    char digest[HASH_HEX] = "";
    if (spot_open(place, json_get_text(arguments, "path", ""), arena, &spot, NULL) == 0 &&
        spot_slurp(&spot, LIMIT_EDIT_FILE, &now, NULL) == 0)
        hash_hex(buf_text(&now), now.len, digest);
    spot_close(&spot);
    buf_fini(&now);
    return *digest && str_eq(digest, json_get_text(plan, "sha256", NULL));
}

static void write_done(const json_t *arguments, int64_t bytes, struct arena *arena,
                       struct tool_result *result)
{
    result_text(arena, result, "Successfully wrote %lld bytes to %s", (long long)bytes,
                json_get_text(arguments, "path", ""));
    result->details = json_pack("{s:I}", "bytes", (json_int_t)bytes);
}

static void edit_done(const json_t *arguments, int64_t line, struct arena *arena,
                      struct tool_result *result)
{
    result_text(arena, result, "Successfully replaced text in %s.",
                json_get_text(arguments, "path", ""));
    result->details = json_pack("{s:I}", "firstChangedLine", (json_int_t)line);
}

static bool write_is_done(const struct tool_place *place, const json_t *arguments,
                          const json_t *plan, struct arena *arena, struct tool_result *result)
{
    if (!change_is_there(place, arguments, plan, arena))
        return false;
    write_done(arguments, json_get_int(plan, "bytes", 0), arena, result);
    return true;
}

static bool edit_is_done(const struct tool_place *place, const json_t *arguments,
                         const json_t *plan, struct arena *arena, struct tool_result *result)
{
    if (!change_is_there(place, arguments, plan, arena))
        return false;
    edit_done(arguments, json_get_int(plan, "line", 0), arena, result);
    return true;
}

/* One name per call, so that a repeat removes what its first try left. */
static const char *temp_name(const struct tool_place *place, const char *path, struct arena *arena)
{
    char digest[HASH_HEX];
    const char *call = arena_printf(arena, "%s/%lld/%lld/%s", place->task, (long long)place->step,
                                    (long long)place->idx, path);
    hash_hex(call, strlen(call), digest);
    return arena_printf(arena, ".hq-%.16s.tmp", digest);
}

static int change_make(const struct tool_place *place, struct change *change, struct arena *arena,
                       struct err *err)
{
    if (change->content.len > LIMIT_EDIT_FILE)
        return err_set(err, "too_big", "The content has %zu bytes; at most %d can be written.",
                       change->content.len, LIMIT_EDIT_FILE);
    return spot_replace(&change->spot, temp_name(place, change->spot.given, arena),
                        &change->content, err);
}

static int write_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                     struct tool_result *result, struct err *unused)
{
    struct err err;
    struct change change;
    if (write_prepare(place, arguments, arena, &change, &err) < 0 ||
        change_make(place, &change, arena, &err) < 0)
        result_err(arena, result, &err);
    else
        write_done(arguments, (int64_t)change.content.len, arena, result);
    change_fini(&change);
    return 0;
}

static int edit_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                    struct tool_result *result, struct err *unused)
{
    struct err err;
    struct change change;
    if (edit_prepare(place, arguments, arena, &change, &err) < 0 ||
        change_make(place, &change, arena, &err) < 0)
        result_err(arena, result, &err);
    else
        edit_done(arguments, change.first_line, arena, result);
    change_fini(&change);
    return 0;
}

const struct tool tool_write = {
    .name = "write",
    .description = "Write a file of the workspace: creates it and its folders, or replaces what it "
                   "held.",
    .parameters = "{\"type\":\"object\",\"properties\":{"
                  "\"path\":{\"type\":\"string\",\"description\":\"File, relative to the workspace "
                  "or absolute inside it\"},"
                  "\"content\":{\"type\":\"string\",\"description\":\"The whole new content\"}},"
                  "\"required\":[\"path\",\"content\"]}",
    .repeat = REPEAT_IF_UNDONE,
    .plan = write_plan,
    .is_done = write_is_done,
    .run = write_run,
};

const struct tool tool_edit = {
    .name = "edit",
    .description =
        "Replace one piece of text in a file of the workspace. oldText must match exactly "
        "once.",
    .parameters = "{\"type\":\"object\",\"properties\":{"
                  "\"path\":{\"type\":\"string\",\"description\":\"File, relative to the workspace "
                  "or absolute inside it\"},"
                  "\"oldText\":{\"type\":\"string\",\"description\":\"The exact text to replace, "
                  "unique in the file\"},"
                  "\"newText\":{\"type\":\"string\",\"description\":\"What stands there "
                  "afterwards\"}},"
                  "\"required\":[\"path\",\"oldText\",\"newText\"]}",
    .repeat = REPEAT_IF_UNDONE,
    .plan = edit_plan,
    .is_done = edit_is_done,
    .run = edit_run,
};
