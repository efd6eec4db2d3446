/* A bundle: its files read, checked, joined; its canonical text and hash. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/check.h"
#include "config/values.h"
#include "flow/compile.h"
#include "flow/files.h"
#include "flow/keys.h"

static struct flow_bundle *bundle_new(void)
{
    struct flow_bundle *bundle = mem_zalloc(sizeof(*bundle));
    bundle->kept = json_array();
    bundle->shown = "";
    return bundle;
}

void flow_bundle_keep(struct flow_bundle *bundle, json_t *value)
{
    json_array_append_new(bundle->kept, value);
}

static void compile_file(struct flow_bundle *bundle, struct flow_bundle_file *file,
                         const struct config *config)
{
    struct flow_compile compile = {
        .bundle = bundle,
        .name = file->name,
        .findings = &file->findings,
        .arena = &bundle->arena,
        .flow = arena_alloc(&bundle->arena, sizeof(struct flow)),
    };
    file->document = yaml_read(file->text, file->len, &bundle->arena, &file->findings);
    if (!file->document->whole)
        return;
    compile.document = file->document;
    check_table(file->document, flow_keys(), &file->findings);
    if (!json_is_object(file->document->root))
        return;
    flow_compile(&compile);
    if (config)
        flow_check_company(&compile, config);
    file->flow = compile.flow;
    for (size_t i = 0; i < file->flow->step_count; i++)
        if (file->flow->steps[i].kind == FLOW_RUN || file->flow->steps[i].kind == FLOW_JOB)
            flow_folder_collect(bundle);
    map_fini(&compile.ids);
    free(compile.upstream);
}

static void make_reports(struct flow_bundle *bundle)
{
    bundle->reports = arena_alloc(&bundle->arena, (bundle->count + 1) * sizeof(*bundle->reports));
    for (size_t i = 0; i < bundle->count; i++) {
        struct flow_bundle_file *file = bundle->files[i];
        findings_sort(&file->findings);
        bundle->reports[i] = (struct flow_report){
            .path = i ? arena_printf(&bundle->arena, "%s%s", bundle->shown, file->name)
                    : bundle->given ? file->name
                                    : bundle->path,
            .items = file->findings.items,
            .count = file->findings.count,
            .errors = file->findings.errors,
        };
        bundle->errors += file->findings.errors;
    }
    bundle->report_count = bundle->count;
}

/* What is in the text as a file is no blob, too. */
static void make_blobs(struct flow_bundle *bundle)
{
    const char *name;
    json_t *blob;
    for (size_t i = 0; i < bundle->count; i++)
        json_object_del(bundle->blobs, bundle->files[i]->name);
    bundle->blob_files = arena_alloc(&bundle->arena, (json_object_size(bundle->blobs) + 1) *
                                                         sizeof(*bundle->blob_files));
    json_object_foreach (bundle->blobs, name, blob) {
        const char *path =
            bundle->dir ? arena_printf(&bundle->arena, "%s/%s", bundle->dir, name) : NULL;
        bundle->blob_files[bundle->blob_count++] =
            (struct flow_file){name, path, json_string_value(json_object_get(blob, "sha256"))};
    }
}

static void make_text(struct flow_bundle *bundle)
{
    char hex[HASH_HEX];
    json_t *files = json_object();
    for (size_t i = 0; i < bundle->count; i++)
        json_object_set_new(files, bundle->files[i]->name,
                            json_text(bundle->files[i]->text, bundle->files[i]->len));
    json_t *all = json_pack("{s:i,s:s,s:o}", "v", 1, "entry",
                            flow_entry_of(&bundle->arena, bundle->entry), "files", files);
    json_object_set_new(all, "blobs", bundle->blobs ? json_incref(bundle->blobs) : json_object());
    bundle->text = json_print(&bundle->arena, all);
    hash_hex(bundle->text, strlen(bundle->text), hex);
    bundle->hash = arena_strdup(&bundle->arena, hex);
    json_decref(all);
}

/* Compiling a file opens others; those are compiled in turn. */
static void compile_all(struct flow_bundle *bundle, const struct config *config)
{
    for (size_t i = 0; i < bundle->count; i++)
        if (bundle->files[i]->is_workflow)
            compile_file(bundle, bundle->files[i], config);
    flow_check_calls(bundle);
    make_reports(bundle);
    make_blobs(bundle);
    make_text(bundle);
}

/* A file that cannot be read is a report of one error. */
static struct flow_bundle *unreadable(struct flow_bundle *bundle, const struct err *err)
{
    struct findings findings;
    findings_init(&findings, &bundle->arena);
    finding_error(&findings, (struct place){0}, "%s", err->message);
    bundle->reports = arena_alloc(&bundle->arena, sizeof(*bundle->reports));
    bundle->reports[0] = (struct flow_report){bundle->path, findings.items, 1, 1};
    bundle->report_count = bundle->errors = 1;
    bundle->text = arena_strdup(&bundle->arena, "");
    bundle->hash = "";
    return bundle;
}

