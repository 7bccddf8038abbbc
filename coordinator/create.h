/* A create on its way to its turn.
 *
 * To compile a plan and to lay out its backfill takes as long as the backfill is large, and nobody is to wait for that.  So turn_command()
 * hands a create to the port `prepare`, for another thread; when that has called turn_create_work(), which touches nothing but the create
 * (and reads what the engine made of a plan that it knows, which never changes), turn_created() makes it an input of the next turn, or
 * refuses it by the state as it is then.  Other commands overtake it.  One record makes the backfill, so a create that is lost on this way
 * was never begun: it has no answer, and may be sent again. */
#ifndef BF_CREATE_H
#define BF_CREATE_H

#include "coordinator/turn.h"

struct turn_create {
    uint8_t key[BF_KEY_BYTES], plan_key[32];     /* who asks; engine_plan_key() */
    const char *actor, *role;
    struct op_request req;
    struct bf_arena arena;                       /* of the strings above */
    struct bf_buf bundle;
    uint32_t run;
    const struct known_plan *known;              /* of the engine, NULL: it has to be compiled */
    struct plan *plan;                           /* compiled before, NULL: not; of one that is only tried: after its work */
    bool compiled;                               /* here */
    struct engine_seed *seed;                    /* NULL: err says why */
    struct bf_error err;
};
/* A create that is only tried (op_request.dry_run), to be compiled and no more; the caller's. */
struct turn_create *turn_create_try(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const struct op_request *req,
                                    const void *bundle, size_t n);
/* Its plan, after its work; NULL: err says why there is none. */
const struct plan *turn_create_tried(const struct turn_create *c);
void turn_create_work(struct turn_create *c);
void turn_create_free(struct turn_create *c);    /* NULL is fine */
/* Takes c over. */
void turn_created(struct turns *t, struct turn_create *c);

#endif
