/* The tables of keys: the plan language, entry by entry.  Tables of one subject stand together, inner ones first.  What a key's value may
 * be stands here, and readers take its bounds from here; limits of a whole step or plan are their readers' own.  Words with values are in
 * words.c, rules between keys in keys_rules.c, checks of steps in keys_checks.c, calls in keys_http.c. */
#include "plan/keys_table.h"

#include "plan/keys_rules.h"
#include "plan/probe.h"
#include "plan/words.h"

/* ---- words ---- */

static const struct plan_word jitters[] = {{"full", 0, NULL}, {"none", 1, "R6"}, {"equal", 2, "R6"}, {NULL, 0, NULL}};

#define SENSITIVITY WORDS({"public", 0, NULL}, {"internal", 1, NULL}, {"restricted", 2, NULL})
#define PRIORITY T(PLAN_VALUE_WORD, .words = plan_priority_words)
#define GRAIN T(PLAN_VALUE_WORD, .words = plan_grain_words)
#define PARTIAL T(PLAN_VALUE_WORD, .words = plan_partial_words)

/* ---- the head ---- */

static const struct plan_key escalation[] = {
    PART_REQUIRED("after", DURATION(0), "from the beginning of the alert"),
    PART_REQUIRED("notify", TEXT1, "who hears of it then"),
};
static KEYS(escalation, "escalation", "a stage of `escalation`");

static const struct plan_key owner[] = {
    SHOWN("contact", TEXT, "where the owner is reached"),
    SHOWN("playbook", TEXT, "what to do"),
    SHOWN("description", TEXT, "who it is"),
    SHOWN("why", TEXT, "why it is theirs"),
    NOT_YET("escalation", "C9", LIST(1, 100, KEYS_OF(plan_keys_escalation)),
            "who hears of an alert that nobody has taken, and when",
            "[{after: 15m, notify: oncall-primary}, {after: 1h, notify: data-lead}]"),
};
KEYS(owner, "owner", "an owner");

static const struct plan_key partitions[] = {
    REQUIRED("grain", GRAIN, "how long a partition is"),
    READ("from", T(PLAN_VALUE_SCALAR), "the first hour, day, ISO week or month of the range",
         .missing = "give it here or as --from"),
    READ("to", T(PLAN_VALUE_SCALAR), "the last one, inclusive", .missing = "give it here or as --to"),
    READ("timezone", TEXT, "whose clock the boundaries go by; preset `UTC`"),
    READ("partial", PARTIAL, "may coarse partitions lie in the range only in part? Preset `refuse`"),
};
KEYS(partitions, "partitions", "`partitions`");

static const struct plan_key step_partitions[] = {
    READ("grain", GRAIN, "another grain than the plan's"),
    READ("partial", PARTIAL, "may partitions of this step lie in the range only in part? Preset: the plan's"),
    REFUSED("from", "a step takes the plan's range"),
    REFUSED("to", "a step takes the plan's range"),
    REFUSED("timezone", "a step takes the plan's time zone"),
};
KEYS(step_partitions, "partitions of a step", "a step's `partitions`");

/* ---- breakers ---- */

static const struct plan_key breaker[] = {
    READ("enabled", T(PLAN_VALUE_BOOL), "`false`: it never opens by itself; preset `true`"),
    READ("window", INT(1, BREAKER_WINDOW_MAX), "how many of the newest votes are looked at"),
    READ("period", DURATION(1000), "and no older ones than that"),
    READ("minimum", INT(1, BREAKER_WINDOW_MAX), "fewer votes say nothing"),
    READ("rate", PERCENT(PERCENT_1, 100 * PERCENT_1), "it opens when so many of them are failures"),
    READ("slow_rate", PERCENT(0, 100 * PERCENT_1), "or when so many are slow; `0%`: never for slowness"),
    READ("slow_factor", NUMBER(1000, 1000000), "slow: longer than so many times `expect: {duration: …}`, and 5 s"),
    READ("open", DURATION(1), "how long it is open the first time"),
    READ("growth", NUMBER(1000, 100000), "each time open in a row is so many times the one before"),
    READ("open_max", DURATION(1), "the longest time open"),
    READ("probes", INT(1, BREAKER_PROBES_MAX), "half-open: so many attempts at once; so many good ones close it"),
};
KEYS(breaker, "breaker", "a breaker", .whole = true, .rule = plan_rule_breaker);

