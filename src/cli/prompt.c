/* Reads answers from a terminal, shown or hidden. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/prompt.h"

enum { ANSWER_MAX = 4096, CTRL_C = 3, CTRL_D = 4, CTRL_U = 21, ERASE = 8, DELETE = 127 };

bool prompt_can_ask(const struct invocation *invocation)
{
    return !invocation->json && !invocation->quiet && !invocation->no_input &&
           isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static ssize_t read_some(char *bytes, size_t size)
{
    ssize_t got;
    do
        got = read(STDIN_FILENO, bytes, size);
    while (got < 0 && errno == EINTR);
    return got;
}

const char *prompt_line(const struct invocation *invocation, const char *question,
                        const char *fallback)
{
    char line[ANSWER_MAX];
    fflush(stdout);
    if (fallback && *fallback)
        fprintf(stderr, "%s [%s]: ", question, fallback);
    else
        fprintf(stderr, "%s: ", question);
    ssize_t got = read_some(line, sizeof(line) - 1);
    if (got <= 0) {
        fputc('\n', stderr);
        return NULL;
    }
    line[got] = '\0';
    const char *answer = str_trim(invocation->arena, line);
    return *answer || !fallback ? answer : fallback;
}

/* Takes one typed byte into the hidden answer. 1: go on, 0: the answer is whole, -1: given up. */
static int take_key(char key, char *text, size_t *len)
{
    if (key == '\r' || key == '\n')
        return 0;
    if (key == CTRL_C || (key == CTRL_D && *len == 0))
        return -1;
    if (key == CTRL_D)
        return 0;
    if (key == CTRL_U)
        *len = 0;
    else if (key == ERASE || key == DELETE)
        *len -= *len > 0;
    else if (*len < ANSWER_MAX - 1)
        text[(*len)++] = key;
    return 1;
}

/* Signals from keys are off meanwhile: a Ctrl-C must find the terminal's echo again. */
char *prompt_secret(const struct invocation *invocation, const char *question)
{
    struct termios before, hidden;
    char text[ANSWER_MAX], key;
    size_t len = 0;
    int state = 1;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return NULL;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fprintf(stderr, "%s (not shown): ", question);
    while (state > 0)
        state = read_some(&key, 1) == 1 ? take_key(key, text, &len) : -1;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    char *answer = state == 0 ? arena_memdup(invocation->arena, text, len) : NULL;
    explicit_bzero(text, sizeof(text));
    return answer;
}

int prompt_confirm(const struct invocation *invocation, const char *question)
{
    struct err err = {0};
    if (invocation->yes)
        return COMMAND_OK;
    if (!prompt_can_ask(invocation)) {
        err_set(&err, "not_confirmed", "%s", question);
        err_hint(&err, "nobody can be asked here: say so with --yes");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    const char *answer =
        prompt_line(invocation, arena_printf(invocation->arena, "%s [y/N]", question), NULL);
    if (answer && (*answer == 'y' || *answer == 'Y'))
        return COMMAND_OK;
    output_note(invocation, "nothing was changed");
    return COMMAND_FAILED;
}
