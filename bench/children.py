"""What a script starts ends with it, however it ends.

A script that calls adopt() goes on in a child; the parent stays as that which orphans come to (PR_SET_CHILD_SUBREAPER): daemons, and what
outlives a kill.  It waits for them, as the first process of a machine does, because some peers take a dead process that nobody has
waited for as one that still runs.  So everything that was started is below the parent, and can be found and killed at the end of a block,
and at the end of the script."""
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENOUGH_S = 20
ASKS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def adopt():
    """From now on orphans come to us; and what asks us to end does so once, by way of the blocks that clean up."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.stdout.flush()
    child = os.fork()
    if child:
        os._exit(_wait(child))
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    for number in ASKS:
        signal.signal(number, _asked)


def _asked(*_):
    for number in ASKS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wait(script):
    """Reap whatever ends; when the script has, end the rest.  Its exit status."""
    for number in ASKS:
        signal.signal(number, lambda asked, _: os.kill(script, asked))
    while True:
        pid, status = os.wait()
        if pid == script:
            end_all(os.getpid())
            return os.waitstatus_to_exitcode(status) % 256


def _children(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as f:
                found += [int(word) for word in f.read().split()]
    except OSError:                              # it ends just now
        pass
    return found


def descendants(pid):
    """All but the caller."""
    found, new = [], _children(pid)
    while new:
        found += new
        new = [child for one in new for child in _children(one)]
    return [one for one in found if one != os.getpid()]


def end_all(above):
    """Kill all below that process but us, and what comes of that; those that cannot be are named."""
    until = time.monotonic() + ENOUGH_S
    while (left := descendants(above)) and time.monotonic() < until:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:                # ours have ended; orphans are the parent's
            pass
        time.sleep(0.01)
    if left:
        raise AssertionError(f"processes {left} cannot be ended")


class Children:
    """A block, after which nothing is left of what was started within it: not for one around which something else runs.  After adopt()."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_all(os.getppid())
