/* The doctor's line to the hub: opened once, asked as the operator. */
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "config/config.h"
#include "config/secret.h"
#include "doctor/check.h"
#include "net/fetch.h"
#include "supervise/control.h"

#include <stdlib.h>

enum { STATUS_MS = 3000 /* a hub that is well answers in a few */ };

struct doctor_hub {
    bool was_asked;
    const char *why; /* nothing answers; NULL: it does */
    struct fetch *fetch;
    struct hub_client *client;
    json_t *status;
};

bool company_lives(struct doctor *doctor)
{
    return control_is_up(doctor->config) ||
           control_workers(doctor->config, doctor->arena)[0] != NULL;
}

static const char *why_silent(struct doctor *doctor, struct doctor_hub *hub)
{
    struct err err = {0};
    if (!control_look(doctor->config, "hub", NULL))
        return company_lives(doctor) ? "the hub is down" : "the company is not running";
    char *token = secret_read(doctor->config, "operator.token", doctor->arena, &err);
    if (!token)
        return arena_strdup(doctor->arena, err.message);
    hub->fetch = fetch_open();
    hub->client = hub_client_open(hub->fetch, doctor->config->state, token);
    hub->status = hub_ask(doctor, "GET", "/v1/status", STATUS_MS, NULL, &err);
    return hub->status ? NULL
                       : arena_printf(doctor->arena, "the hub does not answer: %s", err.message);
}

static struct doctor_hub *line(struct doctor *doctor)
{
    if (!doctor->hub)
        doctor->hub = mem_zalloc(sizeof(*doctor->hub));
    if (!doctor->hub->was_asked) {
        doctor->hub->was_asked = true;
        doctor->hub->why = why_silent(doctor, doctor->hub);
    }
    return doctor->hub;
}

bool hub_is_there(struct doctor *doctor, const char **why)
{
    struct doctor_hub *hub = line(doctor);
    if (why)
        *why = hub->why;
    return hub->why == NULL;
}

json_t *hub_status(struct doctor *doctor)
{
    return line(doctor)->status;
}

json_t *hub_ask(struct doctor *doctor, const char *method, const char *path, int64_t ms, int *http,
                struct err *err)
{
    struct err ignored;
    json_t *answer = NULL;
    int status = 0;
    json_t *body = str_eq(method, "POST") ? json_object() : NULL;
    struct doctor_hub *hub = line(doctor);
    if (hub->client)
        hub_call(hub->client, method, path, body, ms, NULL, &answer, &status, err ? err : &ignored);
    else
        err_set(err, "hub_down", "%s", hub->why);
    json_decref(body);
    if (http)
        *http = status;
    return answer;
}

void hub_leave(struct doctor *doctor)
{
    struct doctor_hub *hub = doctor->hub;
    doctor->hub = NULL;
    if (!hub)
        return;
    json_decref(hub->status);
    if (hub->client)
        hub_client_close(hub->client);
    if (hub->fetch)
        fetch_close(hub->fetch);
    free(hub);
}