static const struct plan_key breakers[] = {
    READ("pool", KEYS_OF(plan_keys_breaker), "of pools"),
    READ("step", KEYS_OF(plan_keys_breaker), "of steps"),
    READ("dataset", KEYS_OF(plan_keys_breaker), "of datasets"),
    READ("connection", KEYS_OF(plan_keys_breaker), "of connections"),
    REFUSED("agent", "agents are for all plans: tune their breakers in the coordinator's configuration"),
};
KEYS(breakers, "breakers", "`breakers`");

/* ---- connections and pools ---- */

static const struct plan_key probe_http[] = {
    REQUIRED("url", T(PLAN_VALUE_URL), "the address"),
    READ("method", WORDS({"GET", 0, NULL}, {"HEAD", 0, NULL}, {"POST", 0, NULL}), "preset `GET`"),
};
KEYS(probe_http, "http of a probe", "the `http` of a probe", .whole = true);

static const struct plan_key probe[] = {
    READ("sql", T(PLAN_VALUE_TEXT, .min = 1, .max = PLAN_PROBE_TEXT_MAX), "a query like those of the users"),
    READ("run", LIST(1, 256, TEXT), "a program and its arguments"),
    READ("http", KEYS_OF(plan_keys_probe_http), "a call"),
    READ("measure", WORDS({"elapsed", 0, NULL}, {"value", 1, NULL}),
         "the time that it takes (preset), or the number that it gives"),
    READ("every", DURATION(1000), "how often; preset `5s`"),
    REQUIRED("target", EITHER(DURATION(1), NUMBER(0, 1000000000)), "keep the probe at or under this"),
    REQUIRED("limit", EITHER(DURATION(1), NUMBER(0, 1000000000)), "at or over this the pool is cut to its floor"),
};
static const char *const probe_kinds[] = {"sql", "run", "http", NULL};
KEYS(probe, "probe", "a probe", .one_of = probe_kinds, .rule = plan_rule_probe, .whole = true);

static const struct plan_key connection[] = {
    REQUIRED("odbc", T(PLAN_VALUE_TEXT, .min = 1), "the connection string; `${env:NAME}` and `${secret:NAME}` "
                                                   "in it are resolved on the agent",
             .missing = "a connection needs its connection string"),
    WORDS_FOR_PEOPLE,
    READ("probe", KEYS_OF(plan_keys_probe), "measures the load of the warehouse itself"),
    READ("dialect", WORDS({"ansi", 0, NULL}), "how values are written for a database without a dialect of its own"),
    READ("fence_table", T(PLAN_VALUE_FENCE), "the table that keeps who may write, and what is done; preset `bf_fence`"),
    READ("breaker", KEYS_OF(plan_keys_breaker), "tunes its breaker; preset: the plan's `breakers`"),
};
KEYS(connection, "connection", "a connection");

#define POOLS_OF_STEP EITHER(REF(POOL), UNIQUE_POOLS)
#define UNIQUE_POOLS LIST(1, PLAN_STEP_POOLS_MAX, REF(POOL))

static const struct plan_key throttle[] = {
    REQUIRED("algorithm", WORDS({"gradient", THROTTLE_GRADIENT, NULL}, {"aimd", THROTTLE_AIMD, NULL}), "how the limit moves"),
    READ("min", INT(1, POOL_SLOTS_MAX), "the floor; preset 1"),
    READ("max", INT(1, POOL_SLOTS_MAX), "the ceiling; preset: `slots`"),
};
KEYS(throttle, "throttle", "`throttle`", .whole = true, .rule = plan_rule_min_max);

