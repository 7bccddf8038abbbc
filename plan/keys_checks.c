/* The tables of a step's checks.  None runs yet: each is checked whole and refused by its own capability. */
#include "plan/keys_table.h"

#include "plan/keys_rules.h"

#define SEVERITY_PART PART("severity", SEVERITY, "instead of the step's `check_severity`")
#define COLUMN PART_REQUIRED("column", TEXT1, "the column")
#define WITHIN EITHER(PERCENT(0, 100 * PERCENT_1), NUMBER(0, 1000000000))

static const struct plan_key ratio_to[] = {PART_REQUIRED("sql", T(PLAN_VALUE_SQL), "a query that gives the other count")};
static KEYS(ratio_to, "ratio_to", "`ratio_to`");

static const struct plan_key row_count[] = {
    PART("min", INT(0, 1000000000000000), "the fewest rows"),
    PART("max", INT(0, 1000000000000000), "the most rows"),
    PART("ratio_to", KEYS_OF(plan_keys_ratio_to), "another count to be near to"),
    PART("within", WITHIN, "how near"),
    SEVERITY_PART,
};
static KEYS(row_count, "row_count", "`row_count`", .rule = plan_rule_row_count);

static const struct plan_key accepted_values[] = {
    COLUMN, PART_REQUIRED("values", LIST(1, 10000, T(PLAN_VALUE_SCALAR)), "the only values that it may have"), SEVERITY_PART,
};
static KEYS(accepted_values, "accepted_values", "`accepted_values`");

static const struct plan_key relationships[] = {
    COLUMN, PART_REQUIRED("to", REF(DATASET), "the dataset that has each of its values"),
    PART("field", TEXT1, "the column there; preset: the same name"), SEVERITY_PART,
};
static KEYS(relationships, "relationships", "`relationships`");

static const struct plan_key freshness[] = {
    COLUMN, PART_REQUIRED("max_age", DURATION(1), "how old the newest row may be"), SEVERITY_PART,
};
static KEYS(freshness, "freshness as a check", "`freshness`");

static const struct plan_key aligned[] = {
    COLUMN,
    PART("grain", WORDS({"hour", 0, NULL}, {"day", 0, NULL}, {"week", 0, NULL}, {"month", 0, NULL}),
         "values begin such a one; preset: any"),
    SEVERITY_PART,
};
static KEYS(aligned, "aligned", "`aligned`");

static const struct plan_key reconcile[] = {
    PART_REQUIRED("left", T(PLAN_VALUE_SQL), "a query that gives one number"),
    PART_REQUIRED("right", T(PLAN_VALUE_SQL), "a query that gives another"),
    PART("within", WITHIN, "how near they are; preset: equal"),
    SEVERITY_PART,
};
static KEYS(reconcile, "reconcile", "`reconcile`");

static const struct plan_key anomaly[] = {
    PART_REQUIRED("metric", NAME("metric"), "what is measured: `row_count`, or a metric that the step reports"),
    PART("method", WORDS({"mad", 0, NULL}, {"iqr", 0, NULL}), "how the expected band is found; preset `mad`"),
    PART("sensitivity", NUMBER(1, 100000), "half the width of the band; less tells sooner"),
    PART("season", WORDS({"weekday", 0, NULL}, {"none", 0, NULL}), "what partitions are compared with"),
    SEVERITY_PART,
};
static KEYS(anomaly, "anomaly", "`anomaly`");

static const struct plan_key check_sql[] = {
    PART("name", NAME("check"), "what it is called"),
    PART_REQUIRED("text", T(PLAN_VALUE_SQL), "a query that gives the rows that are wrong"),
    SEVERITY_PART,
};
static KEYS(check_sql, "sql as a check", "a check by `sql`");

static const struct plan_key check_run[] = {
    PART("name", NAME("check"), "what it is called"),
    PART_REQUIRED("argv", LIST(1, 1024, TEMPLATE), "a program that fails when something is wrong"),
    SEVERITY_PART,
};
static KEYS(check_run, "run as a check", "a check by `run`");

#define COLUMNS LIST(1, 1000, TEXT1)

static const struct plan_key one_check[] = {
    NOT_YET("row_count", "D1", KEYS_OF(plan_keys_row_count), "how many rows there are",
            "{min: 1, ratio_to: {sql: select count(*) from raw}, within: 1%}"),
    NOT_YET("not_null", "D1", COLUMNS, "columns without nulls", "[order_id, order_date]"),
    NOT_YET("unique", "D1", COLUMNS, "columns that are a key together", "[order_id]"),
    NOT_YET("accepted_values", "D1", KEYS_OF(plan_keys_accepted_values), "the values of a column",
            "{column: state, values: [new, paid]}"),
    NOT_YET("relationships", "D1", KEYS_OF(plan_keys_relationships), "a column's values are in another dataset",
            "{column: customer, to: raw, field: id}"),
    NOT_YET("freshness", "D1", KEYS_OF(plan_keys_freshness), "how old the newest row is", "{column: loaded_at, max_age: 6h}"),
    NOT_YET("aligned", "D1", KEYS_OF(plan_keys_aligned), "rows lie in the partition, on the grain",
            "{column: order_date, grain: day}"),
    NOT_YET("schema", "D1", MAP(1, TEXT1, TEXT1), "columns and their types", "{order_id: bigint not null}"),
    NOT_YET("reconcile", "D2", KEYS_OF(plan_keys_reconcile), "two figures agree",
            "{left: select sum(a) from raw, right: select sum(a) from mart, within: 0.01%}"),
    NOT_YET("anomaly", "D4", KEYS_OF(plan_keys_anomaly), "a metric is as in other partitions",
            "{metric: row_count, method: mad, sensitivity: 4, season: weekday, severity: warn}"),
    NOT_YET("sql", "D1", EITHER(T(PLAN_VALUE_SQL), KEYS_OF(plan_keys_check_sql)),
            "a query of your own that gives the rows that are wrong",
            "select * from mart where amount < 0"),
    NOT_YET("run", "D1", EITHER(LIST(1, 1024, TEMPLATE), KEYS_OF(plan_keys_check_run)), "a program of your own", "[check_orders]"),
};
KEYS(one_check, "check", "an item of `checks`", .only_one = true);
