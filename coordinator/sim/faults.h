/* Every kind of fault that the simulated world can inject: one line each, with the name that traces and tables show.
 *
 * A fault is counted where it takes effect, by sim_fault_note(), and nowhere else; so the counts say what the world really did, and a
 * kind whose count stays 0 was never tried. */
#ifndef BF_SIM_FAULTS_H
#define BF_SIM_FAULTS_H

struct world;

#define SIM_FAULTS(X)                                                                                                             \
    X(NET_LOSS, "net_loss")                        /* a message is lost */                                                        \
    X(NET_DELAY, "net_delay")                      /* …late */                                                                    \
    X(NET_DUPLICATE, "net_duplicate")              /* …there twice */                                                             \
    X(NET_REORDER, "net_reorder")                  /* …overtaken by one that was sent after it */                                 \
    X(NET_CUT_IN, "net_cut_in")                    /* an agent hears nothing for a while */                                       \
    X(NET_CUT_OUT, "net_cut_out")                  /* …is not heard */                                                            \
    X(NET_CUT_BOTH, "net_cut_both")                /* …neither */                                                                 \
    X(COORDINATOR_KILL, "coordinator_kill")        /* SIGKILL between turns */                                                    \
    X(COORDINATOR_STOP, "coordinator_stop")        /* SIGSTOP for a while */                                                      \
    X(COORDINATOR_REBOOT, "coordinator_reboot")    /* its host begins a new boot: its boot clock does, too */                     \
    X(CRASH_BEFORE_COMMIT, "crash_before_commit")  /* killed within a commit, of which nothing was synced */                      \
    X(CRASH_AFTER_COMMIT, "crash_after_commit")    /* killed after a commit, before anything is released */                       \
    X(COMMIT_FAILED_LOST, "commit_failed_lost")    /* a commit reports EIO, and is not there afterwards */                        \
    X(COMMIT_FAILED_KEPT, "commit_failed_kept")    /* a commit reports EIO, and is there afterwards */                            \
    X(STORE_FULL, "store_full")                    /* a commit reports that the disk is full */                                   \
    X(STORE_LOW, "store_low")                      /* the store is short of room for a while */                                   \
    X(STORE_TORN, "store_torn")                    /* a stored value is half of it another one's */                               \
    X(STORE_FLIPPED, "store_flipped")              /* a stored value has one bit changed */                                       \
    X(STORE_RESTORED, "store_restored")            /* a backup is restored, as bfctl restore does */                              \
    X(STORE_PUT_BACK, "store_put_back")            /* an old copy of the store is put in its place by hand */                     \
    X(CLOCK_FORWARD, "clock_forward")              /* a wall clock jumps ahead by up to a year */                                 \
    X(CLOCK_BACK, "clock_back")                    /* …back */                                                                    \
    X(AGENT_KILL, "agent_kill")                    /* SIGKILL to an agent */                                                      \
    X(AGENT_STOP, "agent_stop")                    /* SIGSTOP to an agent; its guardian and its steps go on */                    \
    X(AGENT_REBOOT, "agent_reboot")                /* its host begins a new boot, with another boot id */                         \
    X(HOST_FREEZE, "host_freeze")                  /* all of a host stands still, its guardian too, past the lease */             \
    X(START_SLOW, "start_slow")                    /* a process takes up to seconds until it executes */                          \
    X(LIE_ATTEMPT, "lie_attempt")                  /* an agent reports the end of another's attempt */                            \
    X(LIE_TOKEN, "lie_token")                      /* …of its own, under a token that is not its own */                           \
    X(LIE_CAPACITY, "lie_capacity")                /* …says that it has other slots than it has */                                \
    X(LIE_PREVIOUS, "lie_previous")                /* …speaks for the lives of another agent */                                   \
    X(LIE_HELD, "lie_held")                        /* …says that it holds what was never granted to it */                         \
    X(SESSION_ORPHANED, "session_orphaned")        /* a session in the warehouse outlives its client */                           \
    X(SESSION_LATE, "session_late")                /* …and what its client had sent is carried out after that */                  \
    X(WAREHOUSE_DELAY, "warehouse_delay")          /* a statement takes seconds */                                                \
    X(POOL_CHANGED, "pool_changed")                /* the slots of a pool change while it is in use */

#define X(name, text) SIM_FAULT_##name,
enum sim_fault { SIM_FAULTS(X) SIM_FAULTS_N };
#undef X

/* "?" when there is no such kind. */
const char *sim_fault_name(enum sim_fault kind);
/* One more of this kind was injected now. */
void sim_fault_note(struct world *w, enum sim_fault kind);

#endif
