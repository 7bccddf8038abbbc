#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/split.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/prng.h"

/* Statements joined by " | ". */
static char *joined(const struct sql_script *s)
{
    struct bf_buf b = {0};
    for (size_t i = 0; i < s->n; i++)
        bf_buf_printf(&b, "%s%s", i ? " | " : "", s->at[i].text);
    (void)bf_buf_cstr(&b);
    return (char *)b.data;
}

static enum bf_rc split_text(const struct sql_lexis *l, const char *text, struct sql_script *ret, struct bf_error *err)
{
    struct sql_part part = {.text = text, .len = strlen(text)};
    return sql_split(l, &part, 1, ret, err);
}

static struct sql_part text_part(const char *s)
{
    return (struct sql_part){.text = s, .len = strlen(s)};
}

static struct sql_part value_part(const char *s)
{
    return (struct sql_part){.value = true, .text = s, .len = strlen(s)};
}

struct split_case { const char *text, *want; };

static void check_cases(const struct sql_lexis *l, const struct split_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sql_script s = {0};
        struct bf_error err = {0};
        cr_assert_eq(split_text(l, cases[i].text, &s, &err), BF_OK, "%s: %s", cases[i].text, err.text);
        BF_AUTO_FREE char *got = joined(&s);
        cr_assert_str_eq(got, cases[i].want, "%s\n  got:  %s\n  want: %s", cases[i].text, got, cases[i].want);
        sql_script_done(&s);
    }
}

Test(sql_split, sqlite_statements)
{
    static const struct split_case cases[] = {
        {"", ""},
        {" ;; \n;", ""},
        {"-- nothing", ""},
        {"select 1", "select 1"},
        {"select 1;", "select 1"},
        {"select 1; select 2", "select 1 | select 2"},
        {"select ';'; select 2", "select ';' | select 2"},
        {"select 'it''s; so'; x", "select 'it''s; so' | x"},
        {"select \"a;\"\"b\"; x", "select \"a;\"\"b\" | x"},
        {"select `a``b`; x", "select `a``b` | x"},
        {"select [a b]; x", "select [a b] | x"},
        {"select 1 -- it's; here\n+ 2; x", "select 1  \n+ 2 | x"},
        {"select 1 -- it's; here", "select 1"},
        {"select 1 /* ' ; */ + 2; x", "select 1   + 2 | x"},
        {"select 1 /* /* */ + 2; x", "select 1   + 2 | x"},
        {"select 1 /**/; x", "select 1 | x"},
        {"select 5-/**/-3; x", "select 5- -3 | x"},
        {"select 4/2; x", "select 4/2 | x"},
        {"select a$b, c_1 from t; x", "select a$b, c_1 from t | x"},
        {"\xEF\xBB\xBFselect 1; \xEF\xBB\xBF" "commit", "select 1 | commit"},
        {"select a\xEF\xBB\xBF" "b", "select a\xEF\xBB\xBF" "b"},
        {"(select 1)", "(select 1)"},
        {"select '\xF0\x9F\x98\x80;'; x", "select '\xF0\x9F\x98\x80;' | x"},
        {"select x'00ff', 1e5, .5; y", "select x'00ff', 1e5, .5 | y"},
    };
    check_cases(&sql_lexis_sqlite, cases, sizeof cases / sizeof *cases);
}

Test(sql_split, trigger_bodies)
{
    static const struct split_case cases[] = {
        {"create trigger t after insert on a begin select 1; select 2; end; x",
         "create trigger t after insert on a begin select 1; select 2; end | x"},
        {"CREATE TEMP TRIGGER t BEGIN update a set b = case when 1 then 2 else 3 end; END; x",
         "CREATE TEMP TRIGGER t BEGIN update a set b = case when 1 then 2 else 3 end; END | x"},
        {"create temporary trigger t begin select 1; -- ;\nend", "create temporary trigger t begin select 1;  \nend"},
        {"create trigger t begin select new.end; end ; x", "create trigger t begin select new.end; end | x"},
        {"create trigger t begin select 'begin; end;'; end; x", "create trigger t begin select 'begin; end;'; end | x"},
        /* Without a body it ends at once, so that nothing hides behind it. */
        {"create trigger t; commit; begin", "create trigger t | commit | begin"},
        {"create table trigger (a); begin; end", "create table trigger (a) | begin | end"},
        {"create view v as select 1; x", "create view v as select 1 | x"},
        {"explain create trigger t begin select 1; end; x", "explain create trigger t begin select 1 | end | x"},
    };
    check_cases(&sql_lexis_sqlite, cases, sizeof cases / sizeof *cases);
}

