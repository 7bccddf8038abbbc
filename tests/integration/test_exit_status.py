"""Every exit status that bfctl promises, from a real case; and signals, pipes and descriptors that are not as they should be.

    BF_BIN=FOLDER_OF_PROGRAMS test_exit_status.py [unittest options]

4 (awaiting approval) is promised and cannot come before there are approvals."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, free_ports, wait_until  # pylint: disable=wrong-import-position

HEAD = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
"""
# `held` goes on until the file "open" is there.
PLANS = {
    "good": "steps:\n  load: {noop: true}\n",
    "bad": "steps:\n  load: {run: [sh, -c, \"exit 64\"]}\n",
    "partly": "steps:\n  load: {run: [sh, -c, \"test $BF_PARTITION_KEY = 2024-01-01 || exit 64\"]}\n",
    "held": "datasets: {d: {}}\nsteps:\n  load: {run: [sh, -c, \"until [ -e DIR/open ]; do sleep 0.05; done\"], outputs: [d]}\n",
    "invalid": "steps:\n  load: {runn: [x]}\n",
}


class ExitStatusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="exit-status-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name, steps in PLANS.items():
            cls.write(f"{name}.yaml", (HEAD.replace("NAME", name) + steps).replace("DIR", cls.folder))
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=1, slots=4)
        cls.addClassCleanup(cls.cluster.stop)
        cls.addClassCleanup(cls.write, "open", "")                # nothing is held when the agents drain
        with open(os.path.join(cls.folder, "c", "bfctl.conf"), encoding="utf-8") as f:
            own = f.read().replace("keys/", os.path.join(cls.folder, "c", "keys/"))
        cls.write("viewer.conf", own.replace("admin.key", "viewer.key"))
        cls.write("nobody.conf", re.sub(r"tcp://127.0.0.1:\d+", f"tcp://127.0.0.1:{free_ports(1)}", own))
        cls.ids = {name.upper(): cls.cluster.create(os.path.join(cls.folder, f"{name}.yaml")) for name in ("good", "bad", "partly")}
        for backfill in cls.ids.values():
            cls.cluster.ctl("wait", backfill, check=False)
        cls.held = cls.cluster.create(os.path.join(cls.folder, "held.yaml"))
        cls.ids["HELD"] = cls.held
        wait_until("a step that runs", lambda: cls.cluster.json("steps", cls.held, "--state", "running"))

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def words(self, line):
        return [self.ids.get(word, word) for word in line.split()]

    def bfctl(self, line, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([f"{BIN}/bfctl", *self.words(line)], cwd=self.folder, env=self.cluster.env, stderr=subprocess.PIPE, text=True,
                              timeout=60 * PATIENCE,
                              check=False, **more)

    def test_the_causes_of_one_that_failed(self):
        said = self.bfctl("why BAD --summary").stdout
        self.assertIn("0 waiting, 2 failed\nnothing waits for what failed: bfctl failures", said)

    def test_statuses(self):
        unreachable = "--config nobody.conf --request-timeout 300ms"
        rows = [
            (0, "backfill create good.yaml --wait"), (1, "backfill create bad.yaml --wait"), (3, "backfill create partly.yaml --wait"),
            (2, "backfill create invalid.yaml"), (2, "backfill create none.yaml"),
            (124, "backfill create held.yaml --from 2024-01-03 --to 2024-01-03 "
                                                                                       "--wait --timeout 300ms"),
            (5, "backfill create held.yaml"), (6, f"backfill create good.yaml {unreachable}"),
            (7, "backfill create good.yaml --config viewer.conf"),
            (0, "wait GOOD"), (1, "wait BAD"), (3, "wait PARTLY"), (124, "wait HELD --timeout 200ms"), (2, "wait bf-99"),
            (6, f"wait GOOD {unreachable}"),
            (0, "watch GOOD"), (1, "watch BAD"), (3, "watch PARTLY"), (124, "watch HELD --timeout 200ms"),
            (0, "pause HELD"), (0, "pause HELD"), (0, "resume HELD"), (0, "resume HELD"), (124, "pause HELD --wait --timeout 200ms"),
            (0, "resume HELD --reason again"), (2, "pause HELD --timeout 1s"), (5, "pause GOOD"), (2, "pause bf-99"),
            (7, "pause HELD --config viewer.conf"),
            (2, "cancel HELD"), (7, "cancel HELD --yes --config viewer.conf"), (5, "cancel GOOD --yes"),
            (6, f"cancel GOOD --yes {unreachable}"),
            (5, "retry GOOD"), (2, "priority HELD urgent"), (0, "priority HELD high"), (5, "priority GOOD high"),
            (7, "priority HELD high --config viewer.conf"),
            (0, "backfill list"), (2, "backfill list bf-99"), (2, "backfill list --since sometime"), (6, f"backfill list {unreachable}"),
            (0, "backfill list --config viewer.conf"), (6, f"backfill list -w {unreachable}"), (2, "backfill get bf-99"),
            (0, "backfill get GOOD -o yaml"),
            (0, "steps GOOD"), (2, "steps GOOD nothing"), (2, "steps GOOD --state odd"), (0, "checks GOOD"), (0, "failures BAD"),
            (2, "failures bf-99"),
            (0, "status GOOD"), (2, "status GOOD -o dot"), (0, "why BAD load[2024-01-01]"), (2, "why BAD load"),
            (0, "logs BAD load[2024-01-01]"),
            (2, "logs BAD none"), (0, "agents"), (2, "agents nobody"), (0, "pools"), (2, "pools nobody"), (6, f"pools {unreachable}"),
            (2, "agent drain nobody"), (7, "agent drain agent-1 --config viewer.conf"), (0, "get backfills"), (2, "get nothing"),
            (0, "describe backfill BAD"),
            (0, "describe step BAD load[2024-01-01]"), (0, "describe agent agent-1"), (2, "describe agent nobody"),
            (2, "describe pool nobody"),
            (2, "describe backfill bf-99"), (6, f"describe backfill GOOD {unreachable}"), (0, "plan validate good.yaml"),
            (2, "plan validate invalid.yaml"),
            (0, "plan show good.yaml"), (0, "plan show GOOD"), (2, "plan show bf-99"), (0, "plan graph good.yaml"),
            (0, "plan diff good.yaml bad.yaml"),
            (1, "plan diff good.yaml bad.yaml --detailed-exitcode"), (0, "plan diff GOOD good.yaml --detailed-exitcode"),
            (0, "plan history good"),
            (2, "plan history none"), (2, "fsck none"), (2, "init --dir x --agents many"), (5, "init --dir c"),
            (2, "import wfformat none.json"),
            (0, "version --server"), (6, f"version --server {unreachable}"), (0, "help"), (2, "help nothing"), (0, "completion bash"),
            (2, "completion csh"),
            (2, ""), (2, "nothing"), (2, "approve bf-1"), (2, "dev")]
        seen = set()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:       # what is about HELD needs its order; the rest does not
            alone = {line: pool.submit(self.bfctl, line) for _, line in rows if "held" not in line.lower()}
            results = [(status, line, alone[line].result() if line in alone else self.bfctl(line)) for status, line in rows]
        for status, line, done in results:
            with self.subTest(line=line):
                self.assertEqual(done.returncode, status, f"bfctl {line}\n{done.stdout}{done.stderr}")
                if status not in (0, 1, 3) and line:
                    self.assertRegex(done.stderr, r"(?m)^bfctl: error: .")
                seen.add(status)
        self.assertEqual(seen, {0, 1, 2, 3, 5, 6, 7, 124})

    def test_options_that_are_no_text(self):
        for option in ("--reason", "--request-timeout"):
            done = subprocess.run([f"{BIN}/bfctl", "pause", self.held, option, b"a\xff", "--config", "nobody.conf"], cwd=self.folder,
                                  env=self.cluster.env,
                                  capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stderr), (2, f"bfctl: error: what is given to {option} is no UTF-8 text\n"))
        done = subprocess.run([f"{BIN}/bfctl", "pools", "--config", b"n\xff.conf"], cwd=self.folder, env=self.cluster.env,
                              capture_output=True, timeout=60 * PATIENCE,
                              check=False)
        self.assertNotIn(b"UTF-8", done.stderr)      # a file's name may be any bytes

    def test_what_an_agent_runs(self):
        runs = self.cluster.json("describe", "agent", "agent-1")["runs"]
        self.assertIn((self.held, "load"), {(r["backfill"], r["step"]) for r in runs})
        self.assertIn(f"{self.held} load[2024-01-01], a-", self.bfctl("describe agent agent-1").stdout)

    def test_waiting_for_a_change(self):
        """In a backfill of its own: cancel --wait returns when nothing of it runs any more."""
        backfill = self.cluster.create(os.path.join(self.folder, "held.yaml"), "--from", "2024-01-05", "--to", "2024-01-05")
        wait_until("a step that runs", lambda: self.cluster.json("steps", backfill, "--state", "running"))
        done = self.bfctl(f"cancel {backfill} --yes --wait --reason test")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = self.cluster.json("backfill", "get", backfill)
        self.assertEqual((document["state"], document["attempts_open"]), ("cancelled", 0))
        self.assertEqual(self.bfctl(f"wait {backfill}").returncode, 1)

    def test_interrupts(self):
        """130 for a shell: ended by the signal.  A watch of rows is ended so, and well."""
        for line, status, first in (("wait HELD", -signal.SIGINT, None), ("watch HELD", -signal.SIGINT, self.held),
                                    ("backfill list -w", 0, "ID"), ("steps HELD -w -o json", 0, "{"), ("agents -w -o name", 0, "agent-1")):
            child = subprocess.Popen([f"{BIN}/bfctl", *self.words(line)], env=self.cluster.env, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
            if first:
                self.assertTrue(child.stdout.readline().startswith(first), line)
            else:
                wait_until("its connection", lambda pid=child.pid: len(os.listdir(f"/proc/{pid}/fd")) > 8)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=30 * PATIENCE)
            self.assertEqual((child.returncode, said), (status, ""), line)

    def test_a_reader_that_goes_away(self):
        """`bfctl … | head -1` ends quietly."""
        for line in ("steps GOOD -o json", "help", "backfill list", "completion zsh", "backfill list -w -o json"):
            reader, writer = os.pipe()
            watches = "-w" in line
            if not watches:
                os.close(reader)                 # before it begins: all that it says would have room in the pipe
            child = subprocess.Popen([f"{BIN}/bfctl", *self.words(line)], env=self.cluster.env, stdout=writer, stderr=subprocess.PIPE,
                                     text=True)
            os.close(writer)
            if watches:
                # The next change is written into the closed pipe.
                os.read(reader, 1)
                os.close(reader)
                self.cluster.create(os.path.join(self.folder, "good.yaml"))
            said = child.stderr.read()
            self.assertEqual((child.wait(30 * PATIENCE), said), (-signal.SIGPIPE, ""), line)
            child.stderr.close()

    def test_output_that_cannot_be_written(self):
        for line in ("backfill list", "backfill list -o json", "backfill list -w", "steps HELD -o yaml", "agents", "pools -o json",
                     "status HELD",
                     "why HELD load[2024-01-01]", "describe backfill HELD", "plan show good.yaml", "plan validate good.yaml", "help",
                     "version",
                     "completion fish", "priority HELD low -o json", "backfill get HELD"):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = self.bfctl(line, stdout=full)
            self.assertEqual(done.returncode, 1, line)
            self.assertIn("cannot write to standard output", done.stderr, line)

    def test_descriptors_that_are_closed(self):
        def closing(*fds):
            return lambda: [os.close(fd) for fd in fds]
        self.assertEqual(self.bfctl("backfill list", preexec_fn=closing(0)).returncode, 0)
        self.assertEqual(self.bfctl("plan validate -", preexec_fn=closing(0)).returncode, 2)
        self.assertEqual(self.bfctl("cancel HELD", preexec_fn=closing(0)).returncode, 2)
        self.assertEqual(self.bfctl("backfill list -o json", preexec_fn=closing(1)).returncode, 1)
        self.assertEqual(self.bfctl("backfill get bf-99", preexec_fn=closing(2)).returncode, 2)
        self.assertEqual(self.bfctl("backfill list", preexec_fn=closing(0, 1, 2)).returncode, 1)


if __name__ == "__main__":
    unittest.main()
