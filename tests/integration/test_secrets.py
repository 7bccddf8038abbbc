"""A connection string is where it must be and nowhere else: real clusters, real databases, a password that is looked for everywhere.

    BF_BIN=FOLDER_OF_PROGRAMS test_secrets.py [unittest options]

Each run stops bf-sql between its claim and its work, where it holds the string and a session, and looks through every process of the
machine and every file of the cluster.  A control word takes the ways that a secret must not take, so that the looking is known to see.
"""
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # noqa: E402
from servers import SKIPPED, Absent, PostgreSQL, SQLite, braced  # noqa: E402

PLAN = """apiVersion: backfill/v1
kind: Plan
name: secrets
connections: {{warehouse: {{odbc: "{reference}"}}}}
defaults: {{retry: {{max: 5, backoff: {{initial: 10ms, max: 10ms}}}}}}
steps:
  seen: {{run: [sh, -c, "echo logged-$WORD; read line < $FIFO"], env: {{WORD: "{control}", FIFO: "{fifo}"}}}}
  load: {{sql: {{connection: warehouse, transaction: true, text: "insert into t values (1)"}}}}
"""


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""                           # a process that ended, a file that went


def processes_with(word):
    """{pid: name} of the processes that show the word in their arguments or their environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if word.encode() in read(f"/proc/{pid}/cmdline") + b"\0" + read(f"/proc/{pid}/environ"):
            found[int(pid)] = read(f"/proc/{pid}/comm").decode().strip()
    return found


def files_with(folder, word):
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path) and word.encode() in read(path):
                found.append(os.path.relpath(path, folder))
    return found


def stopped_helper(folder):
    """The pid of the bf-sql of the cluster in this folder that stands at its failpoint."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = read(f"/proc/{pid}/stat").decode(errors="replace")
        stands = "(bf-sql)" in fields and fields.rsplit(")", 1)[1].split()[0] == "T"
        if stands and f"BF_RESULT={folder}/".encode() in read(f"/proc/{pid}/environ"):
            return int(pid)
    return None


class SecretsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bf-canary-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.canary, self.control = ("c" + uuid.uuid4().hex for _ in range(2))
        self.fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(self.fifo)
        self.secrets = os.path.join(self.folder, "secrets")
        os.makedirs(os.path.join(self.secrets, "warehouse"))
        # Core files are wanted, as far as this test can say: that there are none is then not its doing.
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    def secret(self, name, value):
        with open(os.path.join(self.secrets, name), "w", encoding="utf-8") as f:
            f.write(value + "\n")

    @contextlib.contextmanager
    def cluster(self, **options):
        directory = os.path.join(self.folder, "cluster")
        allow = ["BF_SQL_FAILPOINT", *options.pop("allow_env", [])]
        env = {"BF_SQL_FAILPOINT": "after_claim:stop", **options.pop("extra_env", {})}
        # A machine that stands still for longer than a lease ends what is stopped here, and rightly.
        lease = "{agent: 120s, fence: 5s, coordinator: 150s, heartbeat: 1s}"
        with Cluster(directory, agents=1, slots=4, allow_env=allow, env=env, lease=lease, **options) as cluster:
            try:
                yield cluster
            finally:
                cluster.ctl("cancel", "@latest", "--reason", "the test is over", check=False)       # what a failed test left stopped

    def create(self, cluster, reference):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.format(reference=reference, control=self.control, fifo=self.fifo))
        return cluster.create(path)

    def words(self, cluster, backfill):
        """All that an operator can be shown of it."""
        said = ""
        for command in (["backfill", "get", backfill], ["steps", backfill], ["agents"], ["why", backfill, "load"],
                        ["plan", "history", "secrets"],
                        ["logs", backfill, "load"], ["logs", backfill, "seen"]):
            for form in ([], ["-o", "json"]):
                done = cluster.ctl(*command, *form, check=False)
                said += done.stdout + done.stderr
        return said

    def expect_nowhere(self, cluster, backfill, allowed=()):
        self.assertEqual({pid: name for pid, name in processes_with(self.canary).items() if pid not in allowed}, {})
        self.assertEqual(files_with(cluster.dir, self.canary), [])
        self.assertNotIn(self.canary, self.words(cluster, backfill))

    def through_the_stops(self, cluster, backfill, allowed=()):
        """The first bf-sql is killed where it stands, as a crash would; the second goes on to the end."""
        first = wait_until("bf-sql at its failpoint", lambda: stopped_helper(self.folder))
        self.assertRegex(read(f"/proc/{first}/limits").decode(), r"Max core file size +0 +0 ")
        self.expect_nowhere(cluster, backfill, allowed)
        # What the looking must find: the control word in a process, in the store, and in a log.
        self.assertIn("sh", wait_until("the other step", lambda: processes_with(self.control)).values())
        self.assertIn("store/data.mdb", files_with(cluster.dir, self.control))
        wait_until("its log", lambda: f"logged-{self.control}" in cluster.ctl("logs", backfill, "seen").stdout)
        os.kill(first, signal.SIGABRT)
        os.kill(first, signal.SIGCONT)
        wait_until("its death", lambda: not os.path.exists(f"/proc/{first}"))
        second = wait_until("its successor", lambda: stopped_helper(self.folder))
        self.expect_nowhere(cluster, backfill, allowed)
        with open(self.fifo, "w", encoding="ascii") as f:
            f.write("go on\n")
        os.kill(second, signal.SIGCONT)
        wait_until("the end", lambda: cluster.state(backfill) not in ("running", "queued"))
        self.assertEqual(cluster.state(backfill), "succeeded", self.words(cluster, backfill))
        self.expect_nowhere(cluster, backfill, allowed)

    def over_a_database(self, server, dsn):
        server.execute("create table t (a int)")
        if hasattr(server, "add_role"):
            server.execute("grant all on t to canary_user")
        with self.subTest("a secret in a file"):
            self.secret("warehouse/dsn", dsn)
            with self.cluster(agent=f"allow_secrets: [warehouse/dsn]\nsecrets_dir: {self.secrets}\n") as cluster:
                self.through_the_stops(cluster, self.create(cluster, "${secret:warehouse/dsn}"))
        shutil.rmtree(os.path.join(self.folder, "cluster"))
        with self.subTest("a variable for connections"):
            with self.cluster(agent="connection_env: [WAREHOUSE_DSN]\n") as cluster:
                self.by_variable(cluster, dsn)
        self.assertEqual(server.query("select count(*) from t"), [["2"]])        # each run once, whatever was killed

    def by_variable(self, cluster, dsn):
        # `bfctl dev` would hand it to all that it starts: the agent is started by itself.
        cluster.kill("agent-1", signal.SIGTERM)
        wait_until("the end of the agent", lambda: cluster.pid("agent-1") is None)
        guardian = subprocess.Popen([f"{BIN}/bfagent", "--config", "agent-1.conf"], env=dict(cluster.env, WAREHOUSE_DSN=dsn),
                                    cwd=cluster.dir,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.assertIn("ready", guardian.stdout.readline())
            children = subprocess.run(["pgrep", "-P", str(guardian.pid), "-x", "bfagent"], capture_output=True, text=True,
                                      check=True).stdout.split()
            self.assertEqual(len(children), 1)
            own = {int(children[0])}                         # the guardian has forgotten it
            self.assertEqual(set(processes_with(self.canary)), own)
            self.through_the_stops(cluster, self.create(cluster, "${env:WAREHOUSE_DSN}"), own)
            os.kill(int(children[0]), signal.SIGABRT)        # the agent itself leaves no core file either
            guardian.wait(60 * PATIENCE)
            self.assertEqual(files_with(cluster.dir, self.canary), [])
        finally:
            guardian.kill()                  # its agent then kills what runs
            guardian.wait()
            guardian.stdout.close()

    def test_postgresql(self):
        with PostgreSQL() as server:
            server.execute(f"create role canary_user login password '{self.canary}'; grant all on schema public to canary_user")
            self.over_a_database(server, server.odbc(user="canary_user", password=self.canary))

    def test_sqlite(self):
        with SQLite() as server:
            self.over_a_database(server, server.odbc(extra=f"PWD={braced(self.canary)};"))

    def test_a_wrong_password_is_not_told(self):
        with PostgreSQL() as server:
            self.secret("warehouse/dsn", server.odbc(password=self.canary))
            with self.cluster(agent=f"allow_secrets: [warehouse/dsn]\nsecrets_dir: {self.secrets}\n") as cluster:
                backfill = self.create(cluster, "${secret:warehouse/dsn}")
                with open(self.fifo, "w", encoding="ascii") as f:
                    f.write("go on\n")
                wait_until("the end", lambda: cluster.state(backfill) not in ("running", "queued"))
                said = self.words(cluster, backfill)
                self.assertIn("password authentication failed", said)
                self.expect_nowhere(cluster, backfill)

    def test_a_value_is_not_told_whatever_attribute_it_came_to(self):
        """Drivers' names and ports are shown, but not what a reference put in their place."""
        self.secret("warehouse/pw", self.canary)
        settings = f"connection_env: [CANARY_DSN]\nallow_secrets: [warehouse/pw]\nsecrets_dir: {self.secrets}\n"
        with self.cluster(agent=settings, extra_env={"CANARY_DSN": f"Driver=None;PWD={self.canary}"}) as cluster:
            for reference in ("Driver={${env:CANARY_DSN}}", "Driver=${secret:warehouse/pw}", "Driver={${secret:warehouse/pw}};Port=1"):
                backfill = self.create(cluster, reference)
                with open(self.fifo, "w", encoding="ascii") as f:
                    f.write("go on\n")
                wait_until("the end", lambda bf=backfill: cluster.state(bf) not in ("running", "queued"))
                said = self.words(cluster, backfill)
                self.assertIn("Can't open lib '***'", said)
                self.assertNotIn(self.canary, said)
                self.assertEqual(files_with(cluster.dir, self.canary), [])

    def test_what_is_not_allowed_is_refused_by_name(self):
        self.secret("warehouse/dsn", self.canary)
        cases = {"${secret:warehouse/dsn}": "secret warehouse/dsn is not allowed on agent agent-1: list it in `allow_secrets`",
                 "${env:CANARY}": "variable CANARY is not allowed on agent agent-1: list it in `connection_env`"}
        with self.cluster(agent=f"secrets_dir: {self.secrets}\n") as cluster:
            for reference, sentence in cases.items():
                backfill = self.create(cluster, reference)
                with open(self.fifo, "w", encoding="ascii") as f:
                    f.write("go on\n")
                wait_until("the end", lambda bf=backfill: cluster.state(bf) not in ("running", "queued"))
                self.assertIn(sentence, self.words(cluster, backfill))
                self.expect_nowhere(cluster, backfill)


if __name__ == "__main__":
    try:
        PostgreSQL(start=False).remove()
        SQLite().remove()
    except Absent as why:
        print(why, file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main()
