"""Alerts, metrics and health pages on a private cluster: who is told what, once; what does not disturb it; what a mistake in the settings says.

    BF_BIN=FOLDER_OF_PROGRAMS test_alerts.py [unittest options]
"""
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "../..")
sys.path.insert(0, os.path.join(HERE, "../support"))
import prometheus  # pylint: disable=wrong-import-position
from cluster import BIN, Cluster, free_ports, wait_until  # pylint: disable=wrong-import-position

PLAN = """apiVersion: backfill/v1
kind: Plan
name: shop
owner: analytics
owners: {analytics: {contact: "#oncall", playbook: docs/playbooks/shop.md}}
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
steps:
  load: {run: [sh, -c, "test -e DIR/mended || { echo no such table >&2; exit 127; }"]}
  sum: {noop: true, needs: [{load: same}]}
"""
SECRET = b"a secret of the test"


class Receiver:
    """A web server that keeps what is posted to it, and answers as `status` says."""

    def __init__(self):
        self.got, self.status = [], 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self, path="/hook"):
        return [json.loads(body) for at, _, body in list(self.got) if at == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="alerts-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        self.port = free_ports(1)
        self.plan = os.path.join(self.folder, "plan.yaml")
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("DIR", self.folder))
        with open(os.path.join(self.folder, "secret"), "wb") as f:
            f.write(SECRET + b"\n")

    def start(self, alerts="", more=(), **options):
        settings = [("http_listen", f"127.0.0.1:{self.port}"), *more]
        if alerts:
            settings.append(("alerts", alerts))
        cluster = Cluster(os.path.join(self.folder, "c"), agents=1, settings=settings, **options)
        self.addCleanup(cluster.stop)
        return cluster

    def get(self, path, timeout=20):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode()

    def status(self, path, method="GET", data=None):
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=data)
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    def metrics(self):
        return prometheus.parse(self.get("/metrics")[2])


class AlertsTest(Case):
    def check_signature(self, headers, body):
        m = re.match(r"t=(\d+),v1=([0-9a-f]{64})\Z", headers["X-BF-Signature"])
        self.assertIsNotNone(m)
        self.assertEqual(m[2], hmac.new(SECRET, m[1].encode() + b"." + body, hashlib.sha256).hexdigest())

    def check_told(self, event):
        alert = event["alert"]
        self.assertEqual((event["event"], alert["kind"], alert["severity"], alert["count"]), ("firing", "step_failing", "critical", 3))
        self.assertEqual((alert["owner"], alert["contact"], alert["playbook"]), ("analytics", "#oncall", "docs/playbooks/shop.md"))
        self.assertEqual(alert["downstream"]["held"], 3)
        self.assertIn("bfctl retry", alert["todo"])

    def test_one_cause_is_told_once_and_a_restart_does_not_repeat_it(self):
        cluster = self.start(f"{{webhook: {self.receiver.url}/hook, webhook_secret: 'file:{self.folder}/secret', "
                             f"alertmanager: {self.receiver.url}/api/v2/alerts}}")
        backfill = cluster.create(self.plan)
        wait_until("the webhook", self.receiver.events)
        _, headers, body = next(g for g in self.receiver.got if g[0] == "/hook")
        self.check_signature(headers, body)
        self.check_told(self.receiver.events()[0])
        manager = wait_until("the Alertmanager", lambda: self.receiver.events("/api/v2/alerts"))[0][0]
        self.assertEqual((manager["labels"]["alertname"], manager["labels"]["plan"]), ("step_failing", "shop"))
        self.assertLess(manager["startsAt"], manager["endsAt"])

        rows = cluster.json("alerts")
        self.assertEqual([r["state"] for r in rows], ["firing"])
        self.assertEqual(len(cluster.json("alerts", "--all")), 2, "the end of the backfill follows from it")
        self.assertEqual(cluster.json("alerts", "--owner", "nobody"), [])
        said = cluster.ctl("alerts", "ack", rows[0]["id"], "--reason", "mine").stdout
        self.assertIn("is acknowledged", said)
        self.assertEqual(cluster.ctl("alerts", "ack", "al-77", check=False).returncode, 2)

        cluster.kill("coordinator")
        cluster.restart("coordinator")
        again = wait_until("the alerts after a restart", lambda: cluster.json("alerts"))
        self.assertEqual((again[0]["id"], again[0]["acked_reason"]), (rows[0]["id"], "mine"))
        self.assertEqual(cluster.json("audit", "--what", "alerts ack")[0]["record"]["reason"], "mine")

        open(os.path.join(self.folder, "mended"), "w", encoding="utf-8").close()
        cluster.ctl("retry", backfill)
        events = wait_until("the end of it", lambda: len(self.receiver.events()) > 1 and self.receiver.events())
        self.assertEqual([e["event"] for e in events], ["firing", "resolved"], "nothing was told twice")

    def test_a_receiver_that_hangs_or_fails_holds_up_nothing(self):
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)                           # accepts by its backlog, and never answers
        cluster = self.start(f"{{webhook: 'http://127.0.0.1:{deaf.getsockname()[1]}/', alertmanager: {self.receiver.url}/api/v2/alerts}}")
        self.receiver.status = 503
        cluster.create(self.plan)
        wait_until("a first try", lambda: self.receiver.got)
        before = time.monotonic()
        cluster.ctl("status", "@latest")
        self.assertLess(time.monotonic() - before, 30)
        self.receiver.status = 200
        wait_until("another try", lambda: self.metrics()["bf_notifications_sent_total"]["samples"][(("to", "alertmanager"),)] >= 1)
        m = self.metrics()
        self.assertGreaterEqual(m["bf_notifications_spooled"]["samples"][()], 1, "what the deaf one did not take is kept")
        self.assertEqual(cluster.json("agents")[0]["state"], "connected")
        cluster.stop()                           # does not wait for the deaf one
        self.assertTrue([n for n in os.listdir(os.path.join(self.folder, "c/alerts")) if n.endswith("-0.json")])

    def test_a_redirect_is_not_followed(self):
        self.receiver.status = 302
        cluster = self.start(f"{{webhook: {self.receiver.url}/hook}}")
        cluster.create(self.plan)
        wait_until("the webhook", self.receiver.events)
        wait_until("that it is given up", lambda: self.metrics()["bf_notifications_failed_total"]["samples"][(("to", "webhook"),)] >= 1)


