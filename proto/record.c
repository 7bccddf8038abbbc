/* Records as values: what one says that says nothing, and the names of the kinds. */
#include "proto/record.h"

const struct outcome record_outcome_none = {.sqlstate = "", .dbms = "", .details = "", .text = ""};

const struct record_rare record_rare_none = {
    .hello = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""},
    .actor = "", .reason = "", .from = "", .to = "", .pool_name = "", .text = "", .json = "",
    .window = {.name = "", .pool = ""}, .breaker = {.name = ""}, .probe = {.connection = "", .why = ""},
    .role = "", .what = "", .target = "", .before = "", .after = "", .entry = {.name = "", .by = "", .ended_by = ""}};

struct record_rare *record_rare_need(struct record *r, struct bf_arena *arena)
{
    if (!r->rare)
        r->rare = bf_arena_memdup(arena, &record_rare_none, sizeof record_rare_none);
    return r->rare;
}

static const char unknown[] = "unknown";

bool record_kind_is_known(uint32_t k)
{
    return record_kind_name((enum record_kind)k) != unknown;
}

const char *record_kind_name(enum record_kind k)
{
    switch (k) {
    case RECORD_COUNTERS: return "counters";
    case RECORD_BACKFILL_CREATED: return "backfill_created";
    case RECORD_BACKFILL_STATE: return "backfill_state";
    case RECORD_GRANTED: return "granted";
    case RECORD_STARTED: return "started";
    case RECORD_ENDED: return "ended";
    case RECORD_RETRIED: return "retried";
    case RECORD_AGENT_JOINED: return "agent_joined";
    case RECORD_AGENT_STATE: return "agent_state";
    case RECORD_POOL_SET: return "pool_set";
    case RECORD_GATE_OPENED: return "gate_opened";
    case RECORD_REPLIED: return "replied";
    case RECORD_READY_AGAIN: return "ready_again";
    case RECORD_STALE_REPORT: return "stale_report";
    case RECORD_CANCELLED: return "cancelled";
    case RECORD_LOW: return "low";
    case RECORD_RESTORED: return "restored";
    case RECORD_OUTDATED: return "outdated";
    case RECORD_RESUMED: return "resumed";
    case RECORD_PRIORITY_SET: return "priority_set";
    case RECORD_DETAILS: return "details";
    case RECORD_STEERED: return "steered";
    case RECORD_STEER_NOTE: return "steer_note";
    case RECORD_REUSED: return "reused";
    case RECORD_AUDIT: return "audit";
    case RECORD_ALERT: return "alert";
    case RECORD_ALERT_ACKED: return "alert_acked";
    case RECORD_KEY_SET: return "key_set";
    case RECORD_KEY_REVOKED: return "key_revoked";
    case RECORD_TOKEN_USED: return "token_used";
    case RECORD_KEY_FORGOTTEN: return "key_forgotten";
    case RECORD_INSTANCES: return "instances";
    case RECORD_ATTEMPT: return "attempt";
    case RECORD_FAILURE: return "failure";
    case RECORD_GATE: return "gate";
    case RECORD_BACKOFF: return "backoff";
    case RECORD_KEY: return "key";
    case RECORD_LOOKED: return "looked";
    case RECORD_NEAR: return "near";
    case RECORD_RERUN: return "rerun";
    case RECORD_PROFILE: return "profile";
    case RECORD_BREAKER: return "breaker";
    case RECORD_BREAKER_SETTINGS: return "breaker_settings";
    case RECORD_BREAKER_FORGOTTEN: return "breaker_forgotten";
    case RECORD_POOL_LIMIT: return "pool_limit";
    case RECORD_SHARE: return "share";
    case RECORD_YIELDED: return "yielded";
    case RECORD_REVOKED: return "revoked";
    case RECORD_CLOSING: return "closing";
    case RECORD_ROUND_TRIP: return "round_trip";
    case RECORD_SHARES: return "shares";
    case RECORD_POOL_HEAD: return "pool_head";
    case RECORD_WINDOW: return "window";
    case RECORD_TIMEBOX: return "timebox";
    case RECORD_PROBED: return "probed";
    }
    return unknown;
}
