"""The audit trail on a private cluster: who, what, when, why; and what is said when it was tampered with.

    BF_BIN=FOLDER_OF_PROGRAMS test_audit.py PATH_OF_AUDIT_TAMPER [unittest options]
"""
import datetime
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # pylint: disable=wrong-import-position
from cluster import PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

TAMPER = ""
CANARY = "canary-8f3a1c"

# An instance that began says so, and ends with the file "open".
PLAN = """apiVersion: backfill/v1
kind: Plan
name: trail
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
params: {flavour: plain}
pools: {small: {slots: 7}}
steps:
  work: {run: [sh, -c, "echo here; touch DIR/began; until [ -e DIR/open ]; do sleep 0.02; done"], pool: small}
  rest: {run: [sh, -c, "exit 75"], needs: [{work: same}], retry: {max: 1}}
"""
HALT = """apiVersion: backfill/v1
kind: Plan
name: halting
connections: {warehouse: {odbc: "${env:AUDIT_DSN}"}}
datasets:
  raw: {external: true, connection: warehouse, table: raw}
  out: {connection: warehouse, table: sums, partition_column: day}
partitions: {grain: day, from: 2024-01-01, to: 2024-01-01}
steps:
  load:
    inputs: [raw]
    outputs: [out]
    sql: {connection: warehouse, transaction: true, text: "insert into sums select day, n from raw where day = {{ partition.date }}"}
    checks: [{not_null: {columns: [n], severity: halt}}]
"""


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def with_key(cluster, name):
    """A configuration of bfctl that uses another key."""
    path = os.path.join(cluster.dir, f"{name}.conf")
    with open(os.path.join(cluster.dir, "bfctl.conf"), encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("keys/admin.key", f"keys/{name}.key"))
    return path


class Trail:
    """A cluster with a folder and what the audit says of it."""

    def __init__(self, test, **options):
        self.folder = tempfile.mkdtemp(prefix="bf-audit-")
        test.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "c"), **options)
        test.addCleanup(self.cluster.stop)
        self.store = os.path.join(self.cluster.dir, "store")

    def plan(self, text, name="plan.yaml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("DIR", self.folder))
        return path

    def touch(self, name):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
            pass

    def began(self):
        wait_until("an instance to begin", lambda: os.path.exists(os.path.join(self.folder, "began")))

    def audit(self, *words):
        return self.cluster.json("audit", "--limit", "0", *words)

    def records(self, *words):
        return [row["record"] for row in self.audit(*words)]

    def wait_for(self, what, **fields):
        """The newest record of that kind, when there is one."""
        def found():
            rows = [r for r in self.records("--what", what) if all(r.get(k) == v for k, v in fields.items())]
            return rows and rows[-1]
        return wait_until(f"a record about {what}", found)

    def verify(self, *words):
        return self.cluster.ctl("audit", "verify", *words, check=False)

    def kill_coordinator(self):
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)

    def reload(self):
        self.cluster.kill("coordinator", signal.SIGHUP)


