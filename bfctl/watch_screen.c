/* Cells on a terminal, and keys from it.
 *
 * ncurses compares each frame with the one before and writes the difference.  It sees to SIGWINCH itself.  SIGTSTP it would see to as
 * well, but it ignores it for as long as it writes a frame, and a stop that is asked for meanwhile is lost: so the stop is noted here,
 * and carried out between two frames.  A stop that nobody can note (SIGSTOP) is seen by the SIGCONT after it.  After either everything
 * is drawn anew. */
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include "bfctl/watch_screen.h"

#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/terminal.h"
#include "bfctl/watch_view.h"

#define ESCAPE_MS 50

static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { N_ENDINGS = sizeof endings / sizeof endings[0] };

static struct {
    SCREEN *term;
    bool color;
    struct sigaction before[N_ENDINGS], before_abort, before_continue, before_stop;
} screen;
static volatile sig_atomic_t asked_to_end, asked_to_stop, continued;

bool watch_screen_possible(void)
{
    return isatty(STDIN_FILENO) && terminal_of(stdout).is_one;
}

/* ---- signals ---- */

static void on_end(int number)
{
    asked_to_end = number;
}

static void on_stop(int number)
{
    (void)number;
    asked_to_stop = 1;
}

static void on_continue(int number)
{
    (void)number;
    continued = 1;
}

static void on_abort(int number)
{
    endwin();                                    /* not safe in a handler, but the program ends here anyway */
    signal(number, SIG_DFL);
    raise(number);
}

static void take_signals(void)
{
    struct sigaction end = {.sa_handler = on_end}, abort_too = {.sa_handler = on_abort}, cont = {.sa_handler = on_continue};
    struct sigaction stop = {.sa_handler = on_stop};
    for (int i = 0; i < N_ENDINGS; i++)
        sigaction(endings[i], &end, &screen.before[i]);
    sigaction(SIGABRT, &abort_too, &screen.before_abort);
    sigaction(SIGCONT, &cont, &screen.before_continue);
    sigaction(SIGTSTP, &stop, &screen.before_stop);
    if (screen.before_stop.sa_handler == SIG_IGN)
        sigaction(SIGTSTP, &screen.before_stop, NULL);     /* nobody could continue it */
}

static void give_signals_back(void)
{
    for (int i = 0; i < N_ENDINGS; i++)
        sigaction(endings[i], &screen.before[i], NULL);
    sigaction(SIGABRT, &screen.before_abort, NULL);
    sigaction(SIGCONT, &screen.before_continue, NULL);
    sigaction(SIGTSTP, &screen.before_stop, NULL);
}

/* Between two frames: the terminal as it was, the stop itself, and the handler again once it is over. */
static void stop_if_asked(void)
{
    struct sigaction as_usual = {.sa_handler = SIG_DFL}, noted;
    if (!asked_to_stop)
        return;
    endwin();
    sigaction(SIGTSTP, &as_usual, &noted);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &noted, NULL);
    asked_to_stop = 0;
    continued = 1;
    raise(SIGWINCH);                             /* one that came meanwhile was for those that had the terminal */
}

int watch_screen_signal(void)
{
    return asked_to_end;
}

void watch_screen_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

/* ---- opening and closing ---- */

/* Pairs by look; -1 is the terminal's own. */
static const short pairs[LOOK_COUNT] = {
    [LOOK_PLAIN] = -1, [LOOK_BOLD] = -1, [LOOK_DIM] = -1, [LOOK_TITLE] = -1, [LOOK_DONE] = COLOR_GREEN, [LOOK_RUNNING] = COLOR_CYAN,
    [LOOK_READY] = COLOR_BLUE, [LOOK_RETRY] = COLOR_YELLOW, [LOOK_FAILED] = COLOR_RED, [LOOK_BLOCKED] = COLOR_MAGENTA,
    [LOOK_NOTICE] = COLOR_YELLOW};

