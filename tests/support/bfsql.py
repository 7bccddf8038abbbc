"""What the tests of bf-sql share: the calls, and the databases to make them on.

    class Protocol: …tests, with self.server…
    bfsql.on_all(globals(), Protocol)           # ProtocolOnPostgreSQL, ProtocolOnMariaDB, ProtocolOnSQLite
    if __name__ == "__main__":
        bfsql.main(__doc__)

Each server is started once a file, by the first test that needs it; each test finds it empty.
"""
import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import servers
from cluster import PATIENCE, wait_until

BF_SQL = None
SKIPPED = servers.SKIPPED
KILLED = -signal.SIGKILL
LIMIT = 300                                  # seconds that ctest gives a file of these tests (tests/integration/bfsql.cmake)
started = {}


def text(s):
    return {"t": "text", "v": s}


def value(kind, v):
    return {"t": kind, "v": v}


def changed(waited):
    """What waitpid() or wait4() gave, where a process changed; None where none did."""
    return waited if waited[0] else None


class Ended:
    """How one attempt ended."""

    def __init__(self, status, stderr, lines):
        self.status, self.stderr = status, stderr
        self.lines = [line for line in lines if "session" not in line]
        sessions = [line["session"] for line in lines if "session" in line]
        self.session = sessions[-1] if sessions else None        # what was said of it last

    def result(self, key):
        for line in self.lines:
            if key in line:
                return line[key]
        return None


class Calls(unittest.TestCase):
    """Starting bf-sql and reading what it said."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bfsql-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.n_results = 0

    def odbc(self, extra=""):
        raise NotImplementedError

    def request(self, script, token=1, **over):
        pieces = [text(script)] if isinstance(script, str) else script
        request = {
            "resolved": {"odbc": over.pop("odbc", None) or self.odbc()}, "connection": "warehouse", "attempt": token, "token": token,
            "cluster": "c0ffee", "backfill": 1, "plan": "retail", "step": "load", "partition": "2024-01-31", "run": 1,
            "run_id": "1/load/2024-01-31/1", "timebox_ms": int(60000 * PATIENCE), "transaction": True, "pieces": pieces,
        }
        request.update(over)
        return request

    def start(self, request, failpoint=None, env=None, **popen):
        self.n_results += 1
        result = os.path.join(self.folder, f"result-{self.n_results}")
        environment = {"PATH": os.environ.get("PATH", ""), "BF_RESULT": result}
        environment.update(env or {})
        if failpoint:
            environment["BF_SQL_FAILPOINT"] = failpoint
        process = subprocess.Popen([BF_SQL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                                   **popen)
        try:
            with process.stdin:
                process.stdin.write(request if isinstance(request, bytes) else json.dumps(request).encode())
        except BrokenPipeError:                  # it ended before it read: how is what the test looks at
            pass
        process.stdin = None
        self.addCleanup(self.put_away, process)
        return process, result

    @staticmethod
    def put_away(process):
        if process.poll() is None:
            process.kill()
            process.wait(60 * PATIENCE)
        process.stdout.close()
        process.stderr.close()

    def finish(self, begun, timeout=60):
        process, result = begun
        try:
            out, err = process.communicate(timeout=timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail(f"timed out after {timeout * PATIENCE} s waiting for bf-sql (process {process.pid}) to end")
        self.assertEqual(out, b"")
        lines = []
        if os.path.exists(result):
            with open(result, encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
        return Ended(process.returncode, err.decode(), lines)

    def run_sql(self, script, token=1, failpoint=None, env=None, **over):
        return self.finish(self.start(self.request(script, token, **over), failpoint, env))

    def wait_stopped(self, process):
        pid, status = wait_until("the process to stop", lambda: changed(os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)))
        self.assertEqual(pid, process.pid)
        self.assertTrue(os.WIFSTOPPED(status), status)

    def wait_used(self, begun, timeout=60):
        """What a process used, once it has ended."""
        process = begun[0]
        _, status, usage = wait_until("the process to end", lambda: changed(os.wait4(process.pid, os.WNOHANG)), timeout)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage

    def assert_done(self, ended, rows=None):
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertIsNotNone(ended.result("rows"), ended.lines)
        if rows is not None:
            self.assertEqual(ended.result("rows"), rows)

    def assert_fault(self, ended, status, words="", native=None):
        self.assertEqual(ended.status, status, ended.stderr)
        fault = ended.result("sql")
        self.assertIsNotNone(fault, (ended.lines, ended.stderr))
        if native is not None:
            self.assertEqual(fault["native"], native)
        self.assertIn(words, fault["text"])
        return fault


class OnServer(Calls):
    """The same, on one of servers.ALL, found empty."""

    kind = None

    def setUp(self):
        super().setUp()
        self.server = server_of(self.kind)
        self.server.empty()

    def odbc(self, extra=""):
        return self.server.odbc(extra=extra)

    def prepare(self, sql):
        """As the role that steps run under, so that they may change what is made."""
        self.server.execute_as_loader(sql)

    def query(self, sql):
        return self.server.query(sql)

    def fence(self, run=1):
        rows = self.query(f"select token, state from bf_fence where run = {run}")
        return (int(rows[0][0]), rows[0][1]) if rows else None

    def wait_sessions_gone(self, timeout=20):
        if self.kind != "sqlite":
            wait_until("the sessions to end", lambda: not self.server.sessions(), timeout)

    # A step that would count double if it ran twice, as steps do that add to a balance.
    SUMS = "create table sums (day varchar(10), amount integer)"
    ADD = "insert into sums values ('a', 1);\ninsert into sums values ('b', 2)"

    def sums(self):
        return [(day, int(amount)) for day, amount in self.query("select day, amount from sums order by day, amount")]

    def assert_once(self):
        self.assertEqual(self.sums(), [("a", 1), ("b", 2)])


def server_of(kind):
    if kind not in started:
        try:
            started[kind] = servers.ALL[kind]()
        except servers.Absent as absent:
            started[kind] = absent
    if isinstance(started[kind], servers.Absent):
        raise unittest.SkipTest(str(started[kind]))
    return started[kind]


def on_all(namespace, *mixins, kinds=tuple(servers.ALL)):
    for mixin in mixins:
        for kind in kinds:
            name = f"{mixin.__name__}On{servers.ALL[kind].__name__}"
            namespace[name] = type(name, (mixin, OnServer), {"kind": kind, "__module__": mixin.__module__})


def main(doc):
    global BF_SQL
    if len(sys.argv) < 2:
        sys.exit(doc)
    BF_SQL = os.path.abspath(sys.argv.pop(1))
    # Should something wait without a limit after all, it is said where, before ctest ends this at its own.
    faulthandler.dump_traceback_later(LIMIT - 20)
    program = unittest.main(exit=False, verbosity=2)         # each test is named before it begins
    faulthandler.cancel_dump_traceback_later()
    for server in started.values():
        if not isinstance(server, servers.Absent):
            server.remove()
    result = program.result
    if result.testsRun and len(result.skipped) == result.testsRun:
        print("skipped:", result.skipped[0][1])
        sys.exit(SKIPPED)
    sys.exit(not result.wasSuccessful())
