/* The inside of the service, shared by service.c, ports.c and loop.c; nobody else includes it. */
#ifndef BF_SERVICE_STATE_H
#define BF_SERVICE_STATE_H

#include "common/supervisor.h"
#include "common/work_queue.h"
#include "coordinator/api/api.h"
#include "coordinator/committer.h"
#include "coordinator/config.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/keyring.h"
#include "coordinator/logs/logs.h"
#include "coordinator/refusals.h"
#include "coordinator/store/store.h"
#include "coordinator/tell.h"
#include "coordinator/trail.h"
#include "coordinator/turn.h"
#include "coordinator/views.h"

struct service {
    const char *config_path;
    struct coordinator_config config;
    char cluster[33];
    struct zap *zap;
    struct keyring *keys;
    struct store *store;
    struct turns *turns;
    struct committer *committer;
    struct bf_work_queue *creates;                /* creates.c */
    struct logs *logs;
    struct fleet *fleet;
    struct api *api;
    struct views_cache *cache;
    int signal_fd;
    bool stop, low, crowded;                     /* crowded: loop.c */
    size_t turn_inputs; int64_t asked_ms;        /* the most that a turn takes in; when an operator asked last */
    int64_t counted_ms; uint64_t counted;        /* when, and how many messages of agents there had been */
    struct bf_supervisor *supervisor;
    bool trimming;                               /* while low: more may be left to delete */
    int64_t tidied_ms;
    int64_t zero_us;                             /* view_source.zero_us */
    unsigned turns_untidy;
    struct trail trail;
    struct refusals refusals;
    struct tell tell;
};

/* service.c: journal between checkpoints, held to what is kept of it. */
void service_set_breakers(struct service *s);  /* of the configuration, as inputs */
uint64_t service_checkpoint_bytes(const struct service *s);

/* reload.c: SIGHUP. */
void service_reload(struct service *s);

/* ports.c: between the sockets, the store and the turn. */
struct turn_ports service_ports(struct service *s);
enum bf_rc service_commit(void *service, const struct turn_commit *c, struct bf_error *err) BF_MUST_CHECK;
struct api_calls service_api_calls(struct service *s);
void service_agent_told(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg);
/* Every open attempt, once after recovery: those granted later are named as they are sent. */
void service_name_open_attempts(struct service *s);
struct view_source service_view(struct service *s, const uint8_t key[BF_KEY_BYTES]);
/* creates.c: have one prepared (turn_ports); one that is only tried; those that are prepared are inputs from now on, or answered. */
enum bf_rc service_creates_open(struct service *s, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc service_prepare(void *service, struct turn_create *create, struct bf_error *err) BF_MUST_CHECK;
void service_try_create(struct service *s, const uint8_t key[BF_KEY_BYTES], const struct op_request *req, const void *bundle, size_t n);
void service_created(struct service *s);
/* Answer the searches of logs whose page is ready. */
void service_searched(struct service *s);
/* What a put into a queue of work came to, and gives it back: a full one is for the client alone; that there is no thread is the host's
 * trouble, and belongs into the log too. */
enum bf_rc service_put_told(enum bf_rc rc, const struct bf_error *err) BF_MUST_CHECK;

/* The table of keys from the configuration and the engine: after either has changed. */
enum bf_rc service_set_keys(struct service *s, struct bf_error *err);

/* loop.c */
void service_loop(struct service *s);
/* Keep engine time in the store, where behind_ms of it or more would be lost by a reboot.  Without room it is kept another time. */
enum bf_rc service_keep_clock(struct service *s, int64_t behind_ms, struct bf_error *err) BF_MUST_CHECK;
/* Look at the room in the store; tells the turn when it changed sides. */
void service_look_at_room(struct service *s);

#endif
