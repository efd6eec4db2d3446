/* hq service print: the units, as install would write them. */
#include <stdio.h>

#include "base/json.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"

static int print_json(const struct service_line *line)
{
    const struct service *service = &line->service;
    json_t *items = json_array();
    for (size_t i = 0; i < line->unit_count; i++)
        json_array_append_new(items, json_pack("{s:s,s:s,s:s}", "name", line->units[i].name, "path",
                                               arena_printf(line->invocation->arena, "%s/%s",
                                                            service->folder, line->units[i].name),
                                               "text", line->units[i].text));
    return output_json(json_pack("{s:s,s:s,s:o}", "scope", service_scope_name(service->scope),
                                 "folder", service->folder, "items", items));
}

static int service_print_run(const struct invocation *invocation)
{
    struct service_line line;
    int code = service_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    if (invocation->json)
        code = print_json(&line);
    for (size_t i = 0; i < line.unit_count && !invocation->json; i++)
        printf("%s# ==== %s/%s\n%s", i ? "\n" : "", line.service.folder, line.units[i].name,
               line.units[i].text);
    service_close(&line);
    return code;
}

const struct command command_service_print = {
    .name = "service print",
    .group = "SETUP",
    .usage = "",
    .summary = "show the company's units of systemd",
    .details = "Writes nothing. A unit for the hub, a template for the agents, one for the runner "
               "where there\n"
               "is one, and a target that starts them all.\n",
    .examples = "hq service print --system\n"
                "hq service print --json\n",
    .options = service_look_options,
    .run = service_print_run,
    .reads = true,
};