#define UNITS MAP(1, NAME("unit"), INT(1, 1000000000))
#define CPU NUMBER(1, 1000000000)

static const struct plan_key pool[] = {
    REQUIRED("slots", INT(1, POOL_SLOTS_MAX), "how many attempts may run at once",
             .missing = "say how many steps of the pool may run at once"),
    WORDS_FOR_PEOPLE,
    READ("cpu", CPU, "processors for all of its attempts; preset: no limit"),
    READ("memory", T(PLAN_VALUE_SIZE), "memory for all of its attempts; preset: no limit"),
    READ("io", T(PLAN_VALUE_RATE), "disk traffic for all of its attempts; preset: no limit"),
    READ("units", UNITS, "units of your own, such as connections or credits: `{connections: 20}`"),
    READ("throttle", KEYS_OF(plan_keys_throttle), "a limit below the slots that follows the live load"),
    READ("start_rate", T(PLAN_VALUE_FREQUENCY), "how many attempts may begin in a time: `5/s`; what a second allows may begin at once"),
    READ("breaker", KEYS_OF(plan_keys_breaker), "tunes its breaker; preset: the plan's `breakers`"),
};
KEYS(pool, "pool", "a pool");

/* ---- windows, flags, rollout, ceilings ---- */

static const struct plan_key window[] = {
    REQUIRED("name", NAME("window"), "what it is called"),
    READ("pool", REF(POOL), "the pool that it is for; without one, all"),
    READ("days", EITHER(T(PLAN_VALUE_WEEKDAYS), LIST(1, 7, T(PLAN_VALUE_WEEKDAYS))), "weekdays; without them, all"),
    READ("dates", LIST(1, 1000, T(PLAN_VALUE_DATES)), "dates, inclusive"),
    READ("from", T(PLAN_VALUE_CLOCK), "when it begins, on the clock of the plan's zone"),
    READ("to", T(PLAN_VALUE_CLOCK), "when it ends; before `from` it is on the next day"),
    REQUIRED("budget", PERCENT(0, 100 * PERCENT_1), "what part of the pool is left meanwhile"),
};
KEYS(window, "window", "a window", .rule = plan_rule_window, .whole = true);

static const struct plan_key flag[] = {
    PART_REQUIRED("type", T(PLAN_VALUE_WORD, .words = plan_flag_types), "of its values"),
    PART_REQUIRED("default", T(PLAN_VALUE_SCALAR), "its value until somebody sets another"),
    PART("allowed", LIST(1, 1000, T(PLAN_VALUE_SCALAR)), "the only values that it may have"),
};
static KEYS(flag, "flag", "a flag", .rule = plan_rule_flag);

static const struct plan_key rollout[] = {
    PART("canary", LIST(1, 4, WORDS({"first", 0, NULL}, {"last", 0, NULL}, {"largest", 0, NULL}, {"clock_change", 0, NULL})),
         "the partitions that go first"),
    PART("then", LIST(1, 100, EITHER(INT(1, 10000000), WORDS({"all", 0, NULL}))), "how many may run after each that was good"),
};
static KEYS(rollout, "rollout", "`rollout`", .rule = plan_rule_rollout);

static const struct plan_key ceilings[] = {
    PART("partitions", INT(1, 10000000), "how many partitions may be written"),
    PART("bytes", T(PLAN_VALUE_SIZE), "how much may be written"),
    PART("hours", NUMBER(1, 87600000), "how long it may run"),
};
static KEYS(ceilings, "ceilings", "`ceilings`");

/* ---- datasets and exposures ---- */

static const struct plan_key dataset_freshness[] = {
    REQUIRED("column", COLUMN_NAME, "when a row was written"),
    REQUIRED("max_age", DURATION(1), "how old the newest row may be"),
};
KEYS(dataset_freshness, "freshness of a dataset", "`freshness`", .whole = true);

