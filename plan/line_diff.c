/* A longest common subsequence over lines.  Equal lines at both ends are set aside first, which leaves a small table in most cases;
 * where it is not small, only a count is given. */
#include "plan/line_diff.h"

#include <stdint.h>
#include <string.h>

#include "common/vec.h"

struct text { BF_VEC_TYPE(struct plan_line) lines; };

static void split(const char *p, size_t len, struct text *ret)
{
    const char *end = p + len;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *until = newline ? newline : end;
        struct plan_line line = {' ', p, (size_t)(until - p), !newline};
        bf_vec_push(&ret->lines, line);
        p = until + 1;
    }
}

static bool same(const struct plan_line *a, const struct plan_line *b)
{
    return a->len == b->len && a->unended == b->unended && memcmp(a->text, b->text, a->len) == 0;
}

static void emit(struct plan_lines *ret, struct plan_line line, char sign)
{
    line.sign = sign;
    ret->n_differ += sign != ' ';
    bf_vec_push(ret, line);
}

/* The changed stretches a[0..n) and b[0..m), by a table of the longest common subsequence of what follows each pair. */
static void merge(const struct plan_line *a, size_t n, const struct plan_line *b, size_t m, struct plan_lines *ret)
{
    BF_AUTO_FREE uint32_t *table = bf_xcalloc((n + 1) * (m + 1), sizeof *table);
#define CELL(i, j) table[(i) * (m + 1) + (j)]
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;)
            CELL(i, j) = same(&a[i], &b[j]) ? CELL(i + 1, j + 1) + 1 : CELL(i + 1, j) >= CELL(i, j + 1) ? CELL(i + 1, j) : CELL(i, j + 1);
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        if (i < n && j < m && same(&a[i], &b[j])) {
            emit(ret, a[i++], ' ');
            j++;
        } else if (i < n && (j == m || CELL(i + 1, j) >= CELL(i, j + 1))) {
            emit(ret, a[i++], '-');
        } else {
            emit(ret, b[j++], '+');
        }
    }
#undef CELL
}

/* Leave out equal lines that are far from a change. */
static void fold(struct plan_lines *all)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->n;) {
        size_t until = i;
        while (until < all->n && all->at[until].sign == ' ')
            until++;
        size_t head = i == 0 ? 0 : PLAN_LINE_CONTEXT, tail = until == all->n ? 0 : PLAN_LINE_CONTEXT, equal = until - i;
        bool long_one = equal > head + tail + 1;
        for (size_t k = 0; k < equal; k++) {
            if (long_one && k == head)
                all->at[kept++] = (struct plan_line){.sign = '@', .len = equal - head - tail};
            if (!long_one || k < head || k >= equal - tail)
                all->at[kept++] = all->at[i + k];
        }
        if (until < all->n)
            all->at[kept++] = all->at[until++];
        i = until;
    }
    all->n = kept;
}

void plan_line_diff(const char *old_text, size_t old_len, const char *new_text, size_t new_len, struct plan_lines *ret)
{
    struct text a = {0}, b = {0};
    split(old_text, old_len, &a);
    split(new_text, new_len, &b);
    size_t n = a.lines.n, m = b.lines.n, head = 0, tail = 0;
    while (head < n && head < m && same(&a.lines.at[head], &b.lines.at[head]))
        head++;
    while (tail < n - head && tail < m - head && same(&a.lines.at[n - 1 - tail], &b.lines.at[m - 1 - tail]))
        tail++;
    size_t n_old = n - head - tail, n_new = m - head - tail;
    if ((n_old + 1) * (n_new + 1) > PLAN_LINE_CELLS_MAX) {
        ret->too_large = true;
        ret->n_differ = n_old > n_new ? n_old : n_new;
    } else {
        for (size_t i = 0; i < head; i++)
            emit(ret, a.lines.at[i], ' ');
        if (n_old + n_new > 0)
            merge(n_old ? a.lines.at + head : NULL, n_old, n_new ? b.lines.at + head : NULL, n_new, ret);
        for (size_t i = n - tail; i < n; i++)
            emit(ret, a.lines.at[i], ' ');
        fold(ret);
    }
    bf_vec_free(&a.lines);
    bf_vec_free(&b.lines);
}

void plan_lines_done(struct plan_lines *lines)
{
    bf_vec_free(lines);
}
