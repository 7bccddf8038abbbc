"""bfctl replay: what a coordinator answered is answered again from its store; what it decided is decided again; a policy is tried.

    BF_BIN=FOLDER_OF_PROGRAMS test_replay.py JOURNAL_TAMPER [unittest options]
"""
import collections
import datetime
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

TAMPER = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""

# Each first attempt of `flaky` fails, and all of `broken`; `waits` ends when "open" is there.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: tries
timebox: {limit: 1h, then: pause}
partitions: {grain: day, from: 2024-01-01, to: 2024-01-06}
pools: {lane: {slots: 1}, slow: {slots: 4}}
steps:
  flaky:
    run: [sh, -c, "[ -e DIR/$BF_PARTITION_KEY ] || { : > DIR/$BF_PARTITION_KEY; exit 75; }"]
    pool: lane
    retry: {max: 2, backoff: {initial: 10ms, max: 10ms}}
  broken: {run: [sh, -c, "exit 3"], pool: lane, needs: [{flaky: same}]}
  waits: {run: [sh, -c, "until [ -e DIR/open ]; do sleep 0.05; done"], pool: slow, needs: [{flaky: same}]}
  after: {noop: true, needs: [{waits: same}]}
"""

PAGE = 4096
DAMAGES = int(os.environ.get("BF_DAMAGES", "40"))

# What passes with time between a question and the moment that is looked back to, and what only the log of an attempt has.
# An agent tells its round trip when it likes, in place of a heartbeat.
PASSING = {"duration_ms", "elapsed_ms", "last_line", "rate", "eta", "round_trip_ms", "ends_at"}


def still(document):
    """A document without what passes with time."""
    if isinstance(document, dict):
        return {k: still(v) for k, v in document.items() if k not in PASSING}
    if isinstance(document, list):
        return [still(v) for v in document]
    return document


def seconds(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, AttributeError):
        return None


def near(a, b, age_ms):
    """Equal, but for a millisecond in what is counted from now; a rate is counted over the age of the backfill."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k], age_ms) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(near(x, y, age_ms) for x, y in zip(a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 2 + abs(b) / age_ms
    if seconds(a) and seconds(b):
        return abs(seconds(a) - seconds(b)) < 0.01
    return a == b