static const struct plan_key dataset[] = {
    READ("external", T(PLAN_VALUE_BOOL), "true: no step of this plan writes it"),
    READ("connection", REF(CONNECTION), "where it lives"),
    READ("partition_column", COLUMN_NAME, "the column that says to which partition a row belongs"),
    READ("sensitivity", SENSITIVITY, "who may see it; shown"),
    WORDS_FOR_PEOPLE,
    READ("table", T(PLAN_VALUE_TABLE), "what the database calls it; preset: its name here"),
    READ("schema", SCHEMA, "columns and their types; a promise that the `sql` step that writes it checks"),
    READ("freshness", KEYS_OF(plan_keys_dataset_freshness), "how old the newest row may be; a promise in the same way"),
    READ("mask", COLUMNS, "columns whose values rows that a check found wrong do not show"),
    READ("breaker", KEYS_OF(plan_keys_breaker), "tunes its breaker; preset: the plan's `breakers`"),
};
KEYS(dataset, "dataset", "a dataset");

static const struct plan_key exposure[] = {
    REQUIRED("reads", LIST(1, 1000, REF(DATASET)), "the datasets that it shows", .missing = "say which datasets it shows"),
    READ("deadline", T(PLAN_VALUE_MOMENT), "when they have to be there"),
    WORDS_FOR_PEOPLE,
};
KEYS(exposure, "exposure", "an exposure");

/* ---- policy ---- */

static const struct plan_key backoff[] = {
    READ("initial", DURATION(1), "the wait before the second attempt; preset `5s`"),
    READ("factor", NUMBER(1000, 100000), "each wait is so many times the one before; preset 2"),
    READ("max", DURATION(1), "the longest wait; preset `10m`"),
    READ("jitter", T(PLAN_VALUE_WORD, .words = jitters),
         "how waits are spread: `full` is a random part of the wait. The others: not supported yet (R6)"),
};
KEYS(backoff, "backoff", "`backoff`");

static const struct plan_key retry[] = {
    READ("max", INT(1, 1000), "attempts of a run, the first one included; preset 1"),
    READ("backoff", KEYS_OF(plan_keys_backoff), "the wait between attempts"),
    READ("budget", PERCENT(1, 100 * PERCENT_1),
         "retries of the whole backfill, as a part of its first attempts, at least 10; preset: no limit"),
};
KEYS(retry, "retry", "`retry`");

static const struct plan_key timebox[] = {
    READ("limit", DURATION(1), "the time that an attempt may take; required where `defaults` gives none"),
    READ("then", T(PLAN_VALUE_WORD, .words = plan_then_words),
         "what happens at the limit; preset `kill_and_retry`. `warn`: it goes on, and an alert says so"),
};
KEYS(timebox, "timebox", "`timebox`");

static const struct plan_key plan_timebox[] = {
    REQUIRED("limit", DURATION(1000), "how long a backfill may take, from when it begins; pauses count",
             .missing = "say how long the backfill may take"),
    READ("then", T(PLAN_VALUE_WORD, .words = plan_end_words),
         "what follows at its end: nothing more starts until somebody resumes it (preset), what is left is cancelled and what runs killed, "
         "or it is only told"),
};
KEYS(plan_timebox, "timebox of a plan", "a plan's `timebox`");

static const struct plan_key defaults[] = {
    READ("retry", KEYS_OF(plan_keys_retry), "what follows a failed attempt"),
    READ("timebox", KEYS_OF(plan_keys_timebox), "how long an attempt may take"),
    READ("pool", POOLS_OF_STEP, "the pool that steps draw on, or several: `[a, b]`"),
    READ("priority", PRIORITY, "the class of steps; preset `normal`"),
};
KEYS(defaults, "defaults", "`defaults`");

/* ---- steps ---- */

