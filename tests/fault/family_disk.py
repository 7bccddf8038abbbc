"""F18 to F28: disks that are full, that fail, that lose and that damage; old readers; two coordinators."""
import ctypes
import os
import random
import shutil
import subprocess
import sys

from cluster import Cluster, wait_until
from doomed import Ledger
from lab import Instead, Skipped, need, need_root, program_of

PAGE = 4096
SLOW = "steps:\n  slow: {run: [sh, -c, \"until [ -e FILE ]; do sleep 0.05; done\"]}\n  after: {needs: [{slow: same}], run: [\"true\"]}\n"


def ballast(folder, leave_bytes):
    """A file that leaves so much room."""
    path, left = os.path.join(folder, "ballast"), os.statvfs(folder)
    n = left.f_bavail * left.f_bsize - leave_bytes
    with open(path, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, max(n, 1))
    return path


def disk_full(lab):
    """A tmpfs of 64 MiB that somebody else fills while a step runs."""
    need_root()
    folder = lab.folder("full")
    store, finish = os.path.join(folder, "c", "store"), os.path.join(folder, "finish")
    os.makedirs(store)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", store], check=False).returncode != 0:
        raise Skipped("no tmpfs can be mounted here")
    try:
        with Cluster(os.path.join(folder, "c"), agents=1, slots=2, settings=[("store_reserve", "8Mi"), ("store_max", "48Mi")]) as cluster:
            plan = lab.plan(folder, SLOW.replace("FILE", finish))
            backfill = cluster.create(plan)
            wait_until("the slow step", lambda: cluster.json("steps", backfill, "slow")[0]["state"] == "running")
            cluster.kill("coordinator")
            wait_until("the end", lambda: cluster.pid("coordinator") is None)
            data = os.path.join(store, "data.mdb")
            shutil.copyfile(data, data + ".new")         # without what was allocated ahead
            os.rename(data + ".new", data)
            full = ballast(store, 256 << 10)
            cluster.restart("coordinator")
            refused = cluster.ctl("backfill", "create", lab.plan(folder, "steps:\n  a: {run: [\"true\"]}\n", "other"), check=False)
            assert refused.returncode != 0 and "store" in refused.stderr, f"a create passed on a full disk: {refused.stderr}"
            with open(finish, "w", encoding="ascii"):
                pass
            wait_until("the result", lambda: cluster.json("steps", backfill, "slow")[0]["state"] == "succeeded")
            after = cluster.json("steps", backfill, "after")[0]
            assert after["state"] == "ready", f"something was started on a full disk: {after}"
            cluster.ctl("cancel", backfill, "--yes", "--reason", "the disk is full")
            assert cluster.state(backfill) == "cancelled"
            os.unlink(full)
            wait_until("room again", lambda: cluster.ctl("backfill", "create", plan, check=False).returncode == 0, 30, 0.5)
            assert cluster.fsck().returncode == 0
    finally:
        subprocess.run(["umount", "-l", store], check=False)
    return f"create refused ({refused.stderr.strip().splitlines()[-1][:90]}); result and cancel taken; nothing started; room again ends it"


