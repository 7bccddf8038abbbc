"""The floors on one host: make, ninja, xargs, GNU parallel.  No state, no other hosts; a kill is the end of them."""
import os
import shutil
import signal
import subprocess
import threading
import time

from measure import put, status_of

JOBS = "2"


def parents(layer, i, wide):
    """The two of the layer before, by number."""
    return [] if layer == 0 else sorted({(layer - 1, i), (layer - 1, (i + 1) % wide)})


class Host:
    """A tool that is one process.  chains, graphs: what it knows of dependencies."""

    chains = graphs = False
    tools = ()
    patience_s = 3

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.largest_mb = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @classmethod
    def need(cls):
        for tool in cls.tools:
            if not shutil.which(tool):
                raise AssertionError(f"{tool} is not installed")

    def manager_mb(self):
        return self.largest_mb

    def _watch(self, process):
        """The most memory that it ever had: what its kernel says while it lives."""
        while process.poll() is None:
            try:
                self.largest_mb = status_of(process.pid, "VmHWM") / 1024
            except (OSError, TypeError):         # it ends just now
                return
            time.sleep(0.02)

    def run(self, command, text=None):
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE if text else subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if text:
            process.stdin.write(text.encode())
            process.stdin.close()
        watch = threading.Thread(target=self._watch, args=(process,))
        watch.start()
        said = process.stderr.read().decode(errors="replace")
        process.wait()
        watch.join()
        if process.returncode != 0:
            raise AssertionError(f"{command[0]}: exit {process.returncode}: {said[-300:]}")
        return time.monotonic() - began


class Graph(Host):
    """One that reads a file of rules: [(name, command, [names before])]."""

    chains = graphs = True

    def fan(self, step, n):
        return self.rules([(f"t{i}", step, []) for i in range(n)])

    def chain(self, step, n):
        return self.rules([(f"t{i}", step, [f"t{i - 1}"] if i else []) for i in range(n)])

    def layers(self, step, deep, wide):
        return self.rules([(f"t{k}-{i}", step, [f"t{a}-{b}" for a, b in parents(k, i, wide)]) for k in range(deep) for i in range(wide)])

    # Kills: the file again, by the same tool, is all that there is.
    def begin(self, script, n):
        self.left = [(f"t{i}", f"{script} {i}", []) for i in range(n)]
        self.process = subprocess.Popen(self.command(self.left), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_manager(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart_manager(self):
        began = time.time()
        self.process = subprocess.Popen(self.command(self.left), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return began

    def rules(self, rules):
        return self.run(self.command(rules))


class Make(Graph):
    tools = ("make",)

    def command(self, rules):
        names = " ".join(name for name, _, _ in rules)
        put(os.path.join(self.folder, "Makefile"), f".PHONY: all {names}\nall: {names}\n" +
            "".join(f"{name}: {' '.join(before)}\n\t@exec {step}\n" for name, step, before in rules))
        return ["make", "-j", JOBS, "all"]


class Ninja(Graph):
    tools = ("ninja",)

    def command(self, rules):
        put(os.path.join(self.folder, "build.ninja"), "rule r\n  command = $run\n" +
            "".join(f"build {name}: r {' '.join(before)}\n  run = {step}\n" for name, step, before in rules))
        return ["ninja", "-j", JOBS, "--quiet"]


class Xargs(Host):
    tools = ("xargs",)

    def fan(self, step, n):
        return self.run(["xargs", "-P", JOBS, "-n", "1", step], "".join(f"{i}\n" for i in range(n)))


class Parallel(Host):
    tools = ("parallel",)

    def fan(self, step, n):
        return self.run(["parallel", "--will-cite", "-j", JOBS, step], "".join(f"{i}\n" for i in range(n)))