static const struct plan_key expect[] = {
    READ("duration", DURATION(0), "the time that an attempt usually takes; preset 1 s, for `noop` 0"),
};
KEYS(expect, "expect", "`expect`");

static const struct plan_key sql[] = {
    REQUIRED("connection", REF(CONNECTION), "where it runs"),
    READ("transaction", T(PLAN_VALUE_BOOL),
         "`true`: statements, checks and completion marker commit together. Preset `false`: what ran stays, and may run twice"),
    READ("text", T(PLAN_VALUE_SQL), "the script, or"),
    READ("file", TEXT, "a file with the script, beside the plan or below it; with its values and checks at most 512 KiB"),
    READ("publish", WORDS({"swap", 0, NULL}), "write staged tables, and rename them when the checks have passed"),
};
static const char *const scripts[] = {"text", "file", NULL};
KEYS(sql, "sql", "`sql`", .one_of = scripts);

static const struct plan_key warehouse[] = {
    REQUIRED("connection", REF(CONNECTION), "which one"),
    REQUIRED("do", T(PLAN_VALUE_WORD, .words = plan_warehouse_words),
             "`test`: is the driver there, the server reached, and what may the role do? `init`: the same, and make the fence table"),
};
KEYS(warehouse, "warehouse", "`warehouse`", .whole = true);

static const struct plan_key sensor[] = {
    REQUIRED("dataset", REF(DATASET), "whose partition is waited for; another system writes it: `external: true`"),
    READ("every", DURATION(1000), "how long it waits before it looks again; preset `1m`"),
    READ("timeout", DURATION(1000), "how long it waits, from its first look; then it has failed; preset: for ever"),
};
KEYS(sensor, "sensor", "`sensor`", .rule = plan_rule_sensor, .whole = true);

static const struct plan_key agents[] = {
    READ("labels", MAP(0, NAME("label"), T(PLAN_VALUE_TEXT, .max = 128)), "labels that an agent must have, all of them"),
    READ("prefer", WORDS({"inputs", 1, NULL}), "`inputs`: of those that may run it, the agent that made its inputs goes first"),
    READ("wait", DURATION(0), "with `prefer`: how long it waits for room there, at most, before it goes elsewhere; preset `0s`"),
    READ("spread", NAME("label"), "of those that may run it, one whose value of this label has the fewest running attempts of the step"),
};
KEYS(agents, "agents", "`agents`", .rule = plan_rule_agents);

static const struct plan_key resources[] = {
    READ("cpu", CPU, "processors"),
    READ("memory", T(PLAN_VALUE_SIZE), "memory, from 4Mi to 8Ti"),
    READ("io", T(PLAN_VALUE_RATE), "disk traffic, so much read and so much written; at most 8Ti/s"),
    READ("units", UNITS, "units that a pool of it has"),
};
KEYS(resources, "resources", "`resources`");

static const struct plan_key rollback[] = {
    PART("preimage", T(PLAN_VALUE_BOOL), "keep what was there, and put it back"),
    PART("sql", T(PLAN_VALUE_SQL), "statements that undo the step"),
    PART("run", LIST(1, 1024, TEMPLATE), "a program that undoes the step"),
};
static KEYS(rollback, "rollback", "`rollback`", .only_one = true);

static const struct plan_key fallback_when[] = {
    PART_REQUIRED("breaker", REF(BREAKER), "while its breaker is open"),
};
static KEYS(fallback_when, "when", "`when`");

static const struct plan_key fallback[] = {
    PART_REQUIRED("when", KEYS_OF(plan_keys_fallback_when), "the condition"),
    PART_REQUIRED("flags", MAP(1, REF(FLAG), T(PLAN_VALUE_SCALAR)), "the flags that have other values meanwhile"),
};
static KEYS(fallback, "fallback", "an item of `fallback`");

static const struct plan_key batch[] = {
    PART_REQUIRED("max", INT(2, 10000), "the most partitions in one attempt"),
    PART("bisect", T(PLAN_VALUE_BOOL), "split a batch that failed until the bad partitions stand alone"),
};
static KEYS(batch, "batch", "`batch`");

