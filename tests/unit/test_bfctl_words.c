#include "bfctl/words.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

Test(bfctl_words, backfills)
{
    static const struct { const char *word; enum bf_rc rc; uint32_t id; } rows[] = {
        {"@latest", BF_OK, OP_LATEST}, {"bf-1", BF_OK, 1}, {"1", BF_OK, 1}, {"bf-4294967295", BF_OK, UINT32_MAX},
        {"", BF_USAGE, 0}, {"0", BF_USAGE, 0}, {"bf-0", BF_USAGE, 0}, {"bf-", BF_USAGE, 0}, {"-1", BF_USAGE, 0},
        {"bf-1x", BF_USAGE, 0}, {"bf-4294967296", BF_USAGE, 0}, {"latest", BF_USAGE, 0}, {"@newest", BF_USAGE, 0}, {" 1", BF_USAGE, 0}};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_error err = {0};
        uint32_t id = 77;
        cr_assert_eq(words_backfill(rows[i].word, &id, &err), rows[i].rc, "'%s'", rows[i].word);
        cr_assert_eq(id, rows[i].rc == BF_OK ? rows[i].id : 77, "'%s' gave %u", rows[i].word, id);
        cr_assert_eq(err.text[0] != '\0', rows[i].rc != BF_OK, "'%s'", rows[i].word);
    }
}

Test(bfctl_words, selectors)
{
    static const struct { const char *words[3]; size_t n; enum bf_rc rc; } rows[] = {
        {{NULL}, 0, BF_OK}, {{"load"}, 1, BF_OK}, {{"load[2024-01-31]"}, 1, BF_OK}, {{"a.b_c-d[2024-01]", "+x+", "tag:t"}, 3, BF_OK},
        {{"load[]"}, 1, BF_INVALID}, {{"load", "load[2024"}, 2, BF_INVALID}, {{"load[a]"}, 1, BF_INVALID}, {{""}, 1, BF_INVALID}};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_error err = {0};
        struct op_request req = {0};
        cr_assert_eq(words_selectors(rows[i].words, rows[i].n, &req, &err), rows[i].rc, "row %zu: %s", i, err.text);
        cr_assert_eq(req.n_selectors, rows[i].rc == BF_OK ? rows[i].n : 0);
        cr_assert(req.n_selectors == 0 || req.selectors == rows[i].words);
    }
}

Test(bfctl_words, too_many_selectors_are_refused)
{
    const char *words[OP_SELECTORS_MAX + 1];
    struct op_request req = {0};
    struct bf_error err = {0};
    for (size_t i = 0; i <= OP_SELECTORS_MAX; i++)
        words[i] = "load";
    cr_assert_eq(words_selectors(words, OP_SELECTORS_MAX, &req, &err), BF_OK);
    cr_assert_eq(words_selectors(words, OP_SELECTORS_MAX + 1, &req, &err), BF_USAGE);
    cr_assert(strstr(err.text, "65 selectors"), "%s", err.text);
}

Test(bfctl_words, classes)
{
    static const char *const good[] = {"critical", "high", "normal", "low"}, *const bad[] = {"", "High", "hgih", "lowest", "2"};
    struct bf_error err = {0};
    enum op_priority p = 0;
    for (size_t i = 0; i < LEN(good); i++) {
        cr_assert_eq(words_priority(good[i], &p, &err), BF_OK);
        cr_assert_eq(p, OP_CRITICAL + i);
    }
    for (size_t i = 0; i < LEN(bad); i++) {
        cr_assert_eq(words_priority(bad[i], &p, &err), BF_USAGE, "%s", bad[i]);
        cr_assert_eq(p, OP_LOW, "untouched on failure");
    }
    cr_assert_eq(words_priority("hgih", &p, &err), BF_USAGE);
    cr_assert(strstr(err.text, "did you mean high?"), "%s", err.text);
}