Test(sql_split, postgresql_statements)
{
    static const struct split_case cases[] = {
        {"do $$ begin perform 1; end $$; x", "do $$ begin perform 1; end $$ | x"},
        {"do $a$ ; $$ ; $b$ ; $a$; x", "do $a$ ; $$ ; $b$ ; $a$ | x"},
        {"select a$b$c; x", "select a$b$c | x"},
        {"select $1; x", "select $1 | x"},
        {"select E'it\\'s; '; x", "select E'it\\'s; ' | x"},
        {"select 'a\\'; x", "select 'a\\' | x"},
        {"select 1 /* a /* ; */ ; */ + 2; x", "select 1   + 2 | x"},
        {"select a[1]; x", "select a[1] | x"},
        {"select 1::int; x", "select 1::int | x"},
    };
    check_cases(&sql_lexis_postgresql, cases, sizeof cases / sizeof *cases);
}

Test(sql_split, mariadb_statements)
{
    static const struct split_case cases[] = {
        {"select 'a\\';b'; x", "select 'a\\';b' | x"},
        {"select \"a\\\";b\"; x", "select \"a\\\";b\" | x"},
        {"select `a\\`; x", "select `a\\` | x"},
        {"select 1 # it's\n; x", "select 1 | x"},
        {"select 1 --\tit's\n+ 2; x", "select 1  \n+ 2 | x"},
        {"select 1 --", "select 1"},
        {"select 1 -- a\rcommit; x", "select 1"},
        {"select 5-/**/- 3", "select 5- - 3"},
        {"select 1 /* /* */; x", "select 1 | x"},
        {"select @a := 1, @'b;', N'c;', _utf8'd;', $e$f; x", "select @a := 1, @'b;', N'c;', _utf8'd;', $e$f | x"},
        {"select '/*! ; */'; x", "select '/*! ; */' | x"},
    };
    check_cases(&sql_lexis_mariadb, cases, sizeof cases / sizeof *cases);
}

Test(sql_split, mariadb_bodies)
{
    static const struct split_case cases[] = {
        {"create procedure p() begin select 1; end; x", "create procedure p() begin select 1; end | x"},
        {"create procedure p() select 1; x", "create procedure p() select 1 | x"},
        {"create procedure p() l: loop leave l; end loop l; x", "create procedure p() l: loop leave l; end loop l | x"},
        {"create function f() returns int(11) begin return case a when 1 then 2 end; end; x",
         "create function f() returns int(11) begin return case a when 1 then 2 end; end | x"},
        {"create trigger t before insert on a for each row begin set new.end = 1; end; x",
         "create trigger t before insert on a for each row begin set new.end = 1; end | x"},
        {"create event e on schedule every 1 day do begin select 1; end; x",
         "create event e on schedule every 1 day do begin select 1; end | x"},
        {"create procedure p() begin declare exit handler for not found, 1062 begin end; select 1; end; x",
         "create procedure p() begin declare exit handler for not found, 1062 begin end; select 1; end | x"},
        {"begin not atomic if a then select if(1, 2, 3); else case 1 when 1 then x; end case; end if; end; x",
         "begin not atomic if a then select if(1, 2, 3); else case 1 when 1 then x; end case; end if; end | x"},
        {"begin not atomic repeat x; until case 1 when 1 then 1 end end repeat; while 1 do y; end while; for "
         "i in 1..2 do z; end for; end; x",
         "begin not atomic repeat x; until case 1 when 1 then 1 end end repeat; while 1 do y; end while; for i "
         "in 1..2 do z; end for; end | x"},
        /* Without a body there is nothing to hold. */
        {"begin; commit; end", "begin | commit | end"},
        {"create table trigger_t (begin int); commit", "create table trigger_t (begin int) | commit"},
        {"create procedure p() delete from t where if(a, b, c); commit", "create procedure p() delete from t where if(a, b, c) | commit"},
        {"create definer = procedure@x view v as select 1; commit", "create definer = procedure@x view v as select 1 | commit"},
        {"alter procedure p comment 'begin'; commit", "alter procedure p comment 'begin' | commit"},
    };
    check_cases(&sql_lexis_mariadb, cases, sizeof cases / sizeof *cases);
}