#define FAILURE MAP(1, INT(1, 255), T(PLAN_VALUE_WORD, .words = plan_failure_words))

static const struct plan_key step[] = {
    READ("run", LIST(1, 1024, ARGUMENT), "a program and its arguments, without a shell"),
    READ("sql", KEYS_OF(plan_keys_sql), "statements on a connection"),
    READ("noop", T(PLAN_VALUE_BOOL), "`true`: does nothing, and succeeds"),
    READ("shell", T(PLAN_VALUE_TEXT, .min = 1, .max = PLAN_ARGUMENT_MAX),
         "a script for `/bin/sh`, at most 64 KiB; values stand in its environment"),
    READ("http", KEYS_OF(plan_keys_http), "a call"),
    READ("warehouse", KEYS_OF(plan_keys_warehouse), "what `bfctl warehouse` does: tests a connection, or makes its fence table"),
    READ("sensor", KEYS_OF(plan_keys_sensor), "waits for a partition of a dataset, and holds no slot between two looks"),
    READ("inputs", LIST(0, 0, REF(DATASET)), "the datasets that it reads"),
    READ("outputs", LIST(0, 0, REF(DATASET)), "the datasets that it writes"),
    READ("needs", LIST(0, 0, T(PLAN_VALUE_ANY, .what = "a step, `step: mapping` or `{step: mapping, outside: …}`")),
         "the steps that go before it"),
    READ("partitions", KEYS_OF(plan_keys_step_partitions), "another grain than the plan's"),
    READ("pool", POOLS_OF_STEP, "the pool that it draws on, or several: `[a, b]`; a slot of each, all at once"),
    READ("priority", PRIORITY, "its class; preset `normal`"),
    READ("weight", INT(0, PLAN_WEIGHT_MAX), "its rank within the class: more goes first; preset 0"),
    READ("tags", LIST(0, 100, NAME("tag")), "names that selectors know: `tag:nightly`"),
    READ("tolerance", DURATION(0), "may be this late before anyone downstream is hurt: alerts wait so long"),
    READ("deadline", T(PLAN_VALUE_MOMENT), "when its last partition has to be done: an alert tells that it is not"),
    READ("env", T(PLAN_VALUE_MAP, .max = 1000, .key = T(PLAN_VALUE_VARIABLE), .of = ARGUMENT),
         "environment variables of a `run` or `shell` step"),
    NOT_YET("secrets", "C3", MAP(1, T(PLAN_VALUE_VARIABLE), T(PLAN_VALUE_SECRET)),
            "environment variables whose values only the agent knows",
            "{API_KEY: \"${secret:fx/api_key}\"}"),
    READ("agents", KEYS_OF(plan_keys_agents), "which agents may run it"),
    READ("expect", KEYS_OF(plan_keys_expect), "what is usual for it"),
    READ("resources", KEYS_OF(plan_keys_resources), 
         "what an attempt takes at most, from the first of its pools that has it; its agent holds it to that where it can"),
    READ("retry", KEYS_OF(plan_keys_retry), "what follows a failed attempt"),
    READ("timebox", KEYS_OF(plan_keys_timebox), "how long an attempt may take"),
    READ("failure", FAILURE, "what exit codes of a `run` or `shell` step mean; preset `unknown`"),
    READ("on_lost", T(PLAN_VALUE_WORD, .words = plan_lost_words), "what follows when its agent is lost; preset `reroute_after_lease`"),
    READ("on_straggler", T(PLAN_VALUE_WORD, .words = plan_straggler_words),
         "whether an attempt that takes far longer than its like is ended and run again on another agent; preset `go_on`"),
    NOT_YET("on_coordinator_loss", "O1", WORDS({"continue", 0, NULL}), "a `sql` step in a transaction may outlive its lease",
            "continue"),
    READ("checks", LIST(1, SQL_CHECKS_MAX, KEYS_OF(plan_keys_one_check)), "what must hold for what a `sql` step writes"),
    READ("check_severity", SEVERITY, "what follows a check that fails; preset `error`"),
    NOT_YET("rollback", "D6", KEYS_OF(plan_keys_rollback), "how it is undone", "{preimage: true}"),
    NOT_YET("fallback", "R15", LIST(1, 100, KEYS_OF(plan_keys_fallback)), "other flags while a breaker is open",
            "[{when: {breaker: warehouse}, flags: {source: archive}}]"),
    READ("breaker", KEYS_OF(plan_keys_breaker), "tunes its breaker; preset: the plan's `breakers`"),
    NOT_YET("batch", "X5", KEYS_OF(plan_keys_batch), "several partitions in one attempt", "{max: 30, bisect: true}"),
    WORDS_FOR_PEOPLE,
};
static const char *const step_kinds[] = {"run", "sql", "noop", "shell", "http", "warehouse", "sensor", NULL};
KEYS(step, "step", "a step", .one_of = step_kinds, .rule = plan_rule_step);