Test(bfctl_words, attempts)
{
    static const struct { const char *word; enum bf_rc rc; uint64_t id; } rows[] = {
        {NULL, BF_OK, 0}, {"a-12", BF_OK, 12}, {"12", BF_OK, 12}, {"a-0", BF_USAGE, 7}, {"a12", BF_USAGE, 7}, {"", BF_USAGE, 7}};
    for (size_t i = 0; i < LEN(rows); i++) {
        uint64_t id = 7;
        cr_assert_eq(words_attempt(rows[i].word, &id, NULL), rows[i].rc);
        cr_assert_eq(id, rows[i].id);
    }
}

Test(bfctl_words, times_and_numbers)
{
    int64_t ms = 5, n = 5;
    struct bf_error err = {0};
    cr_assert_eq(words_duration("timeout", NULL, 40, &ms, &err), BF_OK);
    cr_assert_eq(ms, 40);
    cr_assert_eq(words_duration("timeout", "1m30s", 40, &ms, &err), BF_OK);
    cr_assert_eq(ms, 90000);
    cr_assert_eq(words_duration("timeout", "0", 40, &ms, &err), BF_USAGE, "a wait of nothing is a slip");
    cr_assert_eq(words_duration("timeout", "10", 40, &ms, &err), BF_USAGE);
    cr_assert(strstr(err.text, "--timeout"));
    cr_assert_eq(ms, 90000, "untouched on failure");
    cr_assert_eq(words_number("agents", NULL, 3, 1, 9, &n, &err), BF_OK);
    cr_assert_eq(n, 3);
    cr_assert_eq(words_number("agents", "9", 3, 1, 9, &n, &err), BF_OK);
    cr_assert_eq(n, 9);
    cr_assert_eq(words_number("agents", "10", 3, 1, 9, &n, &err), BF_USAGE);
    cr_assert(strstr(err.text, "--agents"));
}

#define NOW_US 1706680800000000                /* 2024-01-31T06:00:00Z */
#define DAY_US 86400000000
#define MIDNIGHT_US (NOW_US - 6 * 3600000000)

Test(bfctl_words, moments)
{
    static const struct { const char *word; enum words_edge edge; int64_t us; } rows[] = {
        {"now", WORDS_SINCE, NOW_US}, {"2h", WORDS_SINCE, NOW_US - 7200000000}, {"1d12h", WORDS_SINCE, NOW_US - DAY_US * 3 / 2},
        {"0", WORDS_UNTIL, NOW_US}, {"250ms", WORDS_SINCE, NOW_US - 250000},
        {"2024-01-31", WORDS_SINCE, MIDNIGHT_US}, {"2024-01-31", WORDS_UNTIL, MIDNIGHT_US + DAY_US},
        {"2024-01-31Z", WORDS_SINCE, MIDNIGHT_US}, {"2024-01-31+01:00", WORDS_UNTIL, MIDNIGHT_US + DAY_US - 3600000000},
        {"2024-01-31T06:00", WORDS_SINCE, NOW_US}, {"2024-01-31T06:00", WORDS_UNTIL, NOW_US}, {"2024-01-31 06:00:00", WORDS_SINCE, NOW_US},
        {"2024-01-31T06:00:00Z", WORDS_SINCE, NOW_US}, {"2024-01-31t06:00:00.250001z", WORDS_SINCE, NOW_US + 250001},
        {"2024-01-31T06:00:00.1234567Z", WORDS_SINCE, NOW_US + 123456}, {"2024-01-31T07:30:00+01:30", WORDS_SINCE, NOW_US},
        {"2024-01-30T22:00:00-0800", WORDS_SINCE, NOW_US}, {"2024-01-31T08+02", WORDS_SINCE, 0},
        {"2024-01-31T08:00+02", WORDS_SINCE, NOW_US},
        {"1970-01-01", WORDS_SINCE, 1}, {"1969-07-20", WORDS_SINCE, 1}, {"9999d", WORDS_SINCE, NOW_US - 9999 * DAY_US},
        {"", WORDS_SINCE, 0}, {"2024-02-30", WORDS_SINCE, 0}, {"2024-01", WORDS_SINCE, 0}, {"2024-01-31T", WORDS_SINCE, 0},
        {"2024-01-31T24:00", WORDS_SINCE, 0}, {"2024-01-31T06:60", WORDS_SINCE, 0}, {"2024-01-31T06:00:00.Z", WORDS_SINCE, 0},
        {"2024-01-31T06:00:00ZZ", WORDS_SINCE, 0}, {"2024-01-31T06:00+1", WORDS_SINCE, 0}, {"2024-01-31T06:00+25:00", WORDS_SINCE, 0},
        {"2h ago", WORDS_SINCE, 0}, {"-2h", WORDS_SINCE, 0}, {"5", WORDS_SINCE, 0}, {"yesterday", WORDS_SINCE, 0}};
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_error err = {0};
        int64_t us = -7;
        enum bf_rc rc = words_time("since", rows[i].word, rows[i].edge, NOW_US, &us, &err);
        cr_expect_eq(rc, rows[i].us ? BF_OK : BF_USAGE, "'%s'", rows[i].word);
        int64_t want_us = rows[i].us == NOW_US - 9999 * DAY_US && rows[i].us <= 0 ? 1 : rows[i].us ? rows[i].us : -7;
        cr_expect_eq(us, want_us, "'%s' gave %lld", rows[i].word, (long long)us);
        cr_expect(rc == BF_OK || strstr(err.text, "--since"), "'%s': %s", rows[i].word, err.text);
    }
}

