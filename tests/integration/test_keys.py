"""Identities on a private cluster: roles, scopes, revocation in mid-session, rotation of keys, enrolment of agents.

    BF_BIN=FOLDER_OF_PROGRAMS test_keys.py [unittest options]
"""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

# An instance goes on until "open" is there.
WORK = '"echo begun; until [ -e DIR/open ]; do sleep 0.02; done"'
PLAN = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
pools: {POOL: {slots: 4}}
steps:
  load: {run: [sh, -c, WORK], pool: POOL, outputs: [NAME.t]}
datasets: {NAME.t: {}}
"""

# verb -> (words, roles that may).  ID stands for the backfill.
ASK = {"viewer", "operator", "approver", "auditor", "admin"}
STEER = {"operator", "admin"}
VERBS = [
    (["backfill", "list"], ASK), (["backfill", "get", "ID"], ASK), (["steps", "ID"], ASK), (["status", "ID"], ASK),
    (["why", "ID", "load[2024-01-01]"], ASK), (["logs", "ID", "load[2024-01-01]"], ASK), (["checks", "ID"], ASK), (["failures", "ID"], ASK),
    (["agents"], ASK), (["pools"], ASK), (["plan", "history", "first"], ASK), (["version", "--server"], ASK),
    (["pause", "ID"], STEER), (["resume", "ID"], STEER), (["retry", "ID"], STEER), (["priority", "ID", "high"], STEER),
    (["backfill", "create", "PLAN"], STEER), (["cancel", "bf-99", "--yes"], STEER),
    (["agent", "drain", "nobody"], {"admin"}), (["keys", "list"], {"auditor", "admin"}), (["keys", "revoke", "nobody", "--yes"], {"admin"}),
    (["keys", "create", "x", "--role", "viewer", "--public", "PUBLIC"], {"admin"}), (["agent", "enroll", "agent-77"], {"admin"}),
    (["keys", "rotate", "operator", "--public", "PUBLIC"], {"admin"}),
]


class KeysTest(unittest.TestCase):
    agents = 1

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="keys-")
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=cls.agents, slots=8)
        cls.secrets = []                     # what must be nowhere but in its file

    @classmethod
    def tearDownClass(cls):
        with open(cls.path("open"), "w", encoding="utf-8"):
            pass                             # so that nothing is left to wait for
        cls.cluster.stop()
        shutil.rmtree(cls.folder)

    # --- helpers ---

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder, *names)

    def read(self, *names):
        with open(self.path(*names), encoding="utf-8") as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def plan(self, name, pool="wide"):
        return self.write(f"{name}.yaml",
                          PLAN.replace("WORK", WORK).replace("DIR", self.folder).replace("NAME", name).replace("POOL", pool))

    def conf(self, name, key_file):
        """bfctl.conf with another key."""
        return self.write(f"{name}.conf", self.read("c", "bfctl.conf").replace("keys/admin.key", key_file))

    def key(self, name, role, *scopes):
        """A new key of this name; gives the configuration that uses it."""
        self.ctl("keys", "create", name, "--role", role, *scopes, "--out", self.path(f"{name}.key"))
        self.secrets.append(re.search(r"secret: (.*)", self.read(f"{name}.key"))[1])
        return self.conf(name, self.path(f"{name}.key"))

    def public(self):
        """The public key of a pair that nobody uses."""
        file = tempfile.mktemp(dir=self.folder)
        return self.ctl("keys", "generate", "--out", file).stdout.strip()

    def ctl(self, *words, status=0, conf=None):
        done = self.cluster.ctl(*words, *(["--config", conf] if conf else []), check=False)
        self.assertEqual(done.returncode, status, f"bfctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done

    def keys(self):
        return {row["name"]: row for row in self.cluster.json("keys", "list")}

    def restart_coordinator(self):
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)
        self.cluster.restart("coordinator")

    def running(self, backfill, n):
        wait_until(f"{n} steps to run", lambda: self.cluster.json("backfill", "get", backfill)["steps"]["running"] == n)


class AccessTest(KeysTest):
    def test_each_role_and_each_verb(self):
        backfill = self.cluster.create(self.plan("first"))
        self.running(backfill, 2)
        for role in sorted(ASK):
            conf = self.key(f"one-{role}", role)
            for words, may in VERBS:
                words = [backfill if w == "ID" else self.path("first.yaml") if w == "PLAN" else self.public() if w == "PUBLIC" else w for w in words]
                if words[:2] == ["keys", "create"]:
                    words[2] = f"x-{role}"
                done = self.cluster.ctl(*words, "--config", conf, check=False)
                self.assertEqual(done.returncode != 7, role in may, f"{role}: {words}: {done.stderr}")
                if role not in may:
                    self.assertRegex(done.stderr.splitlines()[-1], f"is needed.*, this key has role {role}", words)
        # A key may always change itself.
        self.ctl("keys", "rotate", conf=self.conf("one-operator", self.path("one-operator.key")))
        self.ctl("keys", "create", "y", "--role", "enrol", "--public", self.public(), status=2)
        agent = self.key("some-agent", "agent")
        self.assertIn("refuses the key", self.ctl("backfill", "list", conf=agent, status=7).stderr)

    def test_scopes(self):
        orders = self.cluster.create(self.plan("orders"))
        sales = self.cluster.create(self.plan("sales-eu", pool="narrow"))
        conf = self.key("vera", "operator", "--plan", "sales-*", "--plan", "stock", "--pool", "narrow", "--pool", "own")
        shown = json.loads(self.ctl("backfill", "list", "-o", "json", conf=conf).stdout)
        self.assertEqual([b["id"] for b in shown], [sales])
        self.assertGreater(len(self.cluster.json("backfill", "list")), 1)
        later = self.cluster.create(self.plan("other"))
        self.assertEqual(json.loads(self.ctl("backfill", "get", "@latest", "-o", "json", conf=conf).stdout)["id"], sales)
        self.assertEqual(self.cluster.json("backfill", "get", "@latest")["id"], later)
        for words in (["backfill", "get"], ["steps"], ["status"], ["pause"], ["cancel", "--yes"], ["failures"]):
            refused = self.ctl(*words, orders, conf=conf, status=7)
            self.assertIn("plan orders is outside of the plans of this key: sales-*, stock", refused.stderr)
        for words in (["why", orders, "load[2024-01-01]"], ["logs", orders, "load[2024-01-01]"], ["plan", "history", "orders"]):
            self.ctl(*words, conf=conf, status=7)
        self.assertNotEqual(self.cluster.state(orders), "paused")
        self.ctl("pause", "@latest", conf=conf)
        self.assertEqual((self.cluster.state(sales), self.cluster.state(later)), ("paused", "running"))
        # A create: the name, then every pool.
        before = len(self.cluster.json("backfill", "list"))
        self.assertIn("plan orders is outside", self.ctl("backfill", "create", self.path("orders.yaml"), conf=conf, status=7).stderr)
        refused = self.ctl("backfill", "create", self.plan("sales-us"), conf=conf, status=7)
        self.assertIn("pool wide, which plan sales-us draws on, is outside of the pools of this key: narrow, own", refused.stderr)
        self.assertEqual(len(self.cluster.json("backfill", "list")), before)
        self.ctl("backfill", "create", self.plan("sales-us", pool="own"), conf=conf)
        refused = self.ctl("pool", "set", "narrow", "--slots", "1", conf=conf, status=7)
        self.assertIn("a key without plans is needed", refused.stderr)
        told = [r["record"] for r in self.cluster.json("audit", "--what", "pool set")]
        self.assertIn(("vera", "narrow"), [(r["who"], r["target"]) for r in told if r["result"] == "denied"])
        # Pools alone: sees all, changes its own.
        pooled = self.key("pat", "operator", "--pool", "narrow")
        self.ctl("backfill", "get", orders, conf=pooled)
        self.assertIn("pool wide", self.ctl("pause", orders, conf=pooled, status=7).stderr)
        # What is about the whole cluster.
        boss = self.key("half-boss", "admin", "--plan", "*")
        for words in (["agent", "drain", "agent-1"], ["keys", "list"],
                      ["keys", "create", "z", "--role", "admin", "--public", self.public()]):
            self.assertIn("a key without scopes is needed", self.ctl(*words, conf=boss, status=7).stderr)
        row = self.keys()["vera"]
        self.assertEqual((row["plans"], row["pools"], row["by"], row["source"], row["state"]),
                         (["sales-*", "stock"], ["narrow", "own"], "admin", "command", "live"))

    def test_scopes_of_the_configuration(self):
        self.ctl("keys", "generate", "--out", self.path("cfg.key"))
        public = re.search(r"public: (.*)", self.read("cfg.key"))[1]
        text = self.read("c", "coordinator.conf")
        entry = "keys:                                 # who may speak, by public key\n"
        self.assertIn(entry, text)
        self.write("c/coordinator.conf",
                   text.replace(entry, entry + f'  - {{name: cfg, role: operator, key: "{public}", plans: [only-this]}}\n'))
        self.cluster.kill("coordinator", signal.SIGHUP)
        conf = self.conf("cfg", self.path("cfg.key"))
        wait_until("the new key", lambda: self.cluster.ctl("backfill", "list", "--config", conf, check=False).returncode == 0)
        self.ctl("backfill", "create", self.plan("not-this"), conf=conf, status=7)
        row = self.keys()["cfg"]
        self.assertEqual((row["source"], row["plans"]), ("config", ["only-this"]))


    def test_a_reload_without_an_admin_changes_nothing(self):
        """A file that was emptied or cut short is valid, but would lock everybody out until a restart."""
        text = self.read("c", "coordinator.conf")
        reloads = lambda what: self.read("c", "log", "coordinator.log").count(f"event={what}")  # noqa: E731
        try:
            for short in ("", text[:text.index("keys:")]):
                before = reloads("reload_failed")
                self.write("c/coordinator.conf", short)
                self.cluster.kill("coordinator", signal.SIGHUP)
                wait_until("the refusal", lambda n=before: reloads("reload_failed") > n)
                self.assertIn("the file has no admin without scopes", self.read("c", "log", "coordinator.log"))
                self.ctl("keys", "list")
            # Where a command made an admin, the file may be without.
            second, before = self.key("spare", "admin"), reloads("reloaded")
            self.cluster.kill("coordinator", signal.SIGHUP)
            wait_until("the reload", lambda: reloads("reloaded") > before)
            self.ctl("keys", "list", conf=second)
            self.ctl("keys", "list", status=7)
        finally:
            before = reloads("reloaded")
            self.write("c/coordinator.conf", text)
            self.cluster.kill("coordinator", signal.SIGHUP)
            wait_until("the reload", lambda: reloads("reloaded") > before)
        self.ctl("keys", "revoke", "spare", "--yes")


class RevocationTest(KeysTest):
    def test_in_mid_session(self):
        backfill = self.cluster.create(self.plan("followed"))
        self.running(backfill, 2)
        conf = self.key("wendy", "viewer")
        follow = subprocess.Popen([f"{BIN}/bfctl", "logs", backfill, "load[2024-01-01]", "-f", "--config", conf], env=self.cluster.env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(follow.stdout.readline(), "begun\n")
        self.assertIn("its next message is refused", self.ctl("keys", "revoke", "wendy", "--yes").stdout)
        _, said = follow.communicate(timeout=30 * PATIENCE)
        self.assertEqual(follow.returncode, 7)
        self.assertIn("the key of wendy was revoked", said)
        self.assertIn("refuses the key", self.ctl("backfill", "list", conf=conf, status=7).stderr)
        self.assertIn("already", self.ctl("keys", "revoke", "wendy", "--yes").stdout)
        self.ctl("keys", "revoke", "nobody", "--yes", status=2)
        # Without a terminal it asks for --yes.
        self.assertIn("--yes", self.ctl("keys", "revoke", "viewer", status=2).stderr)

    def test_a_revoked_key_of_the_configuration_stays_revoked(self):
        conf = self.conf("c/viewer", "keys/viewer.key")
        self.ctl("backfill", "list", conf=conf)
        self.ctl("keys", "revoke", "viewer", "--yes")
        self.ctl("backfill", "list", conf=conf, status=7)
        reloads = self.read("c", "log", "coordinator.log").count("event=reloaded")
        self.cluster.kill("coordinator", signal.SIGHUP)
        wait_until("the reload", lambda: self.read("c", "log", "coordinator.log").count("event=reloaded") > reloads)
        self.ctl("backfill", "list", conf=conf, status=7)
        self.restart_coordinator()
        self.ctl("backfill", "list", conf=conf, status=7)
        self.assertEqual(self.keys()["viewer"]["state"], "revoked")
        # Until an admin creates it anew.
        public = re.search(r"public: (.*)", self.read("c", "keys", "viewer.key"))[1]
        self.ctl("keys", "rotate", "operator", "--public", public, status=5)
        self.ctl("keys", "create", "viewer-again", "--role", "viewer", "--public", public)
        self.ctl("backfill", "list", conf=conf)

    def test_the_last_admin(self):
        self.assertIn("last admin", self.ctl("keys", "revoke", "admin", "--yes", status=5).stderr)
        self.key("half", "admin", "--plan", "x")
        self.ctl("keys", "revoke", "admin", "--yes", status=5)
        second = self.key("second", "admin")
        self.ctl("keys", "revoke", "second", "--yes", conf=second)
        self.ctl("backfill", "list", conf=second, status=7)
        self.ctl("keys", "revoke", "admin", "--yes", status=5)

    def test_what_was_acknowledged_outlives_a_crash(self):
        gone, stays = self.key("gone", "viewer"), self.key("stays", "operator", "--plan", "mine")
        self.ctl("keys", "revoke", "gone", "--yes")
        self.restart_coordinator()
        self.ctl("backfill", "list", conf=gone, status=7)
        self.ctl("backfill", "list", conf=stays)
        self.assertIn("outside of the plans", self.ctl("backfill", "create", self.plan("notmine"), conf=stays, status=7).stderr)

    def test_refusals_of_create(self):
        self.key("dora", "viewer")
        for words, status, says in (
                (["dora", "--role", "viewer", "--public", self.public()], 5, "there is a key with the name dora"),
                (["operator", "--role", "viewer", "--public", self.public()], 5, "there is a key with the name operator"),
                (["dora2", "--role", "viewer", "--public", re.search(r"public: (.*)", self.read("dora.key"))[1]], 5,
                 "that of dora already"),
                (["dora2", "--role", "viewer", "--public", "abc"], 2, "40 characters of Z85"),
                (["dora2", "--role", "boss", "--public", self.public()], 2, "unknown role 'boss'"),
                (["dora2", "--role", "viewer"], 2, "--out FILE"),
                (["do ra", "--role", "viewer", "--public", self.public()], 2, "no name of a key"),
                (["dora2", "--role", "agent", "--plan", "x", "--public", self.public()], 2, "has no scopes"),
                (["coordinator", "--role", "viewer", "--public", self.public()], 2, "no key may have the name `coordinator`"),
                ([".", "--role", "viewer", "--public", self.public()], 2, "no key may have the name `.`"),
                (["..", "--role", "viewer", "--public", self.public()], 2, "no key may have the name `..`"),
                (["dora2", "--role", "viewer", "--plan", "a b", "--public", self.public()], 2, "no name of a plan")):
            self.assertIn(says, self.ctl("keys", "create", *words, status=status).stderr)
        file = self.path("dora.key")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.assertIn("not overwritten", self.ctl("keys", "create", "dora3", "--role", "viewer", "--out", file, status=5).stderr)
        self.ctl("keys", "create", "dora", "--role", "viewer", "--out", self.path("again.key"), status=5)
        self.assertFalse(os.path.exists(self.path("again.key")), "refused for certain: the pair is of no use")


class RotationTest(KeysTest):
    agents = 2

    def test_ones_own_key(self):
        conf, file = self.key("rosa", "operator", "--plan", "mine"), self.path("rosa.key")
        old = self.read("rosa.key")
        shutil.copy(file, self.path("rosa-before.key"))
        self.assertIn("the old one is revoked", self.ctl("keys", "rotate", conf=conf).stdout)
        self.assertNotEqual(self.read("rosa.key"), old)
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("rosa.key.")], [])
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.ctl("backfill", "list", conf=conf)
        self.ctl("backfill", "list", conf=self.conf("rosa-before", self.path("rosa-before.key")), status=7)
        row = [k for k in self.cluster.json("keys", "list") if k["name"] == "rosa" and k["state"] == "live"]
        self.assertEqual([(k["role"], k["plans"], k["by"]) for k in row], [("operator", ["mine"], "rosa")])

    def test_the_answer_is_json_whatever_the_file_is_called(self):
        conf, name = self.key("odd", "viewer"), 'odd "one".key'
        os.rename(self.path("odd.key"), self.path(name))
        text = self.read("odd.conf").replace(self.path("odd.key"), json.dumps(self.path(name)))
        done = self.ctl("keys", "rotate", "-o", "json", conf=self.write("odd.conf", text))
        self.assertEqual(json.loads(done.stdout), {"key_file": self.path(name), "state": "rotated"})
        self.ctl("backfill", "list", conf=conf)

    def test_an_interrupted_rotation_is_finished(self):
        """The coordinator has the new key, and the file does not: as after a kill between the two."""
        conf, file = self.key("iris", "viewer"), self.path("iris.key")
        public = self.ctl("keys", "generate", "--out", file + ".new").stdout.strip()
        self.ctl("keys", "rotate", "iris", "--public", public)
        self.assertIn("bfctl keys rotate finishes it", self.ctl("backfill", "list", conf=conf, status=7).stderr)
        self.assertIn("interrupted", self.ctl("keys", "rotate", conf=conf).stdout)
        self.ctl("backfill", "list", conf=conf)
        self.assertIn(public, self.read("iris.key"))
        # And before the coordinator heard of it: the same pair is used.
        public = self.ctl("keys", "generate", "--out", file + ".new").stdout.strip()
        self.ctl("keys", "rotate", conf=conf)
        self.assertIn(public, self.read("iris.key"))
        self.ctl("backfill", "list", conf=conf)

    def test_what_a_rotation_left_that_was_killed_while_it_wrote_is_replaced(self):
        conf, file = self.key("olga", "viewer"), self.path("olga.key")
        for left in ("", "public: half"):
            os.close(os.open(file + ".new", os.O_CREAT, 0o600))
            self.write("olga.key.new", left)
            old = self.read("olga.key")
            done = self.ctl("keys", "rotate", conf=conf)
            self.assertIn("olga.key.new holds no pair of keys", done.stderr)
            self.assertNotEqual(self.read("olga.key"), old)
            self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("olga.key.")], [])
            self.ctl("backfill", "list", conf=conf)
        # A pair that others can read may be the one that the coordinator knows.
        self.ctl("keys", "generate", "--out", file + ".new")
        os.chmod(file + ".new", 0o644)
        self.assertIn("chmod 600", self.ctl("keys", "rotate", conf=conf, status=2).stderr)
        self.assertIn("secret: ", self.read("olga.key.new"))

    def test_the_servers_key(self):
        """Agents that pin both keys go on with what they run while the coordinator changes to the other."""
        old = re.search(r"public: (.*)", self.read("c", "keys", "coordinator.key"))[1]
        new = self.ctl("keys", "generate", "--out", self.path("c", "keys", "next.key")).stdout.strip()
        one = self.write("one.conf", self.read("c", "bfctl.conf").replace("keys/admin.key", self.path("c", "keys", "admin.key")))
        for name in ("agent-1.conf", "agent-2.conf", "bfctl.conf"):
            text = self.read("c", name)
            self.assertIn(f'server_key: "{old}"', text)
            self.write(f"c/{name}", text.replace(f'server_key: "{old}"', f'server_key: ["{old}", "{new}"]'))
        for name in ("agent-1", "agent-2"):
            self.cluster.kill(name, signal.SIGKILL)
            wait_until(f"the end of {name}", lambda name=name: self.cluster.pid(name) is None)
            self.cluster.restart(name)
        backfill = self.cluster.create(self.plan("kept"))
        self.running(backfill, 2)
        attempts = {s["partition"]: s["attempts"] for s in self.cluster.json("steps", backfill)}
        self.cluster.configure("key_file", "keys/next.key")
        self.restart_coordinator()
        self.assertIn("does not own the server_key", self.ctl("backfill", "list", conf=one, status=7).stderr)
        before = self.read("c", "log", "agent-1.log").count("event=fenced") + self.read("c", "log", "agent-2.log").count("event=fenced")
        self.write("open", "")
        self.ctl("wait", backfill)
        os.unlink(self.path("open"))
        self.assertEqual({s["partition"]: s["attempts"] for s in self.cluster.json("steps", backfill)}, attempts)
        after = self.read("c", "log", "agent-1.log").count("event=fenced") + self.read("c", "log", "agent-2.log").count("event=fenced")
        self.assertEqual(after, before)
        # With the old one taken out everything goes on.
        self.write("c/bfctl.conf", re.sub(r"server_key: .*", f'server_key: "{new}"', self.read("c", "bfctl.conf")))
        self.ctl("backfill", "list")


class EnrolmentTest(KeysTest):
    def enroll(self, name, *more):
        token = self.ctl("agent", "enroll", name, *more).stdout
        self.secrets.append(token.strip())
        return self.write(f"{name}.token", token)

    def start(self, conf):
        agent = subprocess.Popen([f"{BIN}/bfagent", "--config", conf], env=self.cluster.env, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait, 30)
        self.addCleanup(agent.terminate)
        return agent

    def test_a_new_agent_joins_and_works(self):
        token, there = self.enroll("agent-9"), self.path("host9")
        done = self.ctl("agent", "join", token, "--dir", there, "--slots", "3", "--label", "zone=b")
        self.assertIn("bfagent --config", done.stdout)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(there, "keys", "agent.key")).st_mode), 0o600)
        agent = self.start(os.path.join(there, "agent.conf"))
        self.assertIn("ready name=agent-9", agent.stdout.readline())
        plan = self.write("zoned.yaml", "apiVersion: backfill/v1\nkind: Plan\nname: zoned\nsteps:\n"
                          "  here: {run: [sh, -c, 'echo $BF_STEP'], agents: {labels: {zone: b}}}\n")
        backfill = self.cluster.create(plan)
        self.ctl("wait", backfill)
        self.assertEqual(self.cluster.json("steps", backfill)[0]["agent"], "agent-9")
        row = [k for k in self.cluster.json("keys", "list") if k["name"] == "agent-9"]
        self.assertEqual(sorted((k["role"], k["state"]) for k in row), [("agent", "live"), ("enrol", "used")])
        # Repeated as it was: the same answer.  From elsewhere: refused.
        os.unlink(os.path.join(there, "agent.conf"))
        self.ctl("agent", "join", token, "--dir", there)
        self.assertIn("that of an agent already", self.ctl("agent", "join", token, "--dir", there, status=5).stderr)
        self.assertIn("was used already", self.ctl("agent", "join", token, "--dir", self.path("thief"), status=7).stderr)
        self.assertFalse(os.path.exists(self.path("thief", "keys", "agent.key")))
        self.restart_coordinator()
        self.assertIn("was used already", self.ctl("agent", "join", token, "--dir", self.path("thief"), status=7).stderr)
        self.ctl("agent", "enroll", "agent-9", status=5)

    def test_a_token_does_nothing_else_and_ends(self):
        replaced, token = self.enroll("agent-8"), self.enroll("agent-8")
        self.write("replaced.token", self.secrets[-2])
        self.assertNotEqual(self.secrets[-1], self.secrets[-2])
        self.assertIn("refuses the key", self.ctl("agent", "join", self.path("replaced.token"), "--dir", self.path("h8"), status=7).stderr)
        # The last that is made here: another would make the coordinator forget one that has expired by then.
        made = self.ctl("agent", "enroll", "agent-7", "--ttl", "1s", "-o", "json").stdout
        short = self.write("short.token", json.loads(made)["token"])
        wait_until("the token's end", lambda: self.keys()["agent-7"]["state"] == "expired")
        self.assertIn("has expired", self.ctl("agent", "join", short, "--dir", self.path("h7"), status=7).stderr)
        self.ctl("keys", "revoke", "agent-8", "--yes")
        self.ctl("agent", "join", token, "--dir", self.path("h8"), status=7)
        self.assertEqual(replaced, token, "one file, written twice")
        for text, says in (("bfenrol1.", "no enrolment token"), ("bfenrol1.e30", "no enrolment token"), ("hello", "no enrolment token")):
            self.assertIn(says, self.ctl("agent", "join", self.write("bad.token", text), "--dir", self.path("h6"), status=2).stderr)
        self.assertIn("can be read by everyone", self.ctl("agent", "join", "bfenrol1.abc", "--dir", self.path("h6"), status=2).stderr)
        self.ctl("agent", "enroll", "agent-6", "--ttl", "100d", status=2)

    def test_a_template_is_added_to(self):
        os.makedirs(self.path("etc"))
        self.write("etc/agent.conf", "# name: agent-1\nkey_file: own.key\nstate_dir: state\nslots: 2\n")
        done = subprocess.run([f"{BIN}/bfctl", "agent", "join", "-", "--dir", self.path("etc")], env=self.cluster.env, text=True,
                              input=self.ctl("agent", "enroll", "agent-5").stdout, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        subprocess.run([f"{BIN}/bfagent", "--check-config", "--config", self.path("etc", "agent.conf")], check=True,
                       stdout=subprocess.DEVNULL)
        self.assertTrue(os.path.exists(self.path("etc", "own.key")))

    def test_secrets_are_in_no_store_and_no_log(self):
        self.key("canary", "viewer")
        self.enroll("agent-canary")
        found = []
        for where, _, names in os.walk(self.path("c")):
            for name in filter(lambda name: os.path.isfile(os.path.join(where, name)), names):
                with open(os.path.join(where, name), "rb") as f:
                    text = f.read()
                found += [os.path.join(where, name) for secret in self.secrets if secret.encode() in text]
        self.assertGreaterEqual(len(self.secrets), 2)
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