class PagesTest(Case):
    def named_in_docs(self):
        with open(os.path.join(SOURCE, "docs/metrics.md"), encoding="utf-8") as f:
            return dict(re.findall(r"^\| `(bf_[a-z0-9_]+)` \| (\w+) \|", f.read(), re.MULTILINE))

    def test_the_metrics_are_well_formed_and_documented(self):
        cluster = self.start(more=[("metrics_steps", "true")])
        cluster.create(self.plan)
        wait_until("the failures", lambda: self.metrics()["bf_alerts_firing"]["samples"][(("kind", "step_failing"), ("severity", "critical"))])
        status, headers, text = self.get("/metrics")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        families = prometheus.parse(text)
        checked = prometheus.promtool("check", "metrics", text=text)
        self.assertIn(checked, (None, (0, "")))
        print("metrics checked by", "promtool and" if checked else "only", "the test's own reader", file=sys.stderr)
        program = {name: f["type"] for name, f in families.items()}
        self.assertEqual(program, {n: t for n, t in self.named_in_docs().items() if n in program})
        self.assertEqual(set(self.named_in_docs()) - set(program), set() if "bf_step_left_instances" in program else
                         {"bf_step_left_instances", "bf_step_cut_off_instances"})

    def test_the_reader_of_the_test_can_fail(self):
        for text in ("bf_a 1\n", "# HELP bf_a A.\n# TYPE bf_a counter\nbf_a 1\n", "# HELP bf_a A.\n# TYPE bf_a gauge\nbf_a 1\nbf_a 1\n",
                     "# HELP bf_a A.\n# TYPE bf_a gauge\nbf_a{x=\"\\q\"} 1\n", "# HELP bf_a_ms A.\n# TYPE bf_a_ms gauge\nbf_a_ms 1\n"):
            with self.assertRaises(prometheus.Malformed):
                prometheus.parse(text)

    def test_only_three_pages_and_nothing_disturbs_the_fleet(self):
        cluster = self.start()
        self.assertEqual([self.status(p) for p in ("/healthz", "/readyz", "/metrics")], [200, 200, 200])
        self.assertEqual([self.status(p) for p in ("/", "/metrics/", "/%6detrics", "/metrics%00", "/../metrics")], [404] * 5)
        self.assertEqual([self.status("/metrics", m) for m in ("PUT", "DELETE")], [405, 405])
        self.assertIn(self.status("/metrics", "POST", b"x=1"), (405, 400))
        self.halves = [self.connection(b"GET /metr") for _ in range(40)]
        slow = self.connection(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        large = self.connection(b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 200000)
        for k in range(300):
            try:
                self.status("/healthz" if k % 2 else "/metrics")
            except OSError:
                pass                             # as many connections as one address may have are open
        self.assertEqual(cluster.json("agents")[0]["state"], "connected")
        cluster.create(self.plan)
        wait_until("the backfill", lambda: cluster.state("@latest") == "failed")
        for s in self.halves + [slow, large]:
            s.close()
        wait_until("room for others", lambda: self.try_status("/healthz") == 200)
        self.assertEqual(cluster.json("agents")[0]["state"], "connected")

    def connection(self, data):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(0.5)
        try:
            s.sendall(data)
        except OSError:
            pass                                 # it was closed meanwhile, as it should
        return s

    def try_status(self, path):
        try:
            return self.status(path)
        except OSError:
            return None


class SettingsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="alerts-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        subprocess.run([f"{BIN}/bfctl", "init", "--dir", self.folder, "--base-port", "21000"], check=True, capture_output=True)

    def said(self, line, check=True):
        path = os.path.join(self.folder, "coordinator.conf")
        with open(path, encoding="utf-8") as f:
            before = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(before + line + "\n")
        done = subprocess.run([f"{BIN}/bfcoordinator", *(["--check-config"] if check else []), "--config", path], capture_output=True,
                              text=True, check=False, timeout=60)
        with open(path, "w", encoding="utf-8") as f:
            f.write(before)
        self.assertNotEqual(done.returncode, 0, line)
        return done.stderr

    def test_mistakes(self):
        for line, words in (
                ("http_listen: 9464", "no address to listen at"), ("http_listen: localhost:x", "no address to listen at"),
                ("alerts: {webhook: ftp://x}", "no address of the web"), ("alerts: {webhook: 'http://u:p@x/'}", "does not belong into"),
                ("alerts: {webhook: 'http://169.254.169.254/'}", "link-local"), ("alerts: {webhok: x}", "webhook"),
                ("alerts: {webhook: 'http://x/', webhook_secret: geheim}", "file:PATH or env:NAME"),
                ("alerts: {webhook_secret: 'env:X'}", "no alerts.webhook"), ("alerts: {spool_max: 1}", "spool_max")):
            self.assertIn(words, self.said(line), line)

    def test_a_spool_that_cannot_be_written_and_a_port_that_is_taken(self):
        blocked = os.path.join(self.folder, "blocked")
        open(blocked, "w", encoding="utf-8").close()
        self.assertIn(blocked, self.said(f"alerts: {{webhook: 'http://127.0.0.1/', spool: {blocked}}}", check=False))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assertIn("cannot listen at", self.said(f"http_listen: 127.0.0.1:{taken.getsockname()[1]}", check=False))


class DeployTest(unittest.TestCase):
    def test_the_rules_name_metrics_that_there_are(self):
        with open(os.path.join(SOURCE, "docs/metrics.md"), encoding="utf-8") as f:
            known = set(re.findall(r"^\| `(bf_[a-z_]+)`", f.read(), re.MULTILINE))
        with open(os.path.join(SOURCE, "deploy/prometheus/alerts.yml"), encoding="utf-8") as f:
            used = set(re.findall(r"\bbf_[a-z_]+", f.read()))
        self.assertGreater(len(used), 5)
        self.assertEqual(used - known, set())
        checked = prometheus.promtool("check", "rules", os.path.join(SOURCE, "deploy/prometheus/alerts.yml"))
        self.assertTrue(checked is None or checked[0] == 0, checked)
        checked = prometheus.promtool("check", "config", "--syntax-only", os.path.join(SOURCE, "deploy/prometheus/prometheus.yml"))
        self.assertTrue(checked is None or checked[0] == 0, checked)


if __name__ == "__main__":
    unittest.main()
