/* The agent's marks on disk: who holds the folder, the incarnation that lives, the one whose steps are all dead. */
#ifndef BF_AGENT_STATE_H
#define BF_AGENT_STATE_H

#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "proto/agent_msg.h"

/* What the folder says of the last life.  All zero when there was none. */
struct last_life {
    uint64_t incarnation;
    enum agent_fence fence;
    char boot_id[37];
    uint64_t ended;                          /* the incarnation whose guardian saw all its steps dead */
};

/* Make the folder and lock it against a second agent.  *ret_fd holds the lock as long as it is open anywhere. */
enum bf_rc state_lock(const char *state_dir, int *ret_fd, struct bf_error *err) BF_MUST_CHECK;
/* The guardian that locked the folder last says who it is; and who that was.  0: nobody has. */
enum bf_rc state_lock_sign(int lock_fd, struct bf_error *err) BF_MUST_CHECK;
pid_t state_lock_owner(const char *state_dir);
enum bf_rc state_read(const char *state_dir, struct last_life *ret, struct bf_error *err) BF_MUST_CHECK;
/* One more than the last; the first of a folder begins at fresh_id << 32 (random, not 0): see incarnation_is_dead(). */
uint64_t state_next_incarnation(const struct last_life *last, uint32_t fresh_id);
/* The last incarnation, when no step of it or of an earlier one can be alive: its guardian said so, or the host has started anew, or the
 * folder's control groups were found and emptied (swept).  Else 0. */
uint64_t state_previous(const struct last_life *last, const char *boot_id, bool swept);
enum bf_rc state_write_begun(const char *state_dir, uint64_t incarnation, enum agent_fence fence, const char *boot_id,
                             struct bf_error *err) BF_MUST_CHECK;
enum bf_rc state_write_ended(const char *state_dir, uint64_t incarnation, struct bf_error *err) BF_MUST_CHECK;

#endif
