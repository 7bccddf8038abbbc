/* The thread, and the queue into it.  See notify.h.
 *
 * Order of writing: a message reaches the spool before `told` says that it was told; a crash in between tells it again, and never
 * leaves one untold.  The caller's thread touches the queue (under the lock) and its own copy of what was told; everything else is the
 * thread's. */
#include "coordinator/notify/notify.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/http_address.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/notify/post.h"
#include "coordinator/notify/spool.h"
#include "coordinator/notify/told.h"

#define QUEUE_MAX 4096u
#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 300000
#define IDLE_MS 60000

/* A message, or (target NOTIFY_TARGETS) something to remember. */
struct queued { enum notify_target target; bool is_volatile; struct bf_buf body; struct notify_told told; };

struct receiver {
    struct post_target target;                   /* url NULL: not told */
    struct post *post;
    struct spooled sending; bool of_spool;       /* while busy */
    int64_t wait_ms, next_ms;                    /* before the next try; when it may be */
    struct bf_buf fleeting;                      /* the newest volatile message, when it is not sent yet */
};

struct notify {
    struct told told;                            /* the caller's */
    pthread_t thread;
    CURLM *multi;
    pthread_mutex_t lock;                        /* of the queue, stop and counts */
    BF_VEC_TYPE(struct queued) queue;
    bool stop;
    struct notify_counts counts;
    /* the thread's */
    struct spool spool;
    struct told written;
    char *told_path;
    struct receiver receivers[NOTIFY_TARGETS];
    uint64_t dropped_said;
};

static const char *const names[NOTIFY_TARGETS] = {[NOTIFY_WEBHOOK] = "webhook", [NOTIFY_ALERTMANAGER] = "alertmanager"};

/* ---- the caller's side ---- */

static void enqueue(struct notify *n, const struct queued *q)
{
    pthread_mutex_lock(&n->lock);
    if (n->queue.n >= QUEUE_MAX) {               /* the thread cannot keep up with its disk: the oldest goes */
        bf_buf_free(&n->queue.at[0].body);
        memmove(n->queue.at, n->queue.at + 1, (n->queue.n - 1) * sizeof *n->queue.at);
        n->queue.n--;
        n->counts.dropped++;
    }
    bf_vec_push(&n->queue, *q);
    pthread_mutex_unlock(&n->lock);
    curl_multi_wakeup(n->multi);
}

void notify_put(struct notify *n, enum notify_target target, const void *p, size_t bytes, bool volatile_)
{
    struct queued q = {.target = target, .is_volatile = volatile_};
    if (!n->receivers[target].target.url)
        return;
    bf_buf_put(&q.body, p, bytes);
    enqueue(n, &q);
}

void notify_remember(struct notify *n, const struct notify_told *t)
{
    told_put(&n->told, t);
    enqueue(n, &(struct queued){.target = NOTIFY_TARGETS, .told = *t});
}

bool notify_told_of(const struct notify *n, uint32_t id, int64_t since_us, struct notify_told *ret)
{
    const struct notify_told *t = told_find(&n->told, id, since_us);
    if (t)
        *ret = *t;
    return t != NULL;
}

bool notify_has(const struct notify *n, enum notify_target target)
{
    return n->receivers[target].target.url != NULL;
}

struct notify_counts notify_counted(struct notify *n)
{
    pthread_mutex_lock(&n->lock);
    struct notify_counts counts = n->counts;
    pthread_mutex_unlock(&n->lock);
    return counts;
}

enum bf_rc notify_url_check(const char *key, const char *url, struct bf_error *err)
{
    bool tls = strncmp(url, "https://", 8) == 0, plain = strncmp(url, "http://", 7) == 0;
    const char *host = url + (tls ? 8 : plain ? 7 : 0);
    size_t n = strcspn(host, "/?#");
    bool clean = strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%") == strlen(url);
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(n < 255 ? n : 255), host);
    if ((!tls && !plain) || n == 0 || n > 255 || !clean || *host == ':')
        return bf_fail(err, BF_INVALID, "%s: `%.100s` is no address of the web, as in https://alerts.example.org/hook", key, url);
    if (strchr(name, '@'))
        return bf_fail(err, BF_INVALID, "%s: a user or a password does not belong into an address; alerts.webhook_secret signs messages",
                       key);
    char *end = *name == '[' ? strchr(name, ']') : NULL;
    char *port = strchr(end ? end : name, ':');
    if (port)
        *port = '\0';
    const char *why = http_host_refusal(name);
    return why ? bf_fail(err, BF_INVALID, "%s: %s is %s: alerts are not sent there", key, name, why) : BF_OK;
}

