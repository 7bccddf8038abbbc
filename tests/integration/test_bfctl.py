"""bfctl without a coordinator: exit statuses, what goes where, and how it speaks.

    test_bfctl.py PATH_OF_BFCTL [unittest options]
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import PATIENCE, free_ports, wait_until  # pylint: disable=wrong-import-position

BFCTL = None
PROGRAM = None                               # the program itself, where BFCTL runs it under something else

GOOD = """apiVersion: backfill/v1
kind: Plan
name: orders
partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}
params: {ledger: main}
steps:
  load: {run: [echo, "{{ partition.key }}", "{{ params.ledger }}"]}
  sum: {needs: [{load: same}], run: ["true"]}
"""
BAD = """apiVersion: backfill/v1
kind: Plan
name: orders
steps:
  load: {runn: [echo]}
"""
WARNED = """apiVersion: backfill/v1
kind: Plan
name: orders
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
connections: {w: {odbc: "Driver=SQLite3;PWD=secret"}}
steps:
  load: {sql: {connection: w, transaction: true, text: "select 1;"}}
"""
WORKFLOW = {
    "name": "two", "schemaVersion": "1.5",
    "workflow": {
        "specification": {"tasks": [{"name": "a", "id": "a", "parents": [], "children": ["b"]},
                                    {"name": "b", "id": "b", "parents": ["a"], "children": []}]},
        "execution": {"makespanInSeconds": 3, "executedAt": "2024-01-01T00:00:00Z",
                      "tasks": [{"id": "a", "runtimeInSeconds": 1.0}, {"id": "b", "runtimeInSeconds": 2.0}]}}}

NOT_YET = ["plan capacity x",
           "approve bf-1", "forecast bf-1", "impact x", "import dbt m.json", "whatif", "rollback bf-1", "docs",
           "handover"]


class BfctlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bfctl-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BF")}
        self.env["HOME"] = self.folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(content)
        return self.path(name)

    def bfctl(self, *args, status=0, stdin=""):
        done = subprocess.run([BFCTL, *args], env=self.env, input=stdin, capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
                              cwd=self.folder)
        self.assertEqual(done.returncode, status, f"bfctl {' '.join(args)}\n{done.stdout}{done.stderr}")
        if status != 0:
            self.assertRegex(done.stderr, r"(?m)^bfctl: error: .", f"bfctl {' '.join(args)}")
        return done

    def init(self, port, *more):
        self.bfctl("init", "--dir", self.path("c"), "--base-port", str(port), *more)
        self.env["BFCTL_CONFIG"] = self.path("c/bfctl.conf")

    # --- plans ---

    def test_validate(self):
        out = self.bfctl("plan", "validate", self.write("good.yaml", GOOD))
        self.assertIn("2024-01-01 to 2024-01-31 (both inclusive, UTC)", out.stdout)
        self.assertIn("62 instances", out.stdout)
        bad = self.bfctl("plan", "validate", self.write("bad.yaml", BAD), status=2)
        self.assertRegex(bad.stderr, r"(?m)^/.*/bad\.yaml:5:\d+: error: ")
        self.assertEqual(bad.stdout, "")
        self.bfctl("plan", "validate", self.path("missing.yaml"), status=2)
        self.bfctl("plan", "validate", status=2)
        self.bfctl("plan", "validate", "-", stdin=GOOD)

    def test_validate_strict(self):
        good, warned = self.write("good.yaml", GOOD), self.write("warned.yaml", WARNED)
        self.assertIn("is valid", self.bfctl("plan", "validate", "--strict", good).stdout)
        self.assertIn("warning: ", self.bfctl("plan", "validate", warned).stderr)
        refused = self.bfctl("plan", "validate", warned, "--strict", status=2)
        self.assertIn("not valid under --strict: 1 warning", refused.stderr)
        self.assertEqual(refused.stdout, "")
        self.assertIn("not supported yet", self.bfctl("backfill", "create", good, "--strict", status=2).stderr)

    def report(self, *args, status=0, stdin=""):
        """The document that `plan validate -o json` prints; nothing goes to standard error."""
        done = subprocess.run([BFCTL, "plan", "validate", "-o", "json", *args], env=self.env, input=stdin, capture_output=True,
                              text=True, timeout=60 * PATIENCE, check=False, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return json.loads(done.stdout)

    def test_validate_json(self):
        good = self.report(self.write("good.yaml", GOOD))
        plan_hash = good["plan"].pop("hash")
        self.assertRegex(plan_hash, "^[0-9a-f]{64}$")
        self.assertEqual(good, {
            "file": self.path("good.yaml"), "valid": True, "errors": 0, "warnings": 0, "left_out": 0, "diagnostics": [],
            "plan": {"name": "orders", "steps": 2, "grain": "day", "partitions": 31, "from": "2024-01-01", "to": "2024-01-31",
                     "inclusive": True, "timezone": "UTC", "instances": 62}})
        self.assertEqual(self.report("-", stdin=GOOD)["file"], "<stdin>")
        self.assertNotEqual(self.report("-", stdin=GOOD.replace("2024-01-31", "2024-01-30"))["plan"]["hash"], plan_hash)
        self.assertEqual(self.report("-", stdin=GOOD)["plan"]["hash"], plan_hash)

    def test_validate_json_without_partitions(self):
        plan = self.report("-", stdin="apiVersion: backfill/v1\nkind: Plan\nname: x\nsteps: {a: {run: [\"true\"]}}\n")["plan"]
        self.assertEqual([plan[k] for k in ("grain", "partitions", "from", "to", "instances")], ["none", 1, None, None, 1])

    def test_validate_json_of_a_plan_that_is_not_valid(self):
        bad = self.report(self.write("bad.yaml", BAD + "  load: {noop: true}\n"), status=2)
        self.assertEqual((bad["valid"], bad["plan"], bad["errors"]), (False, None, 1))
        (error,) = bad["diagnostics"]
        (note,) = error.pop("notes")
        self.assertEqual(error, {
            "severity": "error", "file": self.path("bad.yaml"), "line": 6, "column": 3, "message": 'the key "load" is given twice',
            "fix": "keep one of the two", "excerpt": "  load: {noop: true}\n  ^~~~"})
        self.assertEqual(note, {"file": self.path("bad.yaml"), "line": 5, "column": 3, "message": "first written here", "fix": None,
                                "excerpt": "  load: {runn: [echo]}\n  ^~~~"})
        many = self.report("-", stdin=GOOD.replace("steps:", "".join(f"x{i}: 1\n" for i in range(300)) + "steps:"), status=2)
        self.assertEqual((many["errors"], many["left_out"]), (len(many["diagnostics"]) + many["left_out"], 100))
        lines = [d["line"] for d in many["diagnostics"]]
        self.assertEqual(lines, sorted(lines))

    def test_validate_json_with_warnings(self):
        warned = self.write("warned.yaml", WARNED)
        loose, strict = self.report(warned), self.report(warned, "--strict", status=2)
        self.assertEqual((loose["valid"], loose["warnings"], strict["valid"], strict["warnings"]), (True, 1, False, 1))
        self.assertEqual(loose["diagnostics"][0]["severity"], "warning")
        self.assertEqual(strict["plan"], loose["plan"])

    def test_validate_json_is_text_whatever_the_file_holds(self):
        path = os.path.join(self.folder.encode(), b"a\xff\x1b.yaml")
        with open(path, "wb") as f:
            f.write(b"name: \x1b[31m\xff\n")
        report = self.report(path, status=2)
        self.assertEqual(report["file"], self.path("a\ufffd\\x1b.yaml"))
        self.assertEqual((report["diagnostics"][0]["line"], report["diagnostics"][0]["column"]), (1, 7))
        self.assertEqual(report["diagnostics"][0]["excerpt"], "name: \ufffd[31m\ufffd\n      ^")

    def test_validate_json_failures_are_said_on_standard_error(self):
        missing = self.bfctl("plan", "validate", "-o", "json", self.path("missing.yaml"), status=2)
        self.assertEqual(missing.stdout, "")
        self.bfctl("plan", "validate", "-o", "wide", self.write("good.yaml", GOOD), status=2)

    # --- time zones ---

    def zoned(self, name):
        return GOOD.replace("grain: day,", f"grain: day, timezone: {name},")

    def database(self, *names):
        """A time zone database of these zones, all of them Berlin's."""
        for name in names:
            target = self.path("zones/" + name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile("/usr/share/zoneinfo/Europe/Berlin", target)
        self.env["TZDIR"] = self.path("zones")

    @unittest.skipUnless(os.path.exists("/usr/share/zoneinfo/Europe/Berlin"), "no time zone database")
    def test_zones_come_from_the_database_of_the_system(self):
        out = self.bfctl("plan", "validate", "-", stdin=self.zoned("Europe/Berlin")).stdout
        self.assertIn("2024-01-01 to 2024-01-31 (both inclusive, Europe/Berlin): 31 partitions", out)
        self.assertEqual(self.report("-", stdin=self.zoned("Europe/Berlin"))["plan"]["timezone"], "Europe/Berlin")
        self.database("Test/Place")
        self.assertEqual(self.report("-", stdin=self.zoned("Test/Place"))["plan"]["timezone"], "Test/Place")
        wrong = self.report("-", stdin=self.zoned("Test/Plaec"), status=2)["diagnostics"][0]
        self.assertIn("Test/Place", json.dumps(wrong))
        self.assertEqual((wrong["line"], wrong["column"]), (4, 36))

    def test_zones_outside_the_database_are_not_read(self):
        self.database()
        self.write("secret", "TZif secret\n")
        os.makedirs(self.path("zones"))
        os.symlink(self.path("secret"), self.path("zones/Link"))
        for name in ("../secret", "Link", self.path("secret"), "a//b", "."):
            self.report("-", stdin=self.zoned(name), status=2)

    def test_a_system_without_a_time_zone_database(self):
        self.env["TZDIR"] = self.path("none")
        wrong = self.report("-", stdin=self.zoned("Europe/Berlin"), status=2)["diagnostics"][0]
        self.assertIn("install the package tzdata", json.dumps(wrong))

    def test_validate_reads_the_files_beside_the_plan(self):
        plan = """apiVersion: backfill/v1
kind: Plan
name: files
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
connections: {w: {odbc: "${env:W}"}}
steps:
  load: {sql: {connection: w, transaction: true, file: FILE}}
"""
        self.write("plans/sql/load.sql", "insert into t values ({{ partition.date }});\n")
        self.bfctl("plan", "validate", self.write("plans/p.yaml", plan.replace("FILE", "sql/load.sql")))
        missing = self.bfctl("plan", "validate", self.write("plans/m.yaml", plan.replace("FILE", "sql/none.sql")), status=2)
        self.assertRegex(missing.stderr, r"(?m)^/.*/plans/m\.yaml:7:56: error: .*sql/none\.sql")
        self.write("secret", "password\n")
        for outside in ("../secret", self.path("secret")):
            refused = self.bfctl("plan", "validate", self.write("plans/o.yaml", plan.replace("FILE", outside)), status=2)
            self.assertNotIn("password", refused.stderr)

    def test_create_dry_run(self):
        good = self.write("good.yaml", GOOD)
        out = self.bfctl("backfill", "create", good, "--dry-run", "--from", "2024-01-30", "--param", "ledger=test")
        self.assertEqual(out.stdout, "")
        self.assertIn("2024-01-30 to 2024-01-31 (both inclusive, UTC)", out.stderr)
        document = json.loads(self.bfctl("backfill", "create", good, "--dry-run", "-o", "json", "--from", "2024-01-30",
                                         "--run-backwards").stdout)
        self.assertEqual([document[k] for k in ("from", "to", "partitions", "order")], ["2024-01-30", "2024-01-31", 2, "backward"])
        self.assertEqual(self.bfctl("backfill", "create", good, "--dry-run", "-o", "json", "--from", "2024-02-30", status=2).stdout, "")
        self.bfctl("backfill", "create", good, "--dry-run", "--from", "2024-02-30", status=2)
        self.bfctl("backfill", "create", good, "--dry-run", "--param", "nope=1", status=2)
        self.bfctl("backfill", "create", good, "--dry-run", "--param", "ledger", status=2)
        self.bfctl("backfill", "create", good, "--dry-run", "--order", "sideways", status=2)
        self.bfctl("backfill", "create", good, "--dry-run", "--order", "forward", "--run-backwards", status=2)
        self.bfctl("backfill", "create", good, "--timeout", "3s", status=2)
        self.bfctl("backfill", "create", self.write("bad.yaml", BAD), status=2)

    def test_import_wfformat(self):
        source = self.write("two.json", json.dumps(WORKFLOW))
        self.bfctl("import", "wfformat", source, "--time-scale", "0.5", "-o", self.path("two.yaml"))
        self.assertIn("2 steps", self.bfctl("plan", "validate", self.path("two.yaml")).stdout)
        shown = self.bfctl("import", "wfformat", source, "--name", "renamed").stdout
        self.assertRegex(shown, r"(?m)^name: \"?renamed")
        self.bfctl("import", "wfformat", self.path("none.json"), status=2)
        self.bfctl("import", "wfformat", self.write("no.json", "{"), status=2)
        for scale in ("0", "-1", "x", "nan"):
            self.bfctl("import", "wfformat", source, "--time-scale", scale, status=2)

    # --- commands ---

    def test_commands_that_are_not_there(self):
        for line in NOT_YET:
            out = self.bfctl(*line.split(), status=2)
            self.assertIn("is not supported yet", out.stderr, line)
        self.assertIn("'flag set' is not supported yet", self.bfctl("flag", status=2).stderr)
        self.assertIn("did you mean 'watch'?", self.bfctl("wacth", "bf-1", status=2).stderr)
        self.assertNotIn("__", self.bfctl("manual", status=2).stderr)
        self.bfctl("xyzzy", status=2)
        self.bfctl("plan", status=2)
        self.bfctl("--yes", "cancel", "bf-1", status=2)
        for option in ("--lineage", "--flag=x"):
            self.assertIn("not supported yet", self.bfctl("backfill", "list", option, status=2).stderr)
        for output in ("wide", "table"):
            self.assertIn("not supported yet", self.bfctl("plan", "graph", "x", "-o", output, status=2).stderr)
        self.bfctl("backfill", "list", "-o", "xml", status=2)

    def test_help(self):
        listed = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)  +\S", self.bfctl("help").stdout)
        self.assertGreater(len(listed), 20)
        for command in listed:
            page = self.bfctl(*command.split(), "--help").stdout
            self.assertIn(f"Usage:\n  bfctl {command}", page)
            self.assertEqual(page, self.bfctl("help", *command.split()).stdout)
        for noun in sorted({command.split()[0] for command in listed if " " in command} - set(listed)):
            page = self.bfctl(noun, "--help").stdout
            self.assertIn(f"Usage:\n  bfctl {noun} COMMAND", page)
            self.assertEqual(page, self.bfctl("help", noun).stdout)
            for command in listed:
                self.assertEqual(f"\n  {command} " in page, command.startswith(noun + " "), (noun, command))
        self.bfctl("help", "xyzzy", status=2)
        self.assertRegex(self.bfctl("version").stdout, r"^bfctl \d+\.\d+\.\d+\n$")
        self.assertEqual(list(json.loads(self.bfctl("version", "-o", "json").stdout)), ["version"])
        self.assertEqual(self.bfctl("--version").stdout, self.bfctl("version").stdout)

    def test_words(self):
        self.init(7610)
        for line in ("pause nonsense", "pause bf-0", "why bf-1 load[", "why bf-1", "logs bf-1 load --attempt x", "wait bf-1 --timeout 5",
                     "steps bf-1 --limit -1", "get bf-1", "pause bf-1 load[", "backfill get"):
            self.bfctl(*line.split(), status=2)
        refused = self.bfctl("cancel", "bf-1", status=2)
        self.assertIn("--yes", refused.stderr)

    def test_fsck(self):
        self.bfctl("fsck", self.path("none"), status=2)
        os.mkdir(self.path("empty"))
        self.bfctl("fsck", self.path("empty"), status=2)
        self.bfctl("fsck", status=2)

    # --- the coordinator is not there ---

    def test_configuration(self):
        self.assertIn("--config", self.bfctl("agents", status=2).stderr)
        self.bfctl("agents", "--config", self.path("none.conf"), status=2)
        self.bfctl("agents", "--config", self.write("half.conf", "api: tcp://127.0.0.1:1\n"), status=2)
        self.env["BFCTL_CONFIG"] = self.path("none.conf")
        self.assertIn("none.conf, which BFCTL_CONFIG names", self.bfctl("agents", status=2).stderr)
        typo = self.bfctl("agents", "--config", self.write("typo.conf", "appi: tcp://127.0.0.1:1\n"), status=2)
        self.assertIn("appi", typo.stderr)

    def test_init(self):
        out = self.bfctl("init", "--dir", self.path("c"), "--agents", "2")
        self.assertIn("coordinator.conf", out.stdout)
        for name in ("admin", "operator", "viewer", "coordinator", "agent-1", "agent-2"):
            self.assertEqual(os.stat(self.path(f"c/keys/{name}.key")).st_mode & 0o777, 0o600)
        self.assertFalse(os.path.exists(self.path("c/agent-3.conf")))
        before = read(self.path("c/keys/admin.key"))
        self.bfctl("init", "--dir", self.path("c"), status=5)
        self.assertEqual(before, read(self.path("c/keys/admin.key")))
        self.bfctl("init", status=2)
        self.bfctl("init", "--dir", self.path("d"), "--agents", "many", status=2)

    def test_selectors_are_read_before_anything_is_sent(self):
        """Their form is known without a coordinator; and what replaced old options is said."""
        self.init(7615)
        for line in ("steps bf-1 load[", "steps bf-1 load a,b", "why bf-1 load[2024-02-30]", "logs bf-1 2+load", "pause bf-1 load[]"):
            out = self.bfctl(*line.split(), "--request-timeout", "200ms", status=2)
            self.assertRegex(out.stderr, r"no selector|no real date", line)
        for line, says in (("force bf-1", "'*' for everything"), ("skip bf-1 --yes", "'*' for everything"),
                           ("mark bf-1 succeeded", "'*' for"),
                           ("mark bf-1 done load", "'done' is neither"), ("force bf-1 load", "give --yes"),
                           ("cancel bf-1 load", "give --yes"),
                           ("pause bf-1 --downstream", "unknown option --downstream"), ("mark bf-1", "too few arguments")):
            self.assertIn(says, self.bfctl(*line.split(), "--request-timeout", "200ms", status=2).stderr, line)
        self.bfctl("force", "bf-1", *["load"] * 64, "--dry-run", "--request-timeout", "200ms", status=6)
        for option in (("--step", "load"), ("--partition=2024-01-31",)):
            out = self.bfctl("steps", "bf-1", *option, status=2)
            self.assertRegex(out.stderr, r"there is no option '--\w+' any more: write .* selector")
        self.bfctl("steps", "bf-1", *["load"] * 65, status=2)
        self.assertIn("tag:finance", self.bfctl("steps", "--help").stdout)

    def test_priority_is_read_before_anything_is_sent(self):
        """The class and that selectors pick whole steps are known without a coordinator."""
        self.init(7615)
        for line, says in (("bf-1", "too few arguments"), ("bf-1 hgih", "'hgih' is no priority class: write critical, high, normal or low; "
                           "did you mean high?"), ("high bf-1", "'high' is no backfill"),
                           ("bf-1 high load[2024-01-31]", "of whole steps, not of "
                           "some partitions: write `load`"), ("bf-1 high load[", "is no selector"), ("bf-1 high -o wide", "wide")):
            self.assertIn(says, self.bfctl("priority", *line.split(), "--request-timeout", "200ms", status=2).stderr)
        self.bfctl("priority", "bf-1", "high", *["load"] * 64, "--request-timeout", "200ms", status=6)
        self.bfctl("priority", "bf-1", "high", *["load"] * 65, status=2)
        for option in ((), ("--dry-run",)):
            self.bfctl("priority", "bf-1", "low", "+load", "tag:x", *option, "--reason", "r", "--request-timeout", "200ms", status=6)

    def test_a_key_that_others_may_read(self):
        self.init(7615)
        os.chmod(self.path("c/keys/admin.key"), 0o644)
        refused = self.bfctl("backfill", "list", "--request-timeout", "200ms", status=2)
        self.assertIn("chmod 600", refused.stderr)
        os.chmod(self.path("c/keys/admin.key"), 0o600)
        self.bfctl("backfill", "list", "--request-timeout", "200ms", status=6)

    def test_unreachable(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.init(port)
        good = self.write("good.yaml", GOOD)
        for line in ("backfill list", "agents", "pools", "status @latest", "pause bf-1", "wait bf-1", "watch bf-1", "version --server",
                     f"backfill create {good}", f"backfill create {good} --wait", "cancel bf-1 --yes"):
            begun = time.monotonic()
            out = self.bfctl(*line.split(), "--request-timeout", "200ms", status=6)
            self.assertLess(time.monotonic() - begun, 20 * PATIENCE)
            self.assertIn(f"tcp://127.0.0.1:{port}", out.stderr)
            self.assertEqual(out.stdout, "bfctl 0.1.0\n" if line.startswith("version") else "")

    def test_a_stranger_on_the_port(self):
        """What takes connections and drops them does not own the pinned key: denied, and soon."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            def drop():
                while True:
                    try:
                        server.accept()[0].close()
                    except OSError:
                        return
            thread = threading.Thread(target=drop, daemon=True)
            thread.start()
            self.init(server.getsockname()[1])
            out = self.bfctl("backfill", "list", "--request-timeout", "30s", status=7)
            self.assertIn("server_key", out.stderr)
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)

    def test_a_silent_port(self):
        """What takes connections and says nothing may be a coordinator that hangs: unreachable."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.init(server.getsockname()[1])
            self.assertIn("no handshake", self.bfctl("backfill", "list", "--request-timeout", "500ms", status=6).stderr)

    # --- dev, as far as it goes without programs ---

    def test_dev_without_programs(self):
        lonely = shutil.copy(PROGRAM, self.path("bfctl"))
        done = subprocess.run([lonely, "dev", "--dir", self.path("c"), "--", "true"], env=self.env, capture_output=True, text=True,
                              timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("bfcoordinator", done.stderr)

    def test_dev_usage(self):
        self.bfctl("dev", status=2)
        self.bfctl("dev", "--dir", self.path("c"), "--restart", "coordinator", status=2)
        self.bfctl("dev", "--dir", self.path("c"), "--agents", "1000", "--", "true", status=2)
        self.bfctl("dev", "--dir", self.path("c"), "--allow-env", "A B", "--", "true", status=2)
        self.assertFalse(os.path.exists(self.path("c/coordinator.conf")))

    def fake_programs(self, coordinator):
        """bfctl with a stand-in for the coordinator, which must not outlive it."""
        os.mkdir(self.path("bin"))
        self.write("bin/bfcoordinator", coordinator)
        os.chmod(self.path("bin/bfcoordinator"), 0o755)
        return shutil.copy(PROGRAM, self.path("bin/bfctl"))

    def test_dev_coordinator_that_dies(self):
        bfctl = self.fake_programs("#!/bin/sh\necho broken >&2\nexit 3\n")
        done = subprocess.run([bfctl, "dev", "--dir", self.path("c"), "--", "true"], env=self.env, capture_output=True, text=True,
                              timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("coordinator ended", done.stderr)
        self.assertIn("which says: broken", done.stderr)
        self.assertIn("broken", read(self.path("c/log/coordinator.log")))
        self.assertFalse(os.path.exists(self.path("c/run/coordinator.pid")))

    def test_dev_coordinator_that_is_configured_wrongly(self):
        """A diagnostic ends with its place in the file and a mark under that: its first line is what is told."""
        bfctl = self.fake_programs("#!/bin/sh\nprintf '%s\\n' 'c.conf:3:8: error: `slots` is no number' '  3 | slots: x' '    |        ^' >&2\n"
                                   "exit 2\n")
        done = subprocess.run([bfctl, "dev", "--dir", self.path("c"), "--", "true"], env=self.env, capture_output=True, text=True,
                              timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("which says: c.conf:3:8: error: `slots` is no number\n", done.stderr)

    def test_dev_on_a_port_that_is_taken(self):
        port = free_ports(2)
        with socket.create_server(("127.0.0.1", port)):
            done = subprocess.run([PROGRAM, "dev", "--dir", self.path("c"), "--base-port", str(port), "--", "true"], env=self.env,
                                  capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"127.0.0.1:{port} cannot be bound: another program listens there; end it", done.stderr)

    def test_dev_leaves_nothing_behind(self):
        """Interrupted, or killed, while its coordinator hangs: what it started is gone."""
        bfctl = self.fake_programs("#!/bin/sh\ntrap '' TERM\n(trap '' TERM; exec sleep 1000) &\nwhile :; do sleep 1000; done\n")
        for sig in (signal.SIGINT, signal.SIGKILL):
            folder = self.path(f"dev{int(sig)}")
            process = subprocess.Popen([bfctl, "dev", "--dir", folder], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            pid_file = os.path.join(folder, "run/coordinator.pid")
            wait_until("the pid file", lambda: os.path.exists(pid_file))
            pid = int(read(pid_file))
            process.send_signal(sig)
            if sig == signal.SIGINT:
                process.send_signal(signal.SIGTERM)          # asked twice: at once
            process.wait(30 * PATIENCE)
            wait_until("the end of the coordinator", lambda: not os.path.exists(f"/proc/{pid}/exe"))
            if sig == signal.SIGINT:
                self.assertFalse(group_exists(pid))          # its children neither
            elif group_exists(pid):
                os.killpg(pid, signal.SIGKILL)               # what a real coordinator would not have


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def group_exists(pid):
    try:
        os.killpg(pid, 0)
        return True
    except ProcessLookupError:
        return False


if __name__ == "__main__":
    BFCTL = os.path.abspath(sys.argv.pop(1))
    PROGRAM = os.environ.get("BF_PROGRAM", BFCTL)
    unittest.main()
