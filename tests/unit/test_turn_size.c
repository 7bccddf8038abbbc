/* How large a turn may be, by who asked and by what the turn before took. */
#include <criterion/criterion.h>

#include "coordinator/turn_size.h"

Test(turn_size, turns_are_shorter_while_somebody_asks_and_that_helps)
{
    static const struct { int64_t since_asked_ms, decided_us, committed_us; size_t want; const char *why; } cases[] = {
        {0, 900, 100, TURN_SIZE_ASKED, "somebody asks, and deciding is what takes long"},
        {TURN_SIZE_ASKED_MS - 1, 900, 100, TURN_SIZE_ASKED, "a moment ago"},
        {TURN_SIZE_ASKED_MS, 900, 100, TURN_SIZE, "no more"},
        {INT64_MAX / 2, 900, 100, TURN_SIZE, "never"},
        {0, 100, 900, TURN_SIZE, "the commit takes the longer part: fewer inputs would be as long"},
        {0, 500, 500, TURN_SIZE, "as long as the other"},
        {0, 0, 0, TURN_SIZE, "there was nothing to do"},
        {INT64_MAX / 2, 100, 900, TURN_SIZE, "neither"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(turn_size(cases[i].since_asked_ms, cases[i].decided_us, cases[i].committed_us), cases[i].want, "%s", cases[i].why);
    cr_expect_lt(TURN_SIZE_ASKED, TURN_SIZE);
}
