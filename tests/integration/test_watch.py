"""`bfctl watch` on real terminals, over a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_watch.py [unittest options]

What is on the screen is read by tmux.  What becomes of a terminal is seen through a pty of our own."""
import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, wait_until  # pylint: disable=wrong-import-position
from one_backfill import begin, touch  # pylint: disable=wrong-import-position

# An instance says that it works and ends once there is the file "open"; one day is poisoned.  The days become ready in turn.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: screened
partitions: {grain: day, from: 2024-01-01, to: 2024-02-09}
pools: {warehouse: {slots: 3}, in-turn: {slots: 1}}
steps:
  quick: {run: [sh, -c, "case $BF_PARTITION_KEY in *-13) echo poisoned >&2; exit 9;; esac"], pool: in-turn, retry: {max: 1}}
  held: {run: [sh, -c, "echo at work on $BF_PARTITION_KEY; until [ -e DIR/open ]; do sleep 0.1; done"], pool: warehouse, needs: [quick]}
  after: {noop: true, needs: [held]}
"""
ALTERNATE, NORMAL = b"\x1b[?1049h", b"\x1b[?1049l"
COLOR = re.compile(rb"\x1b\[[0-9;]*3[0-7]m")


class Terminal:
    """A program on a pty."""

    def __init__(self, command, env, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (rows, columns))
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        self.process = subprocess.Popen(command, env=env, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
                                        preexec_fn=self.lead)

    def lead(self):
        """This terminal is that of the session, so that its keys are signals."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:
                break
        return self.output

    def wait_for(self, what):
        wait_until(f"{what!r} on the terminal", lambda: what in self.read())

    def keys(self, keys):
        os.write(self.master, keys)

    def end(self):
        def gone():
            self.read()
            return self.process.poll() is not None
        wait_until("the end of the program", gone)
        self.read()
        return self.process.returncode

    def settings(self):
        return termios.tcgetattr(self.slave)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Tmux:
    """A shell's command on the screen of a private tmux server."""

    def __init__(self, folder, command, env, columns=80, rows=24):
        self.base = ["tmux", "-u", "-f", "/dev/null", "-S", os.path.join(folder, "tmux")]
        self.env = env
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), command, ";", "set", "-g", "status", "off", ";", "set", "-g",
                 "window-size",
                 "manual", ";", "resize-window", "-x", str(columns), "-y", str(rows))

    def run(self, *words):
        return subprocess.run([*self.base, *words], env=self.env, check=True, capture_output=True, text=True, timeout=30).stdout

    def screen(self):
        return self.run("capture-pane", "-p")

    def wait_for(self, pattern):
        """The screen, once it matches."""
        def shown():
            text = self.screen()
            return text if re.search(pattern, text) else None
        try:
            return wait_until(f"{pattern!r} on the screen", shown, timeout=30, every=0.1)
        except AssertionError as why:
            raise AssertionError(f"{why}; it shows\n{self.screen()}") from None

    def keys(self, *keys):
        self.run("send-keys", *keys)

    def resize(self, columns, rows):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def stop(self):
        subprocess.run([*self.base, "kill-server"], env=self.env, check=False, capture_output=True, timeout=30)