ERRORS = (("fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "ENOSPC"))


def failing_disk(lab):
    """A system call of a commit fails, once, at a random one of the first commits under load."""
    need("strace")
    seen = []
    with lab.cluster("failing") as cluster:
        ledger = Ledger(cluster, lab.random)
        ledger.start()
        for call, error in ERRORS[:None if lab.long else 2]:
            when = lab.random.randint(12, 40)
            wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]
            # A search for leaks traces the process too, which strace does already.
            broken = Instead(cluster, "coordinator", env={"ASAN_OPTIONS": "detect_leaks=0"}, wrapper=wrapper)
            status = broken.ended()
            assert status == 1 and "event=commit_failed" in broken.said(), f"{call} {error}: ended with {status}: {broken.said()[-300:]}"
            cluster.restart("coordinator")
            # The header that LMDB put back after the failure is gone with the next commits.
            so_far = len(ledger.acknowledged)
            wait_until("two more commits", lambda: len(ledger.acknowledged) >= so_far + 2)  # pylint: disable=cell-var-from-loop
            fsck = cluster.fsck()
            assert fsck.returncode == 0, f"{call} {error}: fsck: {fsck.stdout} {fsck.stderr}"
            seen.append(f"{call} {error}")
        ledger.finish()
        problems = ledger.problems()
        assert not problems, problems[:3]
        assert len(ledger.acknowledged) > 5, "hardly a command was acknowledged"
    return f"{', '.join(seen)}: ended with 1 each time, fsck clean, {len(ledger.acknowledged)} acknowledged commands all there once"


# ---- a store that is damaged while it is stopped ----

def meta_gone(data, rng):
    del rng
    return [("the first meta page", bytes(PAGE) + data[PAGE:]), ("the second meta page", data[:PAGE] + bytes(PAGE) + data[2 * PAGE:]),
            ("both meta pages", bytes(2 * PAGE) + data[2 * PAGE:])]


def truncated(data, rng):
    del rng
    return [("half of it", data[:len(data) // 2 // PAGE * PAGE]), ("all but a page", data[:-PAGE]), ("100 bytes left", data[:100])]


def torn(data, rng):
    """The second half of a page is what it was before, or never was."""
    found = []
    for _ in range(6):
        at = rng.randrange(2, len(data) // PAGE) * PAGE + PAGE // 2
        if data[at:at + PAGE // 2].strip(b"\0"):
            found.append((f"page {at // PAGE}", data[:at] + bytes(PAGE // 2) + data[at + PAGE // 2:]))
    return found


def documents(cluster, backfill):
    return [cluster.ctl(*words, "-o", "json").stdout for words in (("steps", backfill), ("backfill", "get", backfill))]


def damaged(lab, damages, harmless):
    """harmless: a page that is not in use may be damaged without a word; then every answer must be what it was."""
    named, unused = 0, 0
    with lab.cluster("damaged") as cluster:
        folder = lab.folder("plan")
        backfill = cluster.create(lab.plan(folder,
                                           "partitions: {grain: day, from: 2024-01-01, to: 2024-01-20}\nsteps:\n  a: {run: [\"true\"]}\n"))
        cluster.ctl("wait", backfill, "--timeout", "60s")
        before = documents(cluster, backfill)
        cluster.kill("coordinator")
        wait_until("the end", lambda: cluster.pid("coordinator") is None)
        path = os.path.join(cluster.dir, "store", "data.mdb")
        with open(path, "rb") as f:
            good = f.read()
        for what, bad in damages(good, lab.random):
            with open(path, "wb") as f:
                f.write(bad)
            fsck = cluster.fsck()
            if fsck.returncode == 0:
                assert harmless, f"{what} is gone, and fsck says: {fsck.stdout}"
                cluster.restart("coordinator")
                assert documents(cluster, backfill) == before, f"{what}: fsck is clean and an answer is wrong"
                cluster.kill("coordinator")
                wait_until("the end", lambda: cluster.pid("coordinator") is None)
                unused += 1
                continue
            assert "store" in fsck.stdout + fsck.stderr, f"{what}: fsck does not name it: {fsck.stdout} {fsck.stderr}"
            start = subprocess.run([program_of("coordinator"), "--config", os.path.join(cluster.dir, "coordinator.conf")], env=cluster.env,
                                   capture_output=True, text=True, timeout=60, check=False) if not harmless else None
            assert not start or (start.returncode > 0 and "store" in start.stderr), f"{what}: the coordinator ended with {start}"
            named += 1
        with open(path, "wb") as f:
            f.write(good)
        cluster.restart("coordinator")
        assert documents(cluster, backfill) == before
    return f"{named} damages named by fsck" + ("" if harmless else " and by the coordinator, which does not start") + \
           (f", {unused} of pages not in use: every answer as before" if unused else "")


def meta_page_gone(lab):
    return damaged(lab, meta_gone, False)


def file_truncated(lab):
    return damaged(lab, truncated, False)


def torn_page(lab):
    return damaged(lab, torn, True)


# ---- readers and writers from elsewhere ----

READER = """
import ctypes, sys
lmdb = ctypes.CDLL("liblmdb.so.0")
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
assert lmdb.mdb_env_open(env, sys.argv[1].encode(), 0x220000, 0o600) == 0      # MDB_RDONLY | MDB_NOTLS
assert lmdb.mdb_txn_begin(env, None, 0x20000, ctypes.byref(txn)) == 0
print("reads", flush=True)
sys.stdin.read()
"""


def stuck_reader(lab):
    """A reader of the store is killed in mid-read: it would hold old pages for ever."""
    try:
        ctypes.CDLL("liblmdb.so.0")
    except OSError as why:
        raise Skipped("no liblmdb.so.0") from why
    with lab.cluster("reader", checkpoint="{turns: 20}", settings=[("journal_keep", "1Mi")]) as cluster:
        ledger = Ledger(cluster, random.Random(1))
        reader = subprocess.Popen([sys.executable, "-c", READER, os.path.join(cluster.dir, "store")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert reader.stdout.readline() == "reads\n"
        reader.kill()
        reader.wait()
        wait_until("the slot", lambda: readers(cluster) == 0, 15)
        ledger.start()
        wait_until("commands", lambda: len(ledger.acknowledged) > 20)
        ledger.finish()
        assert not ledger.problems()
    return "its slot is given back within 15 s; commands go on"


def readers(cluster):
    """Slots in use by processes that are not there any more, as LMDB's own table has them."""
    with open(os.path.join(cluster.dir, "store", "lock.mdb"), "rb") as f:
        slots = f.read()[128:]
    pids = [int.from_bytes(slots[at + 8:at + 12], "little") for at in range(0, len(slots) - 63, 64)]
    return sum(1 for pid in pids if pid and not os.path.exists(f"/proc/{pid}"))


def two_coordinators(lab):
    with lab.cluster("two") as cluster:
        done = subprocess.run([program_of("coordinator"), "--config", os.path.join(cluster.dir, "coordinator.conf")], env=cluster.env,
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode > 0 and "in use by process" in done.stderr, done
        cluster.ctl("agents")
    return f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1][-90:]}"
