/* What bfctl says of pools: the words about a limit are true of the figures beside them. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/pool_chart.h"
#include "bfctl/pool_shares.h"
#include "common/rc.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* Takes the throttle. */
static void expect_page(json_t *throttle, const char *says)
{
    struct bf_buf page = {0};
    json_t *pool = json_pack("{s:s, s:o}", "name", "wh", "throttle", throttle);
    pool_chart_put(pool, 60000, &page);
    cr_expect(strstr(bf_buf_cstr(&page), says), "%s in %s", says, bf_buf_cstr(&page));
    bf_buf_free(&page);
    json_decref(pool);
}

/* The section of a limit that the governor left where it is. */
static void expect_limit(const char *reason, int limit, double pressure, const char *queued, const char *says)
{
    json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:f, s:[], s:[]}", "algorithm", "gradient", "limit", limit, "floor", 2,
                          "ceiling", 12, "reason", reason, "pressure", pressure, "setpoint", 0.95, "service", 1.0, "failed", 0.0, "probes",
                          "moves");
    if (queued)
        json_object_set_new(j, "queued", json_boolean(strcmp(queued, "yes") == 0));
    expect_page(j, says);
}

Test(bfctl_pool, a_limit_that_is_held_says_for_which_reason)
{
    expect_limit("held", 4, 0.94, "yes", "limit          4: near the setpoint (held)\n");
    expect_limit("held", 4, 0.10, "yes", "limit          4: under the setpoint; what its last move does is waited for (held)\n");
    expect_limit("held", 2, 1.40, "yes", "limit          2: over the setpoint, and at the floor already (held)\n");
    expect_limit("held", 4, 1.10, "yes", "limit          4: over the setpoint, and the newest reading is not (held)\n");
    expect_limit("held", 4, 0, "yes", "limit          4: it stays for now (held)\n");
}

Test(bfctl_pool, unused_room_is_not_called_too_little_work_where_much_is_ready)
{
    expect_limit("unused", 6, 0.10, "yes", "limit          6: fewer run than it allows; something else holds what is ready (unused)\n");
    expect_limit("unused", 6, 0.10, "no", "limit          6: there is room, and too little work (unused)\n");
    expect_limit("unused", 6, 0.10, NULL, "limit          6: it is not used up (unused)\n");
}

Test(bfctl_pool, a_pool_without_slots_is_said_to_have_none)
{
    expect_limit("unused", 0, 0.10, "yes", "limit          0: the pool has 0 slots, and nothing begins\n");
    expect_limit("held", 0, 0.10, "yes", "limit          0: the pool has 0 slots, and nothing begins\n");
}

/* What the plan says stands beside the bounds where a person set others. */
Test(bfctl_pool, bounds_that_a_person_set_stand_beside_those_of_the_plan)
{
    static const struct { int floor, ceiling; const char *says; } rows[] = {
        {2, 12, "throttle       gradient, from 2 to 12\n"}, {1, 12, "throttle       gradient, from 2 to 12; the plan says from 1 to 12\n"},
        {2, 9, "throttle       gradient, from 2 to 12; the plan says from 2 to 9\n"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:{s:i, s:i}, s:s, s:[], s:[]}", "algorithm", "gradient", "limit", 3, "floor", 2,
                              "ceiling", 12, "planned", "floor", rows[i].floor, "ceiling", rows[i].ceiling, "reason", "set", "probes",
                              "moves");
        expect_page(json_incref(j), rows[i].says);
        expect_page(j, "limit          3: its bounds were set by hand");
    }
}

/* And not that there is room: the governor may not take it. */
Test(bfctl_pool, a_ceiling_that_is_reached_is_told_with_whose_it_is_and_what_raises_it)
{
    static const struct { const char *source, *backfill, *says; } rows[] = {
        {"plan", "bf-3", "ceiling        from the plan of bf-3; to raise it: bfctl pool set wh --ceiling N\n"},
        {"plan", NULL, "ceiling        from the plan of another backfill; to raise it: bfctl pool set wh --ceiling N\n"},
        {"operator", NULL, "ceiling        set by bfctl pool set; to raise it: bfctl pool set wh --ceiling N\n"},
        {"slots", NULL, "ceiling        the slots of the pool; to raise it: bfctl pool set wh --slots N\n"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:s, s:b, s:{s:s, s:s?}, s:[], s:[]}", "algorithm", "gradient", "limit", 3, "floor", 2,
                              "ceiling", 3, "reason", "raised", "at_ceiling", 1, "ceiling_by", "source", rows[i].source, "backfill",
                              rows[i].backfill, "probes", "moves");
        expect_page(json_incref(j), "limit          3: at its ceiling, and all of it is used (raised)\n");
        expect_page(j, rows[i].says);
    }
}