Test(sql_split, postgresql_bodies)
{
    static const struct split_case cases[] = {
        {"create function f() begin atomic select 1; end; x", "create function f() begin atomic select 1; end | x"},
        {"create or replace procedure p() begin /* */ atomic end; x", "create or replace procedure p() begin   atomic end | x"},
        {"create rule r as on insert to t do (a; b); x", "create rule r as on insert to t do (a; b) | x"},
        {"begin atomic; commit", "begin atomic | commit"},
        {"create table t (a; commit)", "create table t (a | commit)"},
        {"create function f(begin atomic); commit", "create function f(begin atomic) | commit"},
    };
    check_cases(&sql_lexis_postgresql, cases, sizeof cases / sizeof *cases);
}

/* A string behind E'…' and a newline goes on with it: backslashes count there. */
Test(sql_split, postgresql_strings_that_go_on)
{
    static const struct split_case cases[] = {
        {"select E'a'\n'b\\'; c'; x", "select E'a'\n'b\\'; c' | x"},
        {"select E'a' -- it's\n 'b\\'; c'; x", "select E'a'  \n 'b\\'; c' | x"},
        {"select 'a'\n'b\\'; x", "select 'a'\n'b\\' | x"},
        {"select E'a', \n'b\\'; x", "select E'a', \n'b\\' | x"},
        {"select 1 -- a\rcommit", "select 1  \rcommit"},
        {"select 1 -- a\r; commit", "select 1 | commit"},
    };
    check_cases(&sql_lexis_postgresql, cases, sizeof cases / sizeof *cases);
    /* A value must not be drawn into it, nor what follows a value. */
    struct sql_part parts[] = {text_part("select E'a'\n"), value_part("'b\\'"), text_part("\n'c\\'; x")};
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(sql_split(&sql_lexis_postgresql, parts, 3, &s, &err), BF_OK, "%s", err.text);
    cr_assert_eq(s.n, 2);
    cr_assert_str_eq(s.at[0].text, "select E'a'  'b\\'  'c\\'");
    sql_script_done(&s);
}