class WatchTest(unittest.TestCase):
    def setUp(self):
        begin(self, PLAN, agents=2, slots=4)
        self.env = dict(self.cluster.env, LC_ALL="C.UTF-8", TERM="xterm-256color", PATH=f"{os.path.abspath(BIN)}:{os.environ['PATH']}")
        self.env.pop("NO_COLOR", None)

    def open(self):
        touch(self.folder, "open")

    def written(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                return f.read().strip()
        except FileNotFoundError:
            return ""

    def terminal(self, *words, **env):
        t = Terminal([f"{BIN}/bfctl", "watch", self.backfill, *words], dict(self.env, **env))
        self.addCleanup(t.close)
        return t

    @unittest.skipUnless(shutil.which("tmux"), "tmux is missing")
    def test_a_person_looks_around(self):
        command = (f"cd {shlex.quote(self.folder)}; echo what stood there before; stty -g >before; bfctl watch {self.backfill}; echo $? >status; "
                   "stty -g >after; exec cat")
        tmux = Tmux(self.folder, command, self.env)
        self.addCleanup(tmux.stop)
        screen = tmux.wait_for(r"quick [^\n]*x[^\n]* 39/40 [^\n]* 1 [^\n]*\n held +#?>")
        self.assertIn(f" {self.backfill} screened  running after", screen)
        self.assertRegex(tmux.wait_for(r"pool warehouse is full: 3 of 3 slots in use"), r"x [0-9:]{8} quick\[2024-01-13\]: .*poisoned")
        self.assertEqual(len(screen.splitlines()), 24)

        tmux.resize(200, 60)
        # The pools may come with a later frame than the agents.
        screen = tmux.wait_for(r"(?ms)^[^\n]{110,}AGENTS  2 connected, 3 of 8 slots busy$.*^[^\n]{110,}warehouse +#+ 3/3")
        self.assertRegex(screen, r" bf-1 screened  running after")
        tmux.resize(20, 5)
        tmux.wait_for(r"20x5 is too small")
        tmux.resize(80, 24)
        tmux.wait_for(r"\? help")

        tmux.keys("j", "Enter")
        tmux.wait_for(r"(?m)^ held  run, by day, 2024-01-01 to 2024-02-09; 0/40 done\n >>>o+~o+")
        tmux.wait_for(r"(?m)^ > 2024-01-01 running .* agent-[12]")
        tmux.keys("Enter")
        tmux.wait_for(r"held\[2024-01-01\] is running on agent-[12] since")
        tmux.keys("l")
        tmux.wait_for(r"log of held\[2024-01-01\], attempt a-[0-9]+; following\n at work on 2024-01-01")
        tmux.keys("q", "q", "q", "f")
        tmux.wait_for(r"1 of quick\[2024-01-13\] \(.*exit 9\)")
        tmux.keys("q", "/", "a", "f", "Enter")
        tmux.wait_for(r"(?s)PARTITIONS[^\n]*\n after [^\n]* 0/40\n\n")             # the others are gone

        self.cluster.kill("coordinator")
        tmux.wait_for(r"no answer for [1-9][0-9]* s, trying")
        self.cluster.restart("coordinator")
        tmux.wait_for(r"running after .* [0-9:]{8}Z *\n")
        self.open()
        wait_until("the end of watch", lambda: self.written("status"))
        self.assertEqual(self.written("status"), "3", "partly succeeded")
        wait_until("stty", lambda: self.written("after"))
        self.assertEqual(self.written("before"), self.written("after"))
        self.assertRegex(re.sub(r"\n", "", tmux.wait_for(r"what stood there before")),
                         rf"{self.backfill} \(screened\) partly succeeded after .*: 117 of 120")

    def test_the_terminal_is_given_back(self):
        quit_by_key = self.terminal()
        quit_by_key.wait_for(b"screened")
        self.assertNotEqual(quit_by_key.settings(), quit_by_key.before, "keys are read one by one")
        quit_by_key.keys(b"q")
        self.assertEqual(quit_by_key.end(), 130)
        self.assertIn(b"it goes on: `bfctl watch " + self.backfill.encode(), quit_by_key.output.split(NORMAL)[-1])

        interrupted = self.terminal()
        interrupted.wait_for(b"screened")
        interrupted.keys(b"\x03")
        self.assertEqual(interrupted.end(), -signal.SIGINT)

        ended = self.terminal()
        ended.wait_for(b"screened")
        ended.process.send_signal(signal.SIGTERM)
        self.assertEqual(ended.end(), -signal.SIGTERM)

        late = self.terminal("--timeout", "1s")
        self.assertEqual(late.end(), 124)
        self.assertIn(b"has not ended within 1s", late.output.split(NORMAL)[-1])
        for t in (quit_by_key, interrupted, ended, late):
            self.assertEqual(t.settings(), t.before)
            self.assertEqual((t.output.count(ALTERNATE), t.output.count(NORMAL)), (1, 1))

    def test_stopped_and_continued(self):
        # A shell with job control, as a person has one: it goes on when its job stops.
        go = os.path.join(self.folder, "go")
        plain = os.environ.get("BF_PLAIN_BIN", BIN)
        script = f"set -m; {plain}/bfctl watch {self.backfill}; until [ -e {go} ]; do sleep 0.1; done; fg >/dev/null; exit $?"
        t = Terminal(["sh", "-c", script], self.env)
        self.addCleanup(t.close)
        t.wait_for(b"screened")
        children = f"/proc/{t.process.pid}/task/{t.process.pid}/children"
        with open(children, encoding="ascii") as f:
            pid = int(f.read().split()[0])

        def state():
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                return f.read().rsplit(")", 1)[1].split()[0]

        def writes():
            with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
                return f.read().split()[1:2] == ["0x1"]             # write(1, ...), on any machine

        # The flow is held first (^S), so that the key finds it in the middle of writing a frame.
        t.keys(b"\x13")
        wait_until("a frame that cannot be written", writes)
        t.keys(b"\x1a")
        wait_until("the stop", lambda: state() == "T")
        self.assertEqual(t.settings(), t.before)
        self.assertTrue(t.read().count(NORMAL) == 1)
        with open(go, "w", encoding="utf-8"):
            pass
        wait_until("the screen again", lambda: t.read().count(ALTERNATE) == 2)
        t.keys(b"q")
        self.assertEqual(t.end(), 130)
        self.assertEqual(t.settings(), t.before)

    def test_where_there_is_no_screen(self):
        self.assertEqual(self.cluster.ctl("watch", self.backfill, "--timeout", "500ms", check=False).returncode, 124)
        colored = self.terminal()
        wait_until("a colour", lambda: COLOR.search(colored.read()))
        colored.keys(b"q")
        colored.end()
        plain, dumb = self.terminal("--plain"), self.terminal(TERM="dumb")
        none, unknown = self.terminal(NO_COLOR="1"), self.terminal(TERM="no-such-terminal")
        for t in (plain, dumb, none, unknown):
            t.wait_for(b"running")
        self.open()
        for t in (plain, dumb, none, unknown):
            self.assertEqual(t.end(), 3)
            self.assertIn(b"partly succeeded after", t.output)
            self.assertEqual(t.settings(), t.before)
        for t in (plain, dumb):
            self.assertNotIn(b"\x1b", t.output)
            self.assertRegex(t.output, rb"(?m)^" + self.backfill.encode() + rb" .*done, ")
        self.assertIn(ALTERNATE, none.output)
        self.assertIsNone(COLOR.search(none.output))
        again = self.terminal()
        self.assertEqual(again.end(), 3, "it has ended already")
        self.assertNotIn(ALTERNATE, again.output)


if __name__ == "__main__":
    unittest.main()
