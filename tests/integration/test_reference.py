"""examples/reference.yaml, which has every key that works, run for real on a private cluster and a SQLite file.

    BF_BIN=FOLDER_OF_PROGRAMS test_reference.py [unittest options]
"""
import http.server
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples")
PLAN = os.path.join(EXAMPLES, "reference.yaml")
sys.path.insert(0, EXAMPLES)
import answer  # noqa: E402  what the example's `http` steps talk to

DAYS = ["2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"]
SCRIPT = """set -eu
bfctl plan validate --strict "$1"
bfctl backfill create "$1" --param "port=$2" --wait
bfctl logs @latest 'report[2024-04]'
"""


class ReferenceTest(unittest.TestCase):
    def test_runs(self):
        folder = tempfile.mkdtemp(prefix="reference-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "warehouse.db")
        with sqlite3.connect(path) as db:
            db.execute("pragma journal_mode = wal")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer.Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        env = dict(os.environ, REFERENCE_DSN=f"Driver=SQLite3;Database={path};NoCreat=1", REFERENCE_TOKEN="canary",
                   PATH=os.environ["BF_BIN"] + os.pathsep + os.environ["PATH"])
        done = subprocess.run(["bfctl", "dev", "--dir", os.path.join(folder, "cluster"), "--agents", "1", "--connection-env",
                               "REFERENCE_DSN",
                               "--connection-env", "REFERENCE_TOKEN", "--", "sh", "-c", SCRIPT, "sh", PLAN, str(server.server_port)],
                              env=env, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("warning", done.stderr)
        self.assertIn("revenue of 2024-04, ledger main", done.stdout)
        self.assertNotIn("canary", done.stdout + done.stderr)
        with sqlite3.connect(path) as db:
            rows = db.execute("select day, total, before from revenue order by day").fetchall()
            self.assertEqual(db.execute("select ledger, total from totals").fetchall(), [("main", sum(100 + i for i in range(len(DAYS))))])
            self.assertEqual(db.execute("select count(*), min(ledger) from orders").fetchone(), (5, "main"))
        # Each day after the one before it: what stands before is the sum of the days before.
        self.assertEqual(rows, [(day, 100 + i, sum(100 + k for k in range(i))) for i, day in enumerate(DAYS)])


if __name__ == "__main__":
    if not shutil.which("odbcinst") or subprocess.run(["odbcinst", "-q", "-d", "-n", "SQLite3"], capture_output=True,
                                                      check=False).returncode:
        print("the ODBC driver SQLite3 is missing", file=sys.stderr)
        sys.exit(77)
    unittest.main()
