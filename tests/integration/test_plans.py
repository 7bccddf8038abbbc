"""plan show, graph, diff and history: from files, and from backfills of a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_plans.py [unittest options]
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster  # pylint: disable=wrong-import-position

ZONES = os.path.exists("/usr/share/zoneinfo/Europe/Berlin")
HEAD = "apiVersion: backfill/v1\nkind: Plan\n"
PLAN = HEAD + """name: orders
description: Rebuild order facts.
owner: analytics
owners: {analytics: {contact: "#analytics"}}
partitions: {grain: day, from: 2024-03-01, to: 2024-10-31, timezone: UTC}
connections: {warehouse: {odbc: "Driver=none;PWD=hunter2"}}
pools: {warehouse: {slots: 12}}
params: {ledger: main}
datasets:
  raw.orders: {external: true, connection: warehouse}
  stg.orders: {connection: warehouse}
  mart.revenue: {connection: warehouse}
  ref.fx: {connection: warehouse}
exposures: {dashboard: {reads: [mart.revenue], deadline: "2024-12-01T06:00"}}
steps:
  stg_orders:
    inputs: [raw.orders]
    outputs: [stg.orders]
    pool: warehouse
    tags: [finance]
    weight: 3
    sql:
      connection: warehouse
      transaction: true
      text: |
        delete from stg.orders where d = {{ partition.date }};
        insert into stg.orders
        select a, b
        from raw.orders
        where d = {{ partition.date }};
  fx_rates:
    outputs: [ref.fx]
    partitions: {grain: month}
    run: [load_fx, "{{ partition.month }}", "{{ params.ledger }}"]
  revenue:
    inputs: [stg.orders, ref.fx, mart.revenue]
    outputs: [mart.revenue]
    why: finance closes on this table
    needs: [{stg_orders: window -6..0}, {fx_rates: containing}, {revenue: previous 1, outside: require_success}]
    run: [compute]
  report: {noop: true, partitions: {grain: none}, needs: [{revenue: all}]}
"""
RUNS = HEAD + """name: daily
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
params: {ledger: main}
steps:
  load: {run: [echo, "{{ params.ledger }}"]}
  sum: {run: ["true"], needs: [load]}