Test(bfctl_words, ranges_of_time)
{
    int64_t since_us = 7, until_us = 7;
    struct bf_error err = {0};
    cr_assert_eq(words_times(NULL, NULL, NOW_US, &since_us, &until_us, &err), BF_OK);
    cr_assert(since_us == 0 && until_us == 0, "both open");
    cr_assert_eq(words_times("2024-01-31", "2024-01-31", NOW_US, &since_us, &until_us, &err), BF_OK, "one whole day");
    cr_assert(since_us == MIDNIGHT_US && until_us == MIDNIGHT_US + DAY_US);
    cr_assert_eq(words_times("1h", "2h", NOW_US, &since_us, &until_us, &err), BF_USAGE);
    cr_assert(since_us == MIDNIGHT_US && until_us == MIDNIGHT_US + DAY_US, "untouched on failure");
    cr_assert_eq(words_times("1h", "1h", NOW_US, &since_us, &until_us, &err), BF_USAGE);
    cr_assert_eq(words_times("1h", "later", NOW_US, &since_us, &until_us, &err), BF_USAGE);
    cr_assert(strstr(err.text, "--until"), "%s", err.text);
}

Test(bfctl_words, params)
{
    struct op_param params[OP_PARAMS_MAX];
    struct bf_option_list list = {.at = {"ledger=test", "empty=", "a=b=c"}, .n = 3};
    char *memory = NULL;
    size_t n = 0;
    struct bf_error err = {0};
    cr_assert_eq(words_params(&list, params, &n, &memory, &err), BF_OK);
    cr_assert_eq(n, 3);
    cr_assert_str_eq(params[0].name, "ledger");
    cr_assert_str_eq(params[0].value, "test");
    cr_assert_str_eq(params[1].value, "");
    cr_assert_str_eq(params[2].name, "a");
    cr_assert_str_eq(params[2].value, "b=c");
    free(memory);

    static const struct bf_option_list bad[] = {{.at = {"ledger"}, .n = 1}, {.at = {"=x"}, .n = 1}, {.at = {"a=1", "b=2", "a=3"}, .n = 3}};
    for (size_t i = 0; i < LEN(bad); i++) {
        char *untouched = NULL;
        cr_assert_eq(words_params(&bad[i], params, &n, &untouched, &err), BF_USAGE);
        cr_assert_null(untouched);
    }
}
