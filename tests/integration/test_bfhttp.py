"""bf-http against real servers: http.server, TLS with a CA made here, and sockets that misbehave.

    test_bfhttp.py PATH_OF_BF_HTTP [unittest options]
"""
import collections
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import PATIENCE, wait_until  # noqa: E402

BF_HTTP = None
CANARY = "CANARY-9d41e7"
MEMORY_MAX_KIB = int(PATIENCE * (64 << 10))     # what slows a program down needs memory too; a gigabyte is still far more
SMALL = {"ASAN_OPTIONS": "quarantine_size_mb=1"}        # the address sanitizer keeps what was freed
# Limits that are reached, but not before the call was made, and some polls.
BRIEF_MS, SECOND_MS = int(200 * PATIENCE), int(1000 * PATIENCE)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Ended:
    """How one attempt ended."""

    def __init__(self, status, stdout, stderr, lines):
        self.status, self.stdout, self.stderr, self.lines = status, stdout, stderr, lines


Seen = collections.namedtuple("Seen", "command path headers body")


class Answer(http.server.BaseHTTPRequestHandler):
    """Records the request and lets the route of the test answer it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(Seen(self.command, self.path, self.headers, body))
        self.server.routes.get(self.path.split("?")[0], lambda h: h.reply(404))(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def reply(self, status, body=b"", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Answer)
        self.routes, self.seen = {}, []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        pass                           # clients that go away are what is tested

    def stop(self):
        self.shutdown()
        self.server_close()


class Raw:
    """A server that reads a request and then does with the socket what it is told."""

    def __init__(self, act):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.act = act
        self.asked = threading.Semaphore(0)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = peer.recv(65536)
                    if not more:
                        break
                    data += more
                self.asked.release()
                try:
                    self.act(peer)
                except OSError:
                    pass

    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class BfHttpTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bfhttp-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.n_results = 0
        self.server = self.serve()

    def serve(self, tls=None):
        server = Server(tls)
        self.addCleanup(server.stop)
        return server

    def raw(self, act):
        server = Raw(act)
        self.addCleanup(server.stop)
        return server

    def route(self, path, *replies, server=None):
        """Answers in order; the last one again and again.  A reply is a status, or (status, body), or (status, body, headers)."""
        left = list(replies)

        def answer(handler):
            reply = left.pop(0) if len(left) > 1 else left[0]
            status, body, headers = ((*reply, {})[:3] if isinstance(reply, tuple) else (reply, b"", {}))
            handler.reply(status, body, **headers)
        (server or self.server).routes[path] = answer

    def request(self, **over):
        request = {
            "attempt": 3, "token": 4294967300, "cluster": "c0ffee", "backfill": 1, "plan": "retail", "step": "refresh",
            "partition": "2024-01-31", "run": 1, "run_id": "1/refresh/2024-01-31/1", "timebox_ms": int(60000 * PATIENCE),
            "method": "GET", "url": self.server.url("/"), "expect": ["2xx"],
        }
        request.update(over)
        return {k: v for k, v in request.items() if v is not None}

    def start(self, request, env=None, command=(), **popen):
        self.n_results += 1
        result = os.path.join(self.folder, f"result-{self.n_results}")
        environment = {"PATH": os.environ.get("PATH", ""), "BF_RESULT": result}
        environment.update(env or {})
        process = subprocess.Popen([*command, BF_HTTP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment, **popen)
        try:
            process.stdin.write(request if isinstance(request, bytes) else json.dumps(request).encode())
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        return process, result

    def finish(self, started):
        process, result = started
        out, err = process.communicate(timeout=60 * PATIENCE)
        lines = []
        if os.path.exists(result):
            with open(result, encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
        return Ended(process.returncode, out.decode(), err.decode(), lines)

    def call(self, env=None, command=(), **over):
        return self.finish(self.start(self.request(**over), env, command))

    def assert_good(self, ended):
        self.assertEqual((ended.status, ended.lines), (0, []), ended.stderr)

    def assert_bad(self, ended, exit_status, status, *words):
        self.assertEqual(ended.status, exit_status, ended.stderr)
        self.assertEqual(len(ended.lines), 1, ended.lines)
        told = ended.lines[0]["http"]
        self.assertEqual(told["status"], status, told)
        for word in words:
            self.assertIn(word, told["text"])
        self.assertEqual(ended.stderr.splitlines()[-1], "bf-http: " + told["text"])
        # The class can be read off the status, see docs/http.md.
        self.assertEqual(exit_status == 75, status in (0, 408, 425, 429) or status >= 500, "transient by the exit and by the status")
        return told["text"]

    def assert_permanent_without_answer(self, ended, *words):
        self.assertEqual(ended.status, 1, ended.stderr)
        self.assertEqual(ended.lines[0]["http"]["status"], 0)
        for word in words:
            self.assertIn(word, ended.lines[0]["http"]["text"])


class Calls(BfHttpTest):
    def test_every_method_with_headers_and_body(self):
        self.route("/x", (200, b"fine"))
        for method in METHODS:
            with self.subTest(method):
                body = None if method in ("GET", "HEAD") else '{"day":"2024-01-31","who":"\U0001f600"}'
                self.assert_good(self.call(method=method, url=self.server.url("/x?day=2024-01-31&q=%F0%9F%98%80"), body=body,
                                           content_type=body and "application/json",
                                           headers={"X-Day": "2024-01-31", "X-Who": "\U0001f600"}))
                seen = self.server.seen[-1]
                self.assertEqual((seen.command, seen.path), (method, "/x?day=2024-01-31&q=%F0%9F%98%80"))
                self.assertEqual(seen.headers["X-Day"], "2024-01-31")
                self.assertEqual(seen.headers["X-Who"].encode("latin-1").decode(), "\U0001f600")
                self.assertEqual(seen.headers["Idempotency-Key"], "1/refresh/2024-01-31/1")
                self.assertEqual(seen.headers["X-BF-Fencing-Token"], "4294967300")
                self.assertRegex(seen.headers["User-Agent"], r"^backfill-fabric/\d")
                self.assertEqual(seen.body.decode(), body or "")
                self.assertEqual(seen.headers["Content-Type"], body and "application/json")

    def test_a_post_without_body_says_so(self):
        self.route("/x", 204)
        for method, length in [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("DELETE", None), ("GET", None)]:
            self.assert_good(self.call(method=method, url=self.server.url("/x")))
            self.assertEqual(self.server.seen[-1].headers["Content-Length"], length, method)
            self.assertIsNone(self.server.seen[-1].headers["Content-Type"])

    def test_the_plan_may_set_what_we_would(self):
        self.route("/x", 200)
        own = {"idempotency-key": "mine", "x-bf-fencing-token": "7", "user-agent": "me/1", "Content-Type": "text/csv", "X-Empty": ""}
        self.assert_good(self.call(method="POST", url=self.server.url("/x"), body="a,b", headers=own))
        for name, value in own.items():
            self.assertEqual(self.server.seen[-1].headers.get_all(name), [value], name)

    def test_bodies_are_sent_as_they_are(self):
        self.route("/x", 200)
        for body in ["", "\0", "a\0b\r\n\r\nGET / HTTP/1.1\r\n", "\U0001f600" * 1000, "x" * (2 << 20), "@/etc/passwd"]:
            self.assert_good(self.call(method="PUT", url=self.server.url("/x"), body=body, content_type="text/plain; charset=utf-8"))
            self.assertEqual(self.server.seen[-1].body, body.encode())
        self.assertEqual(len(self.server.seen), 6, "nothing in a body is another request")

    def test_expect(self):
        for status, expect, good in [(204, ["204"], True), (201, ["204"], False), (404, ["2xx", "404"], True), (304, ["304"], True),
                                     (500, ["5xx"], True), (200, ["201", "202"], False), (299, ["2xx"], True)]:
            self.route("/x", status)
            ended = self.call(url=self.server.url("/x"), expect=expect)
            if good:
                self.assert_good(ended)
            else:
                self.assert_bad(ended, 1, status, f"answered {status}", f"expects {' or '.join(expect)}")

    def test_classes_of_statuses(self):
        for status, exit_status in [(400, 1), (401, 1), (403, 1), (404, 1), (409, 1), (422, 1), (408, 75), (425, 75), (429, 75), (500, 75),
                                    (501, 75), (502, 75), (503, 75), (504, 75), (599, 75)]:
            self.route("/x", (status, b"why it is so"))
            self.assert_bad(self.call(url=self.server.url("/x")), exit_status, status, f"answered {status}", "why it is so")

    def test_retry_after_is_told(self):
        self.route("/x", (429, b"slow down", {"Retry_After": "17"}))
        self.assert_bad(self.call(method="POST", url=self.server.url("/x")), 75, 429, "429 Too Many Requests", "wait 17 s")
        self.route("/x", (503, b"", {"Retry_After": "Fri, 31 Dec 2100 23:59:59 GMT"}))
        self.assertRegex(self.assert_bad(self.call(url=self.server.url("/x")), 75, 503), r"wait \d{9,} s")
        self.assertEqual(len(self.server.seen), 2, "the retry is the step's")

    def test_answers_are_shown(self):
        self.route("/x", (200, "line 1\nline 2 \U0001f600\x1b[31m".encode() + b"\xff" + b"y" * 5000))
        ended = self.call(url=self.server.url("/x"))
        self.assert_good(ended)
        self.assertTrue(ended.stdout.startswith("line 1\nline 2 \U0001f600 [31m?yyy"), ended.stdout[:60])
        self.assertEqual(len(ended.stdout.encode()), 2048 + 1)
        self.route("/x", (400, b"begin" + b"\xc3\x28\0" * 3000 + "the end \U0001f600\n".encode()))
        text = self.assert_bad(self.call(url=self.server.url("/x")), 1, 400, "?( ?( ", "the end \U0001f600")
        self.assertNotIn("begin", text)
        self.assertLess(len(text.encode()), 2048 + 200)
        self.assertNotIn("\n", text)

    def test_nothing_of_a_query_is_shown(self):
        self.route("/x", 400)
        text = self.assert_bad(self.call(url=self.server.url(f"/x?key={CANARY}")), 1, 400, "/x was answered")
        self.assertNotIn(CANARY, text)


class Redirects(BfHttpTest):
    def to(self, status, target):
        return (status, b"moved", {"Location": target})

    def test_get_and_head_are_followed(self):
        self.route("/end", (200, b"here"))
        for status in (301, 302, 303, 307, 308):
            self.route("/a", self.to(status, "/b/../end?x=1"))
            self.assert_good(self.call(url=self.server.url("/a")))
            self.assertEqual(self.server.seen[-1].path, "/end?x=1")
            self.assert_good(self.call(url=self.server.url("/a"), method="HEAD"))
            self.assertEqual(self.server.seen[-1].command, "HEAD")

    def test_others_are_not(self):
        self.route("/end", 200)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for status in (301, 302, 303, 307, 308):
                self.route("/a", self.to(status, "/end?secret=1"))
                text = self.assert_bad(self.call(url=self.server.url("/a"), method=method), 1, status, "points to", "/end",
                                       "not redirected")
                self.assertNotIn("secret", text)
        self.assertNotIn("/end?secret=1", [seen.path for seen in self.server.seen])

    def test_five_and_no_more(self):
        for n in range(6):
            self.route(f"/{n}", self.to(302, f"/{n + 1}"))
        self.route("/6", 200)
        self.assert_good(self.call(url=self.server.url("/1")))
        self.assert_permanent_without_answer(self.call(url=self.server.url("/0")), "more than 5 times")

    def test_a_redirect_that_is_expected_is_the_answer(self):
        self.route("/a", self.to(302, "/end"))
        self.assert_good(self.call(url=self.server.url("/a"), expect=["302"]))
        self.assertEqual(len(self.server.seen), 1)

    def test_only_to_the_web(self):
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="utf-8") as f:
            f.write(CANARY)
        for target, words in [(f"file://{secret}", "only http:// and https://"), ("ftp://127.0.0.1/x", "only http:// and https://"),
                              ("gopher://127.0.0.1/x", "only http"), ("http://169.254.169.254/latest/meta-data/", "169.254.0.0/16"),
                              ("http://user:pass@127.0.0.1/", "a user or a password"),
                              ("http://[::ffff:169.254.169.254]/", "169.254.0.0/16"),
                              ("http://2852039166/", "169.254.0.0/16"), ("http://", "cannot be read")]:
            self.route("/a", self.to(302, target))
            ended = self.call(url=self.server.url("/a"))
            self.assert_permanent_without_answer(ended, words)
            self.assertNotIn(CANARY, ended.stderr + ended.stdout)

    def test_secrets_do_not_leave_the_server(self):
        other = self.serve()
        self.route("/end", 200)
        self.route("/end", 200, server=other)
        headers = {"Cookie": "c=1", "X-Plain": "p"}
        over = {"headers": headers, "resolved": {"header:X-Api-Key": CANARY, "header:Authorization": "Bearer " + CANARY}}
        self.route("/a", self.to(302, "/end"))
        self.assert_good(self.call(url=self.server.url("/a"), **over))
        self.assertEqual(self.server.seen[-1].headers["X-Api-Key"], CANARY)
        self.assertEqual(self.server.seen[-1].headers["Authorization"], "Bearer " + CANARY)
        self.route("/a", self.to(302, other.url("/end")))
        self.assert_good(self.call(url=self.server.url("/a"), **over))
        there = other.seen[-1].headers
        self.assertEqual((there["X-Api-Key"], there["Authorization"], there["Cookie"], there["X-Plain"]), (None, None, None, "p"))


class Trouble(BfHttpTest):
    def test_connection_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        ended = self.call(method="POST", url=f"http://127.0.0.1:{port}/")
        text = self.assert_bad(ended, 75, 0, "could not connect", "refused")
        self.assertNotIn("unknown", text, "nothing was sent")

    def test_unknown_host(self):
        self.assert_bad(self.call(url="http://nowhere.invalid/"), 75, 0, "could not be looked up", "nowhere.invalid")

    def test_slow_server_meets_the_time_limit(self):
        asked, release = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def slow(handler):
            asked.set()
            release.wait(60 * PATIENCE)
        self.server.routes["/x"] = slow
        began = time.monotonic()
        ended = self.call(method="POST", url=self.server.url("/x"), timebox_ms=BRIEF_MS)
        self.assert_bad(ended, 75, 0, "time limit while waiting for the answer", "unknown whether the server did the work",
                        "Idempotency-Key")
        self.assertTrue(asked.is_set())
        self.assertLess(time.monotonic() - began, 30 * PATIENCE)
        self.assertNotIn("unknown", self.assert_bad(self.call(url=self.server.url("/x"), timebox_ms=BRIEF_MS), 75, 0, "time limit"))

    def test_reset_before_the_answer(self):
        text = self.assert_bad(self.call(method="POST", url=self.raw(reset).url()), 75, 0, "connection", "it is unknown")
        self.assertIn("a retry sends the same Idempotency-Key", text)
        self.assertNotIn("unknown", self.assert_bad(self.call(url=self.raw(reset).url()), 75, 0, "connection"))

    def test_closed_before_the_answer(self):
        self.assert_bad(self.call(method="DELETE", url=self.raw(lambda peer: None).url()), 75, 0, "broke before the answer",
                        "it is unknown")

    def test_reset_in_mid_answer(self):
        release = threading.Event()

        def act(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
            release.wait(60 * PATIENCE)
            reset(peer)
        server = self.raw(act)
        started = self.start(self.request(method="POST", url=server.url()))
        self.assertTrue(server.asked.acquire(timeout=60 * PATIENCE))
        release.set()
        self.assert_bad(self.finish(started), 75, 0, "200 OK, but no whole answer", "it is unknown")

    def test_cut_answers(self):
        for answer in [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"]:
            self.assert_bad(self.call(url=self.raw(lambda peer, a=answer: peer.sendall(a)).url()), 75, 0, "no whole answer")

    def test_answers_that_are_none(self):
        for answer in [b"220 mail.example.org ESMTP\r\n", b"\0\0\0\0", b"SSH-2.0-OpenSSH_9\r\n",
                       b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"]:
            ended = self.call(url=self.raw(lambda peer, a=answer: peer.sendall(a)).url())
            self.assertIn(ended.status, (1, 75), ended.stderr)
            self.assertEqual(ended.lines[0]["http"]["status"], 0)

    def test_a_file_too_long_is_still_there_for_head(self):
        server = self.raw(lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n"))
        self.assert_good(self.call(method="HEAD", url=server.url()))

    def test_headers_without_end(self):
        def act(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                peer.sendall(b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(100)))
        process, result = self.start(self.request(url=self.raw(act).url()), SMALL)
        self.assert_permanent_without_answer(self.bounded(process, result), "256 KiB of headers")

    def bounded(self, process, result):
        """Wait for the end; what it needed of memory is bounded whatever it was sent."""
        out, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        process.stderr.close()
        self.assertLess(usage.ru_maxrss, MEMORY_MAX_KIB)
        with open(result, encoding="utf-8") as f:
            return Ended(process.returncode, out.decode(), err.decode(), [json.loads(line) for line in f])

    def test_a_gigabyte_is_read_in_bounded_memory(self):
        chunk = b"z" * (1 << 20)

        def huge(handler):
            handler.send_response(int(handler.path.split("?")[1]))
            handler.send_header("Content-Length", str(len(chunk) << 10))
            handler.end_headers()
            for _ in range(1023):
                handler.wfile.write(chunk)
            handler.wfile.write(chunk[:-7] + b"the end")
        self.server.routes["/x"] = huge
        ended = self.bounded(*self.start(self.request(url=self.server.url("/x?200")), SMALL))
        self.assert_good(ended)
        self.assertEqual(ended.stdout, "z" * 2048 + "\n")
        self.assert_bad(self.bounded(*self.start(self.request(url=self.server.url("/x?400")), SMALL)), 1, 400, "zzzthe end")

    def test_longer_than_is_read(self):
        def act(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n")
            peer.recv(1)
        self.assert_permanent_without_answer(self.call(url=self.raw(act).url()), "2 GiB is the most")

    def test_signals(self):
        asked, release = threading.Semaphore(0), threading.Event()
        self.addCleanup(release.set)

        def hang(handler):
            asked.release()
            release.wait(60 * PATIENCE)
        self.server.routes["/x"] = hang
        for method, words in [("POST", "it is unknown"), ("GET", "before there was an answer")]:
            started = self.start(self.request(method=method, url=self.server.url("/x"), timebox_ms=None))
            self.assertTrue(asked.acquire(timeout=60 * PATIENCE))
            began = time.monotonic()
            started[0].send_signal(signal.SIGTERM)
            self.assert_bad(self.finish(started), 75, 0, "ended by SIGTERM", words)
            self.assertLess(time.monotonic() - began, 10 * PATIENCE)
        started = self.start(self.request(url=self.server.url("/x")))
        self.assertTrue(asked.acquire(timeout=60 * PATIENCE))
        started[0].kill()
        killed = self.finish(started)
        self.assertEqual((killed.status, killed.lines, killed.stdout), (-signal.SIGKILL, [], ""))

    def test_a_log_that_nobody_reads(self):
        self.route("/x", (200, b"fine"))
        process, result = self.start(self.request(method="POST", url=self.server.url("/x")))
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(60 * PATIENCE), 0)
        self.assertEqual(os.path.getsize(result), 0)


class Addresses(BfHttpTest):
    def test_refused(self):
        for host in ["169.254.169.254", "169.254.0.1", "[fe80::1]", "[fe80::1%25lo]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]",
                     "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
                     "169.254.43518", "100.100.100.200"]:
            with self.subTest(host):
                ended = self.call(url=f"http://{host}:{self.server.server_port}/", timebox_ms=20000)
                self.assert_permanent_without_answer(ended, "steps may not call it")
        self.assertEqual(self.server.seen, [])

    def test_poll_address_is_refused_before_the_call(self):
        self.route("/x", 202)
        ended = self.call(method="POST", url=self.server.url("/x"),
                          poll={"url": "http://169.254.169.254/", "every_ms": 5, "timeout_ms": 5000, "until": {"status": ["200"]}})
        self.assert_permanent_without_answer(ended, "steps may not call it")
        self.assertEqual(self.server.seen, [])

    def names(self, file, text):
        """A command before ours, under which a file of the system's says what the test wants."""
        path = os.path.join(self.folder, "names")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        command = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", f"mount --bind {path} {file} && exec \"$@\"", "sh"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mount namespaces here")
        return command

    def test_names_are_judged_by_what_they_stand_for(self):
        command = self.names("/etc/hosts", "169.254.169.254 metadata.test\nfd00:ec2::254 metadata6.test\n127.0.0.1 good.test\n")
        self.route("/x", 200)
        self.assert_good(self.call(command=command, url=self.server.url("/x", "good.test")))
        for name in ("metadata.test", "metadata6.test"):
            url = f"http://{name}:{self.server.server_port}/"
            self.assert_permanent_without_answer(self.call(command=command, url=url, timebox_ms=20000), "the host's address",
                                                 "steps may not call it")
            self.route("/a", (302, b"", {"Location": url}))
            self.assert_permanent_without_answer(self.call(command=command, url=self.server.url("/a"), timebox_ms=20000),
                                                 "steps may not call it")

    def test_sigterm_while_a_name_is_looked_up(self):
        """The resolver sits in a thread that nobody can interrupt: it must not hold the process."""
        if os.geteuid() != 0:
            self.skipTest("port 53 is for root")
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(resolver.close)
        resolver.bind(("127.0.53.53", 53))
        resolver.settimeout(60 * PATIENCE)
        command = self.names("/etc/resolv.conf", "nameserver 127.0.53.53\noptions timeout:30 attempts:5\n")
        started = self.start(self.request(method="POST", url="http://silent.test/"), command=command)
        resolver.recv(512)
        began = time.monotonic()
        started[0].send_signal(signal.SIGTERM)
        self.assertNotIn("unknown", self.assert_bad(self.finish(started), 75, 0, "ended by SIGTERM"))
        started = self.start(self.request(method="POST", url="http://silent.test/", timebox_ms=1), command=command)
        self.assert_bad(self.finish(started), 75, 0, "time limit while connecting")
        self.assertLess(time.monotonic() - began, 20 * PATIENCE)

    def test_proxies(self):
        proxy = self.serve()
        proxy.routes["http://somewhere.invalid/x"] = lambda h: h.reply(200, b"by proxy")
        env = {"http_proxy": proxy.url("")}
        self.assert_bad(self.call(url="http://somewhere.invalid/x"), 75, 0, "looked up")
        ended = self.call(url="http://somewhere.invalid/x", env=env)
        self.assert_good(ended)
        self.assertEqual(ended.stdout, "by proxy\n")
        self.assert_permanent_without_answer(self.call(url="http://169.254.169.254/x", env=env), "steps may not call it")
        self.assertEqual(len(proxy.seen), 1)
        self.assert_permanent_without_answer(self.call(url="http://somewhere.invalid/x", env={"http_proxy": "http://169.254.169.254:80"},
                                                       timebox_ms=20000), "steps may not call it")
        self.route("/x", 200)
        self.assert_good(self.call(url=self.server.url("/x"), env={**env, "no_proxy": "127.0.0.1"}))


