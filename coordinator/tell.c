/* See tell.h.
 *
 * An alert is told when it fires and follows from no other, when it grows worse, and when it is over, if its firing was told; what was
 * told is asked of notify, which remembers it over a restart.  An Alertmanager forgets, by design, what it is not reminded of: it gets
 * all that fire once more every REPEAT_MS, as one message that is not worth the spool. */
#include "coordinator/tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/metrics.h"
#include "coordinator/service_state.h"
#include "coordinator/views_alerts.h"
#include "coordinator/views_parts.h"

#define REPEAT_MS 60000
#define ENDS_AFTER_US (INT64_C(300) * 1000000)   /* an Alertmanager takes one for over that it was not reminded of for so long */
#define SECRET_MAX_BYTES 4096

/* ---- configuration ---- */

static bool is_off(const char *listen)
{
    return !listen || !*listen || strcmp(listen, "off") == 0;
}

static bool is_set(const char *s)
{
    return s && *s;
}

/* The secret behind "file:PATH" or "env:NAME", without the end of its line. */
static enum bf_rc read_secret(const char *where, struct bf_buf *ret, struct bf_error *err)
{
    if (strncmp(where, "file:", 5) == 0) {
        enum bf_rc rc = bf_file_read(where + 5, SECRET_MAX_BYTES, ret, err);
        if (rc != BF_OK)
            return rc;
    } else if (strncmp(where, "env:", 4) == 0) {
        const char *value = getenv(where + 4);
        if (!value)
            return bf_fail(err, BF_INVALID, "alerts.webhook_secret: the environment has no variable %s", where + 4);
        bf_buf_put_str(ret, value);
    } else {
        return bf_fail(err, BF_INVALID, "alerts.webhook_secret says where the secret is, as file:PATH or env:NAME; the secret itself does "
                       "not belong into the file");
    }
    while (ret->len > 0 && (ret->data[ret->len - 1] == '\n' || ret->data[ret->len - 1] == '\r'))
        ret->len--;
    return ret->len ? BF_OK : bf_fail(err, BF_INVALID, "alerts.webhook_secret: the secret is empty");
}

static enum bf_rc check(const struct coordinator_config *c, struct bf_error *err)
{
    enum bf_rc rc = is_off(c->http_listen) ? BF_OK : http_listen_check(c->http_listen, err);
    if (rc != BF_OK)
        return rc;
    if (is_set(c->alerts_webhook))
        rc = notify_url_check("alerts.webhook", c->alerts_webhook, err);
    if (rc == BF_OK && is_set(c->alerts_manager))
        rc = notify_url_check("alerts.alertmanager", c->alerts_manager, err);
    if (rc == BF_OK && is_set(c->alerts_secret) && !is_set(c->alerts_webhook))
        rc = bf_fail(err, BF_INVALID, "alerts.webhook_secret is given, and there is no alerts.webhook that it could sign for");
    if (rc == BF_OK && is_set(c->alerts_secret) && strncmp(c->alerts_secret, "file:", 5) != 0 && strncmp(c->alerts_secret, "env:", 4) != 0)
        rc = bf_fail(err, BF_INVALID, "alerts.webhook_secret says where the secret is, as file:PATH or env:NAME; the secret itself does "
                     "not belong into the file");
    return rc;
}

enum bf_rc tell_check(const struct coordinator_config *c, const char *path, struct bf_error *err)
{
    struct bf_error why = {0};
    enum bf_rc rc = check(c, &why);
    return rc == BF_OK ? BF_OK : bf_fail(err, rc, "%s: %s", path, why.text);
}

/* ---- alerts to their receivers ---- */

static void put(struct notify *n, enum notify_target target, json_t *j, bool volatile_)
{
    BF_AUTO_FREE char *text = json_dumps(j, JSON_COMPACT);
    notify_put(n, target, text, strlen(text), volatile_);
    json_decref(j);
}

static void put_word(json_t *to, const char *key, const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    if (text && *text)
        json_object_set_new(to, key, json_string(text));
}

