"""Cheap agents for tests: sockets of libzmq with CURVE keys, and the few messages that a test says, written by hand.

Thousands of them share one process.  They speak the protocol of proto/agent.proto, truthfully or not; nothing of the agent's code is
used."""
import ctypes
import os
import resource
import struct
import time

DEALER, POLLIN, POLLOUT, DONTWAIT = 5, 1, 2, 1
LINGER, RECONNECT_IVL, CURVE_PUBLIC, CURVE_SECRET, CURVE_SERVER = 17, 18, 48, 49, 50
SNDBUF, SNDHWM = 11, 23
HELLO, HEARTBEAT, REPORT, WELCOME, HEARTBEAT_ACK, DISPATCH, REFUSE = 1, 2, 3, 16, 17, 18, 21
PROTOCOL = 2
try:
    ZMQ = ctypes.CDLL("libzmq.so.5", use_errno=True)
    ZMQ.zmq_ctx_new.restype = ZMQ.zmq_socket.restype = ctypes.c_void_p
except OSError:
    ZMQ = None


class PollItem(ctypes.Structure):
    _fields_ = [("socket", ctypes.c_void_p), ("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


# ---- the wire ----

def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def hello(name, incarnation, protocol=PROTOCOL):
    body = (field(1, protocol) + field(2, name) + field(3, "0.1.0") + field(4, "00000000-0000-0000-0000-000000000000") + field(6, 1) +
            field(8, 3))
    return field(1, HELLO) + fixed(2, incarnation) + field(3, 1) + field(5, body)


def heartbeat(incarnation, nonce):
    return field(1, HEARTBEAT) + fixed(2, incarnation) + field(3, nonce)


def ended_reports(incarnation, refs):
    """REPORT_ENDED with exit code 0, of each (attempt, token)."""
    return field(1, REPORT) + fixed(2, incarnation) + b"".join(
        field(12, field(1, attempt) + field(2, token) + field(3, 2) + fixed(4, 1) + field(6, field(1, 1))) for attempt, token in refs)


def ended_report(incarnation, attempt, token):
    return ended_reports(incarnation, [(attempt, token)])


def kind_of(message):
    """The first field, as the coordinator writes it."""
    return message[1] if len(message) > 1 and message[0] == 8 else 0


# ---- the peers ----

def key_pair():
    public, secret = ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)
    if ZMQ.zmq_curve_keypair(public, secret) != 0:
        raise AssertionError("libzmq has no CURVE")
    return public.value.decode(), secret.value.decode()


class Peer:
    def __init__(self, peers, name, pair):
        self.name, self.incarnation, self.nonce = name, struct.unpack("<Q", os.urandom(8))[0] | 1 << 32, 1
        self.welcomes = self.answers = 0
        self.texts = []                      # of refusals
        self.socket = ctypes.c_void_p(ZMQ.zmq_socket(peers.context, DEALER))
        for option, value in ((CURVE_PUBLIC, pair[0]), (CURVE_SECRET, pair[1]), (CURVE_SERVER, peers.server)):
            ZMQ.zmq_setsockopt(self.socket, option, value.encode(), ctypes.c_size_t(40))
        for option, value in ((LINGER, 0), *peers.options):
            ZMQ.zmq_setsockopt(self.socket, option, ctypes.byref(ctypes.c_int(value)), ctypes.c_size_t(4))
        if ZMQ.zmq_connect(self.socket, peers.endpoint.encode()) != 0:
            raise AssertionError(f"{name} cannot connect")

    def say(self, message):
        """False: the socket does not take it now."""
        return ZMQ.zmq_send(self.socket, message, ctypes.c_size_t(len(message)), DONTWAIT) >= 0

    def hear(self):
        buffer = ctypes.create_string_buffer(1 << 16)
        while (n := ZMQ.zmq_recv(self.socket, buffer, ctypes.c_size_t(len(buffer)), DONTWAIT)) >= 0:
            kind = kind_of(buffer.raw[:n])
            self.welcomes += kind == WELCOME
            self.answers += kind == HEARTBEAT_ACK
            if kind == REFUSE:
                self.texts.append(buffer.raw[:n].decode("utf-8", "replace"))


class Peers:
    """A process full of peers.  Their keys must be in the coordinator's configuration before it starts: entry() gives the lines."""

    def __init__(self, count, prefix="cheap", options=()):
        """options: (option, number) of each socket, beside those that all have."""
        self.options = options
        self.pairs = {f"{prefix}-{i}": key_pair() for i in range(count)}
        self.context, self.peers = ctypes.c_void_p(ZMQ.zmq_ctx_new()), []
        self.endpoint = self.server = None
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]                # two descriptors a peer
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        ZMQ.zmq_ctx_set(self.context, 2, min(2 * count + 64, 65000))         # ZMQ_MAX_SOCKETS

    def entries(self):
        return "".join(f"  - {{name: {name}, role: agent, key: \"{pair[0]}\"}}\n" for name, pair in self.pairs.items())

    def connect(self, endpoint, server):
        self.endpoint, self.server = endpoint, server
        self.peers = [Peer(self, name, pair) for name, pair in self.pairs.items()]

    def hello(self):
        for peer in self.peers:
            peer.say(hello(peer.name, peer.incarnation))

    def beat(self):
        for peer in self.peers:
            peer.nonce += 1
            peer.say(heartbeat(peer.incarnation, peer.nonce))

    def hear(self, seconds=0.0):
        until = time.monotonic() + seconds
        while True:
            for peer in self.peers:
                peer.hear()
            if time.monotonic() >= until:
                return
            items = (PollItem * len(self.peers))(*[PollItem(p.socket, 0, POLLIN, 0) for p in self.peers])
            ZMQ.zmq_poll(items, len(self.peers), ctypes.c_long(20))

    def close(self):
        for peer in self.peers:
            ZMQ.zmq_close(peer.socket)
        self.peers = []
        ZMQ.zmq_ctx_term(self.context)