class Tls(BfHttpTest):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.mkdtemp(prefix="bfhttp-ca-")
        cls.addClassCleanup(shutil.rmtree, cls.keys)
        if not shutil.which("openssl"):
            raise unittest.SkipTest("no openssl to make certificates with")
        cls.ca = cls.certificate("ca", "/CN=test CA", [], "basicConstraints=critical,CA:TRUE")
        for name, alternative in [("good", "IP:127.0.0.1,DNS:localhost"), ("other", "DNS:other.test")]:
            cls.certificate(name, f"/CN={name}", ["-CA", cls.ca, "-CAkey", cls.path("ca.key")], f"subjectAltName={alternative}")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.keys, name)

    @classmethod
    def certificate(cls, name, subject, signed_by, extension):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", subject, *signed_by, "-addext", extension, "-keyout", cls.path(name + ".key"),
                        "-out", cls.path(name + ".crt")], check=True, capture_output=True)
        return cls.path(name + ".crt")

    def tls(self, name, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".crt"), self.path(name + ".key"))
        if version:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings(action="ignore"):
                context.minimum_version = context.maximum_version = version
        server = self.serve(context)
        self.route("/x", (200, b"private"), server=server)
        return server

    def test_certificates(self):
        trusted = {"SSL_CERT_FILE": self.ca}
        good, other = self.tls("good"), self.tls("other")
        ended = self.call(url=good.url("/x"), env=trusted)
        self.assert_good(ended)
        self.assertEqual(ended.stdout, "private\n")
        self.assert_permanent_without_answer(self.call(method="POST", url=good.url("/x")), "certificate was not accepted")
        self.assert_permanent_without_answer(self.call(url=other.url("/x"), env=trusted), "certificate was not accepted")
        missing = {"SSL_CERT_FILE": self.path("none")}
        self.assert_permanent_without_answer(self.call(url=good.url("/x"), env=missing), "SSL_CERT_FILE")
        self.assertEqual(len(good.seen), 1)
        self.assertEqual(other.seen, [])

    def test_old_tls(self):
        old = self.tls("good", ssl.TLSVersion.TLSv1_1)
        self.assert_bad(self.call(url=old.url("/x"), env={"SSL_CERT_FILE": self.ca}), 75, 0, "TLS handshake failed")

    def test_no_tls_at_all(self):
        self.assert_bad(self.call(url=self.server.url("/x").replace("http:", "https:"), env={"SSL_CERT_FILE": self.ca}), 75, 0, "TLS")

    def test_redirect_out_of_tls_takes_no_secret_along(self):
        good = self.tls("good")
        self.route("/x", 200)
        self.route("/a", (302, b"", {"Location": self.server.url("/x")}), server=good)
        self.assert_good(self.call(url=good.url("/a"), env={"SSL_CERT_FILE": self.ca}, resolved={"header:X-Key": CANARY}))
        self.assertEqual(good.seen[-1].headers["X-Key"], CANARY)
        self.assertIsNone(self.server.seen[-1].headers["X-Key"])