struct flow_bundle *flow_bundle_read(const char *path, const struct config *config)
{
    struct err err;
    struct flow_bundle *bundle = bundle_new();
    bundle->path = arena_strdup(&bundle->arena, path);
    if (flow_files_open_folder(bundle, path, &err) < 0)
        return unreadable(bundle, &err);
    struct flow_bundle_file *entry = flow_file_open(bundle, bundle->entry, &err);
    if (!entry)
        return unreadable(bundle, &err);
    entry->is_workflow = true;
    compile_all(bundle, config);
    return bundle;
}

static bool blob_is_whole(const char *name, const json_t *blob)
{
    const char *sha = json_string_value(json_object_get(blob, "sha256"));
    return value_is_file(name) && sha && strlen(sha) == HASH_HEX - 1 &&
           strspn(sha, "0123456789abcdef") == HASH_HEX - 1 &&
           json_is_integer(json_object_get(blob, "size")) &&
           json_is_boolean(json_object_get(blob, "executable"));
}

/* Takes what a text says; -1 with *err. */
static int take_text(struct flow_bundle *bundle, const json_t *all, struct err *err)
{
    const char *name, *entry = json_get_text(all, "entry", NULL);
    json_t *value;
    bundle->given = json_incref(json_object_get(all, "files"));
    bundle->blobs = json_incref(json_object_get(all, "blobs"));
    if (json_get_int(all, "v", 0) != 1 || !entry || !json_is_object(bundle->given) ||
        !json_is_object(bundle->blobs))
        return err_set(err, "bad_bundle",
                       "this is no bundle of a workflow: it has v 1, entry, files and blobs");
    json_object_foreach (bundle->given, name, value)
        if (!json_is_string(value) || !value_is_file(name))
            return err_set(err, "bad_bundle", "the bundle's file \"%.80s\" is none", name);
    json_object_foreach (bundle->blobs, name, value)
        if (!blob_is_whole(name, value))
            return err_set(err, "bad_bundle", "the bundle's blob \"%.80s\" is none", name);
    bundle->entry = json_object_get(bundle->given, entry)
                        ? arena_strdup(&bundle->arena, entry)
                        : arena_printf(&bundle->arena, "%s.yaml", entry);
    bundle->path = bundle->entry;
    return 0;
}

struct flow_bundle *flow_bundle_parse(const char *text, size_t len, const struct config *config,
                                      struct err *err)
{
    json_t *all = json_parse(text, len, err);
    if (!all)
        return NULL;
    struct flow_bundle *bundle = bundle_new();
    int result = take_text(bundle, all, err);
    json_decref(all);
    struct flow_bundle_file *entry = result < 0 ? NULL : flow_file_open(bundle, bundle->entry, err);
    if (!entry) {
        flow_bundle_close(bundle);
        return NULL;
    }
    entry->is_workflow = true;
    compile_all(bundle, config);
    return bundle;
}

void flow_bundle_close(struct flow_bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < bundle->count; i++)
        yaml_close(bundle->files[i]->document);
    map_fini(&bundle->by_name);
    json_decref(bundle->given);
    json_decref(bundle->blobs);
    json_decref(bundle->kept);
    arena_fini(&bundle->arena);
    free(bundle);
}

size_t flow_bundle_reports(const struct flow_bundle *bundle, const struct flow_report **reports)
{
    *reports = bundle->reports;
    return bundle->report_count;
}

size_t flow_bundle_errors(const struct flow_bundle *bundle)
{
    return bundle->errors;
}

static const struct flow *flow_of(const struct flow_bundle *bundle, const char *name)
{
    const struct flow_bundle_file *file = map_get(&bundle->by_name, name);
    return file && file->is_workflow && !file->findings.errors ? file->flow : NULL;
}

const struct flow *flow_bundle_entry(const struct flow_bundle *bundle)
{
    return bundle->entry ? flow_of(bundle, bundle->entry) : NULL;
}

const struct flow *flow_bundle_find(const struct flow_bundle *bundle, const char *entry)
{
    struct arena arena = {0};
    const struct flow *flow = flow_of(bundle, entry);
    if (!flow)
        flow = flow_of(bundle, arena_printf(&arena, "%s.yaml", entry));
    arena_fini(&arena);
    return flow;
}

const char *flow_bundle_text(const struct flow_bundle *bundle)
{
    return bundle->text;
}

const char *flow_bundle_hash(const struct flow_bundle *bundle)
{
    return bundle->hash;
}

size_t flow_bundle_blobs(const struct flow_bundle *bundle, const struct flow_file **files)
{
    *files = bundle->blob_files;
    return bundle->blob_count;
}
