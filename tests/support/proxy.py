"""A TCP proxy between agents and a coordinator: it delays, cuts one way or both, holds back, resets, and plays what it heard once more.

CURVE lets no message be changed, left out or repeated within a connection, so faults are those of a connection: bytes that come late,
bytes that never come, an end, and a whole conversation that a stranger says again."""
import heapq
import select
import socket
import struct
import threading
import time


class Link:
    """One connection through the proxy: what goes up (to the coordinator) and down."""

    def __init__(self, near, far):
        self.sides = {near: ("up", far), far: ("down", near)}
        self.near, self.far = near, far
        self.heard = bytearray()             # what was said upwards

    def reset(self):
        for side in (self.near, self.far):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()


class Proxy(threading.Thread):
    """Listens on .port of the loopback and speaks to `target`, a port of the loopback.  Rules hold from the moment they are set."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links, self.heard = [], []
        self.cut = set()                     # "up", "down": nothing passes this way, and what comes is lost
        self.delay = lambda: 0.0             # seconds, asked for each piece; pieces of a connection keep their order
        self.passed = self.lost = 0
        self.over, self.lock = threading.Event(), threading.Lock()
        self.late, self.number = [], 0       # heap: (when, number, to, bytes)
        self.last = {}
        self.start()

    def run(self):
        while not self.over.is_set():
            with self.lock:
                sides = [side for link in self.links for side in link.sides if side.fileno() >= 0]
                wait = min([0.05] + [max(0.0, self.late[0][0] - time.monotonic())] if self.late else [0.05])
            try:
                ready, _, _ = select.select([self.listener] + sides, [], [], wait)
            except (OSError, ValueError):
                continue
            for side in ready:
                if side is self.listener:
                    self.accept()
                else:
                    self.take(side)
            self.send_late()

    def accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            near.close()
            return
        with self.lock:
            self.links.append(Link(near, far))
            self.heard.append(self.links[-1].heard)

    def take(self, side):
        with self.lock:
            link = next((link for link in self.links if side in link.sides), None)
        if not link:
            return
        try:
            data = side.recv(65536)
        except OSError:
            data = b""
        way, to = link.sides[side]
        if not data:
            if way not in self.cut:          # the end of a cut connection does not pass either
                self.drop(link)
            else:
                side.close()
            return
        if way == "up":
            link.heard += data
        if way in self.cut:
            self.lost += len(data)
            return
        self.number += 1
        when = max(time.monotonic() + self.delay(), self.last.get(to, 0.0))
        self.last[to] = when
        heapq.heappush(self.late, (when, self.number, to, data))

    def send_late(self):
        while self.late and self.late[0][0] <= time.monotonic():
            _, _, to, data = heapq.heappop(self.late)
            try:
                to.sendall(data)
                self.passed += len(data)
            except OSError:
                pass

    def drop(self, link, reset=False):
        with self.lock:
            if link in self.links:
                self.links.remove(link)
        if reset:
            link.reset()
            return
        for side in link.sides:
            side.close()

    def reset(self):
        """Every connection ends as by a router that forgot it."""
        for link in list(self.links):
            self.drop(link, reset=True)

    def replay(self):
        """Say all that was heard on the longest conversation once more, on a new connection; the answer's bytes."""
        words = bytes(max(self.heard, key=len))
        with socket.create_connection(("127.0.0.1", self.target), 5) as stranger:
            stranger.settimeout(5)
            answer = b""
            try:
                stranger.sendall(words)
                while True:
                    more = stranger.recv(65536)
                    if not more:
                        break
                    answer += more
            except OSError:
                pass
        return len(words), len(answer)

    def stop(self):
        self.over.set()
        self.join()
        self.listener.close()
        for link in self.links:
            self.drop(link)
