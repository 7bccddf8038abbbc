/* Opening and closing, in an order that keeps the promises.
 *
 * The state is whole before any socket is bound: failpoint, configuration, key, signals, store (its lock first, then the longest
 * lease ever given), recovery, handler of keys, then the doors.  The ready line comes last.  Closing goes backwards: no message
 * is taken by what is gone already.  The secret key is wiped as soon as the doors have it.
 *
 * A supervisor (supervisor.h) hears what the ready line says, at the same moment; its watchdog is fed by the loop and by nothing else. */
#include "coordinator/service.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/engine/view_breaker.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/failpoint.h"
#include "coordinator/service_state.h"

static void signals_of_service(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
}

void service_block_signals(void)
{
    sigset_t set;
    signals_of_service(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* One descriptor a connection: as many as the system gives. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- recovery ---- */

static enum bf_rc load_plan(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)key;
    return turns_load_plan(((struct service *)arg)->turns, hash, p, n, err);
}

static enum bf_rc load_chunk(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)key;
    (void)hash;
    return turns_load_chunk(((struct service *)arg)->turns, p, n, err);
}

static enum bf_rc load_turn(void *arg, uint64_t key, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)key;
    (void)hash;
    return turns_load_turn(((struct service *)arg)->turns, p, n, err);
}

static enum bf_rc recover(struct service *s, struct bf_error *err)
{
    enum bf_rc rc = store_each_plan(s->store, load_plan, s, err);
    if (rc == BF_OK)
        rc = store_each_chunk(s->store, load_chunk, s, err);
    if (rc == BF_OK)
        rc = store_each_turn(s->store, load_turn, s, err);
    if (rc == BF_OK)
        rc = turns_recovered(s->turns, bf_boottime_ms(), err);
    return rc;
}

/* Engine time goes on over the time in which no coordinator was there, as long as the host was up. */
static void set_clock(struct service *s)
{
    char boot_id[BOOT_ID_BYTES];
    turns_set_clock(s->turns, store_clock(s->store), bf_boot_id(boot_id) ? boot_id : "");
}

static enum bf_rc keep_clock(struct service *s, struct bf_error *err)
{
    struct engine_clock now;
    int64_t away_ms = turn_clock(s->turns, bf_boottime_ms(), &now);
    const char *was = store_clock(s->store)->boot_id;
    if (turn_seq(s->turns) > 0)
        bf_info("time_goes_on", "away_ms=%" PRId64 " boot=%s", away_ms, !*was ? "unknown" : strcmp(was, now.boot_id) == 0 ? "same" : "other");
    return service_keep_clock(s, INT64_MIN, err);
}

/* What a person must know of where the store comes from, at each start as long as it holds. */
static void say_hold(const struct service *s, bool restored)
{
    struct blocker k = {.clears_at_ms = -1};
    bool held = engine_why_store(turn_engine(s->turns), &k);
    if (held && k.kind == BLOCKER_OUTDATED)
        bf_error_log("store_old", "text=\"the store is an old copy, an agent has seen newer tokens: nothing starts; stop, and put "
                     "the newest store back, or bfctl restore a backup\"");
    else if (held || restored)
        bf_warn("store_restored", "epoch=%" PRIu32 " text=\"the store was restored from a backup: nothing starts for its longest lease "
                "(%" PRId64 " ms after the first start), until what ran before is surely dead\"", store_meta(s->store)->epoch,
                store_meta(s->store)->lease_ms);
}

