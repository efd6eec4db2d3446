/* Looks into the embedded companies. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "setup/template.h"

const struct template *template_find(const char *name)
{
    for (size_t i = 0; templates[i].name; i++)
        if (str_eq(templates[i].name, name))
            return &templates[i];
    return NULL;
}

const struct template_file *template_file(const struct template *template, const char *path)
{
    const struct template_file *file = template->files;
    while (file->path && !str_eq(file->path, path))
        file++;
    return file->path ? file : NULL;
}

const char *template_summary(const struct template *template)
{
    static const struct {
        const char *name, *text;
    } summaries[] = {
        {"atomizer", "eight agents of an engineering company, five workflows"},
        {"trio", "manager, researcher, auditor, and a workflow"},
        {"solo", "one agent"},
        {"blank", "one agent, its settings explained, to grow from"},
    };
    for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++)
        if (str_eq(summaries[i].name, template->name))
            return summaries[i].text;
    return "";
}

char *template_shift_ports(const char *text, int shift, struct arena *arena)
{
    struct buf out = {0};
    while (*text) {
        size_t digits = strspn(text, "0123456789");
        int64_t port;
        char *word = arena_memdup(arena, text, digits);
        if (digits == 5 &&
            str_to_int(word, TEMPLATE_FIRST_PORT, TEMPLATE_FIRST_PORT + TEMPLATE_PORTS - 1, &port))
            buf_printf(&out, "%d", (int)port + shift);
        else
            buf_puts(&out, word);
        text += digits;
        if (*text)
            buf_putc(&out, *text++);
    }
    char *result = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return result;
}