class RequestsTest(unittest.TestCase):
    def setUp(self):
        self.t = Trail(self, agents=1, slots=1)
        self.cluster = self.t.cluster

    def test_every_verb_and_what_is_refused(self):
        ctl, t = self.cluster.ctl, self.t
        backfill = self.cluster.create(t.plan(PLAN), "--reason", "month end", "--param", "flavour=salty")
        t.began()
        ctl("priority", backfill, "high", "rest", "--reason", "urgent")
        ctl("pause", backfill, "--reason", 'a "quoted"\nreason, größer')
        ctl("resume", "@latest", "--reason", "on we go")
        ctl("cancel", "bf-99", "--yes", "--reason", "wrong id", check=False)
        ctl("agent", "drain", "agent-1", "--reason", "new kernel")
        ctl("cancel", backfill, "--yes", "--reason", "enough")
        rows = {(r["what"], r["target"]): r for r in t.records() if r["kind"] == "request"}
        self.assertEqual(set(rows), {("create", backfill), ("priority", f"{backfill} rest"), ("pause", backfill), ("resume", backfill),
                                     ("cancel", "bf-99"), ("agent drain", "agent-1"), ("cancel", backfill)})
        self.assertEqual({(r["who"], r["role"], len(r["key"])) for r in rows.values()}, {("admin", "admin", 40)})
        self.assertEqual({k[0]: r["reason"] for k, r in rows.items() if k[1] != "bf-99"},
                         {"create": "month end", "priority": "urgent", "pause": 'a "quoted"\nreason, größer', "resume": "on we go",
                          "agent drain": "new kernel", "cancel": "enough"})
        paused, cancelled = rows[("pause", backfill)], rows[("cancel", backfill)]
        self.assertEqual((paused["before"]["state"], paused["after"]["state"], paused["backfill"]), ("running", "paused", backfill))
        self.assertEqual((cancelled["before"].get("cancelled", 0), cancelled["after"]["state"], cancelled["after"]["cancelled"]),
                         (0, "cancelled", 3))
        self.assertEqual(rows[("priority", f"{backfill} rest")]["before"], {"critical": 0, "high": 0, "normal": 1, "low": 0})
        self.assertEqual(rows[("priority", f"{backfill} rest")]["after"], {"critical": 0, "high": 1, "normal": 0, "low": 0})
        self.assertEqual(rows[("agent drain", "agent-1")]["before"], {"state": "connected"})
        created = rows[("create", backfill)]["after"]
        self.assertEqual((created["state"], created["steps"]), ("running", {"total": 4}))
        missing = rows[("cancel", "bf-99")]
        self.assertEqual((missing["result"], "before" in missing), ("not_found", False))
        self.assertIn("there is no backfill bf-99", missing["text"])

        mine = t.records(backfill, "--what", "pause,resume")
        self.assertEqual([r["what"] for r in mine], ["pause", "resume"], "newest last")
        self.assertEqual([r["what"] for r in t.records("--who", "coordinator", "--what", "start,pause")], ["start"])
        self.assertEqual(t.records("--until", "2020-01-01"), [])
        self.assertEqual(len(t.records("--since", "1h")), len(t.records()))
        today = datetime.datetime.now(datetime.timezone.utc).date()
        tomorrow = (today + datetime.timedelta(days=1)).isoformat()
        self.assertEqual(len(t.records("--until", tomorrow)), len(t.records()))
        said = ctl("audit", "--since", "2020-01-01", "--until", "2020-01-01").stderr
        self.assertIn("from 2020-01-01 00:00:00Z (inclusive) to 2020-01-02 00:00:00Z (exclusive), UTC", said, "a day is taken in")
        self.assertIn("to 2020-01-02", ctl("audit", "export", "--since", "2020-01-01", "--until", "2020-01-01").stderr)
        self.assertIn("nothing lies between them", ctl("audit", "--since", "1h", "--until", "2h", check=False).stderr)
        self.assertEqual(ctl("audit", "--since", "yesterday", check=False).returncode, 2)
        table = ctl("audit", "--limit", "1")
        self.assertRegex(table.stdout,
                         rf"TIME +WHO +ROLE +WHAT +TARGET +RESULT +REASON\n20[^\n]*Z +admin +admin +cancel +{backfill} +ok +enough\n$")
        self.assertIn("there are older ones", table.stderr)

        # Repeated by its id nothing is recorded twice: bfctl does so itself when the coordinator is away meanwhile.
        before = len(t.records())
        self.denied_are_recorded_and_bounded(backfill)
        self.assertGreater(len(t.records()), before)
        self.assertEqual(self.t.verify().returncode, 0)

    def denied_are_recorded_and_bounded(self, backfill):
        viewer, begun = with_key(self.cluster, "viewer"), time.monotonic()
        for _ in range(12):
            self.assertEqual(self.cluster.ctl("pause", backfill, "--reason", "let me", "--config", viewer, check=False).returncode, 7)
        more = int((time.monotonic() - begun) / 10)          # TRAIL_DENIED_EVERY_MS, where all is slow
        rows = self.t.records("--who", "viewer")
        self.assertIn(len(rows), range(10, 11 + more), "a burst, and no more")
        self.assertEqual({(r["kind"], r["role"], r["what"], r["target"], r["reason"], r["result"]) for r in rows},
                         {("denied", "viewer", "pause", backfill, "let me", "denied")})
        self.assertEqual(self.cluster.ctl("audit", "--config", viewer, check=False).returncode, 7, "reading it needs a role too")

    def test_words_that_are_none(self):
        refused = self.cluster.ctl("audit", "--what", "pause,pase", check=False)
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        for said in ("'pase'", "create, pause, resume", "keys rotate", "halt, agent lost", "strangers refused"):
            self.assertIn(said, refused.stderr)
        refused = self.cluster.ctl("audit", "bf-99", check=False)
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertIn("bf-99", refused.stderr)
        for verb in ("steps", "keys list", "low water", "start", "restore", "old store"):
            self.assertEqual(self.cluster.ctl("audit", "--what", verb).returncode, 0)

    def test_it_is_durable_with_the_answer(self):
        backfill = self.cluster.create(self.t.plan(PLAN))
        for i in range(3):
            self.cluster.ctl("pause" if i % 2 == 0 else "resume", backfill, "--reason", f"moment {i}")
            self.t.kill_coordinator()
            self.cluster.restart("coordinator")
            self.assertEqual(self.t.records("--what", "pause,resume")[-1]["reason"], f"moment {i}")
        starts = self.t.records("--what", "start")
        self.assertEqual(len(starts), 4)
        self.assertEqual([s.get("text") for s in starts], ["the trail of this cluster begins, with a new store: nothing of earlier work is known",
                                                              None, None, None])
        self.assertEqual(self.t.verify().returncode, 0)

    def test_the_configuration_and_a_key_that_is_taken_away(self):
        backfill = self.cluster.create(self.t.plan(PLAN), "--reason", "to watch")
        operator, command = with_key(self.cluster, "operator"), ["logs", "-f", backfill, "work[2024-01-01]"]
        self.t.began()
        watch = subprocess.Popen([os.path.join(os.environ["BF_BIN"], "bfctl"), *command, "--config", operator], env=self.cluster.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(watch.communicate)
        self.addCleanup(watch.kill)
        self.assertEqual(watch.stdout.readline(), "here\n", "it is connected")
        path = os.path.join(self.cluster.dir, "coordinator.conf")
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines(keepends=True)
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(line for line in lines if "role: operator" not in line)
            f.write("pools: {small: {slots: 3}}\n")
        self.t.reload()
        change = self.t.wait_for("reload")
        self.assertEqual(change["before"], {"keys": {"operator": "operator"}, "keys_changed": 1, "pools": {}})
        self.assertEqual(change["after"], {"keys": {}, "keys_changed": 0, "pools": {"small": 3}})
        pool = self.t.wait_for("pool set", target="small")
        self.assertEqual((pool["before"], pool["after"]), ({"slots": 7, "source": "plan"}, {"slots": 3, "source": "config"}))
        self.assertEqual(watch.wait(60 * PATIENCE), 7)
        gone = [r for r in self.t.records() if r["kind"] == "denied"]
        self.assertTrue(gone and "not authorised any more" in gone[0]["text"], gone)

        with open(path, "a", encoding="utf-8") as f:
            f.write(f"pools: {{small: {{slots: {CANARY}}}}}\n")
        self.t.reload()
        self.assertEqual(self.t.wait_for("reload", result="invalid")["target"], "configuration")
        self.assertNotIn(CANARY, json.dumps(self.t.audit()))
        self.cluster.ctl("cancel", backfill, "--yes")
        other = self.cluster.create(self.t.plan(PLAN))
        kept = self.t.wait_for("pool kept", target="small")
        self.assertEqual((kept["before"]["slots"], kept["after"], kept["backfill"]), (7, {"slots": 3, "source": "config"}, other))


class DecisionsTest(unittest.TestCase):
    def test_an_agent_that_is_lost_and_its_late_report(self):
        t = Trail(self, agents=1, slots=1)
        t.cluster.create(t.plan(PLAN))
        t.began()
        guardian = t.cluster.pid("agent-1")
        processes = [guardian] + children(guardian)
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            lost = t.wait_for("agent lost")
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
        self.assertEqual((lost["kind"], lost["who"], lost["target"], lost["before"], lost["after"]),
                         ("decision", "coordinator", "agent-1", {"attempts": 1}, {"attempts": 0, "requeued": 1}))
        stale = t.wait_for("stale report")
        self.assertEqual((stale["who"], stale["role"], stale["target"], stale["attempt"], stale["result"]),
                         ("agent-1", "agent", "a-1", "a-1", "denied"))
        t.touch("open")
        self.assertEqual(t.verify().returncode, 0)

    def test_a_check_that_halts_and_no_secret(self):
        try:
            db = servers.SQLite()
        except servers.Absent as absent:
            self.skipTest(str(absent))
        self.addCleanup(db.remove)
        db.execute("create table raw (day date, n int); create table sums (day date, n int); insert into raw values ('2024-01-01', null)")
        t = Trail(self, agents=1, allow_env=["AUDIT_DSN"], env={"AUDIT_DSN": db.odbc(f"PWD={CANARY};")})
        backfill = t.cluster.create(t.plan(HALT))
        halt = t.wait_for("halt")
        self.assertEqual((halt["target"], halt["backfill"], halt["before"], halt["after"]),
                         ("load[2024-01-01]", backfill, {"state": "running"}, {"state": "paused", "halted": True}))
        self.assertIn("not_null", halt["text"])
        t.cluster.ctl("resume", backfill, "--reason", "seen")
        self.assertEqual(t.wait_for("resume")["before"]["halted"], True)
        self.assertNotIn(CANARY, json.dumps(t.audit()))
        t.cluster.stop()
        with open(os.path.join(t.store, "data.mdb"), "rb") as f:
            self.assertNotIn(CANARY.encode(), f.read())


class TamperTest(unittest.TestCase):
    """One trail; each test spoils a copy of it."""

    @classmethod
    def setUpClass(cls):
        cls.t = Trail(cls)
        backfill = cls.t.cluster.create(cls.t.plan(PLAN))
        for i in range(6):
            cls.t.cluster.ctl("pause" if i % 2 == 0 else "resume", backfill, "--reason", f"number {i}")
        cls.export = os.path.join(cls.t.folder, "trail.jsonl")
        cls.t.cluster.ctl("audit", "export", "-o", cls.export)
        with open(cls.export, encoding="utf-8") as f:
            cls.lines = f.read().splitlines(keepends=True)
        cls.online = cls.t.verify()
        cls.t.cluster.stop()

    addCleanup = classmethod(lambda cls, *args: cls.addClassCleanup(*args))

    def spoiled(self, *how):
        """A copy of the store, tampered with."""
        copy = tempfile.mkdtemp(prefix="store-", dir=self.t.folder)
        shutil.copy(os.path.join(self.t.store, "data.mdb"), copy)
        if how:
            subprocess.run([TAMPER, copy, *map(str, how)], check=True)
        return copy

    def problems(self, done, rc=1):
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return [line for line in done.stdout.splitlines() if ", head " not in line]

    def of_store(self, *how):
        return self.problems(self.t.verify("--store", self.spoiled(*how)))

    def of_lines(self, lines, *words, rc=1):
        path = os.path.join(self.t.folder, "spoiled.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines)
        return self.problems(self.t.verify(path, *words), rc)

    def test_a_good_one(self):
        self.assertEqual(self.online.returncode, 0)
        head = f"{json.loads(self.lines[-1])['index']}:{json.loads(self.lines[-1])['hash']}"
        self.assertIn(f"{len(self.lines)} records, head {head}\n", self.online.stdout)
        self.assertEqual(self.problems(self.t.verify("--store", self.spoiled(), "--expect", head), 0), [])
        self.assertEqual(self.of_lines(self.lines, "--expect", head, rc=0), [])
        self.assertEqual(self.t.cluster.ctl("fsck", self.spoiled()).returncode, 0)
        told = json.loads(self.t.verify(self.export, "-o", "json").stdout)
        self.assertEqual((told["records"], told["first"], told["problems"], told["end_known"]), (len(self.lines), 1, [], False))

    def test_by_hand(self):
        """As docs/audit.md says, with another library."""
        with open(self.export, "rb") as f:
            lines = f.read().splitlines()
        cluster = bytes.fromhex(json.loads(lines[0])["cluster"])
        last = hashlib.blake2b(cluster, digest_size=32).hexdigest()
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            record = line[line.index(b',"record":') + len(b',"record":'):-1]
            made = hashlib.blake2b(bytes.fromhex(last) + f"{number} ".encode() + record, digest_size=32).hexdigest()
            self.assertEqual((row["index"], row["prev"], row["hash"], json.loads(record)), (number, last, made, row["record"]))
            last = made

    def test_a_byte_in_the_file(self):
        copy = self.spoiled()
        path = os.path.join(copy, "data.mdb")
        with open(path, "rb") as f:
            data = f.read()
        self.assertIn(b'"reason":"number 3"', data)
        with open(path, "wb") as f:
            f.write(data.replace(b'"reason":"number 3"', b'"reason":"number 4"'))
        index = next(json.loads(line)["index"] for line in self.lines if "number 3" in line)
        self.assertEqual(self.problems(self.t.verify("--store", copy)), [f"record {index} was changed: its hash does not fit"])
        fsck = self.t.cluster.ctl("fsck", copy, check=False)
        self.assertEqual(fsck.returncode, 1)
        self.assertIn(f"store: audit: record {index} was changed: its hash does not fit", fsck.stdout)
        self.assertIn(f"store: audit {index} is damaged", fsck.stdout)

    def test_records_of_the_store(self):
        n = len(self.lines)
        real = self.last_index()
        self.assertGreaterEqual(real, n)
        self.assertEqual(self.of_store("edit", 4), ["record 4 was changed: its hash does not fit"])
        self.assertEqual(self.of_store("rewrite", 4), ["record 5 is not chained to record 4 as it stands: one of them was written anew"])
        self.assertEqual(self.of_store("remove", 4), ["record 4 is missing between 3 and 5"])
        self.assertEqual(self.of_store("cut", 5), [f"the trail ends at record 5, and its head says {real}: the tail was cut"])
        self.assertEqual(self.of_store("front", 4),
                         ["records 1 to 3 are missing: the trail begins at 4, and nothing says that older ones were let go"])
        self.assertEqual(self.of_store("forget", 1),
                         [f"record {real} is the last, and the store has no head that says so: it was taken away"])
        swapped = self.of_store("swap", 3, 5)
        self.assertIn("record 3 was changed: its hash does not fit", swapped)
        self.assertIn("record 5 was changed: its hash does not fit", swapped)

    def last_index(self):
        done = self.t.verify("--store", self.spoiled())
        return int(done.stdout.split(", head ")[1].split(":")[0])

    def test_a_tail_that_was_cut_with_its_head(self):
        copy = self.spoiled("behead", 5)
        done = self.t.verify("--store", copy)
        self.assertEqual(done.returncode, 0, "nothing in the store says so…")
        self.assertIn("--expect INDEX:HASH", done.stderr)
        last = json.loads(self.lines[-1])
        self.assertEqual(self.problems(self.t.verify("--store", copy, "--expect", f"{last['index']}:{last['hash']}")),
                         [f"the trail ends at record 5, and record {last['index']} is expected: the tail was cut"])
        self.assertEqual(self.problems(self.t.verify("--store", self.spoiled(), "--expect", f"4:{last['hash']}")),
                         ["record 4 has another hash than the one that was kept: the trail was written anew"])

    def test_a_coordinator_goes_on_behind_the_gap(self):
        copy, real = self.spoiled("cut", 5), self.last_index()
        shutil.copy(os.path.join(self.t.store, "data.mdb"), os.path.join(self.t.folder, "kept.mdb"))
        shutil.copy(os.path.join(copy, "data.mdb"), os.path.join(self.t.store, "data.mdb"))
        options = [os.path.join(os.environ["BF_BIN"], "bfcoordinator"), "--config", os.path.join(self.t.cluster.dir, "coordinator.conf")]
        coordinator = subprocess.Popen(options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.assertIn("ready", coordinator.stdout.readline())
            said = self.problems(wait_until("the start in the trail", lambda: "missing" in (done := self.t.verify()).stdout and done))
            self.assertEqual(said, [f"records 6 to {real} are missing between 5 and {real + 1}"])
        finally:
            coordinator.terminate()
            coordinator.communicate(timeout=30 * PATIENCE)
            shutil.copy(os.path.join(self.t.folder, "kept.mdb"), os.path.join(self.t.store, "data.mdb"))

    def test_lines_of_an_export(self):
        lines, n = self.lines, len(self.lines)
        self.assertEqual(self.of_lines(lines[:3] + lines[4:]), ["record 4 is missing between 3 and 5"])
        self.assertEqual(self.of_lines(lines[:-2], rc=0), [], "a file alone cannot show it")
        last = json.loads(lines[-1])
        self.assertEqual(self.of_lines(lines[:-2], "--expect", f"{n}:{last['hash']}"),
                         [f"the trail ends at record {n - 2}, and record {n} is expected: the tail was cut"])
        self.assertEqual(self.of_lines([lines[0], lines[2], lines[1]] + lines[3:])[:2],
                         ["record 2 is missing between 1 and 3", "record 2 stands behind record 3: the order was changed"])
        edited = lines[3].replace('"kind":"request"', '"kind":"decision"') if '"request"' in lines[3] else lines[3].replace('"at":"2',
                                                                                                                            '"at":"3')
        self.assertEqual(self.of_lines(lines[:3] + [edited] + lines[4:]), ["record 4 was changed: its hash does not fit"])
        self.assertEqual(self.of_lines(lines[2:], rc=0), ["it begins at record 3: what was before is not in this file"])
        other = json.loads(lines[0])["cluster"]
        strange = [line.replace(other, "00" * 16) for line in lines]
        self.assertEqual(self.of_lines(strange)[0],
                         "record 1 is not chained to the beginning of this cluster's trail: it is of another cluster")
        self.assertIn("line 3 is of another cluster than the first", self.of_lines(lines[:2] + strange[2:]))
        self.assertEqual(self.of_lines(["{}\n"], rc=2), [])
        self.assertEqual(self.t.verify(os.path.join(self.t.folder, "absent")).returncode, 2)
        self.assertEqual(self.t.verify(self.export, "--store", self.t.store).returncode, 2)
        self.assertEqual(self.t.verify("--store", self.t.folder).returncode, 2)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        TAMPER = sys.argv.pop(1)
    os.environ.setdefault("BF_BIN", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin"))
    if TAMPER and not glob.glob(TAMPER):
        sys.exit(f"{TAMPER} is not there")
    unittest.main(verbosity=2)
