/* The tables of a step's checks.  Those that do not run yet are checked whole and refused by their own capability. */
#include "plan/keys_table.h"

#include "plan/keys_rules.h"

#define SEVERITY_PART PART("severity", SEVERITY, "instead of the step's `check_severity`")
#define COLUMN REQUIRED("column", COLUMN_NAME, "the column")
#define COMMON                                                                                                \
    READ("severity", SEVERITY, "instead of the step's `check_severity`"),                                     \
    READ("name", NAME("check"), "what it is called; preset: its kind"),                                       \
    READ("dataset", REF(DATASET), "the dataset that it is on; preset: the only output of the step"),          \
    READ("timeout", DURATION(1), "the time that it may take; preset: the step's")
#define SAMPLE READ("sample", PERCENT(1, 100 * PERCENT_1), "the part of the rows that it looks at; preset: all")
#define WITHIN EITHER(PERCENT(0, 100 * PERCENT_1), NUMBER(0, 1000000000))

static const struct plan_key ratio_to[] = {REQUIRED("sql", T(PLAN_VALUE_SQL), "a query that gives the other count")};
KEYS(ratio_to, "ratio_to", "`ratio_to`", .whole = true);

static const struct plan_key row_count[] = {
    READ("min", INT(0, 1000000000000000), "the fewest rows"),
    READ("max", INT(0, 1000000000000000), "the most rows"),
    READ("ratio_to", KEYS_OF(plan_keys_ratio_to), "another count to be near to"),
    READ("within", WITHIN, "how near"),
    COMMON,
};
static KEYS(row_count, "row_count", "`row_count`", .rule = plan_rule_row_count, .whole = true);

static const struct plan_key accepted_values[] = {
    COLUMN, REQUIRED("values", LIST(1, SQL_CHECK_VALUES_MAX, T(PLAN_VALUE_SCALAR)), "the only values that it may have"), SAMPLE, COMMON,
};
static KEYS(accepted_values, "accepted_values", "`accepted_values`", .whole = true);

static const struct plan_key relationships[] = {
    COLUMN, REQUIRED("to", REF(DATASET), "the dataset that has each of its values"),
    READ("field", COLUMN_NAME, "the column there; preset: the same name"), SAMPLE, COMMON,
};
static KEYS(relationships, "relationships", "`relationships`", .whole = true);

static const struct plan_key freshness[] = {
    COLUMN, REQUIRED("max_age", DURATION(1), "how old the newest row may be"), COMMON,
};
static KEYS(freshness, "freshness as a check", "`freshness`", .whole = true);

static const struct plan_key aligned[] = {
    COLUMN,
    READ("grain", WORDS({"hour", PLAN_HOUR, NULL}, {"day", PLAN_DAY, NULL}, {"week", PLAN_WEEK, NULL}, {"month", PLAN_MONTH, NULL}),
         "values begin such a one; preset: any"),
    SAMPLE, COMMON,
};
static KEYS(aligned, "aligned", "`aligned`", .whole = true);

static const struct plan_key reconcile[] = {
    REQUIRED("left", T(PLAN_VALUE_SQL), "a query that gives one number"),
    REQUIRED("right", T(PLAN_VALUE_SQL), "a query that gives another"),
    READ("within", WITHIN, "how near they are; preset: equal"),
    COMMON,
};
static KEYS(reconcile, "reconcile", "`reconcile`", .whole = true);

static const struct plan_key columns[] = {
    REQUIRED("columns", COLUMNS, "the columns"), SAMPLE, COMMON,
};
static KEYS(columns, "not_null as a map", "`not_null`", .whole = true);

static const struct plan_key unique[] = {
    REQUIRED("columns", COLUMNS, "the columns that are a key together"), COMMON,
};
static KEYS(unique, "unique as a map", "`unique`", .whole = true);

static const struct plan_key schema[] = {
    REQUIRED("columns", SCHEMA, "columns and their types"), COMMON,
};
static KEYS(schema, "schema as a map", "`schema`", .whole = true);

static const struct plan_key anomaly[] = {
    PART_REQUIRED("metric", NAME("metric"), "what is measured: `row_count`, or a metric that the step reports"),
    PART("method", WORDS({"mad", 0, NULL}, {"iqr", 0, NULL}), "how the expected band is found; preset `mad`"),
    PART("sensitivity", NUMBER(1, 100000), "half the width of the band; less tells sooner"),
    PART("season", WORDS({"weekday", 0, NULL}, {"none", 0, NULL}), "what partitions are compared with"),
    SEVERITY_PART,
};
static KEYS(anomaly, "anomaly", "`anomaly`");

static const struct plan_key check_sql[] = {
    REQUIRED("text", T(PLAN_VALUE_SQL), "a query that gives the rows that are wrong"), COMMON,
};
static KEYS(check_sql, "sql as a check", "a check by `sql`", .whole = true);

static const struct plan_key check_run[] = {
    PART("name", NAME("check"), "what it is called"),
    PART_REQUIRED("argv", LIST(1, 1024, TEMPLATE), "a program that fails when something is wrong"),
    SEVERITY_PART,
};
static KEYS(check_run, "run as a check", "a check by `run`");

static const struct plan_key one_check[] = {
    READ("row_count", KEYS_OF(plan_keys_row_count), "how many rows there are"),
    READ("not_null", EITHER(COLUMNS, KEYS_OF(plan_keys_columns)), "columns without nulls"),
    READ("unique", EITHER(COLUMNS, KEYS_OF(plan_keys_unique)), "columns that are a key together"),
    READ("accepted_values", KEYS_OF(plan_keys_accepted_values), "the values of a column"),
    READ("relationships", KEYS_OF(plan_keys_relationships), "a column's values are in another dataset"),
    READ("freshness", KEYS_OF(plan_keys_freshness), "how old the newest row is"),
    READ("aligned", KEYS_OF(plan_keys_aligned), "rows lie in the partition, on the grain"),
    READ("schema", EITHER(SCHEMA, KEYS_OF(plan_keys_schema)), "columns and their types"),
    READ("reconcile", KEYS_OF(plan_keys_reconcile), "two figures agree"),
    NOT_YET("anomaly", "D4", KEYS_OF(plan_keys_anomaly), "a metric is as in other partitions",
            "{metric: row_count, method: mad, sensitivity: 4, season: weekday, severity: warn}"),
    READ("sql", EITHER(T(PLAN_VALUE_SQL), KEYS_OF(plan_keys_check_sql)), "a query of your own that gives the rows that are wrong"),
    NOT_YET("run", "D1", EITHER(LIST(1, 1024, TEMPLATE), KEYS_OF(plan_keys_check_run)), "a program of your own", "[check_orders]"),
};
KEYS(one_check, "check", "an item of `checks`", .only_one = true, .whole = true);
