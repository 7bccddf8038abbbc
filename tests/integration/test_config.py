#!/usr/bin/env python3
"""Settings: each is known to its program and to docs/configuration.md, is shown with where it comes from, and SIGHUP puts in force what it
can.  And the support bundle: what is in it, with and without a coordinator, and that planted secrets are not."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # noqa: E402

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")
CANARIES = {"connection": "canary-in-the-connection", "secret": "canary-in-the-secret", "parameter": "canary-in-the-parameter",
            "environment": "canary-in-the-environment"}

PLAN = """apiVersion: backfill/v1
kind: Plan
name: canary
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
params: {password: none-at-all}
connections:
  one: {odbc: "${env:CANARY_DSN}"}
  two: {odbc: "${secret:wh/dsn}"}
steps:
  direct: {sql: {connection: one, transaction: true, text: "select {{ params.password }} from nowhere"}, retry: {max: 1}}
  hidden: {sql: {connection: two, transaction: true, text: "select 2 from nowhere"}, retry: {max: 1}}
  told: {run: [sh, -c, 'echo "no entry with $1" >&2; exit 126', told, "{{ params.password }}"]}
"""


def keys_of_page(heading):
    with open(os.path.join(DOCS, "configuration.md"), encoding="utf-8") as f:
        section = f.read().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE))


def shown(text):
    """key -> (value, origin) of what --show-config prints."""
    rows = [re.fullmatch(r"([a-z_.]+): +(.*?) +# (.*)", line) for line in text.splitlines()]
    return {m[1]: (m[2], m[3]) for m in rows}


def run(*words, env=None, check=True):
    done = subprocess.run(words, env=dict(os.environ, **(env or {})), capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}: {done.stderr}")
    return done


class Settings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bf-config-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.secrets = os.path.join(cls.folder, "secrets")
        os.makedirs(os.path.join(cls.secrets, "wh"), mode=0o700)
        dsn = f"Driver=SQLite3;Database={cls.folder}/w.db;PWD="
        with open(os.path.join(cls.secrets, "wh", "dsn"), "w", encoding="utf-8") as f:
            f.write(dsn + CANARIES["secret"])
        os.chmod(os.path.join(cls.secrets, "wh", "dsn"), 0o600)
        agent = f"connection_env: [CANARY_DSN]\nallow_secrets: [wh/dsn]\nsecrets_dir: {cls.secrets}\n"
        cls.cluster = Cluster(os.path.join(cls.folder, "cluster"), agents=1, agent=agent,
                              env={"CANARY_DSN": dsn + CANARIES["connection"], "CANARY_OTHER": CANARIES["environment"]})
        cls.addClassCleanup(cls.cluster.stop)
        cls.conf = os.path.join(cls.cluster.dir, "coordinator.conf")

    def log(self):
        with open(os.path.join(self.cluster.dir, "log", "coordinator.log"), encoding="utf-8") as f:
            return f.read()

    def in_force(self):
        document = self.cluster.json("config", "show", "--server")
        return document, {row["key"]: row for row in document["values"]}

    def hangup(self, event):
        """SIGHUP, and what the coordinator says to it."""
        before = len(self.log())
        self.cluster.kill("coordinator", signal.SIGHUP)
        wait_until(event, lambda: f"event={event}" in self.log()[before:])
        return self.log()[before:]

    def as_viewer(self):
        """Environment of somebody with role viewer."""
        with open(os.path.join(self.cluster.dir, "bfctl.conf"), encoding="utf-8") as f:
            text = f.read().replace("admin.key", "viewer.key")
        path = os.path.join(self.cluster.dir, "viewer.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return {"BFCTL_CONFIG": path}

    # ---- showing ----

    def test_each_key_of_the_page_is_known_and_the_other_way_round(self):
        coordinator = shown(run(f"{BIN}/bfcoordinator", "--show-config", "--config", self.conf).stdout)
        agent = shown(run(f"{BIN}/bfagent", "--show-config", "--config", os.path.join(self.cluster.dir, "agent-1.conf")).stdout)
        own = {row["key"] for row in self.cluster.json("config", "show")["values"]}
        self.assertEqual(set(coordinator), keys_of_page("coordinator.conf"))
        self.assertEqual(set(agent), keys_of_page("agent.conf"))
        self.assertEqual(own, keys_of_page("bfctl.conf"))
        self.assertEqual(set(self.in_force()[1]), set(coordinator))

    def test_origins(self):
        done = run(f"{BIN}/bfcoordinator", "--show-config", "--config", self.conf, env={"BF_LEASE_COORDINATOR": "1h30m"})
        rows = shown(done.stdout)
        self.assertEqual(rows["lease.coordinator"], ("1h30m", "BF_LEASE_COORDINATOR (environment)"))
        self.assertEqual(rows["details_keep"], ("1Gi", "default"))
        value, origin = rows["lease.agent"]
        path, line = origin.rsplit(":", 1)
        with open(path, encoding="utf-8") as f:
            self.assertIn("lease:", f.read().splitlines()[int(line) - 1])
        self.assertEqual(value, "10s")
        self.assertEqual(rows["keys"][0], "agent-1 (agent), admin (admin), operator (operator), viewer (viewer)")

    def test_own_origin(self):
        key = os.path.join(self.cluster.dir, "keys", "operator.key")
        rows = {row["key"]: row for row in json.loads(run(f"{BIN}/bfctl", "config", "show", "-o", "json", env={
            "BFCTL_CONFIG": self.cluster.env["BFCTL_CONFIG"], "BF_KEY_FILE": key}).stdout)["values"]}
        self.assertEqual((rows["key_file"]["value"], rows["key_file"]["origin"]), (key, "environment"))
        self.assertEqual(rows["api"]["origin"], "file")
        self.assertIn("FROM", self.cluster.ctl("config", "show", "--origin").stdout)

    def test_a_bad_variable_is_named(self):
        for program, conf, name, value in (("bfcoordinator", self.conf, "BF_STORE_MAX", "much"),
                                           ("bfagent", os.path.join(self.cluster.dir, "agent-1.conf"), "BF_SLOTS", "-1")):
            done = run(f"{BIN}/{program}", "--check-config", "--config", conf, env={name: value}, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(name, done.stderr)

    def test_a_viewer_may_not(self):
        done = run(f"{BIN}/bfctl", "config", "show", "--server", env=self.as_viewer(), check=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn("role operator or admin is needed", done.stderr)

    # ---- SIGHUP ----

    def test_the_file_that_init_writes_names_what_is_reloaded(self):
        with open(self.conf, encoding="utf-8") as f:
            named = re.search(r"^# SIGHUP reads (.*) again;", f.read(), re.MULTILINE)[1]
        reloads = {key.split(".")[0] for key, row in self.in_force()[1].items() if row["reload"]}
        self.assertEqual(set(re.split(r", | and ", named)), reloads)

    def test_hangup(self):
        self.cluster.configure("log_keep", "2Gi")
        self.cluster.configure("store_max", "32Gi")
        self.cluster.configure("pools", "{house: {slots: 7}}")
        _, rows = self.in_force()
        self.assertEqual((rows["log_keep"]["value"], rows["log_keep"]["pending"]["needs"]), ("1Gi", "SIGHUP"))
        self.assertEqual(rows["store_max"]["pending"]["needs"], "restart")
        self.assertIn("takes effect on SIGHUP", self.cluster.ctl("config", "show", "--server").stderr)
        said = self.hangup("reloaded")
        self.assertIn("store_max changed from 16Gi to 32Gi: takes effect at the next start", said)
        self.assertIn("need_restart=1", said)
        _, rows = self.in_force()
        self.assertEqual((rows["log_keep"]["value"], rows["log_keep"]["pending"]), ("2Gi", None))
        self.assertEqual((rows["store_max"]["value"], rows["store_max"]["pending"]["value"]), ("16Gi", "32Gi"))
        wait_until("the pool", lambda: [p for p in self.cluster.json("pools") if p["name"] == "house" and p["slots"] == 7])
        self.a_bad_file_changes_nothing()
        self.cluster.configure("pools", "{other: {slots: 1}}")
        self.assertIn("no longer in the file", self.hangup("reloaded"))

    def a_bad_file_changes_nothing(self):
        with open(self.conf, encoding="utf-8") as f:
            good = f.read()
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write("log_kept: 3Gi\n")
        place = rf"coordinator\.conf:{good.count(chr(10)) + 1}:1"
        self.assertRegex(self.hangup("reload_failed"), rf"{place}: error: unknown key log_kept; did you mean log_keep")
        document, rows = self.in_force()
        self.assertIn("log_kept", document["problem"])
        told = self.cluster.ctl("config", "show", "--server").stderr.splitlines()
        self.assertEqual(told[-2:], ["    log_kept: 3Gi", "    ^~~~~~~~"], "the diagnostic has its lines")
        self.assertEqual(rows["log_keep"]["value"], "2Gi")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(good)

    def test_an_agent_hears_it_too(self):
        plan, conf = os.path.join(self.folder, "seen.yaml"), os.path.join(self.cluster.dir, "agent-1.conf")
        log = os.path.join(self.cluster.dir, "log", "agent-1.log")
        with open(plan, "w", encoding="utf-8") as f:
            f.write("apiVersion: backfill/v1\nkind: Plan\nname: seen\n"
                    "steps:\n  see: {run: [sh, -c, 'test -n \"$CANARY_OTHER\" || exit 126']}\n")
        b = self.cluster.create(plan)
        self.assertEqual(self.cluster.ctl("wait", b, check=False).returncode, 1)
        with open(conf, encoding="utf-8") as f:
            lines = [line for line in f if not re.match(r"(slots|allow_env):", line)]

        def hangup(more, event):
            with open(conf, "w", encoding="utf-8") as f:
                f.writelines(lines + more)
            before = os.path.getsize(log)
            self.cluster.kill("agent-1", signal.SIGHUP)

            def said():
                with open(log, encoding="utf-8") as f:
                    f.seek(before)
                    text = f.read()
                return text if f"event={event}" in text else None
            return wait_until(event, said)

        self.assertIn("unknown key allow_enf; did you mean allow_env", hangup(["allow_enf: [CANARY_OTHER]\n"], "reload_failed"))
        said = hangup(["slots: 77\n", "allow_env: [CANARY_OTHER]\n"], "reloaded")
        self.assertRegex(said, r"slots changed from \d+ to 77: takes effect at the next start")
        self.cluster.ctl("retry", b)
        self.assertEqual(self.cluster.ctl("wait", b, check=False).returncode, 0)

    # ---- the bundle ----

    def bundle(self, *words, env=None):
        """(files by name, what was said)"""
        path = os.path.join(tempfile.mkdtemp(dir=self.folder), "s.tar.gz")
        done = run(f"{BIN}/bfctl", "support", "--out", path, *words, env={"BFCTL_CONFIG": self.cluster.env["BFCTL_CONFIG"], **(env or {})})
        self.assertEqual(done.stdout.strip(), path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        out = os.path.dirname(path)
        subprocess.run(["tar", "-xzf", path, "-C", out], check=True)
        (top,) = [name for name in os.listdir(out) if name != "s.tar.gz"]
        files = {}
        for name in os.listdir(os.path.join(out, top)):
            with open(os.path.join(out, top, name), encoding="utf-8") as f:
                files[name] = f.read()
        return files, done.stderr

    def assert_no_secret(self, files):
        hidden = dict(CANARIES)
        keys = os.path.join(self.cluster.dir, "keys")
        for name in os.listdir(keys):
            with open(os.path.join(keys, name), encoding="utf-8") as f:
                hidden[name] = re.search(r'^secret: *"?([^"\n]{40})', f.read(), re.MULTILINE)[1]
        self.assertGreaterEqual(len(hidden), len(CANARIES) + 4)
        for what, value in hidden.items():
            for name, text in files.items():
                self.assertNotIn(value, text, f"{what} is in {name}")

    def test_support(self):
        plan = os.path.join(self.folder, "canary.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(PLAN)
        b = self.cluster.create(plan, "--param", f"password={CANARIES['parameter']}")
        self.assertEqual(self.cluster.ctl("wait", b, check=False).returncode, 1)
        # The canary of the parameter does come out elsewhere, so that hiding it is something.
        self.assertIn(CANARIES["parameter"], self.cluster.ctl("failures", b, "-o", "json").stdout)
        files, _ = self.bundle("--backfill", b, "--store", os.path.join(self.cluster.dir, "store"))
        self.assert_no_secret(files)
        wanted = {"MANIFEST", "versions.json", "config-bfctl.json", "config-coordinator.json", "backfills.json", "agents.json",
                  "pools.json",
                  "journal.jsonl", "fsck.txt", f"status-{b}.json", f"failures-{b}.json", "log-coordinator.log", "log-agent-1.log"}
        self.assertLessEqual(wanted, set(files))
        for name in set(files) - {"MANIFEST"}:
            self.assertIn(f"  {name} ", files["MANIFEST"])
        failures = json.loads(files[f"failures-{b}.json"])
        self.assertEqual({g["step"] for g in failures}, {"direct", "hidden", "told"})
        self.assertIn("no entry with ***", [g["text"] for g in failures if g["step"] == "told"][0])
        self.assertTrue(all("sql" not in g for g in failures))
        rows = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
        (created,) = [r for r in rows if r.get("record") == "backfill_created" and f"bf-{r['backfill']}" == b]
        self.assertEqual(created["params"], ["password"])
        self.assertEqual(sum(r.get("record") == "ended" and f"bf-{r['backfill']}" == b for r in rows), 6)
        self.assertEqual(files["fsck.txt"], "clean\n")
        self.journal_is_bounded()
        self.viewers_get_less()

    def journal_is_bounded(self):
        few = [json.loads(line)["seq"] for line in self.bundle("--turns", "2")[0]["journal.jsonl"].splitlines()]
        self.assertLessEqual(len(set(few)), 2)
        self.assertGreater(min(few), 1)

    def viewers_get_less(self):
        files, said = self.bundle(env=self.as_viewer())
        self.assertIn("agents.json", files)
        self.assertNotIn("config-coordinator.json", files)
        self.assertNotIn("journal.jsonl", files)
        self.assertIn("role operator or admin is needed", files["MANIFEST"])
        self.assertIn("could not be had", said)

    def test_support_without_a_coordinator(self):
        conf = os.path.join(self.folder, "away.conf")
        with open(os.path.join(self.cluster.dir, "bfctl.conf"), encoding="utf-8") as f:
            text = re.sub(r"^api:.*$", "api: tcp://127.0.0.1:1", f.read(), flags=re.MULTILINE).replace("keys/", f"{self.cluster.dir}/keys/")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text)
        files, said = self.bundle("--request-timeout", "500ms", "--logs", os.path.join(self.cluster.dir, "log"), env={"BFCTL_CONFIG": conf})
        self.assertIn("the coordinator does not answer", said)
        self.assertLessEqual({"MANIFEST", "versions.json", "config-bfctl.json", "log-coordinator.log"}, set(files))
        self.assertIn("agents.json: the coordinator does not answer", files["MANIFEST"])
        self.assertIsNone(json.loads(files["versions.json"])["coordinator"])
        # What is to be hidden is not known: ends of logs only when they are asked for.
        self.assertIn("every value: the backfills cannot be asked for", files["MANIFEST"])
        os.mkdir(os.path.join(self.folder, "log"))
        with open(os.path.join(self.folder, "log", "own.log"), "w", encoding="utf-8") as f:
            f.write("a line\n")
        files, _ = self.bundle("--request-timeout", "500ms", env={"BFCTL_CONFIG": conf})
        self.assertNotIn("log-own.log", files)
        self.assertIn("logs of the programs: values of parameters are not known", files["MANIFEST"])

    def test_turns_of_the_bundle(self):
        done = self.cluster.ctl("support", "--turns", "0", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--turns '0' is no number", done.stderr)
        self.assertNotIn("----", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
