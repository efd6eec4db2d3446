/* The folder of a fuzz process. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

static char folder[] = "/tmp/hq-fuzz-XXXXXX";
static char path[512];
static pid_t owner;

static int remove_one(const char *name, const struct stat *info, int kind, struct FTW *at)
{
    return remove(name);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
    if (!owner) {
        owner = getpid();
        if (!mkdtemp(folder))
            abort();
        atexit(remove_folder);
    }
    return folder;
}

static const char *path_of(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
    return path;
}

const char *fuzz_file(const char *name, const void *bytes, size_t len)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        abort();
    close(fd);
    return path;
}

void fuzz_file_remove(const char *name)
{
    unlink(path_of(name));
}