/* As the API v2 takes it: labels are what it is, and are the same every time; annotations are words. */
static json_t *for_alertmanager(const struct service *s, const struct alert_fact *a, const json_t *row, int64_t now_us)
{
    static const char *const labels[] = {"severity", "plan", "backfill", "step", "agent", "subject", "owner", "class"};
    static const char *const annotations[] = {"summary", "todo", "contact", "playbook", "acked_by", "example"};
    json_t *l = json_object(), *n = json_object(), *j = json_object();
    put_word(l, "alertname", row, "kind");
    put_word(l, "alert", row, "id");
    json_object_set_new(l, "cluster", json_string(s->cluster));
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        put_word(l, labels[i], row, labels[i]);
    for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
        put_word(n, annotations[i], row, annotations[i]);
    json_object_set_new(j, "labels", l);
    json_object_set_new(j, "annotations", n);
    json_object_set_new(j, "startsAt", view_time(a->fired_us ? a->fired_us : a->since_us));
    json_object_set_new(j, "endsAt", view_time(a->state == ALERT_RESOLVED ? a->ended_us : now_us + ENDS_AFTER_US));
    return j;
}

static void tell_one(struct service *s, const struct alert_fact *a, const struct alert_more *more, const char *event, int64_t now_us)
{
    const struct view_source v = {.engine = turn_engine(s->turns), .wall_us = now_us};
    struct notify *n = s->tell.notify;
    json_t *row = view_alert(&v, a, more);
    put(n, NOTIFY_ALERTMANAGER, json_pack("[o]", for_alertmanager(s, a, row, now_us)), false);
    put(n, NOTIFY_WEBHOOK, json_pack("{s:s, s:s, s:s, s:O}", "version", "1", "cluster", s->cluster, "event", event, "alert", row), false);
    json_decref(row);
    notify_remember(n, &(struct notify_told){.id = a->id, .since_us = a->since_us, .state = a->state, .severity = a->severity});
    bf_info("alert", "id=al-%" PRIu32 " event=%s kind=%s severity=%s", a->id, event, alert_kind_name(a->kind),
            alert_severity_name(a->severity));
}

/* What is to be told of it now; NULL: nothing. */
static const char *event_of(struct notify *n, const struct alert_fact *a, const struct alert_more *more)
{
    struct notify_told told = {0};
    bool known = notify_told_of(n, a->id, a->since_us, &told);
    if (a->state == ALERT_RESOLVED)
        return known && told.state == ALERT_FIRING ? "resolved" : NULL;
    if (a->state != ALERT_FIRING || more->inhibited_by)
        return NULL;
    if (!known || told.state != ALERT_FIRING)
        return "firing";
    return told.severity < a->severity ? "worse" : NULL;
}

static void tell_alerts(struct service *s, int64_t now_ms)
{
    const struct engine *e = turn_engine(s->turns);
    struct tell *t = &s->tell;
    const int64_t now_us = bf_realtime_us();
    bool repeat = now_ms >= t->repeat_ms && notify_has(t->notify, NOTIFY_ALERTMANAGER);
    if (t->looked && t->seq == turn_seq(s->turns) && !repeat)
        return;                                  /* nothing changes without a turn */
    json_t *again = repeat ? json_array() : NULL;
    const struct view_source v = {.engine = e, .wall_us = now_us};
    for (size_t i = 0; i < engine_n_alerts(e); i++) {
        const struct alert_fact *a = engine_alert(e, i);
        struct alert_more more;
        if (a->state == ALERT_PENDING)
            continue;
        engine_alert_more(e, a, &more);
        const char *event = event_of(t->notify, a, &more);
        if (event)
            tell_one(s, a, &more, event, now_us);
        if (again && a->state == ALERT_FIRING && !more.inhibited_by) {
            json_t *row = view_alert(&v, a, &more);
            json_array_append_new(again, for_alertmanager(s, a, row, now_us));
            json_decref(row);
        }
    }
    if (again && json_array_size(again) > 0)
        put(t->notify, NOTIFY_ALERTMANAGER, again, true);
    else
        json_decref(again);
    t->repeat_ms = repeat ? now_ms + REPEAT_MS : t->repeat_ms;
    t->seq = turn_seq(s->turns);
    t->looked = true;
}

/* ---- pages ---- */

