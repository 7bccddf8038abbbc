#include "common/clock.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

Test(clock, boot_time_never_goes_back)
{
    int64_t last = bf_boottime_us();
    for (int i = 0; i < 100000; i++) {
        int64_t now = bf_boottime_us();
        cr_assert_geq(now, last);
        last = now;
    }
    int64_t ms = bf_boottime_ms();
    cr_expect(ms >= last / 1000 && ms <= bf_boottime_us() / 1000);
}

Test(clock, real_time_is_that_of_the_c_library)
{
    int64_t before = (int64_t)time(NULL), us = bf_realtime_us(), after = (int64_t)time(NULL);
    cr_expect(us / 1000000 >= before - 1 && us / 1000000 <= after + 1);
}

Test(clock, boot_id_is_stable_text)
{
    char a[37], b[37];
    memset(a, 'x', sizeof a);
    bf_boot_id(a);
    bf_boot_id(b);
    cr_expect_eq(strlen(a), 36);
    cr_expect(a[8] == '-' && a[13] == '-');
    cr_expect_str_eq(a, b);
}
