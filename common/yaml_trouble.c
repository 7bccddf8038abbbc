/* libfyaml names its own states; whoever wrote the file thinks of lines, keys and brackets.  A message that the table does not know
 * is passed on as it is. */
#include "common/yaml_trouble.h"

#include <stdbool.h>
#include <string.h>

/* What to say besides the sentence. */
enum extra { PLAIN, BRACKET, NEXT_LINE, QUOTE };

struct words {
    const char *begins, *has;                  /* of libfyaml's message: how it begins, and what else it holds (NULL: anything) */
    const char *text, *fix;
    enum extra extra;
};

#define AS_ABOVE "the indentation fits none of the lines above"
#define ALIGN "indent the line like the one that it belongs beside"
#define SPACES "indent with spaces"
#define CLOSE "write the closing \"%c\""        /* of the bracket that is open */

/* The first that fits. */
static const struct words table[] = {
    {"tab character may not", NULL, "a tab may not be used for indentation", SPACES, PLAIN},
    {"invalid tab", NULL, "a tab may not be used for indentation", SPACES, PLAIN},
    {"cannot use tab", NULL, "a tab may not be used for indentation", SPACES, PLAIN},
    {"Indentation used tabs", NULL, "a tab may not be used for indentation", SPACES, PLAIN},

    {"double-quoted scalar without closing", NULL, "the string that begins here has no closing quote", "write the closing \"", QUOTE},
    {"single-quoted scalar without closing", NULL, "the string that begins here has no closing quote", "write the closing '", QUOTE},
    {"wrongly indented double-quoted", NULL, "the string that begins here is not closed, and the next line is not indented as a part of it",
     "write the closing \"", PLAIN},
    {"wrongly indented single-quoted", NULL, "the string that begins here is not closed, and the next line is not indented as a part of it",
     "write the closing '", PLAIN},
    {"invalid trailing content after double", NULL, "nothing may follow the closing quote", "write \\\" for a quote within the string",
     PLAIN},
    {"invalid trailing content after single", NULL, "nothing may follow the closing quote", "write '' for a quote within the string",
     PLAIN},
    {"invalid escape", NULL, "this is no escape that YAML knows", "write \\\\ for a backslash, or put the string in single quotes", PLAIN},
    {"double-quoted scalar has invalid", NULL, "this escape is no character",
     "write \\\\ for a backslash, or put the string in single quotes", PLAIN},

    {"flow sequence without a closing", NULL, "the document ends before the closing bracket", CLOSE, BRACKET},
    {"missing comma in flow sequence", NULL, "a \",\" or the closing \"]\" is missing before this", NULL, BRACKET},
    {"missing comma in flow mapping", NULL, "a \",\" or the closing \"}\" is missing before this", NULL, BRACKET},
    {"mismatched flow", NULL, "this bracket does not close the one that is open", CLOSE, BRACKET},
    {"flow", "extra closing", "this bracket closes nothing", "remove it, or put the value in quotes", PLAIN},
    {"flow sequence with invalid", NULL, "a value is missing before the \",\"", NULL, BRACKET},
    {"invalid multiline flow", NULL, "what stands in brackets before a \":\" must be in one line", NULL, BRACKET},
    {"wrongly indented", "flow", "what stands in brackets must be indented more than the line where it begins",
     "indent the line, or close the bracket", BRACKET},

    {"invalid multiline plain key", NULL, "this goes on in the next line, where a \":\" follows: a key must be in one line",
     "write \": \" behind the key, or mend the indentation of the next line", NEXT_LINE},
    {"invalid multiline", NULL, "a key must be in one line", NULL, PLAIN},
    {"could not find expected ':'", NULL, "there is no \":\" behind this key", "write \": \" and a value", PLAIN},
    {"missing ':'", NULL, "there is no \":\" behind this key", "write \": \" and a value", PLAIN},
    {"invalid nested block mapping", NULL, "a second \":\" in one line",
     "put the value in quotes, or begin an indented line behind the first \":\"", PLAIN},
    {"invalid block mapping key on same line", NULL, "a second key in one line", "put the value in quotes, or begin a line", PLAIN},
    {"block sequence on the same line as a mapping", NULL, "a list with \"- \" cannot begin in the line of its key",
     "begin it in the next line, or write it as [a, b]", PLAIN},
    {"invalid scalar at the end of block sequence", NULL, "a key cannot stand beside the items of a list",
     "begin the line with \"- \", or indent it", PLAIN},
    {"invalid indentation in mapping", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"invalid mapping in plain multiline", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"wrong indendation in sequence", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"invalid value after mapping", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"wrongly indented", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"did not find expected key", NULL, AS_ABOVE, ALIGN, PLAIN},
    {"did not find expected '-'", NULL, AS_ABOVE, ALIGN, PLAIN},

    {"plain scalar cannot start with", NULL, "a value cannot begin with this sign", "put the value in quotes", PLAIN},
    {"block scalar no linebreak", NULL, "the text of \"|\" and \">\" begins in the next line", "begin a line here, indented", PLAIN},
    {"block scalar with wrongly", NULL, "a line of blanks alone is indented more than the text that follows",
     "remove the blanks of that line", PLAIN},
    {"missing document start", NULL, "the document ended before this", "remove it, or mend the bracket or the indentation before it",
     PLAIN},
    {"invalid content after document end", NULL, "the document ended before this", "remove it", PLAIN},
    {"invalid comment", NULL, "a comment needs a blank before its \"#\"", "write a blank, or put the value in quotes", PLAIN},
};

