/* The library narrowed as bf-http narrows it: http and https, certificates checked, no redirects, no user in the address, no link-local
 * address and no metadata service of a cloud, checked when a socket is opened, for whatever address a name stands for. */
#include "coordinator/notify/post.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/http_address.h"
#include "common/mem.h"
#include "common/text.h"

#define CONNECT_MS 5000
#define ANSWER_MAX_BYTES (64u << 10)

struct post {
    const struct post_target *target;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *lines;
    struct bf_buf body;
    size_t answer_bytes;
    bool busy;
    char refused[200];
};

static curl_socket_t open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct post *p = self;
    const char *why = http_address_refusal(&a->addr);
    if (purpose == CURLSOCKTYPE_IPCXN && why) {
        char shown[HTTP_ADDRESS_MAX];
        http_address_text(&a->addr, shown);
        snprintf(p->refused, sizeof p->refused, "its address %s is %s: alerts are not sent there", shown, why);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* What a receiver answers is not kept; one that never stops is cut off. */
static size_t pass_over(char *bytes, size_t size, size_t n, void *self)
{
    struct post *p = self;
    (void)bytes;
    p->answer_bytes += size * n;
    return p->answer_bytes <= ANSWER_MAX_BYTES ? size * n : 0;
}

#define SET(option, value)                                                                             \
    do {                                                                                               \
        if (curl_easy_setopt(p->easy, option, value) != CURLE_OK)                                      \
            return bf_fail(err, BF_UNSUPPORTED, "libcurl on this host does not know %s", #option);     \
    } while (0)

static enum bf_rc set_rules(struct post *p, struct bf_error *err)
{
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROXY, "");                      /* where an alert goes is what the configuration says, and nothing else */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)POST_TIMEOUT_MS);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, p);
    SET(CURLOPT_WRITEFUNCTION, pass_over);
    SET(CURLOPT_WRITEDATA, p);
    SET(CURLOPT_HEADERFUNCTION, pass_over);
    SET(CURLOPT_HEADERDATA, p);
    SET(CURLOPT_USERAGENT, "bfcoordinator/" BF_VERSION);
    SET(CURLOPT_PRIVATE, p);
    return BF_OK;
}

enum bf_rc post_new(const struct post_target *target, void *multi, struct post **ret, struct bf_error *err)
{
    struct post *p = bf_xcalloc(1, sizeof *p);
    *p = (struct post){.target = target, .multi = multi, .easy = curl_easy_init()};
    enum bf_rc rc = p->easy ? set_rules(p, err) : bf_fail(err, BF_INTERNAL, "libcurl cannot be set up");
    if (rc == BF_OK && curl_easy_setopt(p->easy, CURLOPT_URL, target->url) != CURLE_OK)
        rc = bf_fail(err, BF_INVALID, "libcurl does not take the address %s", target->url);
    if (rc != BF_OK) {
        post_free(p);
        return rc;
    }
    *ret = p;
    return BF_OK;
}

void post_free(struct post *p)
{
    if (!p)
        return;
    if (p->busy)
        curl_multi_remove_handle(p->multi, p->easy);
    if (p->easy)
        curl_easy_cleanup(p->easy);
    curl_slist_free_all(p->lines);
    bf_buf_free(&p->body);
    free(p);
}

void post_sign(const void *secret, size_t secret_bytes, const void *body, size_t n, long long unix_s, char *ret)
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char time[32], hex[2 * sizeof mac + 1];
    int len = snprintf(time, sizeof time, "%lld.", unix_s);
    crypto_auth_hmacsha256_init(&state, secret, secret_bytes);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)time, (unsigned long long)len);
    crypto_auth_hmacsha256_update(&state, body, n);
    crypto_auth_hmacsha256_final(&state, mac);
    bf_hex(mac, sizeof mac, hex);
    snprintf(ret, POST_SIGNATURE_MAX, "t=%lld,v1=%s", unix_s, hex);
}

void post_begin(struct post *p, const struct bf_buf *body, long long unix_s)
{
    bf_buf_clear(&p->body);
    bf_buf_put(&p->body, body->data, body->len);
    curl_slist_free_all(p->lines);
    p->lines = curl_slist_append(NULL, "Content-Type: application/json");
    p->lines = curl_slist_append(p->lines, "Expect:");
    if (p->target->secret) {
        char signature[POST_SIGNATURE_MAX], line[POST_SIGNATURE_MAX + 32];
        post_sign(p->target->secret, p->target->secret_bytes, p->body.data, p->body.len, unix_s, signature);
        snprintf(line, sizeof line, "X-BF-Signature: %s", signature);
        p->lines = curl_slist_append(p->lines, line);
    }
    curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->lines);
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, (const char *)p->body.data);
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.len);
    p->refused[0] = '\0';
    p->answer_bytes = 0;
    p->busy = curl_multi_add_handle(p->multi, p->easy) == CURLM_OK;
}

bool post_busy(const struct post *p)
{
    return p->busy;
}

enum post_end post_ended(struct post *p, int result, char *ret_why, size_t size)
{
    long status = 0;
    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(p->multi, p->easy);
    p->busy = false;
    if (*p->refused) {
        snprintf(ret_why, size, "%s", p->refused);
        return POST_REFUSED;
    }
    if (result != CURLE_OK) {
        snprintf(ret_why, size, "%s", curl_easy_strerror((CURLcode)result));
        return POST_FAILED;
    }
    snprintf(ret_why, size, "it answered %ld", status);
    if (status >= 200 && status < 300)
        return POST_TAKEN;
    bool passes = status == 408 || status == 425 || status == 429 || status >= 500;
    return passes ? POST_FAILED : POST_REFUSED;
}
