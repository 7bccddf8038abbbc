/* The commands, one or a few of a kind in each cmd_*.c; the table that names them is in main.c. */
#ifndef BFCTL_COMMANDS_H
#define BFCTL_COMMANDS_H

#include "bfctl/ctl.h"

extern const struct ctl_command cmd_init, cmd_dev, cmd_plan_validate, cmd_plan_show, cmd_plan_graph, cmd_plan_diff,
    cmd_plan_history, cmd_create, cmd_list, cmd_get, cmd_watch, cmd_wait,
    cmd_pause, cmd_resume, cmd_cancel, cmd_retry, cmd_force, cmd_skip, cmd_mark,
    cmd_priority, cmd_steps, cmd_agents, cmd_agent_drain, cmd_agent_enroll, cmd_agent_join,
    cmd_keys_create, cmd_keys_list, cmd_keys_revoke, cmd_keys_rotate, cmd_keys_generate, cmd_pools, cmd_probes, cmd_pool_show,
    cmd_pool_set, cmd_pool_advise, cmd_logs, cmd_why, cmd_windows, cmd_checks, cmd_failures, cmd_usage, cmd_alerts, cmd_alerts_ack,
    cmd_warehouse_test, cmd_warehouse_init, cmd_breakers, cmd_breaker_trip, cmd_breaker_open, cmd_breaker_close, cmd_profile,
    cmd_agent_quarantine, cmd_agent_release,
    cmd_audit, cmd_audit_verify, cmd_audit_export, cmd_config_show, cmd_support,
    cmd_status, cmd_get_kind, cmd_describe, cmd_completion, cmd_complete, cmd_manual,
    cmd_fsck, cmd_replay, cmd_backup, cmd_restore, cmd_compact, cmd_import_wfformat, cmd_version, cmd_help;

#endif
