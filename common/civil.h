/* Civil-date arithmetic, proleptic Gregorian.  Pure.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days). */
#ifndef BF_COMMON_CIVIL_H
#define BF_COMMON_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define BF_HOUR_S 3600
#define BF_DAY_S 86400

struct bf_date { int32_t year; uint8_t month, day; };           /* month 1..12, day 1..31 */

int32_t bf_days_from_date(struct bf_date d);                    /* days since 1970-01-01 */
struct bf_date bf_date_from_days(int32_t days);
bool bf_date_valid(struct bf_date d);                           /* year 1..9999 */
bool bf_parse_date(const char *s, struct bf_date *ret);         /* YYYY-MM-DD, a real day */
uint8_t bf_days_in_month(int32_t year, uint8_t month);
/* The greatest n with n * b <= a; b > 0. */
int64_t bf_floor_div(int64_t a, int64_t b);

#endif