Test(sql_split, refusals_name_the_line)
{
    static const struct { const struct sql_lexis *lexis; const char *text, *want; } cases[] = {
        {&sql_lexis_sqlite, "select 1;\nselect 'abc", "line 2: a string is not closed"},
        {&sql_lexis_sqlite, "select \"abc", "line 1: a quoted name is not closed"},
        {&sql_lexis_sqlite, "select [abc", "line 1: a quoted name is not closed"},
        {&sql_lexis_sqlite, "select 1\n\n/* abc", "line 3: a comment is not closed"},
        {&sql_lexis_sqlite, "select ?", "line 1: the character ? is not supported"},
        {&sql_lexis_sqlite, "select :a", "line 1: the character : is not supported"},
        {&sql_lexis_sqlite, "select $a(')", "line 1: the character $ is not supported"},
        {&sql_lexis_sqlite, "{ commit }", "line 1: the character { is not supported"},
        {&sql_lexis_sqlite, "select [a'b]", "line 1: the character ' is not supported in a name"},
        {&sql_lexis_sqlite, "select `a{b}`", "line 1: the character { is not supported in a name"},
        {&sql_lexis_sqlite, "select 1;\n'commit'", "line 2: a statement begins with a word"},
        {&sql_lexis_sqlite, "1", "line 1: a statement begins with a word"},
        {&sql_lexis_postgresql, "do $a$ $b$", "line 1: a dollar-quoted string is not closed"},
        {&sql_lexis_postgresql, "/* /* */", "line 1: a comment is not closed"},
        {&sql_lexis_postgresql, "select 1$$; commit; $$", "line 1: a number runs into what follows it"},
        {&sql_lexis_postgresql, "select 1E'\\'; commit; --'", "line 1: a number runs into what follows it"},
        {&sql_lexis_postgresql, "select 1;\nselect {d '1'}", "line 2: the character { is not supported outside quotes; the driver"},
        {&sql_lexis_postgresql, "\\copy t from x", "line 1: the character \\ is not supported outside quotes; commands of a client"},
        {&sql_lexis_postgresql, "a;\ncopy t (a) from\nstdin", "line 3: COPY from stdin is refused"},
        {&sql_lexis_postgresql, "copy (select 1) TO stdout", "line 1: COPY TO stdout is refused"},
        {&sql_lexis_postgresql, "a; \xEF\xBB\xBF" "commit", "line 1: a byte order mark stands inside"},
        {&sql_lexis_mariadb, "select 1 /*! ; commit */", "line 1: a comment that begins with /*! or /*M! is refused"},
        {&sql_lexis_mariadb, "select 1 /*M! ; commit */", "line 1: a comment that begins with /*! or /*M! is refused"},
        {&sql_lexis_mariadb, "select 5--3", "line 1: -- begins a comment only before a blank"},
        {&sql_lexis_mariadb, "a;\nDelimiter //\nb //", "line 2: DELIMITER is a command of a client program"},
        {&sql_lexis_mariadb, "select \"a", "line 1: a string is not closed"},
        {&sql_lexis_mariadb, "select ?", "line 1: the character ? is not supported"},
        {&sql_lexis_ansi, "select 'a\\'; commit", "line 1: a backslash before a quote is refused"},
        {&sql_lexis_ansi, "select \"a\\\"\"\"", "line 1: a backslash before a quote is refused"},
        {&sql_lexis_ansi, "select `a`", "line 1: the character ` is not supported"},
        {&sql_lexis_ansi, "select [a]", "line 1: the character [ is not supported"},
        {&sql_lexis_ansi, "do $$ $$", "line 1: the character $ is not supported"},
        {&sql_lexis_ansi, "a$b", "line 1: the character $ is not supported"},
        {&sql_lexis_ansi, "a # it's", "line 1: the character # is not supported"},
        {&sql_lexis_ansi, "a --b", "line 1: -- begins a comment only before a blank"},
        {&sql_lexis_ansi, "a /* /* */ b */", "line 1: a comment inside a comment is refused"},
        {&sql_lexis_ansi, "a /*! b */", "line 1: a comment that begins with /*!"},
        {&sql_lexis_ansi, "a -- b\rcommit", "line 1: a carriage return inside a comment is refused"},
        {&sql_lexis_ansi, "a // it's", "line 1: // is refused"},
        {&sql_lexis_ansi, "select q'[it's]'", "line 1: a string that begins with q' is refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_script s = {.n = 77};
        struct bf_error err = {0};
        cr_assert_eq(split_text(cases[i].lexis, cases[i].text, &s, &err), BF_INVALID, "%s", cases[i].text);
        cr_assert(strncmp(err.text, cases[i].want, strlen(cases[i].want)) == 0, "%s: %s", cases[i].text, err.text);
        cr_assert_eq(s.n, 77, "untouched on failure");
    }
}

Test(sql_split, numbers_lines_and_verbs)
{
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(split_text(&sql_lexis_sqlite, "-- head\n\n  Insert into t\nvalues (1);;\n/* x\ny */ select\n2; commit", &s, &err), BF_OK);
    cr_assert_eq(s.n, 3);
    cr_expect_eq(s.at[0].number, 1);
    cr_expect_eq(s.at[0].line, 3);
    cr_expect_str_eq(s.at[0].verb, "INSERT");
    cr_expect_eq(s.at[1].line, 6);
    cr_expect_str_eq(s.at[1].verb, "SELECT");
    cr_expect_eq(s.at[2].number, 3);
    cr_expect_eq(s.at[2].line, 7);
    cr_expect_str_eq(s.at[2].verb, "COMMIT");
    sql_script_done(&s);
}

Test(sql_split, values_are_single_tokens)
{
    struct sql_part parts[] = {
        text_part("insert into t values (x"), value_part("'a;b'"), text_part(", -"), value_part("-5"), text_part(") -- "),
        value_part("'\n; commit; '"), text_part(" rest\n; select 'a'"), value_part("'b'"), text_part("; z"),
    };
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(sql_split(&sql_lexis_sqlite, parts, sizeof parts / sizeof *parts, &s, &err), BF_OK, "%s", err.text);
    BF_AUTO_FREE char *got = joined(&s);
    /* Kept apart from x, - and 'a', which would have taken them in; gone with the comment. */
    cr_assert(strstr(got, "values (x 'a;b' , - -5 )"), "%s", got);
    cr_assert(strstr(got, "select 'a' 'b'  | z") || strstr(got, "select 'a' 'b' | z"), "%s", got);
    cr_assert_eq(s.n, 3);
    cr_assert_null(strstr(got, "commit"));
    cr_expect_eq(s.at[1].line, 2, "newlines inside values are not the script's");
    sql_script_done(&s);
}

Test(sql_split, a_value_in_quotes_is_refused)
{
    static const char *const opening[] = {"select '", "select \"", "select [", "select `", "select 1;\n select 'a''"};
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++) {
        struct sql_part parts[] = {text_part(opening[i]), value_part("'v'"), text_part("'\"]`")};
        struct sql_script s = {0};
        struct bf_error err = {0};
        cr_assert_eq(sql_split(&sql_lexis_sqlite, parts, 3, &s, &err), BF_INVALID, "%s", opening[i]);
        cr_assert(strstr(err.text, "stands inside"), "%s", err.text);
    }
    struct sql_part first[] = {value_part("'commit'"), text_part(" 1")};
    struct sql_script s = {0};
    cr_assert_eq(sql_split(&sql_lexis_sqlite, first, 2, &s, NULL), BF_INVALID);
}

