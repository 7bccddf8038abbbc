/* What a child reads and writes: its standard input, and a pipe each for its standard output and error. */
#ifndef BF_AGENT_CHILD_PIPES_H
#define BF_AGENT_CHILD_PIPES_H

#include <stdbool.h>
#include <stddef.h>

struct child_pipes { int in, read[2], write[2]; };           /* -1: not open.  read: our ends, which do not block; write: the child's */
#define CHILD_PIPES_NONE {-1, {-1, -1}, {-1, -1}}

/* true: errnum says that the agent, or the host, has no descriptor left; a sentence that says so of starting `name`, and what to do. */
bool child_no_files(int errnum, const char *name, char *ret, size_t size);
int child_pipes_open(struct child_pipes *p);                 /* both pipes; 0 or an errno, and then some may be open */
/* /dev/null to read from, above 2 as what becomes a child's standard files must be; -1: errno. */
int child_null(void);
void child_pipes_close(struct child_pipes *p);               /* whatever is open */

#endif
