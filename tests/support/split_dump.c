/* split_dump LEXIS [run|transaction]: how the splitter reads scripts, for a comparison with another reader.
 *
 * LEXIS is sqlite, postgresql, mariadb or ansi.  Standard input: scripts with a NUL byte behind each.  Standard output: one line of
 * JSON a script, {"error": text} or {"statements": [{"line", "verb", "body", "gives", "targets", "text"}]}; a byte above 127 is the
 * character of that number.  With `run` or `transaction` a statement that may not stand in such a script makes an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sql/guard.h"
#include "agent/sql/kind.h"
#include "agent/sql/targets.h"
#include "common/buf.h"

static const struct { const char *name; const struct sql_lexis *lexis; } lexes[] = {
    {"sqlite", &sql_lexis_sqlite}, {"postgresql", &sql_lexis_postgresql}, {"mariadb", &sql_lexis_mariadb}, {"ansi", &sql_lexis_ansi},
};

static void put_text(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_statement(const struct sql_lexis *lexis, const struct sql_statement *s)
{
    static const char *const gives[] = {[SQL_GIVES_MAYBE] = "maybe", [SQL_GIVES_NOTHING] = "nothing", [SQL_GIVES_ROWS] = "rows"};
    struct sql_targets targets = {0};
    printf("{\"line\":%u,\"verb\":", s->line);
    put_text(s->verb);
    printf(",\"body\":%s,\"gives\":\"%s\",\"targets\":[", s->body ? "true" : "false", gives[sql_statement_gives(lexis, s)]);
    sql_statement_targets(lexis, s, &targets);
    for (size_t i = 0; i < targets.n; i++) {
        struct bf_buf name = {0};
        bf_buf_printf(&name, "%s%s%s", targets.at[i].schema ? targets.at[i].schema : "", targets.at[i].schema ? "." : "",
                      targets.at[i].table);
        printf("%s", i ? "," : "");
        put_text(bf_buf_cstr(&name));
        bf_buf_free(&name);
    }
    sql_targets_done(&targets);
    printf("],\"text\":");
    put_text(s->text);
    printf("}");
}

static void dump(const struct sql_lexis *lexis, const char *mode, const char *script, size_t len)
{
    const struct sql_dialect dialect = {.dbms = "test", .lexis = lexis};
    struct sql_part part = {.text = script, .len = len};
    struct sql_script s = {0};
    struct bf_error err = {0};
    enum bf_rc rc = sql_split(lexis, &part, 1, &s, &err);
    for (size_t i = 0; mode && rc == BF_OK && i < s.n; i++)
        rc = sql_guard_check(&dialect, strcmp(mode, "transaction") == 0, &s.at[i], &err);
    if (rc == BF_OK) {
        printf("{\"statements\":[");
        for (size_t i = 0; i < s.n; i++) {
            printf("%s", i ? "," : "");
            put_statement(lexis, &s.at[i]);
        }
        printf("]}\n");
    } else {
        printf("{\"error\":");
        put_text(err.text);
        printf("}\n");
    }
    sql_script_done(&s);
}

int main(int argc, char **argv)
{
    const struct sql_lexis *lexis = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof lexes / sizeof *lexes; i++)
        if (strcmp(argv[1], lexes[i].name) == 0)
            lexis = lexes[i].lexis;
    if (!lexis) {
        fprintf(stderr, "usage: split_dump sqlite|postgresql|mariadb|ansi [run|transaction]\n");
        return 2;
    }
    char *script = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getdelim(&script, &size, '\0', stdin)) > 0)
        dump(lexis, argc > 2 ? argv[2] : NULL, script, (size_t)n - (script[n - 1] == '\0'));
    free(script);
    return 0;
}
