/* For symbols_refuse_file: what pure code must not do. */
#include <stdio.h>

int impure_file(const char *path);

int impure_file(const char *path)
{
    FILE *f = fopen(path, "w");
    return f ? fclose(f) : -1;
}