/* While nothing ran nobody asked it: the page is made at 1970-01-01T00:01:00Z. */
Test(bfctl_pool, a_probe_that_nobody_asked_for_a_while_is_not_called_unreadable)
{
    static const struct { bool readable; const char *read_at, *why, *says; } rows[] = {
        {true, "1970-01-01T00:00:40.000000Z", NULL, "limit          2: the probe of connection db was not read for 20s (unreadable)\n"},
        {true, "1970-01-01T00:02:00.000000Z", NULL, "the probe of connection db was not read for 0s"},
        {true, NULL, NULL, "limit          2: no reading came for too long (unreadable)\n"},
        {false, "1970-01-01T00:00:40.000000Z", "it gave text", "limit          2: the probe of connection db is not readable (unreadable)\n"},
        {false, NULL, "it gave text", "the probe of connection db is not readable"},
        {false, NULL, NULL, "the probe of connection db has not been read yet"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:s, s:[{s:s, s:b, s:s}, {s:s, s:b, s:s?, s:s?}], s:[{s:s, s:i, s:i, s:s}]}",
                              "algorithm", "gradient", "limit", 2, "floor", 2, "ceiling", 3, "reason", "unreadable", "probes",
                              "connection", "other", "readable", 1, "read_at", "1970-01-01T00:00:50.000000Z", "connection", "db", "readable",
                              rows[i].readable, "read_at", rows[i].read_at, "why", rows[i].why, "moves", "at",
                              "1970-01-01T00:00:55.000000Z", "before", 3, "after", 2, "reason", "unreadable");
        if (i == 1)
            json_array_remove(json_object_get(j, "probes"), 0);
        expect_page(json_incref(j), rows[i].says);
        expect_page(j, "3 -> 2  unreadable: no reading came for too long\n");
    }
}

/* A list of so many, as the page has it. */
static char *shares_page(const char *list, size_t n, json_t *one)
{
    struct bf_buf page = {0};
    json_t *rows = json_array(), *pool = json_pack("{s:o}", list, rows);
    for (size_t i = 0; i < n; i++)
        json_array_append(rows, one);
    pool_shares_put(pool, &page);
    char *text = strdup(bf_buf_cstr(&page));
    bf_buf_free(&page);
    json_decref(pool);
    json_decref(one);
    return text;
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

Test(bfctl_pool, of_many_that_share_it_the_first_are_shown_and_the_others_counted)
{
    static const char *const lists[] = {"shares", "windows"};
    for (size_t i = 0; i < LEN(lists); i++) {
        char more[64], *few = shares_page(lists[i], POOL_SHARES_SHOWN, json_pack("{s:s}", "backfill", "bf-1"));
        char *many = shares_page(lists[i], 70, json_pack("{s:s}", "backfill", "bf-1"));
        cr_expect(lines_of(few) == POOL_SHARES_SHOWN && !strstr(few, "more"), "%s", few);
        cr_expect_eq(lines_of(many), POOL_SHARES_SHOWN + 1, "%s", many);
        snprintf(more, sizeof more, "%-14s and 60 more; -o json has them\n", lists[i]);
        cr_expect(strstr(many, more), "%s", many);
        free(few);
        free(many);
    }
}

Test(bfctl_pool, what_is_held_of_a_pool_without_slots_is_not_called_a_part_of_it)
{
    char *none = shares_page("shares", 1, json_pack("{s:s, s:i, s:n, s:i}", "backfill", "bf-1", "used", 6, "percent", "waiting", 2));
    char *some = shares_page("shares", 1, json_pack("{s:s, s:i, s:f, s:i}", "backfill", "bf-1", "used", 1, "percent", 12.5, "waiting", 0));
    cr_expect_str_eq(none, "share          bf-1 holds 6 slots, of a pool that has 0 now, and has 2 ready\n");
    cr_expect_str_eq(some, "share          bf-1 holds 1 slot, 12.5%, and has 0 ready\n");
    free(none);
    free(some);
}

static void redirect(void)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
}

/* Without a name all pools would be asked for, and a page be made of none of them. */
Test(bfctl_pool, one_without_a_name_is_not_there, .init = redirect)
{
    static const struct ctl_entry entries[] = {{"pool show", "a pool", &cmd_pool_show}};
    static const struct ctl_table table = {.at = entries, .n = LEN(entries)};
    char bfctl[] = "bfctl", pool[] = "pool", verb[] = "show", name[] = "";
    char *argv[] = {bfctl, pool, verb, name, NULL};
    int status = ctl_main(&table, 4, argv);
    cr_expect_eq(status, bf_rc_exit(BF_NOT_FOUND), "%d", status);
    fflush(stderr);
    cr_expect_stderr_eq_str("bfctl: error: there is no pool ''; bfctl pools lists them\n");
}
