/* Feeds every file of the folders named on the command line to the fuzz target, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    size_t cap = 1 << 20, len;
    uint8_t *bytes = malloc(cap);
    len = fread(bytes, 1, cap, file);
    fclose(file);
    /* An exact-size copy lets the address sanitizer see one byte too far. */
    uint8_t *exact = malloc(len ? len : 1);
    for (size_t i = 0; i < len; i++)
        exact[i] = bytes[i];
    free(bytes);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) {
            fprintf(stderr, "no corpus at %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
            char path[4096];
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.' && replay_file(path) == 0)
                count++;
        }
        closedir(dir);
    }
    printf("%d inputs replayed\n", count);
    return count == 0;
}
