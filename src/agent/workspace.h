/* The files of a workspace that make the agent who it is. */
#ifndef HQ_AGENT_WORKSPACE_H
#define HQ_AGENT_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;

/* Appends "# Project Context" with every file in OpenClaw's order (AGENTS, SOUL, TOOLS, IDENTITY,
 * USER, HEARTBEAT, BOOTSTRAP, then MEMORY): missing ones are named as missing, a file over
 * LIMIT_WORKSPACE_FILE is cut to its first 70 % and last 20 % with a marker. Source: OpenClaw 2026.2.12,
 * workspace bootstrap. Reads files; never fails. */
void workspace_append_context(const char *workspace, struct buf *out);

#endif
