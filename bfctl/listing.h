/* Commands that list objects: asked for page by page, shown in every form of -o, and with --watch again when they change. */
#ifndef BFCTL_LISTING_H
#define BFCTL_LISTING_H

#include "bfctl/session.h"
#include "bfctl/view.h"

/* Entries of its table of options; values has fields `limit` and `watch`, which the command hands on. */
#define LISTING_OPTION_WATCH(values) \
    {"watch", 'w', BF_OPT_FLAG, offsetof(values, watch), NULL, "go on: every row again that changes, until interrupted"}
#define LISTING_OPTION_LIMIT(values, preset) \
    {"limit", 0, BF_OPT_STRING, offsetof(values, limit), "N", "at most so many (0: all; default " preset ")"}

/* How the coordinator answers: with the one object, with an array page by page, or with {"rows", "next"}. */
enum listing_pages { LISTING_ONE, LISTING_PAGES, LISTING_WALK };

struct listing {
    const struct view *view;
    struct op_request *req;
    const char *limit; bool watch;                       /* of the command line */
    enum listing_pages pages;
    enum ctl_output preset; unsigned outputs;            /* as for ctl_output(); 0: table, wide, json, name */
    uint64_t table_limit, json_limit;                    /* without --limit; 0: all */
    const char *const *names; size_t n_names;            /* only rows of these names; exactly one: its document is the object itself */
    bool (*keep)(const void *arg, const json_t *row);    /* only these; may be NULL */
    const void *arg;                                     /* of keep */
    json_t *(*merge)(const json_t *rows);                /* what the pages come to, a new array; may be NULL */
    void (*text)(const struct ctl_call *call, const json_t *rows);       /* for CTL_TEXT */
    void (*after)(const json_t *rows);                   /* said on standard error after a table; may be NULL */
};

#define LISTING_TABLE_LIMIT 1000u

/* The whole run.  Gives the exit status. */
int listing_run(struct ctl_call *call, struct listing *l);
/* The same for a command whose words are a backfill and selectors. */
int listing_run_picked(struct ctl_call *call, struct listing *l);

#endif