class Polls(BfHttpTest):
    def poll(self, until=None, replies=None, location=None, call=202, **over):
        poll = {"url": None if location else self.server.url("/job"), "every_ms": 5, "timeout_ms": 30000,
                "until": until or {"pointer": "/state", "equals": ["done"]}}
        poll.update({k: over.pop(k) for k in ("url", "every_ms", "timeout_ms", "failed") if k in over})
        self.route("/start", (call, b'{"job": 7}', {"Location": location} if location else {}))
        if replies:
            self.route("/job", *replies)
        return self.call(method="POST", url=self.server.url("/start"), poll={k: v for k, v in poll.items() if v is not None}, **over)

    def looks(self):
        return [seen for seen in self.server.seen if seen.path == "/job"]

    def states(self, *states):
        return [(200, {"state": s}) for s in states]

    def test_until_a_value(self):
        ended = self.poll(replies=self.states("queued", "queued", "running", "running", "done"), body="x",
                          headers={"X-Plain": "p", "content-type": "text/plain", "idempotency-key": "mine"},
                          resolved={"header:X-Key": CANARY})
        self.assert_good(ended)
        self.assertEqual(len(self.looks()), 5)
        self.assertEqual(ended.stdout, '{"job": 7}\n{"state": "done"}')
        progress = [line for line in ended.stderr.splitlines() if " poll " in line and line.startswith("bf-http: poll")]
        self.assertEqual(progress, ['bf-http: poll 1: 200, /state is "queued"', 'bf-http: poll 3: 200, /state is "running"',
                                    'bf-http: poll 5: 200, /state is "done"'])
        self.assertIn("is done after 5 polls", ended.stderr.splitlines()[-1])
        look = self.looks()[0]
        self.assertEqual((look.command, look.body, look.headers["X-Plain"], look.headers["X-Key"]), ("GET", b"", "p", CANARY))
        self.assertEqual((look.headers["Content-Type"], look.headers["Idempotency-Key"]), (None, None))

    def test_until_a_status(self):
        self.assert_good(self.poll(until={"status": ["200"]}, replies=[404, 500, 202, 429, 302, 200]))
        self.assertEqual(len(self.looks()), 6)
        self.assert_good(self.poll(until={"status": ["303"]}, replies=[200, (303, b"", {"Location": "/elsewhere"})]))
        self.assertNotIn("/elsewhere", [seen.path for seen in self.server.seen])

    def test_values_and_their_types(self):
        for document, pointer, equals, good in [
                ({"a": [{"b/c": {"~d": 2}}]}, "/a/0/b~1c/~0d", [2.0], True), ({"n": 2}, "/n", ["2"], False), ({"n": "2"}, "/n", [2], False),
                ({"n": True}, "/n", [True], True), ({"n": 1}, "/n", [True], False), (["x", "done"], "/1", ["done"], True),
                ("done", "", ["done"], True), ({"": "done"}, "/", ["done"], True), ({"n": None}, "/n", ["null"], False),
                ({"n": 1e3}, "/n", [1000], True), ({"n": "\U0001f600"}, "/n", ["\U0001f600"], True), ({"n": "a\0b"}, "/n", ["a\0b"], True),
                ({"n": "a\0b"}, "/n", ["a"], False), ({"state": "done"}, "/status", ["done"], False), (["a"], "/01", ["a"], False)]:
            with self.subTest(document=document, pointer=pointer):
                body = json.dumps(document).encode()
                ended = self.poll(until={"pointer": pointer, "equals": equals}, replies=[(200, body)], timeout_ms=30000 if good else 50)
                if good:
                    self.assert_good(ended)
                else:
                    self.assert_bad(ended, 75, 0, "not done in time")

    def test_not_done_in_time(self):
        text = self.assert_bad(self.poll(replies=self.states("running"), timeout_ms=SECOND_MS), 75, 0, f"not done in time ({PATIENCE:g}s)",
                               "last seen: 200", '/state is "running"')
        self.assertRegex(text, r"after \d+ poll")
        self.assertGreater(len(self.looks()), 1)

    def test_failed_ends_it(self):
        ended = self.poll(replies=self.states("running", "error"), failed={"pointer": "/state", "equals": ["error"]})
        self.assert_bad(ended, 1, 200, "has failed after 2 polls", '/state is "error"', '{"state": "error"}')
        both = self.poll(until={"pointer": "/ok", "equals": [True]}, failed={"pointer": "/bad", "equals": [True]},
                         replies=[(200, {"ok": False, "bad": False}), (200, {"ok": True, "bad": True})])
        self.assert_bad(both, 1, 200, "has failed", "/bad is true")

    def test_statuses_while_waiting_for_a_value(self):
        self.assert_good(self.poll(replies=[503, 429, 408, 425, 500, (200, b"<html>"), (200, b""), *self.states("done")]))
        self.assertEqual(len(self.looks()), 8)
        self.assert_bad(self.poll(replies=[404]), 1, 404, "has failed after 1 poll", "last seen: 404")

    def test_location_of_the_answer(self):
        self.assert_good(self.poll(location="/job", replies=self.states("running", "done")))
        self.assertEqual(len(self.looks()), 2)
        self.assert_good(self.poll(location="job", replies=self.states("done"), call=201))
        self.assert_bad(self.poll(url=None, replies=self.states("done")), 1, 202, "no header Location")
        other = self.serve()
        self.assert_bad(self.poll(location=other.url("/job")), 1, 202, "another server")
        self.assertEqual(other.seen, [])

    def test_a_server_that_restarts(self):
        """No answer at all is "not yet".  A kept connection that is gone is made anew within one look."""
        def drop(handler):
            if len(self.looks()) == 2:
                self.route("/job", *self.states("done"))
            handler.close_connection = True
            reset(handler.connection)
        self.server.routes["/job"] = drop
        ended = self.poll()
        self.assert_good(ended)
        self.assertIn("poll 1: no answer: ", ended.stderr)
        self.assertIn("poll 2: 200", ended.stderr)

    def test_the_server_says_how_long_to_wait(self):
        began = time.monotonic()
        self.assert_good(self.poll(replies=[(503, b"", {"Retry_After": "1"}), *self.states("done")]))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assert_bad(self.poll(replies=[(503, b"", {"Retry_After": "1000000"})], timeout_ms=50), 75, 0, "not done in time")

    def test_the_call_must_be_good_first(self):
        self.assert_bad(self.poll(call=500, replies=self.states("done")), 75, 500)
        self.assertEqual(self.looks(), [])

    def test_an_answer_too_long_to_read(self):
        huge = b'{"state": "done", "x": "' + b"y" * (1 << 20) + b'"}'
        self.assert_bad(self.poll(replies=[(200, huge)], timeout_ms=SECOND_MS), 75, 0, "longer than 1 MiB")

    def test_deep_and_odd_documents(self):
        for document in [b"[" * 500000, b'{"state":' * 100000, b"\xff\xfe", b'{"state": "done"', b"nul", b'{"state": 1e999}']:
            self.assert_bad(self.poll(replies=[(200, document)], timeout_ms=50), 75, 0, "not done in time")

    def test_sigterm_while_waiting(self):
        asked = threading.Semaphore(0)
        self.route("/start", 202)

        def look(handler):
            handler.reply(200, {"state": "running"})
            asked.release()
        self.server.routes["/job"] = look
        poll = {"url": self.server.url("/job"), "every_ms": 5, "timeout_ms": 3600000, "until": {"pointer": "/state", "equals": ["done"]}}
        started = self.start(self.request(method="POST", url=self.server.url("/start"), poll=poll))
        self.assertTrue(asked.acquire(timeout=60 * PATIENCE))
        self.assertTrue(asked.acquire(timeout=60 * PATIENCE))
        started[0].send_signal(signal.SIGTERM)
        self.assert_bad(self.finish(started), 75, 0, "ended by SIGTERM before it was done", '"running"')
        poll["every_ms"] = 3600000
        started = self.start(self.request(method="POST", url=self.server.url("/start"), poll=poll))
        wait_until("the call", lambda: self.server.seen[-1].path == "/start")
        started[0].send_signal(signal.SIGTERM)
        self.assert_bad(self.finish(started), 75, 0, "ended by SIGTERM")


