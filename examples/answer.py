"""What the `http` step of reference.yaml talks to: answers on a port of this machine, and is done at the second question.

    python3 answer.py PORT
"""
import http.server
import json
import sys


class Answers(http.server.BaseHTTPRequestHandler):
    asked = 0

    def log_message(self, *args):
        pass

    def answer(self, status, state):
        text = json.dumps({"state": state}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        Answers.asked += 1
        self.answer(200, "done" if Answers.asked > 1 else "running")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(202, "accepted")


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
