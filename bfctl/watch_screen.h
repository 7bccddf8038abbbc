/* The terminal of `watch`: the one user of ncurses.  One at a time.
 *
 * The terminal is as it was before after watch_screen_close(), while the program is stopped (SIGTSTP), and when it aborts.  SIGINT,
 * SIGTERM, SIGHUP and SIGQUIT do not end the program while a screen is open: they are told by watch_screen_signal(), and the caller
 * closes the screen and ends by them. */
#ifndef BFCTL_WATCH_SCREEN_H
#define BFCTL_WATCH_SCREEN_H

#include <stdbool.h>

#include "bfctl/watch_cells.h"

/* Standard input and output are a terminal that a screen can be drawn on, as far as can be told without trying. */
bool watch_screen_possible(void);
/* false: the terminal cannot do it after all; nothing was changed. */
bool watch_screen_open(void);
void watch_screen_close(void);                   /* without an open one: nothing */
void watch_screen_size(size_t *ret_width, size_t *ret_height);
void watch_screen_show(const struct cells *c);
/* The next key, a character or an enum watch_key; WATCH_NOTHING when none came in time. */
int watch_screen_key(int wait_ms);
/* The signal that asks for the end; 0: none has. */
int watch_screen_signal(void);
/* Ends the program as that signal would have. */
void watch_screen_die(int signal);

#endif