def damage(data, rng):
    """The bytes of a store's file, changed at random."""
    changed = bytearray(data)
    at, other = (rng.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    kind = rng.randrange(4)
    if kind == 0:
        changed[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    elif kind == 1:
        changed[at:at + PAGE] = data[other:other + PAGE]
    elif kind == 2:
        changed[at:at + PAGE] = bytes(PAGE)
    else:
        del changed[max(at, PAGE):]
    return bytes(changed)


class ReplayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="replay-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        path = os.path.join(cls.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("DIR", cls.folder))
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=2, slots=3, checkpoint="{turns: 10, bytes: 64Ki}")
        cls.addClassCleanup(cls.cluster.stop)
        cls.store = os.path.join(cls.cluster.dir, "store")
        backfill = cls.cluster.create(path)
        wait_until("what does not wait to end", lambda: cls.counts(backfill)["running"] == 4 and cls.counts(backfill)["failed"] == 6)
        cls.questions = [("status", backfill), ("steps", backfill), ("steps", backfill, "--state", "failed"), ("backfill", "get", backfill),
                         ("why", backfill, "waits[2024-01-06]"), ("why", backfill, "broken[2024-01-02]"), ("failures", backfill),
                         ("agents",), ("pools",)]
        cls.asked_at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        cls.answers = [cls.cluster.json(*q) for q in cls.questions]
        cls.turn = json.loads(cls.replay("-o", "json").stdout)["last_turn"]       # beside the coordinator
        cls.live = cls.replay("--verify", check=False)
        # A coordinator that dies, and agents that come back to it, are history too.
        cls.cluster.kill("coordinator")
        cls.cluster.restart("coordinator")
        with open(os.path.join(cls.folder, "open"), "w", encoding="utf-8"):
            pass
        wait_until("the backfill to end", lambda: cls.cluster.state(backfill) not in ("running", "queued"))
        cls.cluster.json("backfill", "list")
        cls.cluster.stop()

    @classmethod
    def counts(cls, backfill):
        return cls.cluster.json("backfill", "get", backfill)["steps"]

    @classmethod
    def replay(cls, *args, check=True, store=None):
        p = subprocess.run([f"{BIN}/bfctl", "replay", store or cls.store, *args],
                           capture_output=True, text=True, errors="replace", check=False, timeout=60 * PATIENCE)
        if check and p.returncode:
            raise AssertionError(f"replay {args}: {p.returncode}: {p.stdout}{p.stderr}")
        return p

    def policy(self, text, check=True):
        path = os.path.join(self.folder, "policy.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        p = self.replay("--with", path, "-o", "json", check=check)
        return json.loads(p.stdout) if check else p

    def test_the_span_is_told(self):
        span = json.loads(self.replay("-o", "json").stdout)
        self.assertEqual(span["from_turn"], 0)
        self.assertEqual(span["first_turn"], 1)
        self.assertEqual(span["turns"], span["last_turn"])
        self.assertGreater(span["records"], 40)
        self.assertGreater(span["checkpoints"], 2)
        self.assertIn("turns ", self.replay().stdout)

    def test_a_moment_answers_as_it_did(self):
        for at in (str(self.turn), self.asked_at):
            for question, answer in zip(self.questions, self.answers):
                with self.subTest(at=at, question=question):
                    again = json.loads(self.replay("--at", at, *question, "-o", "json").stdout)
                    self.assertEqual(still(again), still(answer))

    def test_what_passes_with_time_is_of_the_moment(self):
        answer = self.answers[0]
        began = datetime.datetime.fromisoformat(answer["started_at"].replace("Z", "+00:00"))
        now = began + datetime.timedelta(milliseconds=answer["elapsed_ms"])
        again = json.loads(self.replay("--at", now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), *self.questions[0], "-o", "json").stdout)
        self.assertTrue(near(again, answer, answer["elapsed_ms"]), f"{again}\n{answer}")

    def test_moments_of_engine_time_are_of_the_clock_of_then(self):
        answer = self.answers[self.questions.index(("backfill", "get", "bf-1"))]
        for at in (str(self.turn), self.asked_at):
            again = json.loads(self.replay("--at", at, "backfill", "get", "bf-1", "-o", "json").stdout)
            self.assertLess(abs(seconds(again["timebox"]["ends_at"]) - seconds(answer["timebox"]["ends_at"])), 0.05, at)

    def test_words_are_of_the_moment(self):
        text = self.replay("--at", self.asked_at, "status", "@latest").stdout
        self.assertIn("bf-1 running", text)
        self.assertIn("4 running", text)
        self.assertIn("bf-1 partly succeeded: 18/24 done, 0 running", self.replay("status", "@latest").stdout)
        self.assertIn("no backfill", self.replay("--at", "1", "status", "@latest", check=False).stderr)

    def test_every_record_is_decided_again(self):
        self.assertEqual(self.live.returncode, 0, self.live.stdout + self.live.stderr)
        verdict = json.loads(self.replay("--verify", "-o", "json").stdout)
        span = json.loads(self.replay("-o", "json").stdout)
        self.assertEqual(verdict["differences"], 0)
        self.assertEqual([verdict[k] for k in ("turns", "inputs", "records")], [span[k] for k in ("turns", "inputs", "records")])
        self.assertEqual(verdict["states"], span["checkpoints"] + 1)

    def test_a_record_that_was_changed_is_found(self):
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(self.store, copy)
        self.addCleanup(shutil.rmtree, copy)
        turn = subprocess.run([TAMPER, copy], capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(subprocess.run([f"{BIN}/bfctl", "fsck", copy], capture_output=True, check=False).returncode, 0)
        p = self.replay("--verify", check=False, store=copy)
        self.assertEqual(p.returncode, 1)
        self.assertIn(f"turn {turn}, record", p.stdout)
        self.assertIn("granted flaky[2024-01-01] of bf-1", p.stdout)
        self.assertRegex(p.stdout, r"differs: agent: [23] there, [12] now")

    def test_other_words_are_no_other_decision(self):
        copy = os.path.join(self.folder, "words")
        shutil.copytree(self.store, copy)
        self.addCleanup(shutil.rmtree, copy)
        subprocess.run([TAMPER, copy, "words"], capture_output=True, check=True)
        verdict = json.loads(self.replay("--verify", "-o", "json", store=copy).stdout)
        span = json.loads(self.replay("-o", "json", store=copy).stdout)
        self.assertEqual([verdict[k] for k in ("turns", "records", "texts", "differences")], [span["turns"], span["records"] - 1, 1, 0])
        self.assertIn("1 answer or audit record says the same decision in other words", self.replay("--verify", store=copy).stdout)

    def test_a_journal_that_was_trimmed(self):
        copy = os.path.join(self.folder, "trimmed")
        shutil.copytree(self.store, copy)
        self.addCleanup(shutil.rmtree, copy)
        subprocess.run([TAMPER, copy, "15"], check=True)
        span = json.loads(self.replay("-o", "json", store=copy).stdout)
        self.assertGreaterEqual(span["from_turn"], 14)
        self.assertLess(span["from_turn"], self.turn)
        self.assertEqual(span["first_turn"], span["from_turn"] + 1)
        verdict = json.loads(self.replay("--verify", "-o", "json", store=copy).stdout)
        self.assertEqual([verdict[k] for k in ("turns", "records", "differences")], [span["turns"], span["records"], 0])
        first, before = str(span["from_turn"]), str(span["from_turn"] - 1)
        for at in (first, str(self.turn), str(span["last_turn"])):
            question = ("--at", at, "steps", "@latest", "-o", "json")
            self.assertEqual(json.loads(self.replay(*question, store=copy).stdout), json.loads(self.replay(*question).stdout))
        self.assertIn(f"replay reaches from turn {first}", self.replay("--at", before, "pools", store=copy, check=False).stderr)
        path = os.path.join(self.folder, "more.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("pools: {slow: {slots: 6}}")
        tried = json.loads(self.replay("--with", path, "-o", "json", store=copy).stdout)
        self.assertIn("granted", tried["first_difference"]["would"])
        self.assertEqual(tried["simulated"]["backfills"][0]["done"], 18)

    def test_a_journal_that_was_trimmed_to_nothing(self):
        """Older checkpoints are there, and nothing leads from them to the last one."""
        copy = os.path.join(self.folder, "emptied")
        shutil.copytree(self.store, copy)
        self.addCleanup(shutil.rmtree, copy)
        subprocess.run([TAMPER, copy, "1000000"], check=True)
        span = json.loads(self.replay("-o", "json", store=copy).stdout)
        last = span["from_turn"]
        self.assertGreater(last, 20)
        self.assertEqual([span[k] for k in ("turns", "checkpoints")], [0, 1])
        self.assertIn(f"what was after turn {last} can be looked at", self.replay(store=copy).stdout)
        question = ("--at", str(last), "steps", "@latest", "-o", "json")     # times pass: no turn is left that says what the clock showed
        states = [[(r["step"], r["partition"], r["state"], r["attempts"]) for r in json.loads(self.replay(*question, store=s).stdout)]
                  for s in (copy, self.store)]
        self.assertGreater(len(states[0]), 6)
        self.assertEqual(states[0], states[1])
        self.assertIn(f"replay reaches from turn {last} to turn {last}",
                      self.replay("--at", str(last - 1), "pools", store=copy, check=False).stderr)

    def test_damaged_stores_end_with_a_sentence(self):
        """Bytes that are others, pages of another time or of nothing, a file that was cut: no end by a signal, none without a word."""
        with open(os.path.join(self.store, "data.mdb"), "rb") as f:
            data = f.read()
        last = max(struct.unpack_from("<QQ", data, head + 136)[::-1] for head in (0, PAGE))[1]       # page of the newest transaction
        data = data[:(last + 1) * PAGE]          # behind it the file is grown ahead
        copy, rng = os.path.join(self.folder, "damaged"), random.Random(7)
        os.mkdir(copy)
        self.addCleanup(shutil.rmtree, copy)
        ends = collections.Counter()
        for number in range(DAMAGES):
            with open(os.path.join(copy, "data.mdb"), "wb") as f:
                f.write(damage(data, rng))
            args = (("--verify",), ("status", "@latest"), ("--at", str(self.turn), "steps", "@latest"), ("agents",), ())[number % 5]
            p = self.replay(*args, check=False, store=copy)
            ends[p.returncode] += 1
            self.assertIn(p.returncode, (0, 1, 2, 3), f"damage {number}: {args}: {p.stderr}")
            if p.returncode:
                self.assertIn("bfctl: ", p.stderr.replace("bfctl: as of", ""), f"damage {number}: {args}")
        self.assertGreater(ends[0], 0, "some damage is in what is not read")
        self.assertGreater(DAMAGES - ends[0], DAMAGES // 10, ends)

    def test_a_policy_that_changes_nothing(self):
        tried = self.policy("steps: {flaky: {retry: {max: 2}}}")
        self.assertIsNone(tried["first_difference"])
        self.assertEqual(tried["exact"]["turns"], json.loads(self.replay("-o", "json").stdout)["turns"])

    def test_fewer_attempts(self):
        tried = self.policy("plan: tries\nsteps: {flaky: {retry: {max: 1}}}")
        first = tried["first_difference"]
        self.assertIn("ended flaky[2024-01-01] of bf-1", first["then"])
        self.assertIn("verdict=retry", first["then"])
        self.assertIn("verdict=failed", first["would"])
        history, simulated = (tried[w]["backfills"][0] for w in ("history", "simulated"))
        self.assertEqual([history[k] for k in ("retries", "done", "failed")], [6, 18, 6])
        self.assertEqual([simulated[k] for k in ("state", "retries", "done", "failed", "upstream_failed")], ["failed", 0, 0, 6, 18])
        self.assertEqual(tried["assumed_attempts"], 0)

    def test_more_attempts_than_history_has(self):
        tried = self.policy("steps: {broken: {retry: {max: 3, backoff: {initial: 1s}}}}")
        better, worse = (tried[w]["backfills"][0] for w in ("simulated", "simulated_worse"))
        self.assertEqual(tried["assumed_attempts"], 6)
        self.assertEqual([better[k] for k in ("state", "retries", "done", "failed")], ["succeeded", 12, 24, 0])
        self.assertEqual([worse[k] for k in ("state", "retries", "done", "failed")], ["partly_succeeded", 18, 18, 6])

    def test_more_slots(self):
        tried = self.policy("pools: {lane: {slots: 3}}")
        self.assertIn("granted flaky[2024-01-02]", tried["first_difference"]["would"])
        history, simulated = (tried[w]["pools"][0] for w in ("history", "simulated"))
        self.assertEqual([history["slots"], history["peak"]], [1, 1])
        self.assertEqual([simulated["slots"], simulated["peak"]], [3, 3])
        self.assertEqual(tried["simulated"]["backfills"][0]["done"], 18)

    def test_another_class(self):
        tried = self.policy("steps: {broken: {priority: critical}}")
        self.assertIn("granted", tried["first_difference"]["would"])

    def test_what_is_refused(self):
        for text, status, words in (
                ("lease: {agent: 5s}", 2, "`lease` cannot be changed in a replay"),
                ("steps: {flaky: {timebox: {limit: 1s}}}", 2, "not supported yet"),
                ("steps: {flakey: {retry: {max: 2}}}", 2, "'flakey'"), ("retry: {max: 0}", 2, "max"), ("{}", 2, "changes nothing"),
                ("pools: {lane: {slots: -1}}", 2, "slots"), ("steps: [1]", 2, "map"),
                ("- : [", 2, "policy.yaml")):
            with self.subTest(text=text):
                p = self.policy(text, check=False)
                self.assertEqual(p.returncode, status, p.stderr)
                self.assertIn(words, p.stderr)
                self.assertEqual(p.stderr.splitlines()[0].count("error:"), 1, p.stderr)
        for args, words in ((("--at", "99999", "status", "@latest"), "replay reaches from turn 0"),
                            (("--at", "2001-01-01", "pools"), "before all"),
                            (("--at", "3"), "needs a command"), (("steps", "@latest", "-w"), "does not change"),
                            (("cancel", "@latest"), "would change something"),
                            (("pause", "@latest"), "would change something"), (("logs", "@latest"), "not supported yet"),
                            (("--verify", "--with", "x"), "one at a time"), (("-o", "json", "pools"), "behind the command")):
            with self.subTest(args=args):
                p = self.replay(*args, check=False)
                self.assertNotEqual(p.returncode, 0)
                self.assertIn(words, p.stderr)
        self.assertIn("there is no store", self.replay(check=False, store=self.folder).stderr)


if __name__ == "__main__":
    unittest.main()