/* ---- the thread ---- */

static void spool_one(struct notify *n, const struct queued *q)
{
    struct bf_error err = {0};
    if (spool_put(&n->spool, q->target, q->body.data, q->body.len, &err) != BF_OK) {
        pthread_mutex_lock(&n->lock);
        n->counts.dropped++;
        pthread_mutex_unlock(&n->lock);
        bf_error_log("alert_not_spooled", "to=%s why=%s text=\"this message is lost; bfctl alerts still shows the alert\"",
                     names[q->target], bf_log_quote(err.text));
    }
}

static void say_dropped(struct notify *n)
{
    if (n->spool.dropped == n->dropped_said)
        return;
    bf_warn("alerts_dropped", "messages=%" PRIu64 " text=\"the spool was full, and the oldest went; see whether the receivers answer\"",
            n->spool.dropped - n->dropped_said);
    pthread_mutex_lock(&n->lock);
    n->counts.dropped += n->spool.dropped - n->dropped_said;
    pthread_mutex_unlock(&n->lock);
    n->dropped_said = n->spool.dropped;
}

/* All that was put; false: it is to end. */
static bool take_queue(struct notify *n)
{
    pthread_mutex_lock(&n->lock);
    struct queued *at = n->queue.at;
    size_t count = n->queue.n;
    bool stop = n->stop;
    n->queue.at = NULL;
    n->queue.n = n->queue.cap = 0;
    pthread_mutex_unlock(&n->lock);
    bool remember = false;
    for (size_t i = 0; i < count; i++) {
        struct queued *q = &at[i];
        if (q->target == NOTIFY_TARGETS) {
            told_put(&n->written, &q->told);
            remember = true;
        } else if (q->is_volatile) {
            struct bf_buf *fleeting = &n->receivers[q->target].fleeting;
            bf_buf_clear(fleeting);
            bf_buf_put(fleeting, q->body.data, q->body.len);
        } else {
            spool_one(n, q);
        }
        bf_buf_free(&q->body);
    }
    free(at);
    say_dropped(n);
    if (remember) {
        struct bf_buf text = {0};
        struct bf_error err = {0};
        told_text(&n->written, &text);
        if (bf_file_write(n->told_path, text.data, text.len, 0600, &err) != BF_OK)
            bf_error_log("told_not_written", "why=%s text=\"alerts may be told again after a restart\"", bf_log_quote(err.text));
        bf_buf_free(&text);
    }
    return !stop;
}

static void begin_next(struct notify *n, unsigned target, int64_t now_ms)
{
    struct receiver *r = &n->receivers[target];
    struct bf_buf body = {0};
    struct bf_error err = {0};
    if (!r->post || post_busy(r->post) || now_ms < r->next_ms)
        return;
    r->of_spool = spool_first(&n->spool, target, &r->sending);
    if (r->of_spool && spool_read(&n->spool, &r->sending, &body, &err) != BF_OK) {
        bf_error_log("alert_unreadable", "to=%s why=%s", names[target], bf_log_quote(err.text));
        spool_remove(&n->spool, &r->sending);
    } else if (r->of_spool) {
        post_begin(r->post, &body, bf_realtime_us() / 1000000);
    } else if (r->fleeting.len > 0) {
        post_begin(r->post, &r->fleeting, bf_realtime_us() / 1000000);
        bf_buf_clear(&r->fleeting);
    }
    bf_buf_free(&body);
}

static void end_one(struct notify *n, struct receiver *r, int result, int64_t now_ms)
{
    char why[256];
    unsigned target = (unsigned)(r - n->receivers);
    enum post_end end = post_ended(r->post, result, why, sizeof why);
    bool first = r->wait_ms == 0;
    if (end == POST_FAILED) {
        r->wait_ms = first ? RETRY_FIRST_MS : r->wait_ms * 2 < RETRY_MOST_MS ? r->wait_ms * 2 : RETRY_MOST_MS;
        r->next_ms = now_ms + r->wait_ms;
        if (first)
            bf_warn("alert_not_sent", "to=%s why=%s text=\"it is kept, and tried again\"", names[target], bf_log_quote(why));
    } else {
        r->wait_ms = 0;
        if (end == POST_REFUSED)
            bf_error_log("alert_refused", "to=%s why=%s text=\"this message is given up; see the address and the receiver's log\"",
                         names[target], bf_log_quote(why));
        if (r->of_spool)
            spool_remove(&n->spool, &r->sending);
    }
    pthread_mutex_lock(&n->lock);
    n->counts.sent[target] += end == POST_TAKEN;
    n->counts.failed[target] += end != POST_TAKEN;
    pthread_mutex_unlock(&n->lock);
}