static void begin_color(void)
{
    screen.color = terminal_of(stdout).color && has_colors() && start_color() == OK;
    bool own = screen.color && use_default_colors() == OK;
    for (short i = 0; screen.color && i < LOOK_COUNT; i++)
        init_pair((short)(i + 1), pairs[i] >= 0 ? pairs[i] : own ? (short)-1 : COLOR_WHITE, own ? (short)-1 : COLOR_BLACK);
}

bool watch_screen_open(void)
{
    take_signals();                              /* before ncurses, which leaves those alone that are taken */
    asked_to_end = asked_to_stop = continued = 0;
    screen.term = newterm(NULL, stdout, stdin);
    const char *place = screen.term ? tigetstr("cup") : NULL;
    if (!place || (intptr_t)place == -1) {
        watch_screen_close();
        give_signals_back();
        return false;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, true);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
    begin_color();
    return true;
}

void watch_screen_close(void)
{
    if (!screen.term)
        return;
    endwin();
    delscreen(screen.term);
    screen.term = NULL;
    give_signals_back();
}

/* ---- drawing ---- */

void watch_screen_size(size_t *ret_width, size_t *ret_height)
{
    int height = getmaxy(stdscr), width = getmaxx(stdscr);
    *ret_width = width > 0 ? (size_t)width : 0;
    *ret_height = height > 0 ? (size_t)height : 0;
}

static attr_t attributes(const struct cell *c)
{
    static const attr_t plain[LOOK_COUNT] = {
        [LOOK_BOLD] = A_BOLD, [LOOK_DIM] = A_DIM, [LOOK_TITLE] = A_REVERSE, [LOOK_FAILED] = A_BOLD, [LOOK_RETRY] = A_BOLD,
        [LOOK_NOTICE] = A_BOLD};
    attr_t a = plain[c->look];
    return c->selected ? a ^ A_REVERSE : a;
}

void watch_screen_show(const struct cells *c)
{
    if (continued) {
        continued = 0;
        reset_prog_mode();
        clearok(curscr, true);
    }
    erase();
    for (size_t row = 0; row < c->height; row++)
        for (size_t col = 0; col < c->width; col++) {
            const struct cell *cell = &c->at[row * c->width + col];
            const wchar_t text[2] = {cell->ch, 0};
            cchar_t ch;
            if (cell->ch == 0 || (cell->ch == L' ' && cell->look != LOOK_TITLE && !cell->selected))
                continue;
            setcchar(&ch, text, attributes(cell), screen.color ? (short)(cell->look + 1) : 0, NULL);
            mvadd_wch((int)row, (int)col, &ch);
        }
    refresh();
}

/* ---- keys ---- */

int watch_screen_key(int wait_ms)
{
    static const struct { int curses, key; } keys[] = {
        {KEY_UP, WATCH_CURSOR_UP}, {KEY_DOWN, WATCH_CURSOR_DOWN}, {KEY_LEFT, WATCH_CURSOR_LEFT}, {KEY_RIGHT, WATCH_CURSOR_RIGHT},
        {KEY_PPAGE, WATCH_PAGE_UP}, {KEY_NPAGE, WATCH_PAGE_DOWN}, {KEY_HOME, WATCH_FIRST}, {KEY_END, WATCH_LAST}, {KEY_ENTER, WATCH_OPEN},
        {'\r', WATCH_OPEN}, {'\n', WATCH_OPEN}, {27, WATCH_ESCAPE}, {KEY_BACKSPACE, WATCH_RUBOUT}, {127, WATCH_RUBOUT}, {8, WATCH_RUBOUT},
        {KEY_RESIZE, WATCH_REDRAW}, {12, WATCH_REDRAW}};
    timeout(wait_ms);
    int got = getch();
    stop_if_asked();
    if (got == ERR)
        return continued ? WATCH_REDRAW : WATCH_NOTHING;
    if (got == 12)
        clearok(curscr, true);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].curses == got)
            return keys[i].key;
    return got < 0x80 ? got : WATCH_NOTHING;
}