void tell_count_turn(struct service *s, size_t inputs, bool full, const int64_t part_us[TURN_PARTS])
{
    struct metrics_turns *t = &s->tell.turns;
    t->inputs += inputs;
    t->full += full;
    metrics_count_turn(t, part_us);
}

/* As the pages tell it: what has the wrong shape is malformed too. */
static struct metrics_fleet fleet_counts(const struct service *s)
{
    const struct fleet_stats *f = fleet_stats(s->fleet);
    return (struct metrics_fleet){.received = f->received, .sent = f->sent, .malformed = f->malformed + f->bad_frames,
                                  .unauthorised = f->unauthorised, .no_hello = f->unknown_peer, .dropped = f->peers_dropped};
}

static void publish(struct service *s)
{
    struct bf_buf text = {0};
    struct blocker k = {.clears_at_ms = -1};
    struct notify_counts counts = {0};
    if (s->tell.notify)
        counts = notify_counted(s->tell.notify);
    const struct metrics_source m = {.engine = turn_engine(s->turns), .probes = s->turns, .seq = turn_seq(s->turns),
                                     .started_us = s->tell.started_us, .wall_us = bf_realtime_us(),
                                     .steps = s->config.metrics_steps, .turns = s->tell.turns, .fleet = fleet_counts(s),
                                     .http = http_counted(s->tell.http),
                                     .notify = s->tell.notify ? &counts : NULL};
    metrics_write(&m, &text);
    s->tell.turns.longest_us = 0;
    const char *why = s->low ? "the store is short of room: nothing new starts"
                      : engine_why_store(m.engine, &k) ? "the store was restored, or is an old copy: nothing starts" : "";
    http_publish(s->tell.http, (const char *)text.data, text.len, why);
    bf_buf_free(&text);
}

/* ---- life ---- */

static enum bf_rc open_notify(struct service *s, struct bf_error *err)
{
    const struct coordinator_config *c = &s->config;
    struct bf_buf secret = {0};
    enum bf_rc rc = is_set(c->alerts_secret) ? read_secret(c->alerts_secret, &secret, err) : BF_OK;
    const struct notify_options o = {
        .dir = c->alerts_spool, .max_bytes = c->alerts_spool_bytes, .max_count = (uint64_t)c->alerts_spool_count,
        .url = {[NOTIFY_WEBHOOK] = is_set(c->alerts_webhook) ? c->alerts_webhook : NULL,
                [NOTIFY_ALERTMANAGER] = is_set(c->alerts_manager) ? c->alerts_manager : NULL},
        .secret = secret.len ? secret.data : NULL, .secret_bytes = secret.len};
    if (rc == BF_OK)
        rc = notify_open(&o, &s->tell.notify, err);
    if (secret.data)
        explicit_bzero(secret.data, secret.len);
    bf_buf_free(&secret);
    return rc;
}

enum bf_rc tell_open(struct service *s, struct bf_error *err)
{
    const struct coordinator_config *c = &s->config;
    s->tell.started_us = bf_realtime_us();
    enum bf_rc rc = is_off(c->http_listen) ? BF_OK : http_open(c->http_listen, &s->tell.http, err);
    if (rc == BF_OK && (is_set(c->alerts_webhook) || is_set(c->alerts_manager)))
        rc = open_notify(s, err);
    if (rc == BF_OK && s->tell.http) {
        publish(s);
        bf_info("http", "listen=%s text=\"/metrics, /healthz and /readyz are read without a key\"", http_endpoint(s->tell.http));
    }
    return rc;
}

int64_t tell_next_ms(const struct service *s)
{
    return s->tell.http || s->tell.notify ? s->tell.next_ms : INT64_MAX;
}

void tell_turn(struct service *s, int64_t now_ms)
{
    if (now_ms < tell_next_ms(s))
        return;
    s->tell.next_ms = now_ms + TELL_EVERY_MS;
    if (s->tell.http)
        publish(s);
    if (s->tell.notify)
        tell_alerts(s, now_ms);
}

void tell_close(struct service *s)
{
    http_close(s->tell.http);
    notify_close(s->tell.notify);
    s->tell.http = NULL;
    s->tell.notify = NULL;
}
