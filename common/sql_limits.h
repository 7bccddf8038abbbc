/* How much one `sql` step may hold.  One set of figures for the plan, which is refused with more, and for bf-sql, which takes all that
 * passes there: what is valid can run. */
#ifndef BF_COMMON_SQL_LIMITS_H
#define BF_COMMON_SQL_LIMITS_H

#define SQL_OUTPUTS_MAX 1000u
#define SQL_CHECKS_MAX 1000u                   /* those that datasets promise included */
#define SQL_CHECK_COLUMNS_MAX 1000u            /* of one check */
#define SQL_CHECK_VALUES_MAX 10000u            /* of one check */

#define SQL_IDENT_MAX_BYTES 255u               /* of a column, and of each part of a table's name */
#define SQL_TABLE_MAX_BYTES 512u               /* of a table's name, with its dots */
#define SQL_TABLE_PARTS_MAX 4u
#define SQL_TYPE_MAX_BYTES 127u                /* of a column's type, "not null" included */

/* Pieces of one script or query: texts, and values between them.  A table's name is one for the plan; it is sent as its parts and the
 * dots between. */
#define SQL_PLAN_PIECES_MAX 4096u
#define SQL_PIECES_MAX (SQL_PLAN_PIECES_MAX * (2u * SQL_TABLE_PARTS_MAX - 1u))

#endif
