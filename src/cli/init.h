/* One call of `hq init`: what was chosen, what came of it. */
#ifndef HQ_CLI_INIT_H
#define HQ_CLI_INIT_H

#include "cli/command.h"
#include "setup/company_draft.h"
#include "setup/company_folder.h"
#include "setup/proof.h"

struct err;

struct init {
    const struct invocation *invocation;
    bool asks;        /* somebody sits here and may be asked */
    const char *dir;  /* as given */
    const char *path; /* absolute */
    bool is_company;  /* there is an hq.yaml: it stays */
    bool boot;        /* it shall run at boot */
    struct company_choice choice;
    char *key; /* typed or from standard input; wiped at the end; NULL: none */
    bool tested;
    struct proof proof;
    int taken; /* the first port that was in the way, 0: none */
    const char *first_agent;
    size_t agent_count;
    struct company_files files;
    bool wrote_key, kept_key;
};

/* What the model question, or its flags, came to. */
enum init_answer { INIT_OK, INIT_AGAIN, INIT_ENDED };

/* The questions; each sets what it asks about, and does nothing where a flag has said it.
 * INIT_ENDED where the input ended; INIT_AGAIN (of the model) after saying what is wrong with the
 * answer. */
enum init_answer init_ask_folder(struct init *init);
enum init_answer init_ask_template(struct init *init);
enum init_answer init_ask_model(struct init *init);
enum init_answer init_ask_key(struct init *init); /* of the chosen provider */
enum init_answer init_ask_boot(struct init *init);

/* Sets provider, address, key and model from words and from what is known of the provider.
 * `provider` is a name, `model` may be NULL. 0, or -1 with *err. */
int init_choose_model(struct init *init, const char *provider, const char *model,
                      const char *base_url, struct err *err);

/* What was written and what was not, and what to type next. Returns the exit code. */
int init_tell(const struct init *init);

/* A word for a shell: as it is, or in quotes. */
const char *init_shell_word(const char *text, struct arena *arena);

#endif
