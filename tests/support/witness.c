/* A step that sees from outside whether two attempts of one instance are alive together.
 *
 *   witness lock DIR MS        take DIR/INSTANCE.lock (flock: the kernel lets go at death), stay MS milliseconds, leave
 *   witness stubborn DIR       ignore SIGTERM, fork a grandchild into a session of its own, both beat until DIR/finish exists
 *
 * A lock that is taken is written to DIR/violations.  INSTANCE.log gets "start TOKEN US" and "end TOKEN US"; a beat is the last
 * CLOCK_BOOTTIME in microseconds, in DIR/INSTANCE@TOKEN@PID.beat, after the first one. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { BEAT_MS = 5, PATH_BYTES = 1024 };

static int64_t boottime_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The instance: the idempotency key without its run number, as a file name. */
static const char *instance(void)
{
    static char name[512];
    const char *key = getenv("BF_IDEMPOTENCY_KEY");
    if (!key) {
        fprintf(stderr, "witness: BF_IDEMPOTENCY_KEY is not set\n");
        exit(2);
    }
    snprintf(name, sizeof name, "%s", key);
    char *run = strrchr(name, '/');
    if (run)
        *run = 0;
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    return name;
}

static void append(const char *dir, const char *file, const char *line)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line)) {
        perror(path);
        exit(2);
    }
    close(fd);
}

static void note(const char *dir, const char *what)
{
    char file[600], line[160];
    snprintf(file, sizeof file, "%s.log", instance());
    snprintf(line, sizeof line, "%s %s %lld\n", what, getenv("BF_FENCING_TOKEN"), (long long)boottime_us());
    append(dir, file, line);
}

static void stay(int ms)
{
    poll(NULL, 0, ms);
}

static int run_lock(const char *dir, int ms)
{
    char path[PATH_BYTES], line[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.lock", dir, instance());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        perror(path);
        return 2;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(line, sizeof line, "%s token %s met a living attempt\n", instance(), getenv("BF_FENCING_TOKEN"));
        append(dir, "violations", line);
        return 3;
    }
    note(dir, "start");
    stay(ms);
    note(dir, "end");
    return 0;
}

static void beat_until_finish(const char *dir)
{
    char beat[PATH_BYTES], first[PATH_BYTES], finish[PATH_BYTES];
    snprintf(beat, sizeof beat, "%s/%s@%s@%d.beat", dir, instance(), getenv("BF_FENCING_TOKEN"), (int)getpid());
    snprintf(finish, sizeof finish, "%s/finish", dir);
    int fd = open(beat, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    int n = snprintf(first, sizeof first, "%020lld\n", (long long)boottime_us());
    if (fd < 0 || pwrite(fd, first, (size_t)n, 0) != n)
        exit(2);
    while (access(finish, F_OK) != 0) {
        char now[32];
        int bytes = snprintf(now, sizeof now, "%020lld\n", (long long)boottime_us());
        if (pwrite(fd, now, (size_t)bytes, n) != bytes)
            exit(2);
        stay(BEAT_MS);
    }
    close(fd);
}

static int run_stubborn(const char *dir)
{
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            beat_until_finish(dir);
            _exit(0);
        }
        _exit(0);
    }
    beat_until_finish(dir);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "lock") == 0)
        return run_lock(argv[2], atoi(argv[3]));
    if (argc == 3 && strcmp(argv[1], "stubborn") == 0)
        return run_stubborn(argv[2]);
    fprintf(stderr, "usage: witness lock DIR MS | witness stubborn DIR\n");
    return 2;
}