static enum bf_rc open_state(struct service *s, struct bf_error *err)
{
    const struct store_options options = {.max_bytes = s->config.store_max_bytes, .reserve_bytes = s->config.store_reserve_bytes,
                                          .journal_bytes = s->config.journal_keep_bytes, .details_bytes = s->config.details_keep_bytes,
                                          .audit_bytes = s->config.audit_keep_bytes, .audit_keep_us = s->config.audit_keep_ms * 1000,
                                          .create = true};
    enum bf_rc rc = store_open(s->config.store, &options, &s->store, err);
    if (rc != BF_OK)
        return rc;
    const struct lease_settings lease = coordinator_config_lease(&s->config);
    if (store_is_new(s->store))
        bf_warn("store_new", "store=%s text=\"there was no store, and a new cluster begins: nothing of earlier work is known; "
                "if there was a store, stop this coordinator and restore a backup\"", bf_log_quote(s->config.store));
    if (store_was_format(s->store) != STORE_FORMAT)
        bf_info("store_migrated", "from=%" PRIu32 " to=%u text=\"older programs refuse this store from now on\"",
                store_was_format(s->store), STORE_FORMAT);
    rc = store_keep_lease(s->store, lease.coordinator_ms, err);
    if (rc != BF_OK)
        return rc;
    const struct store_meta *meta = store_meta(s->store);
    bf_hex(meta->cluster, sizeof meta->cluster, s->cluster);
    const struct turn_settings settings = {
        .lease = lease,
        .restart_grace_ms = meta->lease_ms,
        .engine = {.seed = meta->seed},
        .cluster = s->cluster,
        .checkpoint_turns = (uint32_t)s->config.checkpoint_turns,
        .checkpoint_bytes = service_checkpoint_bytes(s),
    };
    const struct turn_ports ports = service_ports(s);
    s->turns = turns_new(&settings, &ports, meta->epoch);
    struct store_audit_ends audit;
    store_audit_ends(s->store, &audit);
    const struct store_restored *restored = store_restored(s->store);
    if (restored->epoch == meta->epoch)
        turns_set_restored(s->turns, &(struct turn_restored){.by = restored->by, .reason = restored->reason, .told = restored->told});
    turns_set_audit_head(s->turns, &audit.head);
    s->cache = views_cache_new();
    set_clock(s);
    rc = recover(s, err);
    if (rc == BF_OK)
        rc = keep_clock(s, err);
    if (rc == BF_OK)
        rc = committer_new(service_commit, s, &s->committer, err);
    if (rc == BF_OK)
        rc = service_creates_open(s, err);
    if (rc == BF_OK)
        say_hold(s, restored->epoch == meta->epoch && engine_epoch(turn_engine(s->turns)) < meta->epoch);
    return rc;
}

/* ---- sockets ---- */

static enum bf_rc open_sockets(struct service *s, const uint8_t secret[ZAP_KEY_BYTES], struct bf_error *err)
{
    const struct coordinator_config *c = &s->config;
    const struct logs_options logs = {.endpoint = c->logs, .dir = c->log_dir, .secret_key = secret, .keep_bytes = c->log_keep_bytes,
                                       .keep_age_ms = c->log_keep_age_ms};
    const struct fleet_options fleet = {.endpoint = c->fleet, .secret_key = secret};
    const struct api_options api = {.endpoint = c->api, .secret_key = secret, .calls = service_api_calls(s)};
    size_t n;
    BF_AUTO_FREE struct zap_key *keys = keyring_table(s->keys, turn_engine(s->turns), &n);
    enum bf_rc rc = zap_open(keys, n, &s->zap, err);
    if (rc == BF_OK)
        rc = logs_open(s->zap, &logs, &s->logs, err);
    if (rc == BF_OK)
        service_name_open_attempts(s);
    if (rc == BF_OK)
        rc = fleet_open(s->zap, &fleet, &s->fleet, err);
    if (rc == BF_OK)
        rc = api_open(s->zap, &api, &s->api, err);
    if (rc == BF_OK)
        rc = tell_open(s, err);
    return rc;
}

static enum bf_rc open_signals(struct service *s, struct bf_error *err)
{
    sigset_t set;
    signals_of_service(&set);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd >= 0 ? BF_OK : bf_fail(err, BF_INTERNAL, "no descriptor for signals");
}

static void close_all(struct service *s)
{
    tell_close(s);
    api_close(s->api);
    fleet_close(s->fleet);
    logs_close(s->logs);
    zap_close(s->zap);
    trail_done(&s->trail);
    refusals_done(&s->refusals);
    keyring_free(s->keys);
    committer_free(s->committer);
    bf_work_queue_close(s->creates);
    turns_free(s->turns);
    views_cache_free(s->cache);
    store_close(s->store);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    coordinator_config_done(&s->config);
}

static void say_ready(const struct service *s, int64_t recovery_ms)
{
    printf("ready api=%s fleet=%s logs=%s seq=%" PRIu64 " epoch=%" PRIu32 " recovery_ms=%" PRId64 "\n", api_endpoint(s->api),
           fleet_endpoint(s->fleet), logs_endpoint(s->logs), turn_seq(s->turns), store_meta(s->store)->epoch, recovery_ms);
    fflush(stdout);
    bf_supervisor_ready(s->supervisor);
    bf_info("ready", "version=%s api=%s fleet=%s logs=%s seq=%" PRIu64 " epoch=%" PRIu32 " recovery_ms=%" PRId64, BF_VERSION,
            api_endpoint(s->api), fleet_endpoint(s->fleet), logs_endpoint(s->logs), turn_seq(s->turns), store_meta(s->store)->epoch,
            recovery_ms);
}