"""


class Base(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="plans-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BF")}
        self.env["HOME"] = self.folder

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        return path

    def bfctl(self, *args, status=0, stdin=""):
        done = subprocess.run([f"{BIN}/bfctl", *args], env=self.env, input=stdin,
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
                              cwd=self.folder)
        self.assertEqual(done.returncode, status, f"bfctl {' '.join(args)}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *args):
        return json.loads(self.bfctl(*args, "-o", "json").stdout)

    def differences(self, old, new, status=1):
        """The items that differ, "section/name" -> item, and the whole document."""
        old, new = self.write("old.yaml", old), self.write("new.yaml", new)
        text = self.bfctl("plan", "diff", old, new, "--detailed-exitcode", status=status).stdout
        document = self.json("plan", "diff", old, new)
        self.assertEqual(document["equal"], status == 0)
        self.assertEqual(document["equal"], document["old"]["hash"] == document["new"]["hash"])
        return {f"{c['section']}/{c['name']}": c for c in document["changes"]}, document, text


class ShowTest(Base):
    def test_text(self):
        out = self.bfctl("plan", "show", self.write("p.yaml", PLAN)).stdout
        for line in (r"plan +orders", r"hash +[0-9a-f]{12}", r"owner +analytics", r"day +2024-03-01 to 2024-10-31 \(both inclusive, UTC\)",
                     r"partitions +245 days, 8 months", r"pool +warehouse: 12 slots", r"param +ledger=main", r"steps +4, 499 instances",
                     r"stg_orders +sql +day +245 +warehouse +normal +3 +[0-9a-f]{12} +-",
                     r"revenue +run +day +245 .*stg_orders window -6\.\.0, fx_rates containing, revenue previous 1",
                     r"  revenue needs stg_orders window -6\.\.0: 2024-02-24 to 2024-02-29 \(6\), taken as done \(assume\)",
                     r"  revenue needs revenue previous 1: 2024-02-29, must have succeeded before \(require_success\)",
                     r"raw\.orders +\(external\) +stg_orders +warehouse", r"mart\.revenue +revenue +revenue +warehouse",
                     r"  dashboard reads mart\.revenue; deadline 2024-12-01T06:00", r"  step revenue  why: finance closes on this table",
                     r"  owner analytics  contact: #analytics"):
            self.assertRegex(out, rf"(?m)^{line}$")
        self.assertNotIn("clock", out)
        self.assertNotIn("hunter2", out)
        self.assertEqual(self.bfctl("plan", "show", "-", "-o", "name", stdin=PLAN).stdout.split(),
                         ["stg_orders", "fx_rates", "revenue", "report"])

    def test_json(self):
        shown = self.json("plan", "show", self.write("p.yaml", PLAN))
        self.assertEqual((shown["instances"], shown["partitions"]["counts"]), (499, {"day": 245, "month": 8}))
        self.assertEqual((shown["partitions"]["from_at"], shown["partitions"]["until_at"]),
                         ("2024-03-01T00:00:00.000000Z", "2024-11-01T00:00:00.000000Z"))
        steps = {s["name"]: s for s in shown["steps"]}
        self.assertEqual([(n["step"], n["mapping"], n["outside"], n["outside_partitions"]) for n in steps["revenue"]["needs"]],
                         [("stg_orders", "window -6..0", "assume", {"n": 6, "first": "2024-02-24", "last": "2024-02-29"}),
                          ("fx_rates", "containing", "assume", None),
                          ("revenue", "previous 1", "require_success", {"n": 1, "first": "2024-02-29", "last": "2024-02-29"})])
        self.assertEqual((steps["fx_rates"]["first"], steps["fx_rates"]["last"], steps["report"]["first"]), ("2024-03", "2024-10", None))
        self.assertTrue(all(re.fullmatch("[0-9a-f]{64}", s["hash"]) for s in shown["steps"]))
        data = {d["name"]: (d["writer"], d["readers"]) for d in shown["datasets"]}
        self.assertEqual(data["stg.orders"], ("stg_orders", ["revenue"]))
        self.assertEqual(data["raw.orders"], (None, ["stg_orders"]))

    @unittest.skipUnless(ZONES, "no time zone database")
    def test_clock_changes(self):
        path = self.write("p.yaml", PLAN.replace("timezone: UTC", "timezone: Europe/Berlin"))
        out = self.bfctl("plan", "show", path).stdout
        self.assertIn("  2024-03-31 has 23 hours (clock forwards by 60 min)\n  2024-10-27 has 25 hours (clock back by 60 min)\n", out)
        days = [(c["day"], c["day_s"]) for c in self.json("plan", "show", path)["partitions"]["clock_changes"]]
        self.assertEqual(days, [("2024-03-31", 23 * 3600), ("2024-10-27", 25 * 3600)])

    def test_selectors(self):
        path = self.write("p.yaml", PLAN)
        self.assertEqual(self.bfctl("plan", "show", path, "tag:finance", "-o", "name").stdout, "stg_orders\n")
        out = self.bfctl("plan", "show", path, "fx_rates[2024-03]").stdout
        self.assertRegex(out, r"steps +1 of 4 picked, 1 of 499 instances")
        self.assertRegex(out, r"fx_rates +run +month +1 of 8")
        self.assertNotIn("stg.orders", out)
        self.bfctl("plan", "show", path, "nothing", status=2)

    def test_refused(self):
        bad = self.write("bad.yaml", PLAN.replace("noop: true", "nop: true"))
        for command in (("show", bad), ("graph", bad), ("diff", bad, bad)):
            self.assertRegex(self.bfctl("plan", *command, status=2).stderr, r"(?m)^/.*/bad\.yaml:\d+:\d+: error: ")
        self.assertIn("text", self.bfctl("plan", "show", bad, "-o", "dot", status=2).stderr)
        self.bfctl("plan", "show", "none.yaml", status=2)
        self.bfctl("plan", "show", "@newest", status=2)
        self.bfctl("plan", "diff", "-", "-", status=2)
        self.assertIn("--config", self.bfctl("plan", "show", "bf-1", status=2).stderr)


class FilesTest(Base):
    """What a plan may make bfctl read: files beside it or below, that have an end."""
    SQL = HEAD + "name: p\nconnections: {w: {odbc: x}}\nsteps: {a: {sql: {connection: w, transaction: true, file: q.sql}}}\n"

    def test_links(self):
        plans, other = os.path.join(self.folder, "plans"), self.write("secret", "select 1")
        os.mkdir(plans)
        path, sql = self.write("plans/p.yaml", self.SQL), os.path.join(plans, "q.sql")
        os.symlink(other, sql)
        self.assertIn("links that lead out of it", self.bfctl("plan", "validate", path, status=2).stderr)
        os.remove(sql)
        self.write("plans/here", "select 1")
        os.symlink("here", sql)
        self.bfctl("plan", "validate", path)

    def test_pipe(self):
        os.mkfifo(os.path.join(self.folder, "q.sql"))
        self.assertIn("pipes and devices are not read", self.bfctl("plan", "validate", self.write("p.yaml", self.SQL), status=2).stderr)


class TerminalTest(Base):
    def test_no_control_characters(self):
        """Those beyond ASCII too: U+009B begins a terminal's commands as ESC [ does, U+202E turns what follows around."""
        evil = "\\e[2J\\x9b2J\\u202e\\u2028\\a"
        old, new = (self.write(name, HEAD + f'name: p\ndescription: "{word}{evil}"\nsteps: {{a: {{run: ["{word}{evil}"]}}}}\n')
                    for name, word in (("old.yaml", "x"), ("new.yaml", "y")))
        for command in (("show", old), ("diff", old, new)):
            out = self.bfctl("plan", *command).stdout
            self.assertIn("\\u202e", out)
            self.assertNotRegex(out, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]")


