/* What became of the attempts of history: also of those that were granted before what is retained of it begins. */
#include <criterion/criterion.h>

#include "coordinator/replay/past.h"

static void ended(struct past *p, uint64_t attempt, enum outcome_source source, int code, uint64_t seq, int64_t now_ms)
{
    struct outcome o = {.source = source, .code = code, .sqlstate = "", .dbms = "", .text = "", .details = ""};
    struct record r = {.kind = RECORD_ENDED, .ref = {.attempt = attempt}, .backfill = 1, .step = 2, .index = 3, .outcome = &o,
                       .verdict = source == OUTCOME_OK ? VERDICT_SUCCEEDED : VERDICT_FAILED};
    past_record(p, &r, seq, now_ms);
}

Test(past, knows_how_attempts_end_that_are_open_where_it_begins)
{
    struct past *p = past_new();
    struct past_end end;
    past_open(p, 7, 1000, 200);
    past_open(p, 8, 1000, -1);
    ended(p, 7, OUTCOME_EXIT, 3, 20, 1500);
    past_end(p, 1, 2, 3, 0, false, 0, &end);
    cr_expect(!end.assumed && end.outcome.source == OUTCOME_EXIT && end.outcome.code == 3);
    cr_expect(end.start_ms == 200 && end.end_ms == 500, "%lld, %lld", (long long)end.start_ms, (long long)end.end_ms);
    cr_expect_eq(past_ends_by(p, 1, 2, 3, 19), 0u);
    cr_expect_eq(past_ends_by(p, 1, 2, 3, 20), 1u);
    ended(p, 8, OUTCOME_OK, 0, 21, 1900);
    past_end(p, 1, 2, 3, 1, false, 0, &end);
    cr_expect(!end.assumed && end.outcome.source == OUTCOME_OK && end.end_ms == 900);
    past_end(p, 1, 2, 3, 2, true, 0, &end);
    cr_expect(end.assumed, "history has no third");
    past_free(p);
}
