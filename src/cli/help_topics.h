/* What help says beside the commands: exit codes, variables, forms of output, files. Help shows the
 * rows as a table, manual pages as sections. */
#ifndef HQ_CLI_HELP_TOPICS_H
#define HQ_CLI_HELP_TOPICS_H

struct help_row {
    const char *term; /* "" : the text stands alone */
    const char *text;
};

struct help_topic {
    const char *name, *summary;
    const struct help_row *rows; /* end with a row without term */
};

/* Ends with a topic without name. */
extern const struct help_topic help_topics[];

/* NULL where there is none. */
const struct help_topic *help_topic_find(const char *name);

#endif
