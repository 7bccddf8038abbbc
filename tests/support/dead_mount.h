/* A file system whose server never answers: whoever touches it waits until it is killed, or the file system is. */
#ifndef BF_TESTS_DEAD_MOUNT_H
#define BF_TESTS_DEAD_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Over a folder, for this process and its children alone.  false: this host does not let us. */
bool dead_mount(const char *dir);
/* Until a child of ours waits for it; false: none did within the limit. */
bool dead_await(int64_t limit_ms);
/* Who waits for it gets an error. */
void dead_unmount(const char *dir);

#endif
