"""F51 and F52: the pages for machines, asked for what they are not, and by clients that never end."""
import select
import socket
import threading
import time

from cluster import free_ports, wait_until
from lab import connected

DEADLINE_S = 20                                  # of one connection (coordinator/http/http.h), and silence of 5 s
OUTSIDE = ("/../coordinator.conf", "/metrics/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
           "/metrics%00/../../etc/passwd", "/metrics\\..\\..\\etc\\passwd", "/metrics;/../keys", "http://127.0.0.1/../etc/passwd")


class Served:
    """A cluster of one agent whose coordinator serves pages."""

    def __init__(self, lab, name):
        self.port = free_ports(1)
        self.cluster = lab.cluster(name, settings=[("http_listen", f"127.0.0.1:{self.port}")])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cluster.stop()

    def open(self, data):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        s.sendall(data)
        return s

    def ask(self, target):
        """All that comes back for a request whose target is sent as it stands here; no library cleans it first."""
        with self.open(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("ascii")) as s:
            found = b""
            while piece := s.recv(65536):
                found += piece
        return found.decode("ascii", "replace")

    def status(self, target):
        return int(self.ask(target).split(" ", 2)[1])


def traversal(lab):
    with Served(lab, "traversal") as pages:
        assert pages.status("/metrics") == 200
        for target in OUTSIDE:
            answer = pages.ask(target)
            assert answer.split(" ", 2)[1] in ("400", "404"), (target, answer[:200])
            assert "root:" not in answer and "secret" not in answer, (target, answer[:200])
        assert pages.status("/metrics") == 200
    return f"{len(OUTSIDE)} paths that lead outside: none is answered"


def drip(s, over, ret):
    """A header that never ends, a byte each half second; when the server has had enough of it."""
    began = time.monotonic()
    while not over.wait(0.5):
        try:
            if select.select([s], [], [], 0)[0] and not s.recv(4096):
                break
            s.sendall(b"a")
        except OSError:
            break
    ret.append(time.monotonic() - began)


def slowloris(lab):
    with Served(lab, "slow") as pages:
        over, ended = threading.Event(), []
        slow = [pages.open(b"GET /metrics HTTP/1.1\r\nX: ") for _ in range(8)]
        threads = [threading.Thread(target=drip, args=(s, over, ended)) for s in slow]
        for t in threads:
            t.start()
        silent = [pages.open(b"GET /metr") for _ in range(8)]
        assert pages.status("/healthz") == 200
        for s in silent:
            assert s.recv(4096) == b"", "a request that never ended was answered"
        wait_until("the end of those that drip", lambda: len(ended) == len(slow), 2 * DEADLINE_S)
        over.set()
        for t in threads:
            t.join()
        assert 5 < min(ended), f"one that was not silent was ended after {min(ended):.1f} s"
        assert pages.status("/readyz") == 200 and connected(pages.cluster) == {"agent-1"}
    return f"8 silent ones closed; 8 that sent a byte each half second closed after {min(ended):.0f} to {max(ended):.0f} s; the fleet goes on"
