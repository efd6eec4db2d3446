/* Reads the events of a run: page by page, or line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/flow_events.h"
#include "cli/flow_look.h"
#include "cli/output.h"

enum { PAGE = 200 };

static int64_t time_of(const json_t *item)
{
    const json_t *at = json_object_get(item, "at");
    int64_t ms = json_integer_value(at);
    if (json_is_string(at))
        time_parse_rfc3339(json_string_value(at), &ms);
    return ms;
}

static void take_items(struct flow_stream *stream)
{
    size_t i;
    json_t *item;
    stream->count = json_array_size(stream->items);
    stream->events = mem_zalloc((stream->count + 1) * sizeof(*stream->events));
    json_array_foreach (stream->items, i, item)
        stream->events[i] = (struct sim_event){.seq = json_get_int(item, "seq", 0),
                                               .at = time_of(item),
                                               .type = json_get_text(item, "type", ""),
                                               .body = json_object_get(item, "body")};
}

int flow_stream_fetch(struct operator_line *line, const char *id, struct flow_stream *stream)
{
    json_t *run = NULL;
    int64_t from = 1;
    size_t got = PAGE;
    *stream = (struct flow_stream){.items = json_array()};
    int code = flow_look(line, id, 0, 0, &run);
    snprintf(stream->run, sizeof(stream->run), "%s", json_get_text(run, "id", ""));
    json_decref(run);
    while (code == COMMAND_OK && got == PAGE) {
        json_t *answer = NULL;
        const char *path =
            arena_printf(line->invocation->arena, "/v1/runs/%s/events?from=%lld&limit=%d",
                         stream->run, (long long)from, PAGE);
        code = operator_call(line, "GET", path, NULL, 0, &answer);
        json_t *items = json_object_get(answer, "items");
        got = json_array_size(items);
        if (got)
            from = json_get_int(json_array_get(items, got - 1), "seq", from) + 1;
        json_array_extend(stream->items, items);
        json_decref(answer);
    }
    take_items(stream);
    return code;
}

/* The stream is called as the run. */
static void take_name(struct flow_stream *stream, const json_t *item)
{
    const char *name = json_get_text(item, "stream", "");
    if (str_starts(name, "r-") && !*stream->run)
        snprintf(stream->run, sizeof(stream->run), "%s", name);
}

int flow_stream_read(const struct invocation *invocation, const char *path,
                     struct flow_stream *stream)
{
    struct err err = {0};
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t len;
    *stream = (struct flow_stream){.items = json_array()};
    FILE *file = fopen(path, "re");
    int rc = file ? 0 : err_errno(&err, "no_file", "%s cannot be opened", path);
    while (rc == 0 && (len = getline(&line, &room, file)) >= 0) {
        number++;
        if (str_is_blank(line))
            continue;
        json_t *item = json_parse(line, (size_t)len, &err);
        if (!json_is_object(item) || !json_object_get(item, "type"))
            rc = err_set(&err, "bad_file", "%s:%zu is no event of a run", path, number);
        take_name(stream, item);
        json_array_append_new(stream->items, item ? item : json_null());
    }
    if (rc == 0 && !json_array_size(stream->items))
        rc = err_set(&err, "bad_file", "%s has no events", path);
    if (rc < 0)
        err_hint(&err, "hq --json flow show RUN --events > FILE.jsonl");
    free(line);
    if (file)
        fclose(file);
    take_items(stream);
    return rc < 0 ? output_fail(invocation, COMMAND_USAGE, &err) : COMMAND_OK;
}

void flow_stream_fini(struct flow_stream *stream)
{
    free(stream->events);
    json_decref(stream->items);
    *stream = (struct flow_stream){0};
}