uint64_t service_checkpoint_bytes(const struct service *s)
{
    const uint64_t most = store_journal_bytes(s->store) / 2;
    return s->config.checkpoint_bytes < most ? s->config.checkpoint_bytes : most;
}

static bool tunes(const struct config_breakers *c, const struct breaker_view *b)
{
    for (size_t i = 0; i < c->at.n; i++)
        if (c->at.at[i].kind == b->kind && strcmp(c->at.at[i].name, b->name) == 0)
            return true;
    return false;
}

/* Inputs like any other: the engine journals them when they differ.  Of each kind what the file says, or the preset where it says nothing
 * any more; then of single things. */
void service_set_breakers(struct service *s)
{
    const struct config_breakers *c = &s->config.breakers;
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++) {
        const struct breaker_settings *settings = breaker_preset((enum breaker_kind)k);
        enum breaker_source source = BREAKER_BY_PRESET;
        for (size_t i = 0; i < c->at.n; i++)
            if (c->at.at[i].kind == (enum breaker_kind)k && !*c->at.at[i].name) {
                settings = &c->at.at[i].settings;
                source = BREAKER_BY_CONFIG;
            }
        turn_breaker(s->turns, (enum breaker_kind)k, "", settings, source);
    }
    for (size_t i = 0; i < c->at.n; i++)
        if (*c->at.at[i].name)
            turn_breaker(s->turns, c->at.at[i].kind, c->at.at[i].name, &c->at.at[i].settings, BREAKER_BY_CONFIG);
    const struct engine *e = turn_engine(s->turns);
    struct breaker_view b;
    for (size_t i = 0; i < engine_n_breakers(e); i++)
        if (engine_breaker(e, i, &b) && b.source == BREAKER_BY_CONFIG && !tunes(c, &b))
            turn_breaker(s->turns, b.kind, b.name, breaker_preset(b.kind), BREAKER_BY_PRESET);
}

static void set_pools(struct service *s)
{
    for (size_t i = 0; i < s->config.pools.at.n; i++)
        turn_pool_budget(s->turns, s->config.pools.at.at[i].name, s->config.pools.at.at[i].slots, &s->config.pools.at.at[i].budget);
}

enum bf_rc service_run(const char *config_path, struct bf_error *err)
{
    struct service s = {.config_path = config_path, .signal_fd = -1, .asked_ms = INT64_MIN / 2, .supervisor = bf_supervisor_open()};
    uint8_t public_key[ZAP_KEY_BYTES], secret[ZAP_KEY_BYTES] = {0};
    int64_t began_ms = bf_boottime_ms();
    raise_descriptors();
    enum bf_rc rc = failpoint_read(err);
    if (rc == BF_OK)
        rc = coordinator_config_read(config_path, &s.config, err);
    if (rc == BF_OK)
        rc = tell_check(&s.config, config_path, err);
    if (rc == BF_OK)
        rc = coordinator_key_read(s.config.key_file, public_key, secret, err);
    if (rc == BF_OK)
        rc = open_signals(&s, err);
    s.keys = keyring_new();
    keyring_configure(s.keys, &s.config.keys);
    bf_supervisor_status(s.supervisor, "recovering from the store");
    store_guard_reads(true);
    if (rc == BF_OK)
        rc = open_state(&s, err);
    store_guard_reads(false);
    if (rc == BF_OK)
        rc = open_sockets(&s, secret, err);
    explicit_bzero(secret, sizeof secret);
    if (rc == BF_OK) {
        service_look_at_room(&s);
        trail_started(&s);
        set_pools(&s);
        service_set_breakers(&s);
        say_ready(&s, bf_boottime_ms() - began_ms);
        service_loop(&s);
        bf_supervisor_stopping(s.supervisor);
        bf_info("ending", "seq=%" PRIu64, turn_seq(s.turns));
    } else {
        bf_supervisor_status(s.supervisor, "not started: %s", err->text);
    }
    close_all(&s);
    bf_supervisor_close(s.supervisor);
    return rc;
}
