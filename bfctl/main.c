/* bfctl: the commands by name.  A name without a command is one that operators may look for and that is not built yet. */
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "bfctl/commands.h"

static const struct ctl_entry entries[] = {
    {"init", "make the configuration and keys of a new cluster", &cmd_init},
    {"dev", "run a private cluster on this machine", &cmd_dev},
    {"plan validate", "check a plan without a coordinator", &cmd_plan_validate},
    {"plan show", "what a plan says and what it will run", &cmd_plan_show},
    {"plan graph", "the steps of a plan and what they need", &cmd_plan_graph},
    {"plan diff", "what differs between two plans", &cmd_plan_diff},
    {"plan history", "the versions of a plan that backfills ran", &cmd_plan_history},
    {"backfill create", "send a plan and start its backfill", &cmd_create},
    {"backfill list", "the backfills, newest first", &cmd_list},
    {"backfill get", "one backfill", &cmd_get},
    {"get", "objects of a kind, as rows or as documents", &cmd_get_kind},
    {"describe", "all that is known of one object", &cmd_describe},
    {"watch", "follow a backfill live until it ends", &cmd_watch},
    {"wait", "wait until a backfill ends", &cmd_wait},
    {"status", "progress of a backfill, step by step", &cmd_status},
    {"steps", "the step instances of a backfill", &cmd_steps},
    {"why", "why a step instance does not run, or what holds a whole backfill", &cmd_why},
    {"checks", "results of the checks of a backfill's data", &cmd_checks},
    {"usage", "what the steps of a backfill used, against what they asked for", &cmd_usage},
    {"profile", "what steps usually take, over all backfills", &cmd_profile},
    {"failures", "what failed in a backfill, by cause, and what mends it", &cmd_failures},
    {"logs", "what steps have written: of one instance, or searched over a backfill", &cmd_logs},
    {"pause", "stop starting steps of a backfill, or hold some", &cmd_pause},
    {"resume", "go on with a paused backfill, or let go what is held", &cmd_resume},
    {"cancel", "end a backfill, or some steps, and kill what runs", &cmd_cancel},
    {"retry", "run the failed steps of a backfill again", &cmd_retry},
    {"force", "run steps again that have ended", &cmd_force},
    {"skip", "go on without running some steps", &cmd_skip},
    {"mark", "say of steps that they succeeded, or failed", &cmd_mark},
    {"priority", "change which steps of a backfill go first", &cmd_priority},
    {"agents", "the agents and what they can do", &cmd_agents},
    {"agent drain", "let an agent finish its work and leave", &cmd_agent_drain},
    {"agent quarantine", "give an agent no more work for now", &cmd_agent_quarantine},
    {"agent release", "let a quarantined agent have work again", &cmd_agent_release},
    {"agent enroll", "make a token with which a new agent joins", &cmd_agent_enroll},
    {"agent join", "make this host's agent known, with a token", &cmd_agent_join},
    {"keys create", "make a key known, with a role and scopes", &cmd_keys_create},
    {"keys list", "the keys, and who made and revoked them", &cmd_keys_list},
    {"keys revoke", "refuse a key from now on", &cmd_keys_revoke},
    {"keys rotate", "change a key for another", &cmd_keys_rotate},
    {"keys generate", "make a pair of keys, and no more", &cmd_keys_generate},
    {"pools", "the pools and how full they are", &cmd_pools},
    {"pool show", "what one pool has, what is in use and what waits", &cmd_pool_show},
    {"pool set", "change what a pool has, while it is in use", &cmd_pool_set},
    {"pool advise", "what steps would better ask for, from what they used", &cmd_pool_advise},
    {"windows", "what windows leave of the pools in the coming week", &cmd_windows},
    {"breakers", "the breakers, what opened them and what they hold", &cmd_breakers},
    {"breaker trip", "open a breaker for its time", &cmd_breaker_trip},
    {"breaker open", "open a breaker until somebody closes it", &cmd_breaker_open},
    {"breaker close", "close a breaker", &cmd_breaker_close},
    {"alerts", "what needs somebody, and whose it is", &cmd_alerts},
    {"alerts ack", "say that somebody has taken an alert on", &cmd_alerts_ack},
    {"probes", "how the warehouses are for their users", &cmd_probes},
    {"warehouse test", "what agents find at the warehouses of a plan", &cmd_warehouse_test},
    {"warehouse init", "make the fence table in the warehouses of a plan", &cmd_warehouse_init},
    {"audit", "who did what, when and why", &cmd_audit},
    {"audit verify", "check that nothing of the audit trail was changed", &cmd_audit_verify},
    {"audit export", "the audit trail as JSON lines", &cmd_audit_export},
    {"import wfformat", "make a plan from a WfCommons workflow", &cmd_import_wfformat},
    {"fsck", "check a store for damage", &cmd_fsck},
    {"replay", "what a store tells of other moments", &cmd_replay},
    {"backup", "a verified copy of a store, while it is in use", &cmd_backup},
    {"restore", "make a backup the store of a coordinator", &cmd_restore},
    {"compact", "a smaller file for a store that is not in use", &cmd_compact},
    {"config show", "settings, their values and where they come from", &cmd_config_show},
    {"support", "one file with what somebody needs who was not there", &cmd_support},
    {"version", "version of bfctl, and of the coordinator", &cmd_version},
    {"help", "this overview, or the page of a command", &cmd_help},
    {"completion", "what a shell needs to complete words of bfctl", &cmd_completion},
    {"__complete", "", &cmd_complete}, {"__manual", "", &cmd_manual},      /* for scripts and the build: not shown */
    {"plan capacity", 0, 0},
    {"import dbt", 0, 0}, {"impact", 0, 0}, {"docs", 0, 0},
    {"flag set", 0, 0},
    {"report", 0, 0}, {"anomalies", 0, 0},
    {"rollback", 0, 0}, {"step test", 0, 0}, {"forecast", 0, 0}, {"advise", 0, 0}, {"drill", 0, 0},
    {"approve", 0, 0}, {"whatif", 0, 0},
    {"generations", 0, 0}, {"handover", 0, 0},
};

