/* Time zones for tests: those of the system, and TZif files made byte by byte. */
#ifndef BF_TEST_ZONE_FIXTURE_H
#define BF_TEST_ZONE_FIXTURE_H

#include "common/buf.h"
#include "plan/zone.h"

/* The zone that this system has under a name; the test fails when it has none. */
struct zone *zone_of_system(const char *name);
void zone_bytes_of_system(const char *name, struct bf_buf *ret);

/* A file with local time types of these offsets.  version '\0' writes one block, any other two and the footer. */
struct tzif {
    char version;
    size_t n_times, n_types;
    int64_t times[8];
    uint8_t indices[8];
    int32_t offsets[4];
    const char *footer;
};

void tzif_write(const struct tzif *t, struct bf_buf *ret);
/* NULL, with err, when the reader refuses it. */
struct zone *tzif_zone(const struct tzif *t, struct bf_error *err);
/* A file without transitions: the footer says it all. */
struct zone *footer_zone(const char *footer, struct bf_error *err);

/* Fails the test unless the spans ascend, differ from their neighbours and cover all time from one instant to another. */
void zone_check_spans(const struct zone *z, int64_t from_s, int64_t until_s);
/* Seconds since 1970 of a date and a time of day, in UTC or on whatever clock. */
int64_t seconds_of(const char *date, int hour, int minute);

#endif
