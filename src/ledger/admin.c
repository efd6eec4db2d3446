/* ADMIN: checks, copies and tidies the store, a short while at a time. */
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "ledger/audit.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

enum { BLOBS_PAGE = 16 };

/* Reads every blob; damage is a finding. */
static int audit_blobs(struct audit *audit)
{
    const struct store_ops *ops = audit->ledger->store->ops;
    struct store_blob *blobs;
    size_t count = BLOBS_PAGE;
    char after[HASH_HEX] = "";
    int rc = STORE_OK;
    while (count == BLOBS_PAGE && rc == STORE_OK && audit->count < AUDIT_FINDINGS) {
        turnstile_enter(&audit->ledger->turn);
        rc = ops->blob_list(audit->ledger->store, after, BLOBS_PAGE, &audit->scratch, &blobs,
                            &count, audit->err);
        for (size_t i = 0; i < count && rc == STORE_OK; i++) {
            char *bytes;
            size_t len;
            struct err why = {0};
            memcpy(after, blobs[i].hex, HASH_HEX);
            if (ops->blob_get(audit->ledger->store, after, &audit->scratch, &bytes, &len, &why) < 0)
                audit_finding(audit, "%s.", why.message);
            audit_breathe(audit);
        }
        turnstile_leave(&audit->ledger->turn);
        arena_fini(&audit->scratch);
    }
    return rc == STORE_OK ? 0 : -1;
}

/* Durable only now: a sync takes what the disk takes, and nobody is to wait for it. */
static int sync_copy(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int rc = fd < 0 ? -1 : syncfs(fd);
    if (rc < 0)
        err_errno(err, "backup_failed", "cannot make %s durable", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int admin_backup(struct ledger *ledger, const char *path, struct err *err)
{
    bool more = true;
    int rc = STORE_OK;
    while (more && rc == STORE_OK) {
        turnstile_enter(&ledger->turn);
        rc = ledger->store->ops->backup(ledger->store, path, &more, err);
        turnstile_leave(&ledger->turn);
    }
    if (rc == STORE_FULL)
        err_set(err, "disk_full", "No room for a copy at %s.", path);
    return rc == STORE_OK ? sync_copy(path, err) : -1;
}

static int admin_vacuum(struct ledger *ledger, struct err *err)
{
    bool more = true;
    int rc = STORE_OK;
    while (more && rc == STORE_OK) {
        turnstile_enter(&ledger->turn);
        rc = ledger->store->ops->care(ledger->store, &more, err);
        turnstile_leave(&ledger->turn);
    }
    return rc == STORE_OK ? 0 : -1;
}

int ledger_admin(struct ledger *ledger, enum admin what, const char *path, struct arena *arena,
                 const char ***findings, size_t *count, struct err *err)
{
    struct audit audit = {.ledger = ledger, .arena = arena, .err = err};
    int rc = 0;
    *findings = NULL;
    *count = 0;
    if (atomic_load(&ledger->broken))
        return commit_broken(err);
    switch (what) {
    case ADMIN_CHECK:
        audit.findings = arena_alloc(arena, AUDIT_FINDINGS * sizeof(*audit.findings));
        rc = audit_run(&audit);
        *findings = audit.findings;
        *count = audit.count;
        return rc;
    case ADMIN_CHECK_BLOBS:
        audit.findings = arena_alloc(arena, AUDIT_FINDINGS * sizeof(*audit.findings));
        rc = audit_blobs(&audit);
        *findings = audit.findings;
        *count = audit.count;
        return rc;
    case ADMIN_BACKUP:
        return admin_backup(ledger, path, err);
    case ADMIN_VACUUM:
        return admin_vacuum(ledger, err);
    }
    return err_set(err, "bad_admin", "There is no such admin operation.");
}
