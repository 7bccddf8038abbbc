/* The system's time zone database: TZif files in $TZDIR or, when that is not set, /usr/share/zoneinfo.
 *
 * Nothing outside that folder is read, whatever a name or a link in it says.  Names are "Europe/Berlin": letters, digits, _ + - and /.
 * posix/ and right/ are the same zones once more, and "localtime" is another one on each machine: neither counts as a name. */
#ifndef BF_COMMON_ZONEFILES_H
#define BF_COMMON_ZONEFILES_H

#include "common/buf.h"
#include "common/error.h"

/* The bytes of a zone's file into *ret (cleared first).  BF_NOT_FOUND: the database has no such zone, or the system no database. */
enum bf_rc bf_zone_file_read(const char *name, size_t cap_bytes, struct bf_buf *ret, struct bf_error *err) BF_MUST_CHECK;
/* Append every name, sorted, each with a line end; nothing when the system has no database. */
void bf_zone_file_names(struct bf_buf *ret);

#endif
