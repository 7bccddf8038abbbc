/* The library's own parser is asked, so that what is checked is what is called: "http://2852039166/" is an address of
 * 169.254.0.0/16. */
#include "agent/http/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http_address.h"
#include "common/mem.h"

#define SHOWN_MAX 200u

static void url_cleanup(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void part_cleanup(char **part)
{
    curl_free(*part);
}

#define AUTO_URL BF_CLEANUP(url_cleanup) CURLU
#define AUTO_PART BF_CLEANUP(part_cleanup) char

/* NULL when the library cannot read it. */
static CURLU *parse(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        return u;
    curl_url_cleanup(u);
    return NULL;
}

/* NULL when there is no such part; curl_free it. */
static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    return u && curl_url_get(u, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool is_web(const char *scheme)
{
    return scheme && (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
}

enum bf_rc http_url_check(const char *url, struct bf_error *err)
{
    AUTO_URL *u = parse(url);
    if (!u)
        return bf_fail(err, BF_INVALID, "the address cannot be read: write it like https://host/path");
    AUTO_PART *scheme = part(u, CURLUPART_SCHEME, 0);
    AUTO_PART *host = part(u, CURLUPART_HOST, 0);
    AUTO_PART *user = part(u, CURLUPART_USER, 0);
    AUTO_PART *password = part(u, CURLUPART_PASSWORD, 0);
    if (!is_web(scheme))
        return bf_fail(err, BF_INVALID, "the address begins with %.32s://: only http:// and https:// are called", scheme ? scheme : "");
    if (user || password)
        return bf_fail(err, BF_INVALID, "the address holds a user or a password: send a header Authorization by reference instead");
    const char *why = host ? http_host_refusal(host) : "missing";
    if (why)
        return bf_fail(err, BF_DENIED, "host %.64s is %s: steps may not call it", host ? host : "", why);
    return BF_OK;
}

char *http_url_resolve(const char *base, const char *reference)
{
    AUTO_URL *u = parse(base);
    if (!u || curl_url_set(u, CURLUPART_URL, reference, CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) != CURLUE_OK)
        return NULL;
    AUTO_PART *whole = part(u, CURLUPART_URL, 0);
    return bf_xstrdup(whole);
}

bool http_url_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    AUTO_URL *x = parse(a);
    AUTO_URL *y = parse(b);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        AUTO_PART *p = part(x, parts[i], CURLU_DEFAULT_PORT);
        AUTO_PART *q = part(y, parts[i], CURLU_DEFAULT_PORT);
        if (!p || !q || strcasecmp(p, q) != 0)
            return false;
    }
    return true;
}

char *http_url_shown(const char *url)
{
    AUTO_URL *u = parse(url);
    if (u) {
        (void)curl_url_set(u, CURLUPART_USER, NULL, 0);
        (void)curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
        (void)curl_url_set(u, CURLUPART_QUERY, NULL, 0);
        (void)curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    }
    AUTO_PART *whole = part(u, CURLUPART_URL, 0);
    if (!whole)
        return bf_xstrdup("(an address that cannot be read)");
    size_t n = strlen(whole);
    if (n <= SHOWN_MAX)
        return bf_xstrdup(whole);
    for (n = SHOWN_MAX; n > 0 && ((unsigned char)whole[n] & 0xC0) == 0x80;)
        n--;
    return bf_xasprintf("%.*s…", (int)n, whole);
}