class Secrecy(BfHttpTest):
    def test_secrets_are_shown_nowhere(self):
        def echo(handler):
            told = handler.headers["X-Key"] + " " + handler.headers["Authorization"]
            handler.reply(int(handler.path.split("?")[1]), json.dumps({"state": handler.headers["X-Key"], "told": told, "pad": "p" * 3000,
                                                                      "again": told}).encode())
        self.server.routes["/x"] = echo
        quoted = f'a"{CANARY}\\b'
        for key in (CANARY, quoted):
            over = {"resolved": {"header:X-Key": key, "header:Authorization": f"Basic {CANARY}=="}}
            poll = {"url": self.server.url("/x?200"), "every_ms": 5, "timeout_ms": 50, "until": {"pointer": "/state", "equals": ["done"]}}
            for ended in [self.call(url=self.server.url("/x?200"), **over), self.call(url=self.server.url("/x?400"), **over),
                          self.call(url=self.server.url("/x?200"), poll=poll, **over)]:
                self.assertEqual(self.server.seen[-1].headers["X-Key"], key)
                told = ended.stdout + ended.stderr + json.dumps(ended.lines)
                self.assertNotIn(CANARY, told)
                self.assertIn("***", told)

    def test_no_cut_shows_half_a_secret(self):
        secret = "".join(f"{CANARY}{i:04d}." for i in range(300))
        for pad in range(0, 40, 5):
            for filler in (3000, 70000):
                self.route("/x", (400, b"p" * filler + secret.encode() + b"q" * (2048 - 20 + pad)))
                ended = self.call(url=self.server.url("/x"), resolved={"header:X-Key": secret})
                self.assertNotIn("CANARY", ended.stderr)
        self.route("/x", (200, b"p" * 2040 + secret.encode() + b"q" * 100))
        self.assertNotIn("CANARY", self.call(url=self.server.url("/x"), resolved={"header:X-Key": secret}).stdout)

    def test_secrets_are_not_in_the_process_table(self):
        asked, release = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def hang(handler):
            asked.set()
            release.wait(60 * PATIENCE)
        self.server.routes["/x"] = hang
        # Under root a process of root's looks the same dumpable or not, so it runs as somebody else.
        somebody = {}
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o711)
            somebody = {"user": 65534, "executable": shutil.copy(BF_HTTP, self.folder)}
        process, _ = self.start(self.request(url=self.server.url("/x"), resolved={"header:X-Key": CANARY}), env={"BF_RESULT": ""},
                                **somebody)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.assertTrue(asked.wait(60 * PATIENCE))
        with open(f"/proc/{process.pid}/cmdline", "rb") as f:
            self.assertNotIn(CANARY.encode(), f.read())
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as f:
                self.assertNotIn(CANARY.encode(), f.read())
        except PermissionError:
            self.assertNotEqual(os.geteuid(), 0)
        self.assertEqual(os.stat(f"/proc/{process.pid}/mem").st_uid, 0, "the process must not be dumpable")
        process.kill()
        process.wait()

    def test_header_injection(self):
        for value in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x7f"]:
            for over in ({"headers": {"X-A": value}}, {"resolved": {"header:X-A": value}}):
                ended = self.call(url=self.server.url("/x"), **over)
                self.assertEqual(ended.status, 1)
                self.assertIn("header X-A holds a line end", ended.stderr)
        for name in ["X A", "X:A", "X\r\nEvil", "", "Ä"]:
            self.assertIn("name is no token", self.call(url=self.server.url("/x"), headers={name: "1"}).stderr)
        for name in ["Content-Length", "transfer-encoding", "HOST", "Connection", "Expect"]:
            self.assertIn("written by bf-http itself", self.call(url=self.server.url("/x"), headers={name: "1"}).stderr)
        for url in ["http://127.0.0.1/\r\nX: y", "http://127.0.0.1/a b\n", "http://127.0.0.1/\0"]:
            self.assertIn('"url" is not a text of one line', self.call(url=url).stderr)
        self.assertEqual(self.server.seen, [])


