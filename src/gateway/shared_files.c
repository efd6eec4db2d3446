/* The shared folder's first file, made when missing. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/str.h"
#include "config/config.h"
#include "gateway/shared_files.h"
#include "tool/tool.h"

int shared_files_make(const struct config *config, const struct config_agent *agent,
                      struct err *err)
{
    struct arena arena = {0};
    int rc = 0;
    if (!config->shared_dir)
        return 0;
    const char *path = arena_printf(&arena, "%s/%s", config->shared_dir, SHARED_STATUS_FILE);
    rc = folder_make(config->shared_dir, err);
    if (rc == 0 && str_eq(config->shared_gatekeeper, agent->id)) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd >= 0) {
            fchmod(fd, 0644); /* everybody's to read, whatever the umask */
            close(fd);
        } else if (errno != EEXIST) {
            rc = err_errno(err, "no_shared_file", "Cannot make %s", path);
        }
    }
    arena_fini(&arena);
    return rc;
}
