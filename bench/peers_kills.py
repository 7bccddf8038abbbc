"""The manager, then a worker, of each peer gets SIGKILL when a third of its steps have begun, and is started again as its handbook says.

What is counted is what the steps themselves write when they begin and when they end.  Lost: never finished, although nothing was seen to
happen for as long as the peer is waited for.  Twice: finished more than once.  At once: begun again while the first was still at it.  Back:
of a manager, from the start of the new one to the first step that begins; of a worker, from the kill to the first of its steps that begins
again (never: none was at it, or none came back)."""
import os
import time

from children import Children
from cluster import wait_until
from measure import Folder, put
from rows_faults import Journal, second_begin

# The key is the step's and partition's where it is ours, and the argument elsewhere.
STEP = ('#!/bin/sh\n'
        'key=${{BF_STEP:+$BF_STEP/$BF_PARTITION_KEY}}\n'
        'key=${{key:-$1}}\n'
        'echo "b $key $$ $(date +%s%N)" >>{0}\n'
        'sleep 0.05\n'
        'echo "e $key $$ $(date +%s%N)" >>{0}\n')


def journal_of(folder, name):
    """A journal, and the step that writes to it."""
    journal = Journal(os.path.join(folder, f"{name}.runs"))
    script = put(os.path.join(folder, name), STEP.format(journal.path))
    os.chmod(script, 0o755)
    return journal, script


def kill(cls, what, n, patience_s):
    with Folder() as folder, Children():
        os.chmod(folder, 0o755)
        journal, script = journal_of(folder, "step")
        with cls(folder) as peer:
            patience_s = min(patience_s, peer.patience_s)
            peer.begin(script, n)
            wait_until("a third of the steps", lambda: len(journal.begins()) >= n // 3, timeout=180)
            killed = time.time()
            getattr(peer, f"kill_{what}")()
            started = getattr(peer, f"restart_{what}")()
            # Until all is done, or nothing more happens.  What comes after all is done is seen for as long as what was cut off may go on.
            wait_until("the end", lambda: journal.finished() >= n or journal.quiet(patience_s), timeout=1800)
            wait_until("the end of what runs twice", lambda: journal.quiet(1), timeout=60)
            if what == "manager":
                back = next((b - started for b in journal.begins() if b > started), None)
            else:
                again = second_begin(journal, killed)
                back = again - killed if again else None
            return dict(journal.counts(n, killed), steps=n, waited_s=patience_s, back_s=round(back, 2) if back is not None else None,
                        killed_to_end_s=round(journal.last() - killed, 1))


def kills(name, cls, n, patience_s):
    found = {}
    for what in ("manager", "worker"):
        if not hasattr(cls, f"kill_{what}"):
            continue
        try:
            got = found[what] = kill(cls, what, n, patience_s)
            back = f"{got['back_s']:.1f} s" if got["back_s"] is not None else "never"
            print(f"{name:<10} {what:<8} {n:>6} {got['lost']:>6} {got['finished_twice']:>6} {got['at_once']:>8} {back:>8} "
                  f"{got['killed_to_end_s']:>8.1f} s {got['waited_s']:>6.0f} s", flush=True)
        except (AssertionError, OSError) as error:
            found[what] = {"failed": str(error)}
            print(f"{name:<10} {what:<8} left out: {str(error)[:200]}", flush=True)
    return found


def heading():
    print(f"\n{'peer':<10} {'killed':<8} {'steps':>6} {'lost':>6} {'twice':>6} {'at once':>8} {'back':>8} {'all after':>10} "
          f"{'patience':>8}")
