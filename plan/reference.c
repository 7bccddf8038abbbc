/* References: "${env:NAME}" and "${secret:PATH}" in a text, which the agent replaces by values that only it knows. */
#include <string.h>

#include "plan/compile.h"
#include "plan/read.h"

/* Letters, digits, `_`, `-`, `.` and `/`, without ".." and not from the root: it is looked for below the agent's own folder. */
static bool secret_valid(const char *name, size_t n)
{
    if (n == 0 || n > PLAN_NAME_MAX || name[0] == '/' || name[n - 1] == '/')
        return false;
    for (size_t i = 0; i < n; i++) {
        bool word = plan_identifier_valid(&name[i], 1) || (name[i] >= '0' && name[i] <= '9');
        if (!word && !strchr("-./", name[i]))
            return false;
        if (name[i] == '.' && i + 1 < n && name[i + 1] == '.')
            return false;
    }
    return true;
}

/* Is the text at p, which begins with "${", a reference?  close is its brace, or NULL. */
static bool reference_valid(const char *p, const char *close)
{
    static const char env[] = "${env:", secret[] = "${secret:";
    if (!close)
        return false;
    if (strncmp(p, env, strlen(env)) == 0)
        return plan_identifier_valid(p + strlen(env), (size_t)(close - p) - strlen(env)) && (size_t)(close - p) <= PLAN_NAME_MAX;
    return strncmp(p, secret, strlen(secret)) == 0 && secret_valid(p + strlen(secret), (size_t)(close - p) - strlen(secret));
}

void plan_references_check(struct bf_diags *d, const struct bf_yaml_node *n, const char *key, bool *ret_any)
{
    *ret_any = false;
    for (const char *p = strstr(n->text, "${"); p; p = strstr(p + 2, "${")) {
        *ret_any = true;
        if (!reference_valid(p, strchr(p, '}')))
            bf_diag_add(d, BF_DIAG_ERROR, n->mark, "a reference in `%s` is written `${env:NAME}` or `${secret:path/name}`", key);
    }
}
