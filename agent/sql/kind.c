/* Queries are told from changes by the verb, and by the words of a change anywhere in WITH, which PostgreSQL runs.
 *
 * In doubt a statement changes something and may give rows. */
#include "agent/sql/kind.h"

#include <string.h>

#include "agent/sql/form.h"

#define CHANGES "INSERT UPDATE DELETE MERGE REPLACE"

/* FOR UPDATE locks; ON UPDATE and the like stand in definitions only. */
static bool is_change(const struct lex_token *t, const struct lex_token *before)
{
    return lex_is_one_of(t, CHANGES) && !lex_is_one_of(before, "FOR KEY NO") && !lex_is_sign(before, '.');
}

/* replace(a, b, c) and insert(…) are functions, but not where they begin a statement. */
static bool is_function(const struct lexer *x, const struct lex_token *t)
{
    struct lexer ahead = *x;
    struct lex_token next = lex_next_solid(&ahead);
    return lex_is_one_of(t, "REPLACE INSERT") && lex_is_sign(&next, '(');
}

/* Of SELECT, WITH, VALUES, TABLE, and EXPLAIN ANALYZE. */
static enum sql_gives query_gives(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct lexer x = form_reader(lexis, s);
    struct lex_token before = {0};
    for (struct lex_token t = lex_next_solid(&x); t.kind != LEX_END; t = lex_next_solid(&x)) {
        if (is_change(&t, &before) && !is_function(&x, &t))
            return SQL_GIVES_MAYBE;
        if (lex_is(&t, "INTO") && !lex_is_sign(&before, '.'))
            return SQL_GIVES_NOTHING;          /* a table, a file or variables */
        before = t;
    }
    return SQL_GIVES_ROWS;
}

/* Of a change of rows: with RETURNING it gives them. */
static enum sql_gives change_gives(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct lexer x = form_reader(lexis, s);
    for (struct lex_token t = lex_next_solid(&x); t.kind != LEX_END; t = lex_next_solid(&x))
        if (lex_is(&t, "RETURNING"))
            return SQL_GIVES_MAYBE;
    return SQL_GIVES_NOTHING;
}

enum sql_gives sql_statement_gives(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    struct lexer x = form_reader(lexis, s);
    struct lex_token verb = lex_next_solid(&x), second = lex_next_solid(&x);
    bool runs = lex_is(&verb, "ANALYZE") || lex_is(&second, "ANALYZE") || lex_is_sign(&second, '(');
    if (lex_is_one_of(&verb, "SHOW DESC DESCRIBE HELP CHECKSUM") || (lex_is(&verb, "EXPLAIN") && !runs))
        return SQL_GIVES_ROWS;
    if (lex_is_one_of(&verb, "SELECT WITH VALUES TABLE EXPLAIN FETCH") || lex_is_sign(&verb, '('))
        return query_gives(lexis, s);
    if (lex_is_one_of(&verb, CHANGES))
        return change_gives(lexis, s);
    if (lex_is_one_of(&verb, "CREATE ALTER DROP TRUNCATE GRANT REVOKE COMMENT LOCK SET RESET DO COPY LOAD RENAME NOTIFY LISTEN"))
        return SQL_GIVES_NOTHING;
    return SQL_GIVES_MAYBE;
}
