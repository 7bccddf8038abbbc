/* bfctl.conf and key files: where they are looked for, what they hold, and fresh keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "bfctl/client.h"
#include "common/config.h"
#include "common/files.h"
#include "common/mem.h"

#define KEY_FILE_MAX_BYTES 4096

static const struct bf_setting table[] = {
    {"api", BF_SET_STRING, offsetof(struct client_settings, api), NULL, 0, 0, "endpoint of the coordinator's API", NULL},
    {"server_key", BF_SET_WORDS, offsetof(struct client_settings, server_keys), NULL, 0, 0,
     "the coordinator's public key (Z85), or a list of two while it is being changed", NULL},
    {"key_file", BF_SET_PATH, offsetof(struct client_settings, key_file), NULL, 0, 0, "file with your own pair of keys", NULL},
    {"request_timeout", BF_SET_DURATION, offsetof(struct client_settings, request_timeout_ms), "10s", 1, 3600000,
     "one request waits this long, unless --request-timeout says otherwise", NULL},
};
#define TABLE_N (sizeof table / sizeof table[0])
_Static_assert(TABLE_N == CLIENT_SETTINGS_N, "client.h has room for each setting");

const struct bf_setting *client_setting(size_t i)
{
    return &table[i];
}

/* The first file that is there; NULL when none is. */
static char *find_file(void)
{
    const char *named = getenv("BFCTL_CONFIG");
    if (named && *named)
        return bf_xstrdup(named);
    const char *home = getenv("HOME");
    if (home && *home) {
        char *path = bf_xasprintf("%s/.config/bf/bfctl.conf", home);
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return access("/etc/bf/bfctl.conf", F_OK) == 0 ? bf_xstrdup("/etc/bf/bfctl.conf") : NULL;
}

enum bf_rc client_settings_read(const char *path, struct client_settings *ret, struct bf_error *err)
{
    ret->path = path ? bf_xstrdup(path) : find_file();
    if (!ret->path)
        return bf_fail(err, BF_USAGE, "no configuration: give --config FILE or set BFCTL_CONFIG (looked for "
                       "~/.config/bf/bfctl.conf and /etc/bf/bfctl.conf); `bfctl dev` makes a cluster to try");
    if (!path && access(ret->path, F_OK) != 0)
        return bf_fail_errno(err, BF_USAGE, errno, "cannot open %s, which BFCTL_CONFIG names", ret->path);
    enum bf_rc rc = bf_config_read_origins(ret->path, table, TABLE_N, ret, ret->origins, err);
    if (rc != BF_OK)
        return rc;
    if (ret->server_keys.n > CLIENT_SERVER_KEYS_MAX)
        return bf_fail(err, BF_INVALID, "%s: server_key lists %zu keys; at most %u are possible", ret->path, ret->server_keys.n,
                       CLIENT_SERVER_KEYS_MAX);
    if (!ret->api || !ret->server_keys.n || !ret->key_file)
        return bf_fail(err, BF_INVALID, "%s: '%s' is missing", ret->path,
                       !ret->api ? "api" : !ret->server_keys.n ? "server_key" : "key_file");
    return BF_OK;
}

void client_settings_done(struct client_settings *s)
{
    bf_config_done(table, TABLE_N, s);
    free(s->path);
    s->path = NULL;
}

/* The value of "name: VALUE" in text into ret. */
static bool key_line(const char *text, const char *name, char ret[KEY_TEXT])
{
    size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
        if (strncmp(line, name, n) != 0 || line[n] != ':')
            continue;
        const char *value = line + n + 1 + strspn(line + n + 1, " \t\"'");
        size_t len = strcspn(value, " \t\r\n\"'");
        if (len != KEY_TEXT - 1)
            return false;
        memcpy(ret, value, len);
        ret[len] = '\0';
        return true;
    }
    return false;
}

enum bf_rc client_keys_read(const char *path, struct client_keys *ret, struct bf_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return bf_fail(err, BF_INVALID, "%s can be read by others than its owner; run chmod 600 on it", path);
    struct bf_buf text = {0};
    enum bf_rc rc = bf_file_read(path, KEY_FILE_MAX_BYTES, &text, err);
    if (rc == BF_OK && (!key_line(bf_buf_cstr(&text), "public", ret->public) ||
                        !key_line(bf_buf_cstr(&text), "secret", ret->secret)))
        rc = bf_fail(err, BF_INVALID, "%s is no key file: it needs the lines 'public: Z85' and 'secret: Z85'", path);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    bf_buf_free(&text);
    return rc;
}

enum bf_rc client_keys_make(struct client_keys *ret, struct bf_error *err)
{
    if (zmq_curve_keypair(ret->public, ret->secret) != 0)
        return bf_fail(err, BF_INTERNAL, "cannot make a pair of keys: %s", zmq_strerror(zmq_errno()));
    return BF_OK;
}

struct client_library client_library(void)
{
    struct client_library ret;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(ret.text, sizeof ret.text, "%d.%d.%d", major, minor, patch);
    return ret;
}