static const struct words *find(const char *msg)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(msg, table[i].begins, strlen(table[i].begins)) == 0 && (!table[i].has || strstr(msg, table[i].has)))
            return &table[i];
    return NULL;
}

/* --- brackets --- */

struct scan {
    const char *p, *end;
    struct bf_mark mark;
    char before;                               /* the sign before p */
};

static void step(struct scan *s)
{
    s->before = *s->p;
    if (*s->p++ == '\n')
        s->mark = (struct bf_mark){s->mark.line + 1, 1};
    else
        s->mark.column += s->p == s->end || ((uint8_t)*s->p & 0xc0) != 0x80;
}

static bool reached(const struct scan *s, struct bf_mark at)
{
    return s->p >= s->end || s->mark.line > at.line || (s->mark.line == at.line && s->mark.column >= at.column);
}

static void skip_quoted(struct scan *s, struct bf_mark until)
{
    char quote = *s->p;
    step(s);
    while (!reached(s, until) && *s->p != quote) {
        if (*s->p == '\\' && quote == '"')
            step(s);
        if (!reached(s, until))
            step(s);
    }
    if (!reached(s, until))
        step(s);
}

/* Quotes and comments begin only where a word could. */
static bool word_may_begin(char before)
{
    return strchr(" \t\n\r[]{},:", before) != NULL;
}

static void follow_brackets(const struct bf_diags *d, struct bf_yaml_open *open, size_t from, struct bf_mark from_mark,
                            struct bf_mark until)
{
    struct scan s = {.p = d->source + from, .end = d->source + d->source_len, .mark = from_mark, .before = ' '};
    while (!reached(&s, until)) {
        char c = *s.p;
        if ((c == '"' || c == '\'') && word_may_begin(s.before)) {
            skip_quoted(&s, until);
            continue;
        }
        if (c == '#' && word_may_begin(s.before)) {
            while (!reached(&s, until) && *s.p != '\n')
                step(&s);
            continue;
        }
        if ((c == '[' || c == '{') && open->n < BF_YAML_OPEN_MAX && (open->n > 0 || word_may_begin(s.before))) {
            open->at[open->n].mark = s.mark;
            open->at[open->n++].sign = c;
        }
        if ((c == ']' || c == '}') && open->n > 0)
            open->n--;
        step(&s);
    }
}

/* --- the next line --- */

/* The first line behind `line` that holds anything. */
static void note_next_line(struct bf_diags *d, struct bf_mark mark)
{
    struct scan s = {.p = d->source, .end = d->source + d->source_len, .mark = {1, 1}};
    while (s.p < s.end && (s.mark.line <= mark.line || strchr(" \t\r\n", *s.p)))
        step(&s);
    if (s.p < s.end)
        bf_diag_add(d, BF_DIAG_NOTE, s.mark, "this line is read as a part of it");
}

void bf_yaml_trouble(struct bf_diags *d, const char *msg, struct bf_mark mark, struct bf_yaml_open *open, size_t from,
                     struct bf_mark from_mark)
{
    const struct words *w = find(msg);
    if (!w) {
        bf_diag_add(d, BF_DIAG_ERROR, mark, "this is not YAML: %.300s", msg);
        return;
    }
    if (w->extra == QUOTE)
        mark.column -= mark.column > 1;        /* libfyaml points behind the quote */
    if (w->extra == BRACKET)
        follow_brackets(d, open, from, from_mark, mark);
    char sign = open->n > 0 ? open->at[open->n - 1].sign : '[';
    bf_diag_add(d, BF_DIAG_ERROR, mark, "%s", w->text);
    if (w->fix && strcmp(w->fix, CLOSE) == 0)
        bf_diag_fix(d, CLOSE, sign == '[' ? ']' : '}');
    else if (w->fix)
        bf_diag_fix(d, "%s", w->fix);
    if (w->extra == BRACKET && open->n > 0)
        bf_diag_add(d, BF_DIAG_NOTE, open->at[open->n - 1].mark, "the \"%c\" is opened here", sign);
    if (w->extra == NEXT_LINE)
        note_next_line(d, mark);
}