class Surroundings(BfHttpTest):
    def test_bad_requests(self):
        for document in [b"", b"{", b"[]", b"{}", b'{"url": "x"}', b"\xff\xfe", b"[" * 100000]:
            ended = self.finish(self.start(document))
            self.assertEqual(ended.status, 1, document)
            self.assertEqual(len(ended.stderr.splitlines()), 1)
        self.assertIn("not supported yet", self.call(surprise=1).stderr)
        for url in ["ftp://127.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/", "127.0.0.1", "http://", "http://127.0.0.1:99999/"]:
            self.assert_permanent_without_answer(self.call(url=url), "address")
        for url in ["http://127.0.0.1:1/" + "\U0001f600" * 200, "http://127.0.0.1:1/a" + "\U0001f600" * 200, "http://%EE%FF.invalid/"]:
            ended = self.call(url=url)
            self.assertIn("GET http://", ended.lines[0]["http"]["text"])
        self.assertEqual(self.server.seen, [])

    def test_result_that_cannot_be_told_stops_the_work(self):
        self.route("/x", 200)
        ended = self.call(method="POST", url=self.server.url("/x"), env={"BF_RESULT": os.path.join(self.folder, "no", "such", "file")})
        self.assertEqual(ended.status, 1)
        self.assertEqual(self.server.seen, [])

    def test_arguments(self):
        for args, status in [(["--version"], 0), (["--help"], 0), (["x"], 2)]:
            done = subprocess.run([BF_HTTP] + args, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE, check=False)
            self.assertEqual(done.returncode, status)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BF_HTTP = sys.argv.pop(1)
    unittest.main()