Test(sql_split, nul_is_refused)
{
    struct sql_part part = {.text = "select 1\0; commit", .len = 17};
    struct sql_script s = {0};
    cr_assert_eq(sql_split(&sql_lexis_sqlite, &part, 1, &s, NULL), BF_INVALID);
}

Test(sql_split, large_scripts)
{
    struct bf_buf b = {0};
    for (int i = 0; i < 50000; i++)
        bf_buf_printf(&b, "insert into t values (%d, 'a;b');\n", i);
    struct sql_part part = {.text = (const char *)b.data, .len = b.len};
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(sql_split(&sql_lexis_sqlite, &part, 1, &s, &err), BF_OK, "%s", err.text);
    cr_assert_eq(s.n, 50000);
    cr_assert_eq(s.at[49999].line, 50000);
    sql_script_done(&s);

    bf_buf_clear(&b);
    for (uint32_t i = 0; i <= SQL_STATEMENTS_MAX; i++)
        bf_buf_put_str(&b, "x;");
    part = (struct sql_part){.text = (const char *)b.data, .len = b.len};
    cr_assert_eq(sql_split(&sql_lexis_sqlite, &part, 1, &s, &err), BF_LIMIT);
    bf_buf_free(&b);
}

static const char *const scraps[] = {
    "select ", "'", "''", "\"", "`", "[", "]", ";", "--", "\n", "/*", "*/", "$$", "$a$", "begin ", "end", "create ", "trigger ", "temp ",
        "case ",
    " ", "a", "1", "\\", "E'", "\xEF\xBB\xBF", "\xF0\x9F\x98\x80", "-", "/", "*", "commit", "(", ")", "insert into t values(",
    "#", "/*!", "procedure p() ", "function f() ", "atomic ", "if ", "then ", "rule ", "\r", "-- ", "'a'", "E'a'", ".",
};

/* Whatever the script: each statement splits into itself, and values do not change how many there are. */
Test(sql_split, borders_hold_for_random_scripts)
{
    static const char *const values[] = {"'v'", "''';commit;--'", "\"/*\"", "'*/'", "-7", "'$$ \n ; $a$'"};
    static const struct sql_lexis *const lexes[] = {&sql_lexis_sqlite, &sql_lexis_postgresql, &sql_lexis_mariadb, &sql_lexis_ansi};
    struct bf_prng prng;
    bf_prng_seed(&prng, 42);
    size_t accepted = 0;
    for (int round = 0; round < 40000; round++) {
        const struct sql_lexis *l = lexes[round % 4];
        struct sql_part parts[12], plain[12];
        size_t n = 1 + bf_prng_below(&prng, 12);
        for (size_t i = 0; i < n; i++) {
            bool value = i > 0 && bf_prng_below(&prng, 5) == 0;
            plain[i] = parts[i] = value ? value_part(values[bf_prng_below(&prng, sizeof values / sizeof *values)])
                                        : text_part(scraps[bf_prng_below(&prng, sizeof scraps / sizeof *scraps)]);
            if (value)
                plain[i] = value_part("0");
        }
        struct sql_script s = {0}, neutral = {0};
        enum bf_rc rc = sql_split(l, parts, n, &s, NULL);
        cr_assert_eq(sql_split(l, plain, n, &neutral, NULL), rc, "a value decided whether the script is accepted");
        cr_assert_eq(s.n, neutral.n, "a value moved a border");
        for (size_t i = 0; i < s.n; i++) {
            struct sql_script again = {0};
            struct bf_error err = {0};
            cr_assert_eq(split_text(l, s.at[i].text, &again, &err), BF_OK, "[%s] %s", s.at[i].text, err.text);
            cr_assert_eq(again.n, 1, "[%s] splits again", s.at[i].text);
            cr_assert_str_eq(again.at[0].text, s.at[i].text);
            cr_assert_str_eq(again.at[0].verb, s.at[i].verb);
            sql_script_done(&again);
        }
        accepted += s.n > 0;
        sql_script_done(&s);
        sql_script_done(&neutral);
    }
    cr_assert_gt(accepted, 5000, "most scripts must be real ones: %zu", accepted);
}
