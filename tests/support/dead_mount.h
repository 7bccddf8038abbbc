/* A file system whose server never answers: whoever touches it waits until it is killed, or the file system is. */
#ifndef BF_TESTS_DEAD_MOUNT_H
#define BF_TESTS_DEAD_MOUNT_H

#include <stdbool.h>

/* Over a folder, for this process and its children alone.  false: this host does not let us. */
bool dead_mount(const char *dir);
/* Who waits for it gets an error. */
void dead_unmount(const char *dir);

#endif
