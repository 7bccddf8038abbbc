"""Backup under load, restore to a higher epoch, old copies put back by hand, compaction, formats of the store.

    BF_BIN=FOLDER_OF_PROGRAMS test_backup.py PATH_OF_STORE_STATE [unittest options]
"""
import glob
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, moment, wait_until  # pylint: disable=wrong-import-position

STATE = ""
PAGE = 4096
HERE = os.path.dirname(os.path.abspath(__file__))

# Each instance writes a line; "slow" ones say that they began, and end with the file "open".
PLAN = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-DAYS}
steps:
  work: {run: [sh, -c, "COMMAND"]}
  after: {run: [sh, -c, "true"], needs: [{work: same}]}
"""
QUICK = "echo ran >> DIR/ran"
SLOW = "echo $$ >> DIR/began; until [ -e DIR/open ]; do sleep 0.02; done"
# Short, for the tests wait until they end; yet what is held for so long after a restore must be there to be asked about.
LEASE = "{{agent: {}ms, fence: {}ms, coordinator: {}ms, heartbeat: 300ms}}".format(*(int(ms * PATIENCE) for ms in (3000, 1000, 4100)))


def state(store):
    """What a coordinator would recover; the sentence when it refuses."""
    done = subprocess.run([STATE, store], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip()


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="bf-backup-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def start(self, **more):
        self.cluster = Cluster(os.path.join(self.dir, "c"), agents=2, lease=LEASE, **more)
        self.addCleanup(self.cluster.stop)
        self.store = os.path.join(self.cluster.dir, "store")

    def plan(self, name, command, days=5):
        path = os.path.join(self.dir, f"{name}.yaml")
        text = PLAN.replace("NAME", name).replace("COMMAND", command).replace("DAYS", f"{days:02d}").replace("DIR", self.dir)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def ctl(self, *args, exits=0):
        done = subprocess.run([f"{BIN}/bfctl", *args], capture_output=True, text=True, check=False, timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, exits, f"bfctl {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def stop_coordinator(self, sig=signal.SIGKILL):
        self.cluster.kill("coordinator", sig)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)

    def audit(self, what):
        return [r for r in self.trail() if r["what"] == what]

    def trail(self):
        out = self.cluster.ctl("audit", "export").stdout
        return [json.loads(line)["record"] for line in out.splitlines()]


class Live(Base):
    """One cluster: it is backed up under load, dies, and is restored."""

    def test_restore(self):
        self.start(checkpoint="{turns: 10, bytes: 64Ki}")
        backup = os.path.join(self.dir, "backup")
        first = self.cluster.create(self.plan("first", QUICK, 30))
        held = self.cluster.create(self.plan("held", SLOW))
        wait_until("some results", lambda: self.cluster.json("backfill", "get", first)["steps"]["succeeded"] > 5)
        self.cluster.ctl("pause", held, "--reason", "acknowledged before the backup")
        told = json.loads(self.ctl("backup", self.store, backup, "-o", "json"))
        self.check_backup(backup, told)
        self.ctl("backup", self.store, backup, exits=5)
        self.ctl("restore", backup, self.store, exits=5)
        self.ctl("compact", self.store, exits=5)
        # What comes now is lost: a backfill that runs on an agent, and whose number another will get.
        self.cluster.ctl("resume", held)
        lost = self.cluster.create(self.plan("lost", SLOW.replace("began", "lost-began")))
        wait_until("the lost backfill's step", lambda: os.path.exists(os.path.join(self.dir, "lost-began")))
        self.stop_coordinator()
        os.rename(self.store, self.store + ".broken")
        out = self.ctl("restore", backup, self.store, "--reason", "a test")
        self.assertIn("epoch 2", out)
        self.cluster.restart("coordinator")
        self.check_restored(first, held, lost, told)

    def check_backup(self, backup, told):
        self.assertEqual(sorted(os.listdir(backup)), ["data.mdb", "manifest.json"])
        self.assertEqual(os.stat(backup).st_mode & 0o777, 0o700)
        for name in os.listdir(backup):
            self.assertEqual(os.stat(os.path.join(backup, name)).st_mode & 0o777, 0o600)
        with open(os.path.join(backup, "manifest.json"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), told)
        self.assertEqual((told["epoch"], told["store_format"]), (1, 2))
        self.assertGreater(told["last_turn"], 5)
        self.assertFalse(os.path.exists(backup + ".partial"))
        self.assertIn("is clean", self.ctl("fsck", backup))
        self.check_decided_again(backup)
        self.ctl("audit", "verify", "--store", backup, "--expect", told["audit"]["head"])
        self.assertEqual(sorted(os.listdir(backup)), ["data.mdb", "manifest.json"], "who only reads leaves nothing behind")

    def check_decided_again(self, store):
        """All turns of a store, across its checkpoints; gives what was compared."""
        span = json.loads(self.ctl("replay", store, "-o", "json"))
        verdict = json.loads(self.ctl("replay", store, "--verify", "-o", "json"))
        self.assertEqual((verdict["turns"], verdict["differences"]), (span["last_turn"], 0), verdict)
        self.assertEqual(verdict["states"], span["checkpoints"] + 1)
        return verdict

    def check_restored(self, first, held, lost, told):
        why = self.cluster.json("why", held, "after[2024-01-05]")
        steps = self.cluster.json("backfill", "get", first)["steps"]
        self.assertEqual(self.cluster.state(held), "paused")
        self.assertGreater(steps["succeeded"], 5)
        self.assertIn("restored", [b["kind"] for b in why["blockers"]])
        self.assertEqual(self.cluster.json("status", held)["store_hold"]["kind"], "restored")
        self.assertIn("nothing starts: the store was restored from a backup", self.cluster.ctl("status", held).stdout)
        self.assertNotEqual(self.cluster.ctl("backfill", "get", lost, check=False).returncode, 0)
        record = wait_until("the record of the restore", lambda: self.audit("restore"))[0]
        after = record["after"]
        self.assertEqual((after["epoch"], after["turn"], after["taken_at"]), (2, told["last_turn"], told["taken_at"]))
        self.assertEqual(record["reason"], "a test")
        # The lost attempt is known to nobody: its agent is told to kill it, and its report is for the audit alone.
        wait_until("the stale report", lambda: self.audit("stale report"))
        with open(os.path.join(self.dir, "lost-began"), encoding="ascii") as f:
            pids = [int(p) for p in f.read().split()]
        wait_until("the lost steps' death", lambda: not any(os.path.exists(f"/proc/{p}") for p in pids))
        open(os.path.join(self.dir, "open"), "w", encoding="ascii").close()
        self.cluster.ctl("resume", held)
        self.cluster.ctl("wait", first)
        self.cluster.ctl("wait", held)
        fresh = self.cluster.create(self.plan("fresh", QUICK, 1))
        self.assertEqual(fresh, lost, "the number is used again")
        self.cluster.ctl("wait", fresh)
        step = self.cluster.json("steps", fresh)[0]
        self.assertEqual(step["run"], 1001, "and nothing in a warehouse takes it for the lost one")
        self.stop_coordinator(signal.SIGTERM)
        self.ctl("audit", "verify", "--store", self.store, "--expect", told["audit"]["head"])
        self.assertIn("is clean", self.ctl("fsck", self.store))
        self.assertEqual(state(self.store)["epoch"], 2)
        verdict = self.check_decided_again(self.store)
        self.assertGreater(verdict["turns"], told["last_turn"])
        self.assertGreater(verdict["states"], 2, "there are older checkpoints")
        self.check_compact()

    def check_compact(self):
        before, size = state(self.store), os.stat(os.path.join(self.store, "data.mdb")).st_size
        out = self.ctl("compact", self.store)
        self.assertIn(f"({size} bytes)", out)
        self.assertEqual(state(self.store), before)
        self.assertIn("is clean", self.ctl("fsck", self.store))
        self.assertEqual(self.check_decided_again(self.store)["turns"], before["turn"])
        self.assertLess(os.stat(os.path.join(self.store, "data.mdb")).st_size, size)
        self.assertEqual([n for n in os.listdir(self.store) if "partial" in n], [])
        self.cluster.restart("coordinator")
        self.assertEqual(self.cluster.state("bf-1"), "succeeded")

    def test_an_old_copy_put_back_by_hand(self):
        self.start()
        data = os.path.join(self.store, "data.mdb")
        self.cluster.ctl("wait", self.cluster.create(self.plan("one", QUICK)))
        self.stop_coordinator()
        shutil.copy(data, data + ".old")
        self.cluster.restart("coordinator")
        self.cluster.ctl("wait", self.cluster.create(self.plan("two", QUICK)))
        self.stop_coordinator()
        os.rename(data + ".old", data)
        self.cluster.restart("coordinator")
        wait_until("the proof", lambda: self.audit("old store"))
        three = self.cluster.create(self.plan("three", QUICK))
        kinds = [b["kind"] for b in self.cluster.json("why", three, "work[2024-01-01]")["blockers"]]
        self.assertIn("old_store", kinds)
        status = self.cluster.ctl("status", three).stdout
        self.assertIn("nothing starts: the store is an old copy", status)
        self.assertIn("put the newest store back", status)
        words = self.audit("old store")[0]["text"].split()
        agent = self.cluster.json("agents", words[words.index("agent") + 1])
        self.assertIn(agent["state"], ("refused", "lost"), "once its grace is over it is lost")
        self.assertEqual(agent["state"] == "refused", "was refused" in "".join(agent["warnings"]), agent)
        self.stop_coordinator()                  # and it is remembered
        self.cluster.restart("coordinator")
        kinds = [b["kind"] for b in self.cluster.json("why", three, "work[2024-01-01]")["blockers"]]
        self.assertIn("old_store", kinds)
        self.stop_coordinator()
        backup = os.path.join(self.dir, "b")
        self.ctl("backup", self.store, backup)
        shutil.rmtree(self.store)
        self.ctl("restore", backup, self.store)
        self.cluster.restart("coordinator")
        self.cluster.ctl("wait", three)


class Still(Base):
    """Stores that nobody uses: a cluster fills one, once."""

    @classmethod
    def setUpClass(cls):
        cls.once = tempfile.mkdtemp(prefix="bf-backup-")
        cls.addClassCleanup(shutil.rmtree, cls.once, ignore_errors=True)
        base = cls("test_formats")
        base.dir = cls.once
        with Cluster(os.path.join(cls.once, "c"), agents=2, lease=LEASE) as cluster:
            cluster.ctl("wait", cluster.create(base.plan("some", QUICK, 20)))
        cls.source = os.path.join(cls.once, "c", "store")

    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.dir, "store")
        shutil.copytree(self.source, self.store)
        self.backup = os.path.join(self.dir, "backup")

    def test_a_damaged_backup_is_refused(self):
        self.ctl("backup", self.store, self.backup)
        path = os.path.join(self.backup, "data.mdb")
        with open(path, "r+b") as f:
            bytes_ = f.read()
            at = bytes_.index(b"coordinator")
            f.seek(at)
            f.write(b"k")
        out = self.ctl("restore", self.backup, os.path.join(self.dir, "new"), exits=1)
        self.assertIn("its checksum does not match", out)
        self.assertIn("data.mdb", out)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "new")))
        os.truncate(path, len(bytes_) - 4096)
        self.assertIn("manifest says", self.ctl("restore", self.backup, os.path.join(self.dir, "new"), exits=1))

    def test_two_restores_never_get_one_epoch(self):
        self.ctl("backup", self.store, self.backup)
        for epoch in (2, 3):
            self.ctl("restore", self.backup, os.path.join(self.dir, f"new-{epoch}"))
            self.assertEqual(state(os.path.join(self.dir, f"new-{epoch}"))["epoch"], epoch)
        self.ctl("restore", self.backup, os.path.join(self.dir, "x"), "--epoch", "3", exits=2)
        self.ctl("restore", self.backup, os.path.join(self.dir, "x"), "--epoch", "9", "--lease", "2m")
        self.assertEqual({k: state(os.path.join(self.dir, "x"))[k] for k in ("epoch", "lease_ms")}, {"epoch": 9, "lease_ms": 120000})

    def test_copies_know_the_epochs_that_were_given(self):
        other, third = os.path.join(self.dir, "other"), os.path.join(self.dir, "third")
        self.ctl("backup", self.store, self.backup)
        for name in ("new-2", "new-3"):
            self.ctl("restore", self.backup, os.path.join(self.dir, name))
        self.ctl("backup", self.backup, other)                  # of a backup
        self.ctl("restore", other, os.path.join(self.dir, "new-4"))
        self.assertEqual(state(os.path.join(self.dir, "new-4"))["epoch"], 4)
        self.ctl("restore", self.backup, os.path.join(self.dir, "new-7"), "--epoch", "7")
        self.ctl("restore", self.backup, os.path.join(self.dir, "new-8"))
        self.ctl("backup", os.path.join(self.dir, "new-8"), third)        # of what was restored
        with open(os.path.join(third, "restored.jsonl"), encoding="utf-8") as f:
            self.assertEqual([json.loads(line)["epoch"] for line in f], [2, 3, 7, 8])

    def test_refused_before_anything_is_made(self):
        within, new, logs = os.path.join(self.store, "backup"), os.path.join(self.dir, "new"), os.path.join(self.dir, "logs")
        self.assertIn("lies in the store", self.ctl("backup", self.store, within, exits=2))
        self.assertFalse(os.path.exists(within))
        self.ctl("backup", self.store, self.backup)
        self.assertIn("nothing was restored", self.ctl("restore", self.backup, new, "--logs", logs, exits=2))
        self.assertFalse(os.path.exists(new))
        self.assertFalse(os.path.exists(os.path.join(self.backup, "restored.jsonl")))
        for missing in (new, self.dir):
            for command in (["fsck", missing], ["backup", missing, new + "-x"], ["compact", missing], ["replay", missing]):
                self.ctl(*command, exits=2)

    def test_notes_of_restores_that_cannot_be_read(self):
        self.ctl("backup", self.store, self.backup)
        self.ctl("restore", self.backup, os.path.join(self.dir, "new-2"))
        notes = os.path.join(self.backup, "restored.jsonl")
        with open(notes, "a", encoding="ascii") as f:
            f.write('{"at":"2026')                              # the disk was full
        self.assertIn("higher than any before", self.ctl("restore", self.backup, os.path.join(self.dir, "x"), exits=1))
        self.ctl("restore", self.backup, os.path.join(self.dir, "new-5"), "--epoch", "5")
        self.ctl("restore", self.backup, os.path.join(self.dir, "x"), "--epoch", "5", exits=2)
        os.remove(notes)
        os.mkdir(notes)
        self.ctl("restore", self.backup, os.path.join(self.dir, "x"), exits=1)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "x")))

    def test_a_link_in_the_place_of_the_partial_folder(self):
        victim = os.path.join(self.dir, "victim")
        shutil.copytree(self.store, victim)
        os.symlink(victim, self.backup + ".partial")
        self.assertIn("in the way", self.ctl("backup", self.store, self.backup, exits=5))
        self.assertIn("is clean", self.ctl("fsck", victim))

    def test_a_damaged_store_is_named(self):
        data = os.path.join(self.store, "data.mdb")
        os.truncate(data, 3 * 4096)
        for command in (["backup", self.store, self.backup], ["compact", self.store]):
            self.assertIn("is damaged", self.ctl(*command, exits=1))
        self.assertEqual(glob.glob(self.backup + "*"), [])
        self.assertRegex(self.ctl("replay", self.store, "--verify", exits=1), "is damaged|is cut short")

    def test_a_page_that_a_copy_leaves_out(self):
        """A copy has the pages of the trees alone: what is wrong besides shows in the store only."""
        data = os.path.join(self.store, "data.mdb")
        with open(data, "r+b") as f:
            heads = f.read(2 * PAGE)
            newest = max((0, 1), key=lambda i: struct.unpack_from("<Q", heads, i * PAGE + 144))
            at = newest * PAGE + 136                             # the number of the last page
            last, = struct.unpack_from("<Q", heads, at)
            f.seek(at)
            f.write(struct.pack("<Q", last + 1))
            f.truncate(max(os.path.getsize(data), (last + 2) * PAGE))
        with open(data, "rb") as f:
            before = f.read()
        self.assertIn("neither used", self.ctl("fsck", self.store, exits=1))
        for command in (["backup", self.store, self.backup], ["compact", self.store]):
            out = self.ctl(*command, exits=1)
            self.assertIn("neither used", out)
            self.assertIn("is damaged", out)
        self.assertEqual(glob.glob(self.backup + "*"), [])
        with open(data, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_pipes_in_the_place_of_files(self):
        """None is waited for."""
        self.ctl("backup", self.store, self.backup)
        for name in ("manifest.json", "data.mdb", "restored.jsonl"):
            copy = os.path.join(self.dir, "piped")
            shutil.copytree(self.backup, copy)
            if os.path.exists(os.path.join(copy, name)):
                os.remove(os.path.join(copy, name))
            os.mkfifo(os.path.join(copy, name))
            self.assertIn("is no file", self.ctl("restore", copy, os.path.join(self.dir, "new"), exits=1))
            shutil.rmtree(copy)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "new")))
        os.remove(os.path.join(self.store, "data.mdb"))
        os.mkfifo(os.path.join(self.store, "data.mdb"))
        for command in (["fsck", self.store], ["backup", self.store, self.backup + "-x"], ["replay", self.store],
                        ["audit", "verify", "--store", self.store]):
            self.assertIn("is no file", self.ctl(*command, exits=1))

    def test_a_manifest_of_another_store(self):
        self.ctl("backup", self.store, self.backup)
        new, path = os.path.join(self.dir, "new"), os.path.join(self.backup, "manifest.json")
        with open(path, encoding="utf-8") as f:
            manifest = json.load(f)
        for key, value, words in (("cluster", "00" * 16, "cluster " + "00" * 16), ("epoch", 7, "epoch 7"),
                                  ("store_format", 1, "store format 1"), ("last_turn", 1, "turn 1"), ("epoch", None, "epoch nothing")):
            with open(path, "w", encoding="utf-8") as f:
                json.dump(dict(manifest, **{key: value}), f)
            out = self.ctl("restore", self.backup, new, exits=1)
            self.assertIn(f"says {words}, and its data.mdb is of {manifest[key]}: one of them is of another backup", out)
        self.assertFalse(os.path.exists(new))
        self.assertFalse(os.path.exists(os.path.join(self.backup, "restored.jsonl")))

    def test_a_restore_that_did_not_end_is_no_empty_store(self):
        self.ctl("backup", self.store, self.backup)
        new = os.path.join(self.dir, "new")
        os.mkdir(new)
        with open(os.path.join(new, "data.mdb.restoring"), "wb") as f:
            f.write(b"half")
        self.assertIn("not finished", state(new))
        self.ctl("restore", self.backup, new)
        self.assertEqual(state(new)["epoch"], 2)

    def test_a_killed_backup_leaves_a_partial_folder(self):
        for i in range(8):
            process = subprocess.Popen([f"{BIN}/bfctl", "backup", self.store, self.backup], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            moment(0.001 * i * i)
            process.kill()
            process.wait()
            if os.path.exists(self.backup):
                self.assertTrue(os.path.exists(os.path.join(self.backup, "manifest.json")))
                shutil.rmtree(self.backup)
        os.makedirs(self.backup + ".partial", exist_ok=True)
        for name in ("data.mdb", "manifest.json.a1B2c3"):    # the second: killed while the manifest was being written
            with open(os.path.join(self.backup + ".partial", name), "wb") as f:
                f.write(b"half")
        self.assertIn("removed", self.ctl("backup", self.store, self.backup))
        self.assertEqual(glob.glob(self.dir + "/*.partial"), [])
        with open(os.path.join(self.dir, "mine"), "w", encoding="ascii") as f:
            f.write("keep")
        os.makedirs(self.backup + "2.partial/deep")
        self.assertIn("in the way", self.ctl("backup", self.store, self.backup + "2", exits=5))

    def test_formats(self):
        before = state(self.store)
        newer = os.path.join(self.dir, "newer")
        shutil.copytree(self.store, newer)
        subprocess.run([STATE, newer, "format", "3"], check=True)
        for out in (state(newer), self.ctl("fsck", newer, exits=1), self.ctl("backup", newer, self.backup, exits=2)):
            self.assertIn("it is of format 3, and this program knows up to 2: use a newer bfcoordinator", out)
        subprocess.run([STATE, self.store, "old"], check=True)
        self.assertIn("is clean", self.ctl("fsck", self.store))
        self.ctl("backup", self.store, self.backup)
        self.ctl("restore", self.backup, os.path.join(self.dir, "new"))
        for store, epoch in ((self.store, 1), (os.path.join(self.dir, "new"), 2)):
            now = state(store)
            self.assertEqual((now["state"], now["turn"], now["format"], now["epoch"]), (before["state"], before["turn"], 2, epoch))
            self.assertIn("is clean", self.ctl("fsck", store))

    def test_stores_of_earlier_programs(self):
        for packed in glob.glob(os.path.join(HERE, "stores", "*.mdb.gz")):
            store = os.path.join(self.dir, os.path.basename(packed))
            os.mkdir(store)
            with open(os.path.join(store, "data.mdb"), "wb") as f:
                f.write(subprocess.run(["gzip", "-dc", packed], capture_output=True, check=True).stdout)
            with open(packed.replace(".mdb.gz", ".json"), encoding="utf-8") as f:
                want = json.load(f)
            self.assertIn("is clean", self.ctl("fsck", store))
            now = state(store)
            self.assertIsInstance(now, dict, now)
            self.assertEqual({k: now[k] for k in want}, want, packed)
            self.assertIn("is clean", self.ctl("fsck", store))
            self.assertEqual(state(store)["was_format"], 2, "once is enough")


if __name__ == "__main__":
    STATE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
