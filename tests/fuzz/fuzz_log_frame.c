/* A segment of any bytes is opened, searched and followed; frames get right checksums, so that what is behind them is reached too. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "coordinator/logs/log_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char dir[] = "/tmp/bf-fuzz-logs-XXXXXX";

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Sizes small, the version right, the checksums too. */
static void mend(uint8_t *p, size_t n)
{
    for (size_t at = 0; n - at >= LOG_FRAME_BYTES; ) {
        uint8_t *f = p + at;
        size_t stored = f[52] % 64;
        if (n - at - LOG_FRAME_BYTES < stored)
            return;
        memcpy(f, LOG_FRAME_MAGIC, 4);
        put32(f + 48, f[48] % 64u);              /* raw_bytes */
        put32(f + 52, (uint32_t)stored);
        put32(f + 56, bf_crc32c(0, f + LOG_FRAME_BYTES, stored));
        f[62] = 1;                               /* version */
        f[63] = 0;
        put32(f + 4, bf_crc32c(0, f + 8, LOG_FRAME_BYTES - 8));
        at += LOG_FRAME_BYTES + stored;
    }
}

static void tidy(void)
{
    static const char *const names[] = {"0000000001.seg", "gone"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void segment_put(const uint8_t *p, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/0000000001.seg", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert(fd >= 0);
    ssize_t put = write(fd, p, n);
    assert(put == (ssize_t)n);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct log_store *s = NULL;
    struct bf_error err;
    static bool made;
    if (!made && (!mkdtemp(dir) || atexit(tidy) != 0))
        return 0;
    made = true;
    uint8_t *bytes = malloc(n + 1);
    memcpy(bytes, p, n);
    if (n && p[0] & 1)
        mend(bytes, n);
    segment_put(bytes, n);
    enum bf_rc rc = log_store_open(dir, 1 << 20, 1 << 20, &s, &err);
    assert(rc == BF_OK);
    for (int i = 0; i < 3; i++) {
        struct log_query q = {.backfill = 1, .attempt = i ? UINT64_MAX : 0, .backward = i == 1, .before = 2 * (i == 0),
                              .after = 2 * (i == 0)};
        struct log_page page = {0};
        if (i == 2)
            strcpy(q.cursor, "f0-0-0");
        log_search_page(s, &q, &page);
        assert(page.rc == BF_OK);
        log_page_done(&page);
    }
    log_store_close(s);
    free(bytes);
    return 0;
}
