/* A command of `hq` as one const record, and what its function gets to know about the call.
 * Parser, help, completion and reference all read the same table of records. */
#ifndef HQ_CLI_COMMAND_H
#define HQ_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct err;
struct invocation;

/* What the exit code of any command means (`hq help exit-codes`). */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1,        /* the work failed */
    COMMAND_USAGE = 2,         /* usage or configuration */
    COMMAND_NOT_RUNNING = 3,   /* nothing runs here */
    COMMAND_CREDENTIAL = 4,    /* a token is missing or refused */
    COMMAND_REJECTED = 5,      /* rejected at a gate */
    COMMAND_PERSON = 6,        /* waits for a human */
    COMMAND_BUSY = 75,         /* try later */
    COMMAND_CONFIG = 78,       /* plumbing: the configuration is wrong, do not restart */
    COMMAND_TIMEOUT = 124,     /* the waiting timed out, the work goes on */
    COMMAND_INTERRUPTED = 130, /* Ctrl-C */
};

enum { COMMAND_OPTIONS_MAX = 24 };

/* One option; a table of them ends with a zeroed one. */
struct command_option {
    const char *name;  /* "session" for --session */
    char letter;       /* 'n' for -n, 0: none */
    const char *value; /* what help calls its value ("N"); NULL: a flag */
    const char *help;
};

struct command {
    const char *name;     /* "up"; two words for a member of a family: "task list" */
    const char *group;    /* START RUN WORK LINKS SETUP CARE PLUMBING */
    const char *usage;    /* the arguments, for help: "AGENT TEXT|-" */
    const char *summary;  /* one line */
    const char *details;  /* more for `hq help NAME`, or NULL */
    const char *examples; /* command lines to copy, each ended by \n; or NULL */
    const struct command_option *options; /* or NULL */
    size_t min_args, max_args;
    int (*run)(const struct invocation *invocation); /* returns the exit code */
    bool reads;      /* changes nothing and starts nothing, for whoever may look */
    bool in_task;    /* may be used inside an agent's exec (cli/inside.h) */
    bool is_default; /* the member that its family's first word alone means */
    bool is_link;    /* a program of this name that leads to us is this command */
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* An option as it stood on the line. */
struct given_option {
    int at; /* in command->options */
    const char *value;
};

/* One parsed command line. Everything lives as long as `arena`. */
struct invocation {
    struct arena *arena;
    const struct command *command;
    const struct command *const *commands; /* the whole table, NULL at the end */
    const char *dir;                       /* -C, or NULL */
    const char *state;                     /* --state, or NULL */
    int64_t timeout_ms;                    /* --timeout, -1: none */
    enum color_choice color;
    bool json, quiet, verbose, help;
    bool no_input; /* asks nobody anything: what needs an answer fails, or takes the cautious way */
    bool yes;      /* the answer to "are you sure" was given on the line */
    const char *const *args; /* NULL at the end */
    size_t arg_count;
    const char *values[COMMAND_OPTIONS_MAX]; /* beside command->options; "" for a given flag */
    struct given_option *given;              /* the same in order, repeats included */
    size_t given_count;
};

/* "hq ask"; a link's own name where one was called. In the arena. */
const char *command_shown(const struct invocation *invocation, const struct command *command);

/* The value of the command's option `name` ("" for a flag), or NULL where it was not given. */
const char *invocation_value(const struct invocation *invocation, const char *name);
bool invocation_has(const struct invocation *invocation, const char *name);

/* Every value of an option that may be repeated, one after another: *at begins at 0; NULL: no more.
 */
const char *invocation_next(const struct invocation *invocation, const char *name, size_t *at);

/* One of `words` (NULL at the end): returns 0 with *out (NULL where it was not given), or -1 with *err
 * that suggests the nearest; `what` is what such a word is ("run state"). */
int invocation_word(const struct invocation *invocation, const char *name, const char *what,
                    const char *const *words, const char **out, struct err *err);

/* A duration or whole-number option: returns 0 with *out (`fallback` where it was not given), or -1
 * with *err naming the option and the value seen. */
int invocation_duration(const struct invocation *invocation, const char *name, int64_t fallback,
                        int64_t *out, struct err *err);
int invocation_number(const struct invocation *invocation, const char *name, int64_t fallback,
                      int64_t *out, struct err *err);

/* The options that every command knows; ends with a zeroed one. */
extern const struct command_option command_globals[];

/* Parses argv (without the program's name) by the table into a zeroed invocation whose arena is
 * set (and whose command, where the program's name is one: then no word names it). Global flags may
 * stand anywhere. Returns 0, or -1 with *err (code "usage") that suggests the nearest known word.
 * With -h or --help the arguments are not counted. */
int command_parse(const struct command *const *commands, int argc, char *const *argv,
                  struct invocation *invocation, struct err *err);

/* The record called `name` ("task list"), or NULL. */
const struct command *command_find(const struct command *const *commands, const char *name);

#endif
