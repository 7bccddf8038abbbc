"""Searching and following the logs of a backfill, on a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_logs.py [unittest options]
"""
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

# load writes ten lines a day, and the third day fails for its first attempt; odd says what is no text; late waits for a file, hold too
# and without a word.
LOAD = ('for i in 0 1 2 3 4 5 6 7 8 9; do echo "row $i of $BF_PARTITION_KEY rows=$((i * 1000))"; done; '
        'echo "warning on $BF_PARTITION_KEY" >&2; '
        'if [ $BF_PARTITION_KEY = 2024-01-03 ] && [ ! -e DIR/second ]; then echo "Out Of Memory"; touch DIR/second; exit 75; fi')
ODD = r"printf 'bad \377 byte\033[31m\n'; head -c 100000 /dev/zero | tr '\0' x; printf '\nno end'"
LATE = ('echo begins $BF_PARTITION_KEY; until [ -e DIR/go-$BF_PARTITION_KEY ]; do sleep 0.02; done; '
        'printf "half "; echo "ends $BF_PARTITION_KEY"')
HOLD = "until [ -e DIR/go-waits ]; do sleep 0.02; done"
PLAN = """apiVersion: backfill/v1
kind: Plan
name: talkers
partitions: {grain: day, from: 2024-01-01, to: 2024-01-04}
defaults:
  retry: {max: 3, backoff: {initial: 10ms, max: 10ms}}
steps:
  load: {run: [sh, -c, LOAD]}
  odd: {run: [sh, -c, ODD], partitions: {grain: none}, needs: [{load: all}]}
"""
FOLLOWED = """apiVersion: backfill/v1
kind: Plan
name: followed
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
steps:
  late: {run: [sh, -c, LATE]}
"""
SILENT = """apiVersion: backfill/v1
kind: Plan
name: silent
steps: {none: {run: ["true"]}}
"""
WAITING = """apiVersion: backfill/v1
kind: Plan
name: waiting
steps: {waits: {run: [sh, -c, HOLD]}}
"""


class LogsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="logs-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=2)
        cls.addClassCleanup(cls.cluster.stop)
        cls.backfill = cls.cluster.create(cls.plan("talkers", PLAN))
        cls.cluster.ctl("wait", cls.backfill)
        cls.expect = [f"row {i} of 2024-01-0{day} rows={i * 1000}" for day in (1, 2, 3, 4) for i in range(10)]
        wait_until("all lines", lambda: cls.count("--grep", "row ") == 40 and "no end" in cls.logs("odd").stdout)

    @classmethod
    def plan(cls, name, text):
        path = os.path.join(cls.folder, f"{name}.yaml")
        for word, command in (("LOAD", LOAD), ("ODD", ODD), ("LATE", LATE), ("HOLD", HOLD)):
            text = text.replace(word, json.dumps(command.replace("DIR", cls.folder)))
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    @classmethod
    def logs(cls, *words, check=True):
        return cls.cluster.ctl("logs", cls.backfill, *words, check=check)

    @classmethod
    def count(cls, *words):
        return int(cls.logs(*words, "--count").stdout)

    def found(self, *words):
        return [json.loads(line) for line in self.logs(*words, "-o", "json").stdout.splitlines()]

    def refused(self, status, *words):
        done = self.logs(*words, check=False)
        self.assertEqual(done.returncode, status, done)
        return done.stderr

    def test_a_text_is_found_over_the_whole_backfill_and_said_where(self):
        lines = self.found("--grep", "row 7")
        self.assertEqual(sorted(line["text"] for line in lines), [self.expect[i] for i in (7, 17, 27, 37)])
        self.assertEqual(lines, sorted(lines, key=lambda line: line["at"]))
        self.assertEqual({(line["step"], line["partition"], line["stream"]) for line in lines},
                         {("load", f"2024-01-0{day}", "stdout") for day in (1, 2, 3, 4)})
        rows = {row["attempt"]: row for row in self.cluster.json("steps", self.backfill)}
        for line in lines:
            self.assertEqual(line["agent"], rows[line["attempt"]]["agent"])
        shown = self.logs("--grep", "row 7 of 2024-01-02").stdout
        self.assertRegex(shown, r"^load\[2024-01-02\] a-\d+ \| row 7 of 2024-01-02 rows=7000\n$")

    def test_attempts_that_failed_are_searched_when_asked_for(self):
        newest = self.logs("--grep", "Out Of Memory")
        self.assertEqual(newest.stdout, "")
        self.assertIn("1 earlier attempt was not looked at", newest.stderr)
        lines = self.found("--grep", "out of memory", "-i", "--all-attempts")
        self.assertEqual([(line["partition"], line["attempt_no"], line["run"]) for line in lines], [("2024-01-03", 1, 1)])
        self.assertEqual(self.count("--grep", "Memory", "--attempt", lines[0]["attempt"]), 1)

    def test_expressions_streams_agents_and_times(self):
        self.assertEqual(self.count("--regex", r"^row [57] .*rows=\d{4}$"), 8)
        self.assertEqual(self.count("load[2024-01-02..2024-01-03]", "--regex", "(?:ROW) 1", "-i"), 2)
        self.assertEqual(self.count("--stream", "stderr"), 4)
        self.assertEqual(self.count("--grep", "row", "--stream", "stderr"), 0)
        by_agent = [self.count("--grep", "row ", "--agent", f"agent-{n}") for n in (1, 2)]
        self.assertEqual(sum(by_agent), 40)
        lines = self.found("--grep", "row ")
        self.assertEqual(self.count("--grep", "row ", "--until", lines[0]["at"]), 0)
        self.assertEqual(self.count("--grep", "row ", "--since", lines[0]["at"]), 40)
        later = sorted({line["at"] for line in lines})[-1]
        self.assertEqual(self.count("--grep", "row ", "--until", later), sum(line["at"] < later for line in lines))
        self.assertEqual(self.count("--since", (datetime.datetime.utcnow() + datetime.timedelta(days=1)).strftime("%Y-%m-%d")), 0)
        self.assertIn("not valid at character 4: missing", self.refused(2, "--regex", "a(b"))
        self.assertIn("too long on", self.logs("odd", "--regex", "(x+x+)+[yz]").stderr)
        self.assertIn('no agent "nobody"', self.refused(2, "--agent", "nobody"))

    def test_context_tail_limit_and_pages(self):
        shown = self.logs("load[2024-01-01]", "--grep", "row 5", "-B", "1", "-A", "2").stdout
        self.assertEqual(shown, "".join(f"{line}\n" for line in self.expect[4:8]))
        groups = self.logs("load[2024-01-01]", "--regex", "row [159] ", "-C", "1").stdout.splitlines()
        self.assertEqual(groups[:7], self.expect[0:3] + ["--"] + self.expect[4:7])
        self.assertEqual(self.logs("load[2024-01-01]", "--stream", "stdout", "--tail", "3").stdout.splitlines(), self.expect[7:10])
        self.assertEqual(self.logs("load[2024-01-01]", "--limit", "2", "--stream", "stdout").stdout.splitlines(), self.expect[0:2])
        in_order = [line["text"] for line in self.found("load[2024-01-02]", "--stream", "stdout", "--all-attempts")]
        self.assertEqual(in_order, self.expect[10:20])
        self.assertIn("not supported yet", self.refused(2, "--grep", "x", "-C", "1", "--tail", "2"))

    def test_what_is_no_text_is_shown_safely_and_long_lines_are_cut(self):
        lines = self.found("odd")
        self.assertEqual(lines[0]["text"], "bad � byte\x1b[31m")
        self.assertEqual(len(lines[1]["text"]), 16384)
        self.assertEqual(sum(len(line["text"]) + line.get("more_bytes", 0) for line in lines[1:-1]), 100000)
        self.assertEqual(lines[-1]["text"], "no end")

    def test_a_whole_backfill_is_followed_through_a_restart(self):
        backfill = self.cluster.create(self.plan("followed", FOLLOWED))
        out = os.path.join(self.folder, "followed.txt")
        command = [f"{BIN}/bfctl", "logs", backfill, "-f"]
        quiet = subprocess.DEVNULL
        with open(out, "w", encoding="utf-8") as f, subprocess.Popen(command, env=self.cluster.env, stdout=f, stderr=quiet) as follower:
            def seen():
                with open(out, encoding="utf-8") as text:
                    return sorted(line.split(" | ")[1] for line in text.read().splitlines())
            wait_until("both to begin", lambda: seen() == ["begins 2024-01-01", "begins 2024-01-02"])
            self.go("2024-01-01")
            wait_until("the first to end", lambda: "half ends 2024-01-01" in seen())
            self.assertTrue(self.cluster.kill("coordinator"))
            wait_until("the coordinator to be gone", lambda: self.cluster.pid("coordinator") is None)
            self.cluster.restart("coordinator")
            self.go("2024-01-02")
            self.assertEqual(follower.wait(60 * PATIENCE), 0)
            self.assertEqual(seen(), ["begins 2024-01-01", "begins 2024-01-02", "half ends 2024-01-01", "half ends 2024-01-02"])
        self.assertEqual(self.cluster.ctl("logs", backfill, "--grep", "ends", "--count").stdout, "2\n")

    def test_that_there_is_no_log_is_said(self):
        """Nothing on standard output, and not without a word: of what ended, of what runs, and of an attempt that there never was."""
        backfill = self.cluster.create(self.plan("silent", SILENT))
        self.cluster.ctl("wait", backfill, "--timeout", "60s")
        for words in (("none",), ("none", "--attempt", "a-99999")):
            said = self.cluster.ctl("logs", backfill, *words)
            self.assertEqual((said.stdout, said.stderr), ("", "bfctl: nothing was written that is still kept\n"), words)
        backfill = self.cluster.create(self.plan("waiting", WAITING))
        wait_until("it to run", lambda: self.cluster.json("steps", backfill)[0]["state"] == "running")
        said = self.cluster.ctl("logs", backfill, "waits")
        self.go("waits")
        self.assertEqual((said.stdout, said.stderr), ("", "bfctl: nothing was written yet\n"))
        self.cluster.ctl("wait", backfill, "--timeout", "60s")
        self.assertEqual(self.logs("load[2024-01-01]").stderr, "")

    def go(self, day):
        with open(os.path.join(self.folder, f"go-{day}"), "w", encoding="utf-8"):
            pass


if __name__ == "__main__":
    unittest.main()