static void take_ends(struct notify *n)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(n->multi, &left)) != NULL;) {
        struct post *p = NULL;
        int result = (int)m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
        for (unsigned t = 0; t < NOTIFY_TARGETS; t++)
            if (n->receivers[t].post == p)
                end_one(n, &n->receivers[t], result, bf_boottime_ms());
    }
}

static int wait_ms(const struct notify *n, int64_t now_ms)
{
    int64_t wait = IDLE_MS;
    for (unsigned t = 0; t < NOTIFY_TARGETS; t++) {
        const struct receiver *r = &n->receivers[t];
        struct spooled m;
        bool has = r->post && !post_busy(r->post) && (spool_first(&n->spool, t, &m) || r->fleeting.len > 0);
        if (has && r->next_ms - now_ms < wait)
            wait = r->next_ms > now_ms ? r->next_ms - now_ms : 0;
    }
    return (int)wait;
}

static void *run(void *arg)
{
    struct notify *n = arg;
    while (take_queue(n)) {
        int running;
        for (unsigned t = 0; t < NOTIFY_TARGETS; t++)
            begin_next(n, t, bf_boottime_ms());
        curl_multi_perform(n->multi, &running);
        take_ends(n);
        pthread_mutex_lock(&n->lock);
        n->counts.spooled = n->spool.at.n;
        n->counts.spooled_bytes = n->spool.bytes;
        pthread_mutex_unlock(&n->lock);
        curl_multi_poll(n->multi, NULL, 0, wait_ms(n, bf_boottime_ms()), NULL);
    }
    return NULL;
}

/* ---- life ---- */

static enum bf_rc open_receivers(struct notify *n, const struct notify_options *o, struct bf_error *err)
{
    for (unsigned t = 0; t < NOTIFY_TARGETS; t++) {
        struct receiver *r = &n->receivers[t];
        if (!o->url[t])
            continue;
        r->target.url = bf_xstrdup(o->url[t]);
        if (t == NOTIFY_WEBHOOK && o->secret) {
            r->target.secret = bf_xmemdup(o->secret, o->secret_bytes);
            r->target.secret_bytes = o->secret_bytes;
        }
        enum bf_rc rc = post_new(&r->target, n->multi, &r->post, err);
        if (rc != BF_OK)
            return rc;
    }
    return BF_OK;
}

static void notify_free(struct notify *n)
{
    for (unsigned t = 0; t < NOTIFY_TARGETS; t++) {
        struct receiver *r = &n->receivers[t];
        post_free(r->post);
        if (r->target.secret)
            explicit_bzero(r->target.secret, r->target.secret_bytes);
        free(r->target.secret);
        free(r->target.url);
        bf_buf_free(&r->fleeting);
    }
    if (n->multi)
        curl_multi_cleanup(n->multi);
    spool_done(&n->spool);
    bf_vec_free(&n->told.at);
    bf_vec_free(&n->written.at);
    bf_vec_free(&n->queue);
    free(n->told_path);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

enum bf_rc notify_open(const struct notify_options *o, struct notify **ret, struct bf_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bf_fail(err, BF_INTERNAL, "libcurl cannot be set up");
    struct notify *n = bf_xcalloc(1, sizeof *n);
    pthread_mutex_init(&n->lock, NULL);
    n->told_path = bf_xasprintf("%s/told", o->dir);
    n->multi = curl_multi_init();
    enum bf_rc rc = n->multi ? spool_open(&n->spool, o->dir, o->max_bytes, o->max_count, err)
                             : bf_fail(err, BF_INTERNAL, "libcurl cannot be set up");
    if (rc == BF_OK)
        rc = open_receivers(n, o, err);
    if (rc == BF_OK) {
        told_read(&n->told, n->told_path);
        told_read(&n->written, n->told_path);
        if (pthread_create(&n->thread, NULL, run, n) != 0)
            rc = bf_fail(err, BF_INTERNAL, "no thread for alerts can be started");
    }
    if (rc != BF_OK) {
        notify_free(n);
        return rc;
    }
    *ret = n;
    return BF_OK;
}

void notify_close(struct notify *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stop = true;
    pthread_mutex_unlock(&n->lock);
    curl_multi_wakeup(n->multi);
    pthread_join(n->thread, NULL);
    notify_free(n);
}
