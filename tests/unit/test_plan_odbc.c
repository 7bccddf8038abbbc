/* Passwords in connection strings are found and masked, whatever they hold. */
#include <criterion/criterion.h>
#include <string.h>

#include "plan/odbc.h"

Test(plan_odbc, masked)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"DSN=w", "DSN=w"},
        {"${env:WAREHOUSE_DSN}", "${env:WAREHOUSE_DSN}"},
        {"Server=a;PWD=secret;Port=1", "Server=a;PWD=****;Port=1"},
        {"Server=a;pwd=secret", "Server=a;pwd=****"},
        {"Password=a;PWD=b", "Password=****;PWD=****"},
        {"PWD={a;secret};Port=1", "PWD=****;Port=1"},
        {"PWD={a}};secret};Port=1", "PWD=****;Port=1"},
        {"PWD={never;closed", "PWD=****"},
        {"PWD=${env:P};UID=u", "PWD=${env:P};UID=u"},
        {"PWD=;UID=u", "PWD=;UID=u"},
        {"PWD=a${env:P};UID=u", "PWD=****;UID=u"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_buf out = {0};
        plan_odbc_mask(cases[i][0], &out);
        cr_expect_str_eq(bf_buf_cstr(&out), cases[i][1], "%s: %s", cases[i][0], bf_buf_cstr(&out));
        cr_expect_eq(plan_odbc_has_password(cases[i][0]), strcmp(cases[i][0], cases[i][1]) != 0, "%s", cases[i][0]);
        bf_buf_free(&out);
    }
}
