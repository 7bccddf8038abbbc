"""F29 to F32 and F37: strangers who are silent, loud or endless; one key on two hosts."""
import os
import random
import socket
import subprocess

from cluster import BIN, moment, wait_until
from lab import SHORT_LEASE, connected, first_attempt, let_end, memory_kb, port_of

GREETING = b"\xff" + b"\0" * 7 + b"\x01\x7f" + b"\x03\x00" + b"CURVE".ljust(20, b"\0") + b"\0" * 32
DOORS = ("api", "fleet", "logs")


def strangers(cluster, count, words):
    """So many connections to every door, each of which says words(rng) and then nothing."""
    rng, found = random.Random(1), []
    for door in DOORS:
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port_of(cluster, door)), 5)
            s.settimeout(5)
            try:
                s.sendall(words(rng))
            except OSError:
                pass
            found.append(s)
    return found


def flat(lab, words, count=None):
    """Memory before and with the strangers there; the cluster works on, and drops them."""
    count = count or (300 if lab.long else 100)
    with lab.cluster("strangers", lease=SHORT_LEASE) as cluster:
        pid = cluster.pid("coordinator")
        folder = lab.folder("plan")
        plan = lab.plan(folder, "steps:\n  a: {run: [\"true\"]}\n")
        cluster.ctl("wait", cluster.create(plan), "--timeout", "60s")
        for s in strangers(cluster, count, words):          # the first ones pay for the library's own blocks
            s.close()
        before = memory_kb(pid)
        there = strangers(cluster, count, words)
        most = memory_kb(pid)
        cluster.ctl("wait", cluster.create(plan), "--timeout", "60s")
        dropped = sum(wait_dropped(s) for s in there)
        most = max(most, memory_kb(pid))
        assert connected(cluster) == {"agent-1"}
        assert cluster.pid("coordinator") == pid, "the coordinator died"
        assert dropped == len(there), f"{len(there) - dropped} of {len(there)} strangers are still connected"
        assert most - before < 32 << 10, f"memory grew by {most - before} KiB"
    return f"{len(there)} strangers dropped, memory +{max(most - before, 0)} KiB, work goes on"


def wait_dropped(s):
    """The handshake's limit is 3 s."""
    try:
        s.settimeout(15)
        while s.recv(4096):
            pass
        return True
    except ConnectionError:
        return True
    except OSError:
        return False
    finally:
        s.close()


def silent_peers(lab):
    return flat(lab, lambda rng: b"" if rng.random() < 0.5 else GREETING[:rng.randrange(len(GREETING))])


def malformed(lab):
    return flat(lab, lambda rng: GREETING[:rng.choice([0, 10, 64])] + rng.randbytes(rng.randrange(1, 4096)))


def huge(lab):
    """Frames that say that they are gigabytes, with as much behind as the door takes."""
    return flat(lab, lambda rng: GREETING + b"\x06" + (1 << rng.randrange(20, 62)).to_bytes(8, "big") + rng.randbytes(60000), 60)


def one_key_on_two_hosts(lab):
    """A second agent with the same key and name, from another folder."""
    with lab.cluster("twins", lease=SHORT_LEASE) as cluster:
        backfill, shared = lab.stubborn(cluster)
        first_attempt(shared)
        path = os.path.join(cluster.dir, "agent-1.conf")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        other = os.path.join(cluster.dir, "twin.conf")
        with open(other, "w", encoding="utf-8") as f:
            f.write("".join(line for line in text.splitlines(True) if not line.startswith(("state_dir:", "work_dir:"))) +
                    f"state_dir: {lab.folder('twin')}\n")
        with open(os.path.join(cluster.dir, "log", "twin.log"), "w", encoding="utf-8") as log:
            twin = subprocess.Popen([f"{BIN}/bfagent", "--config", other], env=cluster.env, stdout=log, stderr=log)
        moment(1.0)
        seen = len([name for name in os.listdir(shared) if name.endswith(".beat")])
        with open(os.path.join(cluster.dir, "log", "twin.log"), encoding="utf-8") as f:
            said = f.read()
        twin.terminate()
        twin.wait(20)
        assert seen == 2, f"{seen} processes of one step: the twin was given its work while the first may be alive"
        wait_until("the first again", lambda: connected(cluster) == {"agent-1"}, 30)
        let_end(cluster, backfill, shared)
    return "the twin got no work while the first may be alive" + (", and was told so" if "event=refused" in said else "")
