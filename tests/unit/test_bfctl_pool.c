/* What bfctl says of pools: the words about a limit are true of the figures beside them. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <jansson.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/pool_chart.h"
#include "common/rc.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

/* The section of a limit that the governor left where it is. */
static void expect_limit(const char *reason, int limit, double pressure, const char *queued, const char *says)
{
    struct bf_buf page = {0};
    json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:f, s:[], s:[]}", "algorithm", "gradient", "limit", limit, "floor", 2,
                          "ceiling", 12, "reason", reason, "pressure", pressure, "setpoint", 0.95, "service", 1.0, "failed", 0.0, "probes",
                          "moves");
    if (queued)
        json_object_set_new(j, "queued", json_boolean(strcmp(queued, "yes") == 0));
    pool_chart_put(j, 0, &page);
    cr_expect(strstr(bf_buf_cstr(&page), says), "%s at %d and %.2f: %s", reason, limit, pressure, bf_buf_cstr(&page));
    bf_buf_free(&page);
    json_decref(j);
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
        struct bf_buf page = {0};
        json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:{s:i, s:i}, s:s, s:[], s:[]}", "algorithm", "gradient", "limit", 3, "floor", 2,
                              "ceiling", 12, "planned", "floor", rows[i].floor, "ceiling", rows[i].ceiling, "reason", "set", "probes",
                              "moves");
        pool_chart_put(j, 0, &page);
        cr_expect(strstr(bf_buf_cstr(&page), rows[i].says), "%s", bf_buf_cstr(&page));
        cr_expect(strstr(bf_buf_cstr(&page), "limit          3: its bounds were set by hand"), "%s", bf_buf_cstr(&page));
        bf_buf_free(&page);
        json_decref(j);
    }
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
