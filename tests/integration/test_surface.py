"""What bfctl shows and how: forms of -o, get and describe, watches of rows, times, labels, colours, completion in real shells.

    BF_BIN=FOLDER_OF_PROGRAMS test_surface.py [unittest options]
"""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import yaml
except ImportError:
    yaml = None

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, free_ports, wait_until  # pylint: disable=wrong-import-position

PLAN = """apiVersion: backfill/v1
kind: Plan
name: orders
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
params: {ledger: "yes: no"}
steps:
  load: {run: [sh, -c, "test $BF_PARTITION_KEY != 2024-01-02 || { printf 'bad \\\\033[31m \\\\177 \\\\302\\\\233 end' >&2; exit 64; }"]}
  sum: {needs: [{load: same}], run: ["true"]}
"""
HELD = """apiVersion: backfill/v1
kind: Plan
name: held
steps:
  hold: {run: [sh, -c, "until [ -e DIR/open ]; do sleep 0.05; done"]}
  then: {needs: [hold], noop: true}
"""


class Reader:
    """Lines of a child as they come."""

    def __init__(self, words, env):
        self.child = subprocess.Popen([f"{BIN}/bfctl", *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.said = [], []
        self.threads = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in ((self.child.stdout, self.lines), (self.child.stderr, self.said))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def wait_for(self, what, check):
        return wait_until(what, lambda: check(self.lines))

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)
        status = self.child.wait(30 * PATIENCE)
        for thread in self.threads:
            thread.join(30)
        self.child.stdout.close()
        self.child.stderr.close()
        return status


class SurfaceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="surface-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name, text in (("orders.yaml", PLAN), ("held.yaml", HELD.replace("DIR", cls.folder))):
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=2, slots=2)
        cls.addClassCleanup(cls.cluster.stop)
        cls.orders = cls.cluster.create(os.path.join(cls.folder, "orders.yaml"))
        cls.cluster.ctl("wait", cls.orders, check=False)

    def ctl(self, line, **more):
        return self.cluster.ctl(*line.split(), **more)

    def out(self, line):
        return self.ctl(line).stdout

    def both_forms(self, line):
        """YAML and the document of one state: what is measured (a round trip, an age) may move between two questions, so that the
        JSON before and after is to be the same."""
        before = json.loads(self.out(f"{line} -o json"))
        for _ in range(20):
            told, after = self.out(f"{line} -o yaml"), json.loads(self.out(f"{line} -o json"))
            if after == before:
                return told, after
            before = after
        self.fail(f"{line}: no two answers alike in twenty")

    # --- forms ---

    @unittest.skipUnless(yaml, "no yaml module")
    def test_yaml_is_the_same_document(self):
        for line in ("backfill list", "backfill get ID", "steps ID", "failures ID", "checks ID", "agents", "agents agent-1", "pools",
                     "status ID",
                     "why ID load[2024-01-02]", "why ID sum[2024-01-02]", "version --server", "plan history orders", "plan show ID",
                     "plan graph ID", "plan diff ID ID", "describe backfill ID", "describe step ID load[2024-01-02]"):
            line = line.replace("ID", self.orders)
            told, document = self.both_forms(line)
            self.assertEqual(yaml.safe_load(told), document, line)
            self.assertNotRegex(told, r"[^\n -~\u00a1-\u1fff]", line)

    def test_no_control_characters_reach_a_pipe(self):
        for line in ("failures ID", "steps ID", "why ID load[2024-01-02]", "describe backfill ID"):
            for form in ("json", "yaml", "text", "table", "wide"):
                done = self.ctl(f"{line.replace('ID', self.orders)} -o {form}", check=False)
                if done.returncode == 0:
                    self.assertNotRegex(done.stdout, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", f"{line} -o {form}")
        self.assertIn("\x9b", json.loads(self.out(f"failures {self.orders} -o json"))[0]["text"])

    def test_names_are_taken_by_other_commands(self):
        for line, takes in (("backfill list", "backfill get NAME"), ("steps ID", "why ID NAME"), ("failures ID", "logs ID NAME"),
                            ("agents", "describe agent NAME"), ("plan history orders", "plan show NAME"),
                            ("why ID load[2024-01-01]", "steps ID NAME"),
                            ("status ID", "wait NAME"), ("backfill get ID", "failures NAME"),
                            ("priority ID high --dry-run", "steps ID NAME")):
            names = self.ctl(line.replace("ID", self.orders) + " -o name", check=False).stdout.split()
            for name in names:
                done = self.ctl(takes.replace("ID", self.orders).replace("NAME", name), check=False)
                self.assertNotEqual(done.returncode, 2, f"{line}: {name}: {done.stderr}")
            self.assertTrue(names or line.startswith("priority"), line)

    def test_tables(self):
        for line in ("backfill list", "steps ID", "agents", "plan history orders", "failures ID -o table"):
            line = line.replace("ID", self.orders)
            table, bare = self.out(line).splitlines(), self.out(f"{line} --no-headers").splitlines()
            self.assertEqual(len(table), len(bare) + 1, line)
            self.assertRegex(table[0], r"^[A-Z ]+$")
            wide = self.out(line.replace(" -o table", "") + " -o wide").splitlines()
            self.assertGreater(len(wide[0].split()), len(table[0].split()), line)
        self.assertEqual(self.ctl("pools").stderr, "bfctl: no pools\n")

    def test_get_is_the_commands_that_there_are(self):
        for get, plain in (("get backfills", "backfill list"),
                           (f"get backfill {self.orders} -o json", f"backfill list {self.orders} -o json"),
                           (f"get steps {self.orders} load -o name", f"steps {self.orders} load -o name"),
                           ("get agents -o json", "agents -o json"),
                           ("get pools", "pools"), (f"get failures {self.orders}", f"failures {self.orders}"),
                           ("get plans orders", "plan history orders"),
                           (f"get checks {self.orders}", f"checks {self.orders}"),
                           (f"backfill status {self.orders}", f"status {self.orders}")):
            a, b = self.ctl(get), self.ctl(plain)
            self.assertEqual((a.stdout, a.stderr), (b.stdout, b.stderr), get)
        one = json.loads(self.out(f"get backfill {self.orders} -o json"))
        self.assertEqual(one, self.cluster.json("backfill", "get", self.orders))

    def test_describe(self):
        page = self.out(f"describe backfill {self.orders}")
        for said in ("orders", "partly_succeeded", "Progress", "Failures", "exit 64", "Plan"):
            self.assertIn(said, page)
        document = self.cluster.json("backfill", "describe", self.orders)
        self.assertEqual(list(document), ["backfill", "status", "failures", "checks", "plan"])
        self.assertEqual(document["failures"], self.cluster.json("failures", document["backfill"]["id"]))
        self.assertRegex(page, r"(?m)^hash +[0-9a-f]{64}$")
        self.assertEqual(document["backfill"], self.cluster.json("backfill", "get", document["backfill"]["id"]))
        step = self.cluster.json("describe", "step", self.orders, "sum[2024-01-02]")
        self.assertEqual((step["why"]["state"], step["step"]["state"]), ("upstream_failed", "upstream_failed"))
        agent = self.cluster.json("describe", "agent", "agent-1")
        self.assertEqual((agent["agent"]["name"], agent["runs"]), ("agent-1", []))
        page = self.out("describe agent agent-1").split("\n\n")[0].splitlines()
        self.assertEqual(len({re.match(r"\w+ +", line).end() for line in page}), 1, page)

    def test_a_program_that_there_is_not(self):
        done = self.cluster.ctl("dev", "--dir", self.cluster.dir, "--restart", "agent-9", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'agent-9' in this cluster; there are coordinator, and agent-1 to agent-2", done.stderr)

    # --- picking ---

    def test_labels(self):
        for labels, names in (("agent=agent-1", ["agent-1"]), ("agent!=agent-1", ["agent-2"]), ("agent", ["agent-1", "agent-2"]),
                              ("!agent", []),
                              ("agent=agent-1,zone=a", [])):
            self.assertEqual(sorted(self.out(f"agents -l {labels} -o name").split()), names, labels)
        self.assertEqual(self.out("agents -l agent -l agent!=agent-2 -o name").split(), ["agent-1"])

    def test_since(self):
        created = self.cluster.json("backfill", "get", self.orders)["created_at"]
        self.assertIn(self.orders, self.out(f"backfill list --since {created} -o name").split())
        later = re.sub(r"\.(\d{6})Z", lambda m: f".{min(int(m[1]) + 2000, 999999):06d}Z", created)
        newer = self.ctl(f"backfill list --since {later} -o name")
        self.assertNotIn(self.orders, newer.stdout.split())
        self.assertRegex(newer.stderr, r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \(inclusive\), UTC")
        self.assertIn(self.orders, self.out("backfill list --since 1d --limit 0 -o name").split())
        self.assertEqual(self.ctl("backfill list --since 0 -o json").stdout, "[]\n")

    # --- watching ---

    def test_watches_go_on_through_a_restart(self):
        held = self.cluster.create(os.path.join(self.folder, "held.yaml"))
        rows = Reader(["backfill", "list", held, "-w"], self.cluster.env)
        documents = Reader(["steps", held, "-w", "-o", "json"], self.cluster.env)
        rows.wait_for("the first row", lambda lines: len(lines) >= 2)
        self.assertRegex(rows.lines[0], "^ID +NAME +STATE")
        documents.wait_for("two documents", lambda lines: len(lines) >= 2)
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("its end", lambda: self.cluster.pid("coordinator") is None)
        wait_until("both to notice", lambda: rows.said and documents.said)
        self.cluster.restart("coordinator")
        with open(os.path.join(self.folder, "open"), "w", encoding="utf-8"):
            pass
        rows.wait_for("the end of the backfill", lambda lines: "succeeded" in lines[-1])
        documents.wait_for("the end of the steps", lambda lines: {d["step"] for d in map(json.loads, lines)
                                                                  if d["state"] == "succeeded"} == {"hold", "then"})
        self.assertEqual((rows.interrupt(), documents.interrupt()), (0, 0))
        self.assertEqual(sum(line.startswith("ID ") for line in rows.lines), 1, "headings stand once")
        states = [line.index(line.split()[2]) for line in rows.lines]
        self.assertEqual(len(set(states)), 1, f"columns stand where they stood: {rows.lines}")
        for row, next_row in zip(rows.lines, rows.lines[1:]):
            self.assertNotEqual(row, next_row, "a row is shown when it changed")
        self.assertEqual(rows.said, ["bfctl: the coordinator does not answer; trying again", "bfctl: the coordinator is back"])

    # --- terminals ---

    def on_terminal(self, line, **env):
        """What a terminal of 76 columns gets."""
        master, slave = pty.openpty()
        subprocess.run(["stty", "cols", "76"], stdin=slave, check=True)
        child = subprocess.Popen([f"{BIN}/bfctl", *line.split()], env={**self.cluster.env, "TERM": "xterm", **env}, stdin=slave,
                                 stdout=slave,
                                 stderr=subprocess.DEVNULL)
        os.close(slave)
        got = b""
        try:
            while chunk := os.read(master, 65536):
                got += chunk
        except OSError:
            pass                                 # Linux says so when the last writer is gone
        child.wait(30 * PATIENCE)
        os.close(master)
        return got.decode()

    def test_colours_and_width(self):
        line = f"steps {self.orders}"
        colored = self.on_terminal(line)
        self.assertRegex(colored, "\x1b\\[32msucceeded")
        self.assertRegex(colored, "\x1b\\[31mfailed")
        plain = re.sub("\x1b\\[[0-9;]*m", "", colored)
        self.assertLessEqual(max(len(row) for row in plain.splitlines()), 76)
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\x1b", self.on_terminal(line, **env))
        self.assertGreater(max(len(row) for row in re.sub("\x1b\\[[0-9;]*m", "", self.on_terminal(line, COLUMNS="200")).splitlines()), 76)
        self.assertNotIn("\x1b", self.out(line))

    # --- completion ---

    def complete_in_bash(self, *words):
        """What bash offers for the last word."""
        script = self.out("completion bash") + """
COMP_WORDS=(%s) COMP_CWORD=%d
_bfctl
printf '%%s\\n' "${COMPREPLY[@]}"
""" % (" ".join(f"'{w}'" for w in (f"{BIN}/bfctl", *words)), len(words))
        done = subprocess.run(["bash", "--norc", "-c", script], env=self.cluster.env, capture_output=True, text=True, timeout=60 * PATIENCE,
                              check=True,
                              cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    @unittest.skipUnless(shutil.which("bash"), "no bash")
    def test_bash_completes(self):
        self.assertEqual(self.complete_in_bash("desc"), ["describe"])
        self.assertEqual(self.complete_in_bash("backfill", "li"), ["list"])
        self.assertIn(self.orders, self.complete_in_bash("steps", ""))
        self.assertEqual(self.complete_in_bash("steps", self.orders, ""), ["load", "sum"])
        self.assertEqual(self.complete_in_bash("why", self.orders, "load["), [f"load[2024-01-0{n}]" for n in (1, 2, 3)])
        self.assertEqual(self.complete_in_bash("steps", "--output", "=", "ya"), ["yaml"])
        self.assertEqual(sorted(self.complete_in_bash("agent", "drain", "")), ["agent-1", "agent-2"])
        self.assertEqual(self.complete_in_bash("plan", "validate", "ord"), ["orders.yaml"])
        self.assertIn("viewer", self.complete_in_bash("keys", "revoke", ""))

    @unittest.skipUnless(shutil.which("bash"), "no bash")
    def test_completion_is_silent_without_a_coordinator(self):
        path = os.path.join(self.folder, "away.conf")
        with open(os.path.join(self.folder, "c", "bfctl.conf"), encoding="utf-8") as f:
            text = re.sub(r"tcp://127.0.0.1:\d+", f"tcp://127.0.0.1:{free_ports(1)}", f.read()).replace("keys/", f"{self.folder}/c/keys/")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        for config in (path, os.path.join(self.folder, "none.conf")):
            done = self.ctl(f"__complete -- --config {config} steps", check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = self.cluster.ctl("__complete", "--", "steps", "--config", config, "", check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "@latest\t\n", ""))

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_completes(self):
        script = self.out("completion zsh")
        done = subprocess.run(["zsh", "-f", "-n"], input=script, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        # What the completion system would call is told instead of shown.
        stage = """
_describe() { print -rl -- "${(@P)4}" }
_files() { print -r -- FILES }
words=('%s' %s '') CURRENT=%d
_bfctl
"""
        for given, offered in ((["agent", "drain"], ["agent-1:connected", "agent-2:connected"]), (["plan", "validate"], ["FILES"]),
                               (["priority", self.orders], ["critical:", "high:", "normal:", "low:"])):
            done = subprocess.run(["zsh", "-f", "-c", script + stage % (f"{BIN}/bfctl", " ".join(given), len(given) + 2)],
                                  env=self.cluster.env,
                                  capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
            self.assertEqual((sorted(done.stdout.splitlines()), done.stderr), (sorted(offered), ""), given)

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_completes(self):
        script = self.out("completion fish") + f"\ncomplete -C 'bfctl steps {self.orders} lo'\ncomplete -C 'bfctl completion f'\n"
        env = dict(self.cluster.env, PATH=f"{BIN}:{os.environ['PATH']}", HOME=self.folder)
        done = subprocess.run(["fish", "--no-config", "-c", script], env=env,
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()], ["load", "fish"])


if __name__ == "__main__":
    unittest.main()