class GraphTest(Base):
    def test_text(self):
        out = self.bfctl("plan", "graph", self.write("p.yaml", PLAN)).stdout.splitlines()
        self.assertEqual(out[0], "orders: 4 steps, 4 edges, 3 levels")
        self.assertEqual([" ".join(line.split()) for line in out[3:]],
                         ["1 stg_orders", "fx_rates", "2 revenue <- stg_orders window -6..0, fx_rates containing, itself previous 1",
                          "3 report <- revenue all"])

    def test_large(self):
        """300 steps: a line each, and lists that stay short."""
        steps = "".join(f"  s{i:03}: {{noop: true, needs: [{', '.join(f's{k:03}' for k in range(max(0, i - 40), i))}]}}\n" for i in range(300))
        path = self.write("p.yaml", HEAD + "name: large\nsteps:\n" + steps)
        out = self.bfctl("plan", "graph", path).stdout.splitlines()
        self.assertEqual(len(out), 303)
        self.assertLess(max(map(len, out)), 160)
        self.assertIn("and 32 more", out[-1])
        self.assertEqual(len(self.json("plan", "graph", path)["edges"]), 40 * 300 - 40 * 41 // 2)

    def check_dot(self, text):
        lines = text.splitlines()
        self.assertRegex(lines[0], r'^digraph "[^"]*" \{$')
        self.assertEqual(lines[-1], "}")
        for line in lines[4:-1]:
            self.assertRegex(line, r'^  [sde]\d+( -> [sde]\d+)? \[(shape=\w+, )?label="([^"\\]|\\.)*"(, style=\w+)?\];$')
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tsvg"], input=text, text=True, check=True, capture_output=True, timeout=60)

    def test_formats(self):
        path = self.write("p.yaml", PLAN)
        for more in ((), ("--datasets",)):
            self.check_dot(self.bfctl("plan", "graph", path, "-o", "dot", *more).stdout)
            mermaid = self.bfctl("plan", "graph", path, "-o", "mermaid", *more).stdout.splitlines()
            self.assertEqual(mermaid[0], "flowchart LR")
            for line in mermaid[1:]:
                self.assertRegex(line,
                                 r'^  ([sde]\d+(\["[^"]+"\]|\[\("[^"]+"\)\]|\{\{"[^"]+"\}\})|[sde]\d+ -\.?->?(\|"[^"]+"\|)? [sde]\d+)$')

    def test_datasets(self):
        path = self.write("p.yaml", PLAN)
        graph = self.json("plan", "graph", path, "--datasets")
        edges = {(e["from"], e["to"]): (e["kind"], e["mapping"]) for e in graph["edges"]}
        self.assertEqual(edges[("step:stg_orders", "dataset:stg.orders")], ("writes", None))
        self.assertEqual(edges[("dataset:stg.orders", "step:revenue")], ("reads", "window -6..0"))
        self.assertEqual(edges[("dataset:mart.revenue", "exposure:dashboard")], ("reads", None))
        self.assertEqual(edges[("step:revenue", "step:report")], ("needs", "all"))
        self.assertNotIn(("step:stg_orders", "step:revenue"), edges)
        plain = self.json("plan", "graph", path)
        self.assertEqual([e["mapping"] for e in plain["edges"]], ["window -6..0", "containing", "previous 1", "all"])
        self.assertIn("reads mart.revenue", self.bfctl("plan", "graph", path, "--datasets").stdout)

    def test_selectors(self):
        graph = self.json("plan", "graph", self.write("p.yaml", PLAN), "revenue+")
        self.assertEqual([n["name"] for n in graph["nodes"]], ["revenue", "report"])
        self.assertEqual([(e["from"], e["to"]) for e in graph["edges"]],
                         [("step:revenue", "step:revenue"), ("step:revenue", "step:report")])


class DiffTest(Base):
    def test_equal(self):
        again = "# a comment\n" + PLAN.replace("{slots: 12}", "{slots:   12}").replace("{{ params.ledger }}", "{{params.ledger}}")
        _, _, text = self.differences(PLAN, again, status=0)
        self.assertIn("no differences", text)
        path = self.write("p.yaml", PLAN)
        self.assertIn("no differences", self.bfctl("plan", "diff", "-", path, stdin=PLAN).stdout)

    def test_steps(self):
        new = (PLAN.replace("select a, b", "select a, b, c").replace("finance closes on this table", "because").replace("report:",
                                                                                                                        "summary:")
               .replace("run: [compute]",
                        "run: [compute, fast]") + "  last: {noop: true, needs: [{summary: same}], partitions: {grain: none}}\n")
        items, document, text = self.differences(PLAN, new)
        self.assertEqual(sorted(items), ["steps/last", "steps/revenue", "steps/stg_orders", "steps/summary"])
        self.assertEqual((items["steps/summary"]["change"], items["steps/summary"]["old_name"]), ("renamed", "report"))
        self.assertEqual(items["steps/last"]["change"], "added")
        self.assertEqual({p["path"] for p in items["steps/revenue"]["pairs"]}, {"steps.revenue.run", "steps.revenue.why"})
        self.assertEqual(document["steps"], {"added": 1, "removed": 0, "changed": 2, "renamed": 1, "hash_changed": 3, "downstream": 0})
        self.assertIn("          - select a, b\n          + select a, b, c\n", text)
        self.assertIn("  > report -> summary  renamed\n", text)
        self.assertIn("      ~ why: finance closes on this table -> because\n", text)

    def test_words_only(self):
        items, document, text = self.differences(PLAN, PLAN.replace("finance closes on this table", "because"))
        self.assertEqual(list(items), ["steps/revenue"])
        self.assertTrue(items["steps/revenue"]["words_only"])
        self.assertEqual(document["steps"]["hash_changed"], 0)
        self.assertIn("  ~ revenue  words only\n", text)

    def test_downstream(self):
        _, document, _ = self.differences(PLAN, PLAN.replace("select a, b", "select a"))
        self.assertEqual((document["steps"]["hash_changed"], document["steps"]["downstream"]), (1, 2))

    def test_sections(self):
        new = (PLAN.replace("slots: 12", "slots: 20").replace("to: 2024-10-31", "to: 2024-11-30").replace("PWD=hunter2", "PWD=hunter3")
               .replace("ledger: main", "ledger: test").replace("T06:00", "T07:00").replace("  ref.fx: {connection: warehouse}",
                                                                                            "  ref.fx: {}")
               .replace('"#analytics"', '"#data"').replace("Rebuild order facts", "Rebuild"))
        items, _, text = self.differences(PLAN, new)
        self.assertEqual(sorted(items),
                         ["connections/warehouse", "datasets/ref.fx", "exposures/dashboard", "owners/analytics", "params/ledger",
                                         "partitions/", "plan/", "pools/warehouse", "steps/fx_rates"])
        self.assertNotIn("hunter", text)
        self.assertNotIn("hunter", json.dumps(items))
        self.assertIn("  ~ to: 2024-10-31 -> 2024-11-30\n", text)

    def test_exit_status(self):
        old, new = self.write("old.yaml", PLAN), self.write("new.yaml", PLAN.replace("slots: 12", "slots: 13"))
        self.bfctl("plan", "diff", old, new)
        self.bfctl("plan", "diff", old, new, "--detailed-exitcode", status=1)
        self.bfctl("plan", "diff", old, self.write("bad.yaml", "a: b\n"), "--detailed-exitcode", status=2)


class ClusterTest(Base):
    @classmethod
    def setUpClass(cls):
        cls.shop = tempfile.mkdtemp(prefix="plans-")
        cls.addClassCleanup(shutil.rmtree, cls.shop)
        cls.cluster = Cluster(os.path.join(cls.shop, "c"), agents=1, slots=4)
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        super().setUp()
        self.env["BFCTL_CONFIG"] = self.cluster.env["BFCTL_CONFIG"]

    def test_versions(self):
        """A backfill keeps its version although the file changes; a restart of the coordinator does not change that."""
        path = self.write("p.yaml", RUNS)
        first = self.cluster.create(path, "--reason", "first try")
        second = self.cluster.create(path, "--from", "2024-01-02", "--param", "ledger=test", "--reason", "again")
        self.write("p.yaml", RUNS.replace('"true"', "echo, hi") + "  last: {noop: true}\n")
        self.bfctl("plan", "diff", second, path, "--detailed-exitcode", status=1)
        self.assertIn("--from 2024-01-02 --param ledger=test", self.bfctl("plan", "diff", first, second, "--detailed-exitcode").stderr)
        third = self.cluster.create(path, "--from", "2024-01-02", "--reason", "say hi")
        self.write("p.yaml", "no plan any more")
        self.cluster.ctl("wait", third)
        self.cluster.restart("coordinator")
        changes = self.json("plan", "diff", first, third)["changes"]
        self.assertEqual([(c["name"], c["change"]) for c in changes], [("last", "added"), ("sum", "changed")])
        self.assertRegex(self.bfctl("plan", "show", second).stdout, r"(?m)^day +2024-01-02 to 2024-01-03 ")
        self.assertEqual(self.json("plan", "show", second)["params"], {"ledger": "test"})
        rows = self.json("plan", "history", "daily")
        self.assertEqual([(r["version"], r["backfills"], r["n_backfills"], r["by"], r["reason"]) for r in rows],
                         [(2, [third], 1, "admin", "say hi"), (1, [second, first], 2, "admin", "first try")])
        self.assertEqual([r["steps"] for r in rows], [{"total": 3, "added": 1, "removed": 0, "changed": 1},
                                                      {"total": 2, "added": None, "removed": None, "changed": None}])
        hashes = [self.json("plan", "diff", first, third)[side]["hash"] for side in ("new", "old")]
        self.assertEqual([r["hash"] for r in rows], hashes)
        self.assertRegex(self.bfctl("plan", "history", "daily").stdout, r"(?m)^ +2  [0-9a-f]{12}  .*\+1 -0 ~1 +admin +say hi$")

    def test_a_large_plan_comes_in_pages(self):
        sql = "".join(f"-- line {i} of many, so that the source takes more than two pages\n" for i in range(6000))
        steps = ""
        for i in range(4):
            self.write(f"large{i}.sql", f"{sql}select {i};\n")
            steps += f"  s{i}: {{sql: {{connection: w, transaction: true, file: large{i}.sql}}}}\n"
        path = self.write("large.yaml", HEAD + "name: large\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-02}\n"
                          "connections: {w: {odbc: none}}\nsteps:\n" + steps)
        self.assertGreater(4 * len(sql), 3 << 19)
        backfill = self.cluster.create(path)
        self.cluster.ctl("cancel", backfill, "--yes")
        self.bfctl("plan", "diff", backfill, path, "--detailed-exitcode")
        self.write("large3.sql", sql + "select 30;\n")
        self.assertIn("+ select 30;", self.bfctl("plan", "diff", backfill, path, "--detailed-exitcode", status=1).stdout)

    def test_refused(self):
        self.assertIn("no backfill ran a plan", self.bfctl("plan", "history", "nobody", status=2).stderr)
        self.bfctl("plan", "show", "bf-999", status=2)


if __name__ == "__main__":
    unittest.main()