/* ---- the plan ---- */

static const struct plan_key top[] = {
    REQUIRED("apiVersion", TEXT, "`backfill/v1`", .missing = "write `apiVersion: backfill/v1`"),
    REQUIRED("kind", TEXT, "`Plan`", .missing = "write `kind: Plan`"),
    REQUIRED("name", NAME("plan"), "what the plan is called"),
    WORDS_FOR_PEOPLE,
    SHOWN("change_ticket", TEXT, "the change that this belongs to"),
    SHOWN("sensitivity", SENSITIVITY, "of the data that it touches"),
    READ("owners", MAP(0, NAME("owner"), KEYS_OF(plan_keys_owner)), "who owns what, by name"),
    READ("partitions", KEYS_OF(plan_keys_partitions), "what one partition is, for every step that does not say otherwise"),
    READ("connections", MAP(0, NAME("connection"), KEYS_OF(plan_keys_connection)), "databases, by name"),
    READ("pools", MAP(0, NAME("pool"), KEYS_OF(plan_keys_pool)), "what steps draw on, by name"),
    READ("breakers", KEYS_OF(plan_keys_breakers), "tunes the breakers of its things, by kind"),
    READ("windows", UNIQUE_LIST(1, 1000, "name", KEYS_OF(plan_keys_window)), "times with another budget"),
    NOT_YET("flags", "R15", MAP(1, NAME("flag"), KEYS_OF(plan_keys_flag)), "values that may be changed while a backfill runs",
            "{source: {type: string, default: primary, allowed: [primary, replica]}}"),
    READ("datasets", MAP(0, NAME("dataset"), KEYS_OF(plan_keys_dataset)), "what steps read and write, by name"),
    READ("exposures", MAP(0, NAME("exposure"), KEYS_OF(plan_keys_exposure)), "who notices when a dataset is late, by name"),
    READ("defaults", KEYS_OF(plan_keys_defaults), "for every step that does not say otherwise"),
    READ("timebox", KEYS_OF(plan_keys_plan_timebox), "how long a backfill may take as a whole"),
    NOT_YET("rollout", "X4", KEYS_OF(plan_keys_rollout), "some partitions first, the others when these are good",
            "{canary: [first, last, clock_change], then: [1, 10, all]}"),
    NOT_YET("ceilings", "X7", KEYS_OF(plan_keys_ceilings), "passing one pauses the backfill and asks",
            "{partitions: 400, bytes: 2Ti, hours: 12}"),
    READ("params", MAP(0, NAME("parameter"), T(PLAN_VALUE_TEXT)), "values that templates name; `--param` overrides them"),
    REQUIRED("steps", MAP(1, NAME("step"), KEYS_OF(plan_keys_step)), "what is done, by name",
             .missing = "a plan needs at least one step"),
};
KEYS(top, "plan", "a plan");