/* Nouns and verbs the other way around, and kinds as kubectl names them. */
static const struct ctl_alias aliases[] = {
    {"get backfills", "backfill list"}, {"get backfill", "backfill list"}, {"get steps", "steps"}, {"get step", "steps"},
    {"get agents", "agents"}, {"get agent", "agents"}, {"get pools", "pools"}, {"get pool", "pools"}, {"get checks", "checks"},
    {"get check", "checks"}, {"get failures", "failures"}, {"get failure", "failures"}, {"get plans", "plan history"},
    {"get plan", "plan history"}, {"agent list", "agents"}, {"pool list", "pools"}, {"breaker list", "breakers"},
    {"get breakers", "breakers"}, {"get breaker", "breakers"}, {"backfill describe", "describe backfill"},
    {"agent describe", "describe agent"}, {"pool describe", "describe pool"}, {"step describe", "describe step"},
    {"backfill status", "status"}, {"backfill watch", "watch"}, {"backfill wait", "wait"}, {"backfill pause", "pause"},
    {"backfill resume", "resume"}, {"backfill cancel", "cancel"}, {"backfill retry", "retry"},
};

static const struct ctl_table table = {entries, sizeof entries / sizeof entries[0], aliases, sizeof aliases / sizeof aliases[0]};

/* A descriptor of 0 to 2 that the caller closed is not to become a socket: one that cannot be used for what it is for takes its place. */
static void fill_closed(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            _exit(1);
}

int main(int argc, char **argv)
{
    fill_closed();
    setlocale(LC_CTYPE, "");                   /* tables show text as the terminal can */
    return ctl_main(&table, argc, argv);
}
