"""`do: test` and `do: init` of bf-sql: what bfctl warehouse tells, on real servers.

    test_bfsql_warehouse.py PATH_OF_BF_SQL [unittest options]
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bfsql
import servers


class Looks:
    def look(self, what, status, **over):
        ended = self.run_sql([], do=what, **over)
        self.assertEqual(ended.status, status, ended.stderr)
        self.assertEqual(len(ended.stderr.splitlines()), 1)
        findings = ended.result("warehouse")
        for finding in findings:
            self.assertEqual(sorted(finding), ["remedy", "status", "text", "topic"])
            self.assertIn(finding["status"], ("ok", "warning", "failed"))
            if finding["status"] == "failed":
                self.assertTrue(finding["remedy"], finding)
            for cell in finding.values():
                self.assertNotIn(servers.PASSWORD, cell)
        return findings

    @staticmethod
    def of(findings, topic):
        return [f for f in findings if f["topic"] == topic]


class Finds(Looks):
    def test_init_makes_the_fence_and_finds_everything(self):
        missing = self.look("test", 0)
        self.assertEqual([f["status"] for f in self.of(missing, "fence")], ["warning"], "the first step may make it")
        self.assertIn("bfctl warehouse init", self.of(missing, "fence")[0]["remedy"])
        for findings in (self.look("init", 0), self.look("init", 0), self.look("test", 0)):
            self.assertEqual({f["topic"] for f in findings},
                             {"driver", "connect", "server", "rights", "terminate", "fence", "transactions", "settings"})
            self.assertEqual({f["status"] for f in findings}, {"ok"}, findings)
        self.assertEqual(self.query("select count(*) from bf_fence"), [["0"]])
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD), 2)

    def test_two_inits_at_once(self):
        begun = [self.start(self.request([], n + 1, do="init")) for n in range(4)]
        for b in begun:
            ended = self.finish(b)
            self.assertEqual({f["status"] for f in ended.result("warehouse")}, {"ok"}, ended.stderr)
        self.assertEqual(self.query("select count(*) from bf_fence"), [["0"]])

    def test_a_table_that_is_no_fence(self):
        self.prepare("create table bf_fence (cluster integer)")
        fence = self.of(self.look("test", 1), "fence")
        self.assertEqual(fence[0]["status"], "failed")


class Servers(Looks):
    def test_what_keeps_it_from_connecting(self):
        wrong = self.odbc().replace(servers.braced(servers.PASSWORD), "wrong")
        closed = self.odbc().replace(str(self.server.port), "1")
        for odbc, topic, words in [(wrong, "connect", "password"), (closed, "connect", "reach"),
                                   ("Driver=nope;Server=x", "driver", "install")]:
            findings = self.look("test", 1, odbc=odbc)
            self.assertEqual(findings[-1]["topic"], topic)
            self.assertEqual(findings[-1]["status"], "failed")
            self.assertIn(words, findings[-1]["remedy"])

    def test_a_role_that_may_not_create(self):
        self.server.add_reader("reader")
        findings = self.look("test", 1, odbc=self.server.odbc(user="reader"))
        self.assertEqual(self.of(findings, "rights")[0]["status"], "warning")
        self.assertIn("grant", self.of(findings, "rights")[0]["remedy"])
        self.assertEqual(self.of(findings, "fence")[0]["status"], "failed")
        self.look("init", 0)
        findings = self.look("test", 1, odbc=self.server.odbc(user="reader"))
        self.assertIn("grant select, insert, update", self.of(findings, "fence")[0]["remedy"])

    def test_sessions_of_other_roles(self):
        remedy = self.of(self.look("init", 0), "terminate")[0]["remedy"]
        self.assertIn("loader", remedy)
        statement = remedy.split(": ", 1)[1]
        if self.kind == "mariadb":
            statement = statement.replace("loader@127.0.0.1", "loader@'127.0.0.1'")
        self.server.execute(statement)
        try:
            self.assertEqual(self.of(self.look("test", 0), "terminate")[0]["remedy"], "")
        finally:
            self.server.execute(statement.replace("grant", "revoke", 1).replace(" to ", " from "))


class Engines(Looks):
    def test_a_fence_without_transactions(self):
        self.look("init", 0)
        self.server.execute("alter table bf_fence engine=Aria")
        finding = self.of(self.look("test", 1), "transactions")[0]
        self.assertEqual((finding["status"], finding["remedy"]), ("failed", "alter table bf_fence engine=InnoDB"))
        self.server.execute(finding["remedy"])
        self.look("test", 0)


bfsql.on_all(globals(), Finds)
bfsql.on_all(globals(), Servers, kinds=("postgresql", "mariadb"))
bfsql.on_all(globals(), Engines, kinds=("mariadb",))
del Looks, Finds, Servers, Engines

if __name__ == "__main__":
    bfsql.main(__doc__)
